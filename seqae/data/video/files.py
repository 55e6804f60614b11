"""Films from files, frame by frame: mp4, avi, gif and the like, folders and zip files of images, arrays.

Films are decoded by PyAV, which brings its own FFmpeg. A frame is bytes `(channel, height, width)`, red, green and
blue, or one channel for grey.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from seqae._extras import require
from seqae.data._files.archives import member_of, opened_zip
from seqae.data._files.array_files import read_npy
from seqae.data.images.files import read_pixels

if TYPE_CHECKING:
    from av import VideoFrame

_IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
_MOST = 2 * 2**30  # bytes of a film in memory


def read_video(
    path: str | Path,
    rate: float | None = None,
    size: tuple[int, int] | None = None,
    grey: bool = False,
    max_frames: int = _MOST,
) -> Tensor:
    """Return all frames of a film, bytes `(time, channel, height, width)`.

    Args:
        path: See `frames`.
        rate: See `frames`.
        size: See `frames`.
        grey: See `frames`.
        max_frames: Bytes that the film may take; a longer one is refused as soon as it is.

    Raises:
        ValueError: There is no film, it is damaged, it is too long, or its frames have several sizes.
    """
    kept, taken = [], 0
    for frame in video_frames(path, rate, size, grey):
        taken += frame.numel()
        if taken > max_frames:
            raise ValueError(
                f"a film of more than {len(kept):,} frames of {' x '.join(map(str, frame.shape))} ({path}). At most "
                f"{max_frames / 2**20:,.0f} MiB are read at once. Ask for a lower rate or a smaller size, or take them "
                "one by one from frames() or pieces()"
            )
        kept.append(frame)
    return torch.stack(kept)


def video_chunks(
    path: str | Path,
    length: int,
    rate: float | None = None,
    size: tuple[int, int] | None = None,
    grey: bool = False,
) -> Iterator[Tensor]:
    """Yield a film in pieces `(time, channel, height, width)` of so many frames, the last one perhaps shorter.

    No more than one piece is in memory, however long the film is. The other arguments are those of `frames`.
    """
    if length < 1:
        raise ValueError(f"pieces of {length} frames. Ask for at least 1")
    film = video_frames(path, rate, size, grey)
    while piece := list(itertools.islice(film, length)):
        yield torch.stack(piece)


def video_frames(
    path: str | Path, rate: float | None = None, size: tuple[int, int] | None = None, grey: bool = False
) -> Iterator[Tensor]:
    """Yield the frames of a film one by one, bytes `(channel, height, width)`.

    Args:
        path: A file that FFmpeg knows; a folder or zip file of images, in the order of the numbers in their names; or
            an array in a .npy file, `(time, height, width)` or `(time, channel, height, width)` or channels last.
        rate: Frames per second; the frame that is seen at each moment, also where the film's own rate changes. None
            for every frame as it is. Images and arrays have no time, so they have no rate.
        size: Height and width to scale to; None for those of the film.
        grey: Whether to make one channel of three.

    Raises:
        ValueError: There is no film, it is damaged, or its frames have several sizes.
    """
    path = Path(path)
    if not path.exists():
        raise ValueError(f"no such film ({path}). Expected a file or a folder of images")
    if rate is not None and not rate > 0:
        raise ValueError(f"a rate of {rate} frames per second. Ask for more than 0")
    timed = not (path.is_dir() or path.suffix.lower() in (".zip", ".npy"))
    if rate is not None and not timed:
        raise ValueError(f"a rate of {rate} for frames without times ({path}). Only films in a container have them")
    found = _as_asked(_timed(path, rate, size) if timed else _untimed(path), path, size, grey)
    first = next(found, None)
    if first is None:
        raise ValueError(f"a film without frames ({path}). Expected at least one. Get it again")
    return itertools.chain([first], found)


def _untimed(path: Path) -> Iterator[np.ndarray]:
    if path.is_dir():
        files = [file for file in path.iterdir() if file.suffix.lower() in _IMAGES and not file.name.startswith(".")]
        return _images(files, lambda file: file.name, Path.read_bytes, path)
    return _packed(path) if path.suffix.lower() == ".zip" else _array(path)


def _images(files: Iterable, name: Callable, read: Callable, path: Path) -> Iterator[np.ndarray]:
    for file in sorted(files, key=lambda file: _natural(name(file))):
        yield read_pixels(read(file), f"{path}/{name(file)}")


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a key that puts frame2 before frame10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def _packed(path: Path) -> Iterator[np.ndarray]:
    with opened_zip(path) as packed:
        files = [name for name in packed.namelist() if name.lower().endswith(_IMAGES) and "__MACOSX" not in name]
        yield from _images(files, str, partial(member_of, packed), path)


def _array(path: Path) -> Iterator[np.ndarray]:
    film = read_npy(path)
    if film.dtype != np.uint8 or film.ndim not in (3, 4) or 0 in film.shape[1:]:
        raise ValueError(
            f"a film of {film.dtype} of shape {film.shape} ({path}). Expected bytes (uint8), (time, height, width), "
            "(time, channel, height, width) or (time, height, width, channel)"
        )
    for frame in film:
        if frame.ndim == 2:
            yield np.array(frame[None])
        else:
            last = frame.shape[2] <= 4 < frame.shape[0]
            yield np.array(frame.transpose(2, 0, 1) if last else frame)


def _timed(path: Path, rate: float | None, size: tuple[int, int] | None) -> Iterator[np.ndarray]:
    """Yield what is seen at each moment of the asked rate, or every frame."""
    shown, moment, start = None, 0, None
    for frame in _decoded(path):
        if rate is None:
            yield _pixels(frame, size)
            continue
        if frame.time is None:
            raise ValueError(f"a frame without time ({path}). A rate can't be kept. Leave rate out to get every frame")
        start = frame.time if start is None else start
        while shown is not None and moment / rate < frame.time - start - 1e-6:
            yield _pixels(shown, size)
            moment += 1
        shown = frame
    if rate is not None and shown is not None:
        yield _pixels(shown, size)


def _pixels(frame: VideoFrame, size: tuple[int, int] | None) -> np.ndarray:
    # FFmpeg scales while it converts, which takes a tenth of the time of scaling a large frame afterwards.
    height, width = size or (frame.height, frame.width)
    pixels = frame.to_ndarray(format="rgb24", height=height, width=width, interpolation="AREA")
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _decoded(path: Path) -> Iterator[VideoFrame]:
    """Yield the frames of the first stream of pictures as PyAV's, and see whether all were there."""
    av = require("av", extra="video", purpose="reading films")
    count, end, is_cut = 0, 0.0, False
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            if not container.streams.video:
                others = ", ".join(stream.type for stream in container.streams) or "nothing"
                raise ValueError(f"no pictures in it, only {others} ({path}). Expected a film")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            for packet in container.demux(stream):
                is_cut = packet.is_corrupt if packet.size else is_cut  # an empty one asks for the last frames
                for frame in packet.decode():
                    count += 1
                    end = (frame.time or 0.0) + float(1 / (stream.average_rate or 1))
                    yield frame
            told = f"{count} of {stream.frames} frames" if count < stream.frames - stream.frames // 100 else ""
            lasts = _seconds(stream.metadata.get("DURATION", ""))  # as Matroska and WebM tell in place of frames
    except av.error.FFmpegError as error:
        where = f"after frame {count}" if count else "not a film, or its beginning or index is lost"
        raise ValueError(f"a damaged film ({path}, {where}: {error}). Get it again") from error
    if end < 0.99 * lasts - 0.1:
        told = f"{end:.1f} of {lasts:.1f} seconds"
    if told or is_cut:
        raise ValueError(f"a film cut short ({path}: {told or 'all but the last frame'} can be read). Get it again")


