"""The picture of a table before anything is learnt: its channels above each other, its gaps shaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seqae.report import colours
from seqae.report.axis import Axis
from seqae.report.figures.fonts import with_readable_text
from seqae.report.figures.signals import drawn_lines, shorten_dates
from seqae.report.figures.style import new_figure, style_axes
from seqae.report.formatting import with_unit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from seqae.data.signals.overview import Overview
    from seqae.data.signals.recordings import Recording

SHOWN = 30  # channels


def overview_figure(overview: Overview) -> Figure:
    """Draw the channels of the longest recording; gaps in time are shaded, missing values leave the line open."""
    recording = max(overview.recordings, key=len)
    axis = Axis.of(recording)
    shown = recording.channels[:SHOWN]
    figure = new_figure(11, 1.1 * len(shown) + 0.9)
    plots = np.atleast_1d(figure.subplots(len(shown), sharex=True))
    notes = {each.name: ", ".join(each.notes) for each in overview.channels}
    for plot, (index, name) in zip(plots, enumerate(shown)):
        positions, values = drawn_lines(axis, recording.values[:, index])
        plot.plot(positions, values, color=colours.SIGNAL, linewidth=0.9)
        note = f"  {notes[name]}" if notes[name] else ""
        plot.set_title(with_unit(name, recording.units) + note, loc="left", fontsize=9, color=colours.INK, pad=3)
        for row in axis.cuts:
            plot.axvspan(*axis.dates(axis.positions[[row - 1, row]]), color=colours.FAULT_SHADE, linewidth=0, zorder=0)
        style_axes(plot)
    if axis.kind == "date":
        shorten_dates(plots[-1])
    else:
        plots[-1].set_xlabel(axis.label)
    figure.suptitle(_title(overview, recording), x=0.01, ha="left", fontsize=10, color=colours.INK)
    return with_readable_text(figure)


def _title(overview: Overview, recording: Recording) -> str:
    names = " ".join(filter(None, [recording.entity, recording.name]))
    parts = [names or "recording", f"{len(recording):,} rows"]
    if len(overview.recordings) > 1:
        parts.append(f"the longest of {len(overview.recordings):,} recordings")
    if len(recording.channels) > SHOWN:
        parts.append(f"the first {SHOWN} of {len(recording.channels):,} channels")
    return ", ".join([*parts, *filter(None, [overview.part])])
