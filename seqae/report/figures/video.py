"""Videos: as strips of frames in a picture, and side by side as GIF or MP4."""

from __future__ import annotations

import fractions
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqae._extras import require
from seqae._files import atomic_write
from seqae.report import colours
from seqae.report.figures.images import image_rows_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def filmstrip_figure(videos: Mapping[str, np.ndarray], split_at: int | None = None, title: str = "") -> Figure:
    """Draw videos below each other, frame by frame.

    Args:
        videos: (time, channel, height, width) from 0 to 1 by name, all of one length.
        split_at: The frame before which a line parts the frames that were read from those that were predicted.
        title: The title of the picture.
    """
    figure = image_rows_figure(videos, title)
    if split_at is not None:
        (plot,) = figure.axes
        frames = len(next(iter(videos.values())))
        left, right = sorted(plot.get_xlim())
        plot.axvline(left + (right - left) * split_at / frames, color=colours.ERROR, linewidth=2)
    return figure


def write_video(path: str | Path, videos: Mapping[str, np.ndarray], frame_rate: int = 8, scale: int = 3) -> Path:
    """Write videos beside each other, in the order of the mapping, as GIF or MP4; the ending of the path decides.

    Args:
        path: Ends in .gif (written by Pillow) or .mp4 (written by PyAV).
        videos: (time, channel, height, width) from 0 to 1 by name; a shorter one stops at its last frame.
        frame_rate: Frames per second.
        scale: The width in the file of a pixel of a video.

    Raises:
        ValueError: The path has another ending, or a video another shape.
        MissingExtra: Pillow or PyAV is not installed.
    """
    path = Path(path)
    writers = {".gif": _write_gif, ".mp4": _write_mp4}
    if path.suffix not in writers:
        raise ValueError(f"cannot write a video to {path.name}. Name the file .gif or .mp4")
    frames = _beside(list(videos.values()), scale)
    with atomic_write(path) as staged:
        writers[path.suffix](staged, frames, frame_rate)
    return path


def _beside(videos: list[np.ndarray], scale: int) -> np.ndarray:
    """Return frames as bytes, (time, height, width, 3); heights and widths are even, as codecs want them."""
    time = max(map(len, videos))
    parts = []
    for video in videos:
        if video.ndim != 4 or video.shape[1] not in (1, 3):
            raise ValueError(f"a video of shape {video.shape}. Expected (time, 1 or 3 channels, height, width)")
        whole = np.concatenate([video, np.repeat(video[-1:], time - len(video), axis=0)])
        shown = np.broadcast_to(whole, (time, 3, *video.shape[2:])).clip(0, 1)
        large = (255 * shown).round().astype(np.uint8).repeat(scale, axis=2).repeat(scale, axis=3)
        parts.append(np.pad(large, [(0, 0), (0, 0), (0, 0), (0, 4)], constant_values=255))
    joined = np.concatenate(parts, axis=3)[..., :-4].transpose(0, 2, 3, 1)
    return np.pad(joined, [(0, 0), (0, joined.shape[1] % 2), (0, joined.shape[2] % 2), (0, 0)])


def _write_gif(path: Path, frames: np.ndarray, rate: int) -> None:
    pillow = require("PIL.Image", extra="images", purpose="writing a GIF")
    first, *others = [pillow.fromarray(frame) for frame in frames]
    first.save(path, format="GIF", save_all=True, append_images=others, duration=1000 // rate, loop=0)


def _write_mp4(path: Path, frames: np.ndarray, rate: int) -> None:
    av = require("av", extra="video", purpose="writing an MP4")
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fractions.Fraction(rate))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        container.mux(stream.encode())
