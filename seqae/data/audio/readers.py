"""Open audio files of two libraries alike: libsndfile's formats, and by PyAV's FFmpeg sound in MP4 (.m4a).

MP4 tells whether all is there; raw AAC, AMR and WMA, which FFmpeg knows, too, do not.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from seqae._extras import require
from seqae._files import open_file, require_file

if TYPE_CHECKING:
    from av import AudioFrame
    from av.container import InputContainer
    from soundfile import SoundFile

_STREAMED = 0x7FFF_F000  # programs that write to a pipe do not know the size and write this or more
# What libsndfile notes in its log when a file is shorter than its header says; it reads what is there all the same.
_SIZES = re.compile(r"(?:data|Data Size)\s*: (\d+) \(should be \d+\)")
_CUT = re.compile(r"without an End-Of-Stream|> file length|Calculated frame count \d+ does not match")
_MP4 = re.compile(rb"....ftyp", re.DOTALL)  # how its files begin: m4a, mp4, 3gp


class AudioReader(Protocol):
    """An open audio file.

    Attributes:
        sample_rate: Sampling rate in Hz.
        frames: The number of samples of a channel as the header says; about that where it tells seconds.
    """

    sample_rate: int
    frames: int

    def read(self, count: int) -> np.ndarray:
        """Return the next samples, `(time, channel)`, at most so many; fewer at the end.

        Raises:
            ValueError: The file is damaged there.
        """

    def check_whole(self, read: int) -> None:
        """Raise a ValueError if so many samples are fewer than the header says, or none; all have been read."""


@contextmanager
def opened(source: str | Path | bytes, name: str) -> Iterator[AudioReader]:
    """Open a file by its path or content.

    Args:
        source: The path, or the content.
        name: The name for error messages.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no audio file.
    """
    if _MP4.match(_start(source)):
        with _mp4(source, name) as container:
            yield _MP4Reader(container, name)
    else:
        with _sound_file(source, name) as file:
            yield _SoundFileReader(file, name)


def _start(source: str | Path | bytes) -> bytes:
    if isinstance(source, bytes):
        return source[:16]
    with open_file(source) as file:
        return file.read(16)


@contextmanager
def _sound_file(source: str | Path | bytes, name: str) -> Iterator[SoundFile]:
    sound_file = require("soundfile", extra="audio", purpose="reading audio")
    try:
        file = sound_file.SoundFile(io.BytesIO(source) if isinstance(source, bytes) else str(require_file(source)))
    except (sound_file.LibsndfileError, TypeError) as error:  # a TypeError if the name says that it has no header
        size = len(source) if isinstance(source, bytes) else Path(source).stat().st_size
        raise ValueError(
            f"no audio that can be read ({name}, {size:,} bytes). Expected WAV, FLAC, OGG, MP3 or M4A; the content "
            f"tells the format, not the ending of the name. Convert it (ffmpeg -i {name} new.wav), or get it again"
        ) from error
    with file:
        yield file


class _SoundFileReader:
    """A file that libsndfile reads."""

    def __init__(self, file: SoundFile, name: str) -> None:
        self.file = file
        self.name = name
        self.sample_rate = _checked_rate(file.samplerate, name)
        self.frames = file.frames

    def read(self, count: int) -> np.ndarray:
        sound_file = require("soundfile", extra="audio", purpose="reading audio")
        try:
            return self.file.read(min(count, self.frames), dtype="float32", always_2d=True)
        except sound_file.LibsndfileError as error:
            raise ValueError(
                f"the audio breaks off or is damaged near sample {self.file.tell():,} of {self.frames:,} ({self.name}: "
                f"{error.error_string}) Get the file again"
            ) from error

    def check_whole(self, read: int) -> None:
        log = self.file.extra_info
        sizes = [int(size) for size in _SIZES.findall(log)]
        if read < self.frames or _CUT.search(log) or any(0 < size < _STREAMED for size in sizes):
            raise ValueError(f"cut off: {read:,} samples, fewer than the header says ({self.name}). Get the file again")
        _check_any(read, self.name)


@contextmanager
def _mp4(source: str | Path | bytes, name: str) -> Iterator[InputContainer]:
    av = require("av", extra="video", purpose="reading M4A audio")
    file = io.BytesIO(source) if isinstance(source, bytes) else str(require_file(source))
    try:
        container = av.open(file, format="mov", metadata_errors="replace")
    except av.error.FFmpegError as error:
        raise ValueError(f"damaged audio ({name}, its beginning or index is lost: {error}). Get it again") from error
    with container:
        if not container.streams.audio or container.streams.audio[0].codec_context is None:
            others = ", ".join(stream.type for stream in container.streams) or "nothing"
            raise ValueError(f"no sound in it, only {others} ({name}). Expected audio")
        yield container


class _MP4Reader:
    """The sound of an MP4 file, decoded packet by packet."""

    def __init__(self, container: InputContainer, name: str) -> None:
        stream = container.streams.audio[0]
        self.name = name
        self.sample_rate = _checked_rate(stream.rate or 0, name)
        self.channels = stream.channels
        self.frames = round((container.duration or 0) * self.sample_rate / 1_000_000)
        self.packets = 0
        self.is_cut = False
        self._parts = self._samples(container)
        self._rest = np.zeros((0, 1), np.float32)

    def read(self, count: int) -> np.ndarray:
        parts, held = [self._rest], len(self._rest)
        while held < count and (part := next(self._parts, None)) is not None:
            parts.append(part)
            held += len(part)
        found = np.concatenate([part for part in parts if len(part)] or [self._rest])
        self._rest = found[count:]
        return found[:count]

    def check_whole(self, read: int) -> None:
        if self.is_cut:
            raise ValueError(f"cut off: {read:,} of about {self.frames:,} samples ({self.name}). Get the file again")
        _check_any(read, self.name)

    def _samples(self, container: InputContainer) -> Iterator[np.ndarray]:
        """Yield the samples of each frame; of the last one those that belong to the recording."""
        av = require("av", extra="video", purpose="reading audio")
        stream = container.streams.audio[0]
        last = None
        try:
            for packet in container.demux(stream):
                self.packets += packet.size > 0  # an empty one asks for the last frames
                self.is_cut |= packet.size > 0 and packet.is_corrupt
                for frame in packet.decode():
                    if last is not None:
                        yield self._array(last)
                    last = frame
        except av.error.FFmpegError as error:
            raise ValueError(
                f"the audio breaks off or is damaged after packet {self.packets:,} ({self.name}: {error}). Get it again"
            ) from error
        self.is_cut |= self.packets < stream.frames
        if last is not None:
            yield self._array(last)[: self._lasting(last)]

    def _array(self, frame: AudioFrame) -> np.ndarray:
        """Return the samples of a frame, `(time, channel)` float32."""
        if (found := (frame.sample_rate, frame.layout.nb_channels)) != (self.sample_rate, self.channels):
            raise ValueError(
                f"{self.channels} channels at {self.sample_rate} Hz and, later, {found[1]} at {found[0]} Hz "
                f"({self.name}). Expected the same in all of it. Convert it"
            )
        samples = frame.to_ndarray()
        samples = samples.T if frame.format.is_planar else samples.reshape(-1, self.channels)
        return full_scale(samples, self.name)

    def _lasting(self, frame: AudioFrame) -> int:
        """Return how many samples of a frame are no padding, as far as the file tells it to the sample."""
        base = frame.time_base
        count = frame.duration * base * self.sample_rate if frame.duration and base else Fraction(frame.samples)
        return int(count) if count.denominator == 1 else frame.samples


def full_scale(samples: np.ndarray, where: str) -> np.ndarray:
    """Return samples as float32 from -1 to 1; `where` names them in errors.

    Raises:
        ValueError: They are of a type whose full scale is not known.
    """
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


def _checked_rate(rate: int, name: str) -> int:
    if rate <= 0:
        raise ValueError(f"a sampling rate of {rate} ({name}). The header is damaged; get the file again")
    return rate


def _check_any(read: int, name: str) -> None:
    if read == 0:
        raise ValueError(f"no samples ({name}). The file has a header and nothing else; leave it out")
