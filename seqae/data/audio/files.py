"""Audio in memory and in files: WAV, FLAC, OGG, MP3 and other formats of libsndfile, at any sampling rate."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqae._extras import require
from seqae._files import atomic_write, only_files, require_file

if TYPE_CHECKING:
    from soundfile import SoundFile

ENDINGS: tuple[str, ...] = (
    ".wav",
    ".wave",
    ".bwf",
    ".flac",
    ".ogg",
    ".oga",
    ".opus",
    ".mp3",
    ".aiff",
    ".aif",
    ".aifc",
    ".au",
    ".snd",
)
ENDINGS += (".w64", ".rf64", ".caf")
_STREAMED = 0x7FFF_F000  # programs that write to a pipe do not know the size and write this or more
# What libsndfile notes in its log when a file is shorter than its header says; it reads what is there all the same.
_SIZES = re.compile(r"(?:data|Data Size)\s*: (\d+) \(should be \d+\)")
_CUT = re.compile(r"without an End-Of-Stream|> file length|Calculated frame count \d+ does not match")


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
        samples = _full_scale(samples[:, None] if samples.ndim == 1 else samples, where)
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
    with _opened(source, name) as file:
        if file.frames > max_seconds * file.samplerate:
            raise ValueError(
                f"{file.frames / file.samplerate / 3600:.1f} hours of audio ({name}). At most {max_seconds / 3600:g} "
                "are read into memory at once. Read it in blocks: audio_blocks(path, seconds=60), or give a larger "
                "max_seconds"
            )
        samples = _read(file, file.frames, name)
        _check_whole(file, len(samples), name)
    return Audio(samples, file.samplerate, name)


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
    with _opened(path, name) as file:
        size, reach, before = seconds * file.samplerate, around * file.samplerate, 0
        held = _read(file, size + max(reach, 1), name)  # a sample more, to know whether the block is the last
        read = len(held)
        while True:
            rest = len(held) - before - size
            if rest <= 0:
                _check_whole(file, read, name)
            after = min(max(rest, 0), reach)
            yield AudioBlock(Audio(held[: before + size + after], file.samplerate, name), before, after, rest <= 0)
            if rest <= 0:
                return
            more = _read(file, size, name)
            read += len(more)
            held = np.concatenate([held[before + size - reach :], more])
            before = reach


def audio_files(folder: str | Path) -> list[Path]:
    """Return the audio files in a folder and below it, sorted by path.

    Raises:
        FileNotFoundError: There are no audio files.
    """
    files = only_files(path for path in sorted(Path(folder).rglob("*")) if path.suffix.lower() in ENDINGS)
    if not files:
        raise FileNotFoundError(
            f"no audio files in {str(folder)!r} or below. Expected names that end in {', '.join(ENDINGS)}"
        )
    return files


@contextmanager
def _opened(source: str | Path | bytes, name: str) -> Iterator[SoundFile]:
    sound_file = require("soundfile", extra="audio", purpose="reading audio")
    try:
        file = sound_file.SoundFile(io.BytesIO(source) if isinstance(source, bytes) else str(require_file(source)))
    except (sound_file.LibsndfileError, TypeError) as error:  # a TypeError if the name says that it has no header
        size = len(source) if isinstance(source, bytes) else Path(source).stat().st_size
        raise ValueError(
            f"no audio that can be read ({name}, {size:,} bytes). Expected WAV, FLAC, OGG or MP3; the content tells "
            "the format, not the ending of the name. Convert it, or get the file again"
        ) from error
    with file:
        if file.samplerate <= 0:
            raise ValueError(
                f"a sampling rate of {file.samplerate} ({name}). The header is damaged; get the file again"
            )
        yield file


def _read(file: SoundFile, count: int, name: str) -> np.ndarray:
    sound_file = require("soundfile", extra="audio", purpose="reading audio")
    try:
        return file.read(count, dtype="float32", always_2d=True)
    except sound_file.LibsndfileError as error:
        raise ValueError(
            f"the audio breaks off or is damaged near sample {file.tell():,} of {file.frames:,} ({name}: "
            f"{error.error_string}) Get the file again"
        ) from error


def _check_whole(file: SoundFile, read: int, name: str) -> None:
    """Raise if there are fewer samples than the header says, or none."""
    log = file.extra_info
    sizes = [int(size) for size in _SIZES.findall(log)]
    if read < file.frames or _CUT.search(log) or any(0 < size < _STREAMED for size in sizes):
        raise ValueError(f"cut off: {read:,} samples, fewer than the header says ({name}). Get the file again")
    if read == 0:
        raise ValueError(f"no samples ({name}). The file has a header and nothing else; leave it out")


def _full_scale(samples: np.ndarray, where: str) -> np.ndarray:
    kind = samples.dtype
    if kind.kind == "f":
        return samples.astype(np.float32)
    if kind == np.uint8:  # as in WAV files: silence is 128
        return (samples.astype(np.float32) - 128) / 128
    if kind in (np.int16, np.int32):
        return (samples / -float(np.iinfo(kind).min)).astype(np.float32)
    raise ValueError(
        f"samples of type {kind} ({where}). Give floating point numbers from -1 to 1, int16, int32 or uint8"
    )
