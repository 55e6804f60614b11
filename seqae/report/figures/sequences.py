"""Short sequences with their reconstructions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from seqae.report import colours
from seqae.report.figures.fonts import with_readable_text
from seqae.report.figures.style import draw_signal, new_figure, style_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def sequences_figure(
    rows: Mapping[str, Sequence[np.ndarray]], reconstructions: Mapping[str, Sequence[np.ndarray]], channel: int = 0
) -> Figure:
    """Draw one row of sequences for each name, each with its reconstruction; the area between is the error.

    Args:
        rows: Sequences by name, (time, channel) each.
        reconstructions: A reconstruction of each sequence by the same names, (time, channel) each.
        channel: The index of the channel to draw.
    """
    columns = max(map(len, rows.values()))
    figure = new_figure(2.6 * columns, 1.5 * len(rows) + 0.4)
    plots = figure.subplots(len(rows), columns, sharex=True, sharey=True, squeeze=False)
    for line, (name, sequences) in zip(plots, rows.items()):
        for plot in line[len(sequences) :]:
            plot.set_visible(False)
        for plot, sequence, written in zip(line, sequences, reconstructions[name]):
            signal, reconstruction = sequence[:, channel], written[:, channel]
            draw_signal(plot, np.arange(len(signal)), signal, reconstruction)
            plot.set_title(f"error {np.mean((signal - reconstruction) ** 2):.2g}", loc="right", fontsize=8)
            style_axes(plot)
        line[0].set_title(name, loc="left", fontsize=10, color=colours.INK)
    figure.legend(*plots[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    return with_readable_text(figure)
