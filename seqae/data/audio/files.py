"""Audio in memory and in files: WAV, FLAC, OGG, MP3, M4A and others, at any sampling rate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqae._extras import require
from seqae._files import atomic_write
from seqae.data._files.endings import AUDIO
from seqae.data._files.own_folders import own_files
from seqae.data.audio.readers import full_scale, opened


@dataclass(frozen=True, eq=False)
class Audio:
    """An audio recording.

    Attributes:
        samples: `(time, channel)` float32, full scale is -1 to 1; integers and `(time,)` are converted to that.
        sample_rate: Sampling rate in Hz.
        name: The name of its file, or "".

    Raises:
        ValueError: A sample is no finite number, or the shape is another one.
    """

    samples: np.ndarray
    sample_rate: int
    name: str = ""

    def __post_init__(self) -> None:
        samples = np.asarray(self.samples)
        where = self.name or "audio"
        if samples.ndim not in (1, 2) or 0 in samples.shape:
            raise ValueError(
                f"samples of shape {samples.shape} ({where}). Give (time,) or (time, channel), none of it 0"
            )
        if self.sample_rate <= 0:
            raise ValueError(f"{self.sample_rate} samples per second ({where}). Give a positive rate")
        samples = full_scale(samples[:, None] if samples.ndim == 1 else samples, where)
        if not np.isfinite(samples).all():
            row, channel = np.argwhere(~np.isfinite(samples))[0]
            raise ValueError(f"NaN or infinity at sample {row}, channel {channel} ({where}). Expected finite numbers")
        object.__setattr__(self, "samples", samples)

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def seconds(self) -> float:
        """The duration."""
        return len(self) / self.sample_rate

    def mono(self, channel: int | None = None) -> np.ndarray:
        """Return one channel, or the mean of all, `(time,)` float32.

        Raises:
            ValueError: There is no such channel.
        """
        if channel is None:
            return self.samples.mean(axis=1)
        if not 0 <= channel < self.samples.shape[1]:
            raise ValueError(
                f"no channel {channel} ({self.name or 'audio'}). It has {self.samples.shape[1]}, counted from 0"
            )
        return np.ascontiguousarray(self.samples[:, channel])

    def write(self, path: str | Path) -> Path:
        """Write a file in the format of the ending of its name, whole or not at all; return the path."""
        sound_file = require("soundfile", extra="audio", purpose="writing audio")
        with atomic_write(path) as staged:
            sound_file.write(staged, self.samples, self.sample_rate)
        return Path(path)


@dataclass(frozen=True, eq=False)
class AudioBlock:
    """A block of a long recording.

    Attributes:
        audio: The block, with samples around it.
        before: The number of samples before the block.
        after: The number of samples after it.
        is_last: Whether the recording ends with this block.
    """

    audio: Audio
    before: int
    after: int
    is_last: bool


def read_audio(source: str | Path | bytes, name: str = "", max_seconds: float = 3600.0) -> Audio:
    """Read a whole file.

    Args:
        source: Its path, or its content.
        name: The name for error messages; that of the path if empty.
        max_seconds: The longest recording to read into memory, in seconds.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no audio file, holds no samples, is damaged or cut, or too long.
    """
    name = name or (Path(source).name if not isinstance(source, bytes) else "audio")
    with opened(source, name) as file:
        most = int(max_seconds * file.sample_rate)
        samples = file.read(most + 1) if file.frames <= most else None
        if samples is None or len(samples) > most:  # some formats do not say how long they are
            hours = max(file.frames, most) / file.sample_rate / 3600
            raise ValueError(
                f"{hours:.1f} hours of audio or more ({name}). At most {max_seconds / 3600:g} are read into memory at "
                "once. Read it in blocks: audio_blocks(path, seconds=60), or give a larger max_seconds"
            )
        file.check_whole(len(samples))
    return Audio(samples, file.sample_rate, name)


def audio_blocks(path: str | Path, seconds: int = 60, around: int = 0) -> Iterator[AudioBlock]:
    """Yield a file block by block; only one block is in memory.

    Args:
        path: The path of the file.
        seconds: The length of a block; the last one may be shorter.
        around: Seconds before and after a block that come with it, as far as there are any; at most `seconds`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no audio file, holds no samples, is damaged or cut; this may turn out after some blocks.
    """
    if not 0 <= around <= seconds or seconds < 1:
        raise ValueError(
            f"blocks of {seconds} s with {around} s around. Give at least 1 s, and no more around than that"
        )
    name = Path(path).name
    with opened(path, name) as file:
        size, reach, before = seconds * file.sample_rate, around * file.sample_rate, 0
        held = file.read(size + max(reach, 1))  # a sample more, to know whether the block is the last
        read = len(held)
        while True:
            rest = len(held) - before - size
            if rest <= 0:
                file.check_whole(read)
            after = min(max(rest, 0), reach)
            yield AudioBlock(Audio(held[: before + size + after], file.sample_rate, name), before, after, rest <= 0)
            if rest <= 0:
                return
            more = file.read(size)
            read += len(more)
            held = np.concatenate([held[before + size - reach :], more])
            before = reach


def audio_files(folder: str | Path) -> list[Path]:
    """Return the audio files in a folder and below it, sorted by path.

    Raises:
        FileNotFoundError: There are no audio files.
    """
    return own_files(folder, AUDIO, "recordings, in the folder or below")
