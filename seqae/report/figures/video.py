"""Films: as strips of frames in a picture, and as GIF or MP4 side by side."""

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
    """Draw films below each other, frame by frame.

    Args:
        videos: By name, (time, channel, height, width) from 0 to 1, all of one length.
        split_at: After so many frames a line parts what was read from what was foretold.
        title: What is seen.
    """
    figure = image_rows_figure(videos, title)
    if split_at is not None:
        (plot,) = figure.axes
        frames = len(next(iter(videos.values())))
        left, right = sorted(plot.get_xlim())
        plot.axvline(left + (right - left) * split_at / frames, color=colours.ERROR, linewidth=2)
    return figure


def write_video(path: str | Path, videos: Mapping[str, np.ndarray], frame_rate: int = 8, scale: int = 3) -> Path:
    """Write films beside each other, in the order of the mapping, as GIF or MP4; the ending of the path decides.

    Args:
        path: Ends in .gif (written by Pillow) or .mp4 (written by PyAV).
        videos: By name, (time, channel, height, width) from 0 to 1; a shorter one stops at its last frame.
        frame_rate: Frames per second.
        scale: Pixels of the picture for each pixel of a film.
    """
    path = Path(path)
    writers = {".gif": _write_gif, ".mp4": _write_mp4}
    if path.suffix not in writers:
        raise ValueError(f"a film in a file {path.suffix or 'without ending'} ({path}). Name it .gif or .mp4")
    frames = _beside(list(videos.values()), scale)
    with atomic_write(path) as staged:
        writers[path.suffix](staged, frames, frame_rate)
    return path


def _beside(films: list[np.ndarray], enlarge: int) -> np.ndarray:
    """Return frames as bytes, (time, height, width, 3); heights and widths are even, as codecs want them."""
    time = max(map(len, films))
    parts = []
    for film in films:
        if film.ndim != 4 or film.shape[1] not in (1, 3):
            raise ValueError(f"a film of shape {film.shape}. Expected (time, channel, height, width), 1 or 3 channels")
        whole = np.concatenate([film, np.repeat(film[-1:], time - len(film), axis=0)])
        shown = np.broadcast_to(whole, (time, 3, *film.shape[2:])).clip(0, 1)
        large = (255 * shown).round().astype(np.uint8).repeat(enlarge, axis=2).repeat(enlarge, axis=3)
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
