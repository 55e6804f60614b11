"""Pictures of a run: signals with their alarms, losses, codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from seqae._extras import require
from seqae.report import colours
from seqae.report.axis import Axis, axis_scale, in_sight
from seqae.report.downsampling import break_lines, rows_to_draw
from seqae.report.figures.fonts import with_readable_text
from seqae.report.figures.style import draw_signal, matplotlib, new_figure, style_axes
from seqae.report.formatting import SCORE_MEANING, with_unit
from seqae.report.summary import events_of, faults_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from seqae.anomaly.events import Event
    from seqae.data.signals.recordings import Recording

SHOWN = 4  # channels of a signal figure unless the caller names them
STROKES = ("-", "--", "-.", ":")
MARKS = "os^DvP*X"
FLATTENED = 4.0  # times as much room as most codes need


def signal_figure(
    recording: Recording,
    reconstruction: np.ndarray,
    scores: np.ndarray,
    threshold: float,
    events: Sequence[Event] = (),
    labels: np.ndarray | None = None,
    channels: Sequence[str] | None = None,
) -> Figure:
    """Draw channels with their reconstruction and, below, the score of each row with the threshold.

    A channel has a third of its height at least: where its reconstruction leaves further, that is cut off.

    Args:
        recording: The signals that were scored.
        reconstruction: (row, channel), in the units of the recording.
        scores: (row,), those of an `AnomalyDetector`; NaN where there is none.
        threshold: Scores above it raise an alarm.
        events: The alarms, shaded.
        labels: (row,) bool, True in known faults, shaded in another colour.
        channels: The channels to draw; by default the four that contribute most to the events, or the first.

    Raises:
        ValueError: There is no such channel.
    """
    chosen = list(channels) if channels is not None else _top_channels(recording, events)
    _check_channels(chosen, recording.channels)
    axis = Axis.of(recording)
    figure = new_figure(11, 1.5 * len(chosen) + 2.3)
    plots = figure.subplots(len(chosen) + 1, sharex=True, height_ratios=[1] * len(chosen) + [1.2])
    for plot, name in zip(plots, chosen):
        column = recording.channels.index(name)
        draw_signal(plot, *drawn_lines(axis, recording.values[:, column], reconstruction[:, column]))
        bottom, top = in_sight(recording.values[:, column], reconstruction[:, column])
        if top > bottom:
            plot.set_ylim(bottom - 0.05 * (top - bottom), top + 0.05 * (top - bottom))
        plot.set_title(with_unit(name, recording.units), loc="left", fontsize=10, color=colours.INK)
    _draw_scores(plots[-1], threshold, *drawn_lines(axis, scores))
    if axis.kind == "date":
        shorten_dates(plots[-1])
    else:
        plots[-1].set_xlabel(axis.label)
    for plot in plots:
        _shade(plot, axis, events_of(events), faults_of(labels))
        style_axes(plot)
    _legend(figure, plots[0], plots[-1])
    plots[-1].set_xlim(*axis.dates(np.array(axis.span(0, len(recording)))))
    return with_readable_text(figure)


def loss_figure(history: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the losses of each epoch, (epoch,) by name, one line for each; the lowest point of each line is marked.

    Lines differ in colour, stroke and mark; what has no losses, such as a validation without sequences, has no line.
    """
    history = {name: losses for name, losses in history.items() if len(losses)} or history
    figure = new_figure(7, 4)
    plot = figure.subplots()
    for (name, losses), colour, dashes, mark in zip(history.items(), colours.CLASSES, cycle(STROKES), MARKS):
        epochs = np.arange(1, len(losses) + 1)
        style: dict[str, Any] = {"color": colour, "linestyle": dashes, "marker": mark}
        best = [int(np.nanargmin(losses))] if np.any(np.isfinite(losses)) else []
        label = name + "".join(f", lowest {losses[epoch]:.3g}" for epoch in best)
        plot.plot(epochs, losses, linewidth=1.8, markersize=6, markevery=best, label=label, **style)
    plot.set_yscale(axis_scale(np.concatenate([np.asarray(losses, dtype=float) for losses in history.values()])))
    plot.set_xlabel("epoch")
    plot.locator_params(axis="x", integer=True)
    plot.set_ylabel("loss")
    plot.set_title("Training", loc="left", color=colours.INK)
    figure.legend(loc="outside lower center", ncols=min(len(history), 2), frameon=False, handlelength=3)
    style_axes(plot)
    return with_readable_text(figure)


def embedding_figure(codes: np.ndarray, classes: Sequence[object] | np.ndarray | None = None) -> Figure:
    """Draw codes as points in the plane; codes of more than two dimensions by their first two principal components.

    Classes differ in colour and mark. If a few codes lie so far away that the others would be one spot, the picture
    shows the others, and its title says how many are outside.

    Args:
        codes: (sequence, code_size).
        classes: (sequence,), a class or, as floating point numbers, a score for each sequence: the colour of its point.
    """
    points, names = _in_the_plane(np.asarray(codes, dtype=np.float64))
    figure = new_figure(7, 5.5)
    plot = figure.subplots()
    style: dict[str, Any] = {"s": float(np.clip(10000 / len(points), 5, 36)), "linewidths": 0, "alpha": 0.8}
    values = None if classes is None else np.asarray(classes)
    if values is None:
        plot.scatter(*points.T, color=colours.SIGNAL, **style)
    elif np.issubdtype(values.dtype, np.floating):
        order = np.argsort(values)  # the largest scores on top
        drawn = plot.scatter(points[order, 0], points[order, 1], c=values[order], cmap="cividis", **style)
        figure.colorbar(drawn, label="score", shrink=0.7)
    else:
        _draw_classes(plot, points, values, style)
        figure.legend(loc="outside right center", frameon=False, markerscale=2)
    plot.set_xlabel(names[0])
    plot.set_ylabel(names[1])
    plot.set_title(f"{len(points):,} codes" + _show_the_most(plot, points), loc="left", color=colours.INK)
    style_axes(plot)
    return with_readable_text(figure)


