"""The scores of all channels over time, as colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seqae.report import colours
from seqae.report.axis import Axis
from seqae.report.downsampling import around, downsample_max
from seqae.report.html.plots import time_plot
from seqae.report.summary import most_severe

if TYPE_CHECKING:
    from bokeh.models import Range1d
    from bokeh.plotting import figure

    from seqae.report.report import Report

INTERVALS = 900  # over the whole recording: about one a pixel
FINE_CELLS = 400_000  # cells of all pictures around alarms together


def heat_map(report: Report, axis: Axis, time: Range1d) -> figure:
    """Return a plot named `heat`, the first channel on top.

    The renderer named `fine` holds finer pictures around alarms; the page shows it when one zooms in.
    """
    from bokeh.models import LogColorMapper

    names = report.recording.channels
    low, high = _colour_range(report.channel_scores)
    mapper = LogColorMapper(palette=colours.HEAT, low=low, high=high, nan_color=colours.GRID)
    plot = time_plot(
        time, axis.kind, int(np.clip(18 * len(names) + 60, 120, 460)), y_range=(0, len(names)), name="heat"
    )
    whole = [slice(0, len(report.recording))]
    plot.image(**_pictures(report, axis, whole, INTERVALS), color_mapper=mapper)
    windows = [around(event.start, event.stop, len(report.recording)) for event in most_severe(report.events)]
    if len(report.recording) > INTERVALS and windows:
        intervals = int(np.clip(FINE_CELLS // (len(windows) * len(names)), 10, 300))
        plot.image(**_pictures(report, axis, windows, intervals), color_mapper=mapper, name="fine", visible=False)
    _name_channels(plot, names)
    plot.grid.grid_line_color = None
    return plot


def _pictures(report: Report, axis: Axis, windows: list[slice], intervals: int) -> dict[str, object]:
    """Return the data for Bokeh: one picture (channel, interval) for each window, and its position."""
    samples = [
        downsample_max(report.channel_scores[rows], axis.positions[rows], axis.step, intervals) for rows in windows
    ]
    return {
        "image": [values.T[::-1].astype(np.float32) for values, _, _ in samples],
        "x": [left for _, left, _ in samples],
        "dw": [right - left for _, left, right in samples],
        "y": 0,
        "dh": len(report.recording.channels),
    }


def _colour_range(channel_scores: np.ndarray) -> tuple[float, float]:
    """Return the scores of the lightest and the darkest colour: a usual one, and nearly the largest."""
    scores = channel_scores[np.isfinite(channel_scores) & (channel_scores > 0)]
    if not scores.size:
        return 1e-3, 1.0
    low, high = np.quantile(scores, [0.75, 0.999])
    return float(low), float(max(high, 2 * low))


def _name_channels(plot: figure, names: tuple[str, ...]) -> None:
    """Write the names at the left, at most forty of them."""
    from bokeh.models import FixedTicker

    shown = range(0, len(names), -(-len(names) // 40))
    positions = {len(names) - number - 0.5: _shortened(names[number]) for number in shown}
    ticker = FixedTicker(ticks=list(positions))
    plot.yaxis[0].update(ticker=ticker, major_label_overrides=positions, major_tick_line_color=None)


def _shortened(name: str, length: int = 20) -> str:
    return name if len(name) <= length else f"{name[: length - 1]}…"
