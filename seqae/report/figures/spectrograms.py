"""Spectrograms of several recordings, for example with their reconstructions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from seqae.report import colours
from seqae.report.figures.fonts import with_readable_text
from seqae.report.figures.style import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_RANGE = 60.0  # decibels from the darkest to the lightest


def spectrograms_figure(
    rows: Mapping[str, Sequence[np.ndarray]], names: Sequence[str], hop: float, unit: str = "seconds"
) -> Figure:
    """Draw recordings in columns, for example originals above their reconstructions, all on one scale of loudness.

    Args:
        rows: The decibels of each recording by name, (time, band) each.
        names: The name of each recording.
        hop: Time from one frame to the next.
        unit: The unit of the hop.

    Raises:
        ValueError: There is not one name for each recording.
    """
    counts = {len(recordings) for recordings in rows.values()}
    if counts != {len(names)}:
        raise ValueError(f"rows of {sorted(counts)} recordings and {len(names)} names. Give each row one for each name")
    figure = new_figure(2.2 * len(names) + 0.8, 1.5 * len(rows) + 0.4)
    plots = figure.subplots(len(rows), len(names), squeeze=False, sharex="col", sharey=True)
    for line, (name, recordings) in zip(plots, rows.items()):
        line[0].set_ylabel(f"{name}\nmel band", color=colours.INK, fontsize=9)
        for plot, recording, above in zip(line, recordings, rows[next(iter(rows))]):
            loudest = float(np.max(above))  # the maximum of the original, so that a faint reconstruction looks faint
            frames, bands = np.shape(recording)
            extent = (0, frames * hop, 0, bands)
            style = {"cmap": "magma", "vmin": loudest - _RANGE, "vmax": loudest, "aspect": "auto", "origin": "lower"}
            plot.imshow(np.transpose(recording), extent=extent, **style)
            plot.tick_params(colors=colours.INK, labelsize=8)
    for plot, name in zip(plots[0], names):
        plot.set_title(name, loc="left", color=colours.INK, fontsize=10)
    for plot in plots[-1]:
        plot.set_xlabel(unit, fontsize=9)
    return with_readable_text(figure)
