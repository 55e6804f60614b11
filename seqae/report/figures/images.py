"""Sheets of images: originals and reconstructions, filters, the plane of codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from seqae.report import colours
from seqae.report.figures.fonts import with_readable_text
from seqae.report.figures.style import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FRAME = 0.08  # the space between images, as a fraction of their width


def image_rows_figure(rows: Mapping[str, np.ndarray], title: str = "") -> Figure:
    """Draw images in rows, for example originals above their reconstructions.

    Args:
        rows: (image, channel, height, width) from 0 to 1 by name, the same number in each row; values beyond 0 and 1
            are clipped.
        title: The title of the picture.

    Raises:
        ValueError: The rows have different lengths, or the images neither one nor three channels.
    """
    counts = {len(images) for images in rows.values()}
    if len(counts) != 1:
        raise ValueError(f"rows of {sorted(counts)} images. Give each row the same number")
    sheet = np.stack([np.asarray(images, dtype=np.float64) for images in rows.values()])
    figure, plot = _sheet(sheet, title)
    height = sheet.shape[3] * (1 + _FRAME)
    plot.set_yticks([(row + 0.5) * height for row in range(len(rows))], list(rows), color=colours.INK, fontsize=9)
    plot.tick_params(length=0)
    return with_readable_text(figure)


def grid_figure(images: np.ndarray, title: str = "") -> Figure:
    """Draw images, (row, column, channel, height, width) from 0 to 1, side by side.

    Raises:
        ValueError: The images have neither one nor three channels.
    """
    return with_readable_text(_sheet(np.asarray(images, dtype=np.float64), title)[0])


def filters_figure(weights: np.ndarray, size: tuple[int, int, int], columns: int = 20, title: str = "") -> Figure:
    """Draw the weights of units as images: grey is zero, white positive, black negative.

    Args:
        weights: (unit, channel * height * width), in the order of the pixels.
        size: Channels, height and width of an image.
        columns: The number of units in a row; an incomplete last row is left out.
        title: The title of the picture.
    """
    columns = min(columns, len(weights))
    rows = len(weights) // columns
    shown = np.asarray(weights, dtype=np.float64)[: rows * columns]
    shown = 0.5 + 0.5 * shown / np.maximum(np.abs(shown).max(axis=1, keepdims=True), np.finfo(float).tiny)
    return grid_figure(shown.reshape(rows, columns, *size), title)


def _sheet(images: np.ndarray, title: str) -> tuple[Figure, Axes]:
    """Draw images (row, column, channel, height, width) into one picture, which takes one call in place of many."""
    rows, columns, channels, height, width = images.shape
    if channels not in (1, 3):
        raise ValueError(f"images of {channels} channels. 1 (grey) or 3 (red, green, blue) can be drawn")
    gaps = [max(1, round(_FRAME * height)), max(1, round(_FRAME * width))]
    framed = np.pad(images, [(0, 0)] * 3 + [(0, gap) for gap in gaps], constant_values=1.0)
    sheet = framed.transpose(0, 3, 1, 4, 2).reshape(rows * framed.shape[3], columns * framed.shape[4], channels)
    scale = min(0.7, 14 / columns)  # inches
    figure = new_figure(scale * columns + 1, scale * rows * height / width + 0.6)
    plot = figure.subplots()
    plot.imshow(sheet.clip(0, 1).squeeze(2) if channels == 1 else sheet.clip(0, 1), cmap="gray", vmin=0, vmax=1)
    plot.set_xticks([])
    plot.set_yticks([])
    plot.spines[:].set_visible(False)
    plot.set_title(title, loc="left", color=colours.INK, fontsize=10)
    return figure, plot