def _seconds(clock: str) -> float:
    """Return the seconds of a text such as 00:01:02.5; 0 of any other."""
    found = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", clock)
    return float(found[1]) * 3600 + float(found[2]) * 60 + float(found[3]) if found else 0.0


def _as_asked(found: Iterator[np.ndarray], path: Path, size: tuple[int, int] | None, grey: bool) -> Iterator[Tensor]:
    first = None
    for number, pixels in enumerate(found):
        frame = torch.from_numpy(pixels)
        if grey and len(frame) == 3:
            frame = _weighted(frame)
        if size is not None and tuple(frame.shape[1:]) != tuple(size):
            frame = _scaled(frame, size)
        first = frame.shape if first is None else first
        if frame.shape != first:
            raise ValueError(
                f"frame {number} is {' x '.join(map(str, frame.shape))}, frame 0 {' x '.join(map(str, first))} "
                f"({path}). All frames of a film need one size and as many channels. Give size=(height, width), or "
                "grey=True"
            )
        yield frame


def _weighted(frame: Tensor) -> Tensor:
    """Return the luma of ITU-R BT.601, `(1, height, width)`."""
    weights = torch.tensor([0.299, 0.587, 0.114]).reshape(3, 1, 1)
    return (frame * weights).sum(dim=0, keepdim=True).round().to(torch.uint8)


def _scaled(frame: Tensor, size: tuple[int, int]) -> Tensor:
    scaled = F.interpolate(frame[None].float(), size, mode="bilinear", antialias=True, align_corners=False)
    return scaled[0].round().clamp(0, 255).to(torch.uint8)