def _top_channels(recording: Recording, events: Sequence[Event]) -> list[str]:
    """Return a few channels in the recording's order: those that contribute most to the events."""
    totals = dict.fromkeys(recording.channels, 0.0)
    for contribution in (contribution for event in events for contribution in event.channels):
        totals[contribution.channel] += contribution.fraction
    chosen = sorted(totals, key=lambda name: -totals[name])[:SHOWN]
    return [name for name in recording.channels if name in chosen]


def drawn_lines(axis: Axis, *lines: np.ndarray) -> list[np.ndarray]:
    """Return positions and lines thinned to what can be seen, without strokes over gaps in time."""
    rows = rows_to_draw(np.stack(lines, axis=1))
    columns = {str(number): column[rows] for number, column in enumerate([axis.positions, *lines])}
    positions, *drawn = break_lines(rows, axis.cuts, columns).values()
    return [axis.dates(positions), *drawn]


def _check_channels(chosen: Sequence[str], channels: Sequence[str]) -> None:
    for name in chosen:
        if name not in channels:
            raise ValueError(f"no channel {name!r}. Expected names out of {', '.join(map(repr, channels))}")


def _draw_scores(plot: Axes, threshold: float, positions: np.ndarray, scores: np.ndarray) -> None:
    plot.plot(positions, scores, color=colours.ERROR, linewidth=1, label="score")
    plot.axhline(threshold, color=colours.THRESHOLD, linestyle="--", linewidth=1.3, label="threshold")
    plot.set_title(SCORE_MEANING, loc="left", fontsize=10, pad=9, color=colours.INK)


def _draw_classes(plot: Axes, points: np.ndarray, classes: np.ndarray, style: dict[str, Any]) -> None:
    names = np.unique(classes)
    few = len(names) <= len(colours.CLASSES)
    wheel = colours.CLASSES if few else matplotlib().colormaps["tab20"].colors
    for number, name in enumerate(names):
        look = {"color": wheel[number % len(wheel)], "marker": MARKS[number % len(MARKS)], "label": str(name)}
        plot.scatter(*points[classes == name].T, **{**style, **look})


def _show_the_most(plot: Axes, points: np.ndarray) -> str:
    """Leave far points (Tukey 1977, Exploratory Data Analysis) out of a picture that they flatten; say how many."""
    low, high = np.quantile(points, [0.25, 0.75], axis=0)
    reach = 3 * (high - low)
    near = (points >= low - reach) & (points <= high + reach)  # (sequence, axis)
    outside = np.zeros(len(points), dtype=bool)
    for axis in np.flatnonzero(reach > 0):
        if FLATTENED * np.ptp(points[near[:, axis], axis]) < np.ptp(points[:, axis]):
            outside |= ~near[:, axis]
    if not outside.any():
        return ""
    first, last = points[~outside].min(axis=0), points[~outside].max(axis=0)
    first, last = first - 0.05 * (last - first), last + 0.05 * (last - first)
    plot.set(xlim=(first[0], last[0]), ylim=(first[1], last[1]))
    count = np.sum(np.any((points < first) | (points > last), axis=1))
    return f", {count:,} of them outside the picture"


def _in_the_plane(codes: np.ndarray) -> tuple[np.ndarray, tuple[str, str]]:
    """Return points (sequence, 2) and the names of both axes."""
    if codes.shape[1] == 1:
        return np.column_stack([np.arange(len(codes)), codes[:, 0]]), ("sequence", "code")
    if codes.shape[1] == 2:
        return codes, ("code 1", "code 2")
    centred = codes - codes.mean(axis=0)
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    first, second = 100 * sizes[:2] ** 2 / max(np.sum(sizes**2), np.finfo(float).tiny)
    names = (f"principal component 1 ({first:.0f} %)", f"principal component 2 ({second:.0f} %)")
    return centred @ directions[:2].T, names


def _shade(plot: Axes, axis: Axis, events: list[slice], faults: list[slice]) -> None:
    """Shade alarms and known faults; a bar above the plot shows the faults even where an alarm covers them."""
    bands = (  # rows, name, colour, line width, bottom and top as parts of the plot's height
        (faults, None, colours.FAULT_SHADE, 0, 0, 1),
        (events, "alarm", colours.ALARM_SHADE, 0.8, 0, 1),
        (faults, "known fault", colours.FAULT, 0, 1, 1.05),
    )
    for slices, name, colour, width, bottom, top in bands:
        for rows in slices:
            left, right = axis.dates(np.array(axis.span(rows.start, rows.stop)))
            style: dict[str, Any] = {"color": colour, "linewidth": width, "zorder": 0, "clip_on": top == 1}
            plot.axvspan(left, right, bottom, top, label=name, **style)


def _legend(figure: Figure, first: Axes, last: Axes) -> None:
    """Put one legend for all plots above them."""
    found = {label: handle for plot in (first, last) for handle, label in zip(*plot.get_legend_handles_labels())}
    figure.legend(found.values(), found.keys(), loc="outside upper right", ncols=len(found), frameon=False, fontsize=9)


def shorten_dates(plot: Axes) -> None:
    """Label the ticks with what changes between them; the date is once at the end of the axis."""
    dates = require("matplotlib.dates", extra="report", purpose="drawing pictures")
    locator = dates.AutoDateLocator()
    plot.xaxis.set_major_locator(locator)
    plot.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
