"""Video from files, frame by frame: mp4, avi, gif and the like, folders and zip files of images, arrays.

Videos are decoded by PyAV, which brings its own FFmpeg. A frame is bytes `(channel, height, width)`, red, green and
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
from seqae._files import only_files, read_file, require_file
from seqae.data._files.archives import member_of, opened_zip
from seqae.data._files.array_files import read_npy
from seqae.data._files.endings import IMAGES, natural_order
from seqae.data.images.files import read_pages, read_pixels

if TYPE_CHECKING:
    from av import VideoFrame

_MAX_BYTES = 2 * 2**30  # bytes of a video in memory
_INSTANT = 1e-6  # seconds by which times are rounded


def read_video(
    path: str | Path,
    frame_rate: float | None = None,
    size: tuple[int, int] | None = None,
    grey: bool = False,
    max_bytes: int = _MAX_BYTES,
) -> Tensor:
    """Return all frames of a video, `(time, channel, height, width)` uint8 from 0 to 255.

    Args:
        path: A video file, a folder or zip file of images, or a .npy file, as for `video_frames`.
        frame_rate: Frames per second; None for every frame.
        size: Height and width in pixels to scale to; None for those of the video.
        grey: Whether to make one channel of three.
        max_bytes: The maximum size of the video in memory; reading stops with an error as soon as it is exceeded.

    Raises:
        ValueError: There is no video, it is damaged, it is too long, or its frames have several sizes.
    """
    kept: list[Tensor] = []
    taken = 0
    for frame in video_frames(path, frame_rate, size, grey):
        taken += frame.numel()
        if taken > max_bytes:
            raise ValueError(
                f"a video of more than {len(kept):,} frames of {' x '.join(map(str, frame.shape))} ({path}). At most "
                f"{max_bytes / 2**20:,.0f} MiB are read at once. Ask for a lower frame_rate or a smaller size, or take "
                "them one by one from video_frames() or video_chunks()"
            )
        kept.append(frame)
    return torch.stack(kept)


def video_chunks(
    path: str | Path,
    length: int,
    frame_rate: float | None = None,
    size: tuple[int, int] | None = None,
    grey: bool = False,
) -> Iterator[Tensor]:
    """Yield a video in chunks, `(time, channel, height, width)` uint8 from 0 to 255; the last one may be shorter.

    No more than one chunk is in memory, however long the video is.

    Args:
        path: A video file, a folder or zip file of images, or a .npy file, as for `video_frames`.
        length: The number of frames in a chunk.
        frame_rate: Frames per second; None for every frame.
        size: Height and width in pixels to scale to; None for those of the video.
        grey: Whether to make one channel of three.

    Raises:
        ValueError: There is no video, or it is damaged; the latter may turn out after some chunks.
    """
    if length < 1:
        raise ValueError(f"chunks of {length} frames. Ask for at least 1")
    video = video_frames(path, frame_rate, size, grey)
    while chunk := list(itertools.islice(video, length)):
        yield torch.stack(chunk)


def video_frames(
    path: str | Path, frame_rate: float | None = None, size: tuple[int, int] | None = None, grey: bool = False
) -> Iterator[Tensor]:
    """Yield the frames of a video one by one, `(channel, height, width)` uint8 from 0 to 255.

    Args:
        path: A file that FFmpeg knows; an image, which is one frame, or has pages; a folder or zip file of images, in
            the order of the numbers in their names; or an array in a .npy file, `(time, height, width)` or `(time,
            channel, height, width)` or channels last.
        frame_rate: Frames per second; the frame that is seen at each moment, also where the video's own rate changes.
            None for every frame as it is. Images and arrays have no times, and so no frame rate.
        size: Height and width to scale to; None for those of the video.
        grey: Whether to make one channel of three.

    Raises:
        ValueError: There is no video, it is damaged, or its frames have several sizes.
    """
    path = Path(path)
    if not path.exists():
        raise ValueError(f"no such video ({path}). Expected a file or a folder of images")
    if frame_rate is not None and not frame_rate > 0:
        raise ValueError(f"a frame rate of {frame_rate}. Ask for more than 0")
    timed = not (path.is_dir() or path.suffix.lower() in (".zip", ".npy", *IMAGES))
    if frame_rate is not None and not timed:
        raise ValueError(f"a frame rate for frames without times ({path}). Only videos in a container have them")
    found = _as_asked(_timed(path, frame_rate, size) if timed else _untimed(path), path, size, grey)
    first = next(found, None)
    if first is None:
        raise ValueError(f"a video without frames ({path}). Expected at least one. Get it again")
    return itertools.chain([first], found)


def _untimed(path: Path) -> Iterator[np.ndarray]:
    if path.is_dir():
        images = (file for file in path.iterdir() if file.suffix.lower() in IMAGES and not file.name.startswith("."))
        return _images(only_files(images), lambda file: file.name, read_file, path)
    if path.suffix.lower() in IMAGES:
        return read_pages(read_file(path), str(path))
    return _packed(path) if path.suffix.lower() == ".zip" else _array(path)


def _images(files: Iterable, name: Callable, read: Callable, path: Path) -> Iterator[np.ndarray]:
    for file in sorted(files, key=lambda file: natural_order(name(file))):
        yield read_pixels(read(file), f"{path}/{name(file)}")


def _packed(path: Path) -> Iterator[np.ndarray]:
    with opened_zip(path) as packed:
        files = [name for name in packed.namelist() if name.lower().endswith(IMAGES) and "__MACOSX" not in name]
        yield from _images(files, str, partial(member_of, packed), path)


def _array(path: Path) -> Iterator[np.ndarray]:
    video = read_npy(path)
    if video.dtype != np.uint8 or video.ndim not in (3, 4) or 0 in video.shape[1:]:
        raise ValueError(
            f"a video of {video.dtype} of shape {video.shape} ({path}). Expected bytes (uint8), (time, height, width), "
            "(time, channel, height, width) or (time, height, width, channel)"
        )
    for frame in video:
        if frame.ndim == 2:
            yield np.array(frame[None])
        else:
            last = frame.shape[2] <= 4 < frame.shape[0]
            yield np.array(frame.transpose(2, 0, 1) if last else frame)


def _timed(path: Path, frame_rate: float | None, size: tuple[int, int] | None) -> Iterator[np.ndarray]:
    """Yield the frame that is seen at each moment of the frame rate, or every frame."""
    if frame_rate is None:
        yield from (_pixels(frame, size) for frame in _decoded(path))
        return
    shown, moment, start, end = None, 0, 0.0, 0.0
    for frame in _decoded(path):
        if frame.time is None:
            raise ValueError(
                f"a frame without time ({path}), so no frame rate can be kept. Leave it out to get every frame"
            )
        start = frame.time if shown is None else start
        while shown is not None and moment / frame_rate < frame.time - start - _INSTANT:
            yield _pixels(shown, size)
            moment += 1
        lasts = float(frame.duration * frame.time_base) if frame.duration else frame.time - start - end
        shown, end = frame, frame.time - start + max(lasts, _INSTANT)
    while shown is not None and moment / frame_rate < end - _INSTANT / 2:
        yield _pixels(shown, size)
        moment += 1


def _pixels(frame: VideoFrame, size: tuple[int, int] | None) -> np.ndarray:
    # FFmpeg scales while it converts, which takes a tenth of the time of scaling a large frame afterwards.
    height, width = size or (frame.height, frame.width)
    pixels = frame.to_ndarray(format="rgb24", height=height, width=width, interpolation="AREA")
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _decoded(path: Path) -> Iterator[VideoFrame]:
    """Yield the frames of the first stream of pictures as PyAV's, and see whether all were there."""
    av = require("av", extra="video", purpose="reading video")
    count, end, is_cut = 0, 0.0, False
    try:
        with av.open(str(require_file(path)), metadata_errors="replace") as container:
            if not container.streams.video:
                others = ", ".join(stream.type for stream in container.streams) or "nothing"
                raise ValueError(f"no pictures in it, only {others} ({path}). Expected a video")
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
        where = f"after frame {count}" if count else "not a video, or its beginning or index is lost"
        raise ValueError(f"a damaged video ({path}, {where}: {error}). Get it again") from error
    if end < 0.99 * lasts - 0.1:
        told = f"{end:.1f} of {lasts:.1f} seconds"
    if told or is_cut:
        raise ValueError(f"a video cut short ({path}: {told or 'all but the last frame'} can be read). Get it again")


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
                f"({path}). All frames of a video need one size and as many channels. Give size=(height, width), or "
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
