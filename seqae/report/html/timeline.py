"""The interactive plots with a common time axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seqae.report import colours
from seqae.report.axis import Axis, in_sight
from seqae.report.downsampling import around, break_lines, compact, isolated, rows_to_draw
from seqae.report.html.heatmap import heat_map
from seqae.report.html.plots import time_plot
from seqae.report.summary import events_of, faults_of, most_severe

if TYPE_CHECKING:
    from bokeh.models import ColumnDataSource, GridPlot, Range1d
    from bokeh.plotting import figure

    from seqae.report.report import Report

PAGE_POINTS = 200_000  # the drawn rows of all channels together: some 6 MB
LINE_POINTS = 20_000  # the drawn rows of one channel: more would be slow to move
MOMENT = {"date": "@x{%F %T}", "seconds": "@x{0.000} s", "row": "row @x{0,0}"}


def timeline(report: Report, axis: Axis) -> GridPlot:
    """Return the alarms, the score, one channel with what it adds to it, and the same of all, one below the other.

    The page looks up by name the parts that it changes: `time` (the range), the plots `lanes`, `heat` and `channel`,
    and `shown` (the source of the drawn channel; its tags are the sources of all channels).
    """
    from bokeh.layouts import gridplot
    from bokeh.models import Range1d

    left, right = axis.span(0, len(report.recording))
    time = Range1d(left, right, bounds=(left, right), min_interval=4 * axis.step, name="time")
    plots = [_lanes(report, axis, time), _score_plot(report, axis, time), *_channel_plots(report, axis, time)]
    plots += [heat_map(report, axis, time)]
    for plot in plots[1:-1]:
        plot.xaxis.visible = False
    plots[-1].xaxis.axis_label = axis.label
    _link_crosshairs(plots)
    options = {"sizing_mode": "stretch_width", "merge_tools": True, "toolbar_options": {"logo": None}}
    return gridplot([[plot] for plot in plots], toolbar_location="above", **options)


def _lanes(report: Report, axis: Axis, time: Range1d) -> figure:
    """Return the alarms and, if known, the faults as bars."""
    lanes = {"alarms": (colours.ALARM, events_of(report.events))}
    if report.labels is not None:
        lanes["known faults"] = (colours.FAULT, faults_of(report.labels))
    plot = time_plot(
        time, axis.kind, 46 + 22 * len(lanes), y_range=list(lanes)[::-1], x_axis_location="above", name="lanes"
    )
    for lane, (colour, slices) in lanes.items():
        left, right = _edges(axis, slices)
        plot.hbar(y=[lane] * len(slices), left=left, right=right, height=0.6, color=colour)
    plot.ygrid.grid_line_color = None
    return plot


def _score_plot(report: Report, axis: Axis, time: Range1d) -> figure:
    from bokeh.models import Label, Span

    plot = time_plot(time, axis.kind, 150, y_axis_label="score")
    _shade(plot, report, axis)
    columns = _columns(report, axis, {"score": report.scores})
    line = plot.line("x", "score", source=columns, color=colours.ERROR, line_width=1.2, line_cap="round")
    _hover(plot, axis, [line], {"score": "@score"})
    plot.add_layout(Span(location=report.threshold, line_color=colours.THRESHOLD, line_dash="dashed", line_width=1.5))
    label = Label(
        text=f"threshold {report.threshold:.2f}",
        text_color=colours.THRESHOLD,
        text_font_size="11px",
        background_fill_alpha=0.7,
    )
    label.update(x=4, x_units="screen", y=report.threshold, y_offset=2, background_fill_color="white")
    plot.add_layout(label)
    return plot


def _channel_plots(report: Report, axis: Axis, time: Range1d) -> list[figure]:
    """Return the signal with its reconstruction, and the channel score, of the channel that the page chooses."""
    from bokeh.models import ColumnDataSource, Legend, LegendItem

    # Until the page chooses a channel there are two points: Bokeh warns of plots without any.
    sources = _channel_sources(report, axis)
    nothing = {name: [0.0, 0.0] for name in sources[0].column_names} | {"x": [time.start, time.end]}
    shown = ColumnDataSource(nothing, name="shown", tags=sources)
    signals = time_plot(time, axis.kind, 230, window_axis="x", name="channel", y_axis_label=" ")
    scores = time_plot(time, axis.kind, 100, window_axis="x", y_axis_label="channel score")
    scores.yaxis[0].ticker.desired_num_ticks = 3
    for plot in (signals, scores):
        _shade(plot, report, axis)
    style = {"source": shown, "line_cap": "round"}
    lines = {  # the reconstruction is wider and below: where both agree, both are seen
        "reconstruction": signals.line("x", "reconstruction", color=colours.RECONSTRUCTION, line_width=2.6, **style),
        "signal": signals.line("x", "signal", color=colours.SIGNAL, line_width=1.2, **style),
    }
    if "in sight" in shown.column_names:  # the height is that of the signal and of a line that nobody sees
        kept = signals.line("x", "in sight", source=shown, visible=False)
        signals.y_range.renderers = [lines["signal"], kept]
    items = [LegendItem(label=name, renderers=[lines[name]]) for name in ("signal", "reconstruction")]
    signals.add_layout(Legend(items=items, orientation="horizontal", border_line_color=None, margin=0), "above")
    score = scores.line("x", "score", color=colours.ERROR, line_width=1.2, **style)
    _hover(signals, axis, [lines["signal"]], {"signal": "@signal", "reconstruction": "@reconstruction"})
    _hover(scores, axis, [score], {"channel score": "@score"})
    return [signals, scores]


def _channel_sources(report: Report, axis: Axis) -> list[ColumnDataSource]:
    """Return the lines of each channel; with what of the reconstructions is in sight, if some leave it."""
    pairs = list(zip(report.recording.values.T, report.reconstruction.T))
    limits = [in_sight(*pair) for pair in pairs]
    is_cut = any(((line < low) | (line > high)).any() for (_, line), (low, high) in zip(pairs, limits))
    sources = []
    for (signal, reconstruction), score, ends in zip(pairs, report.channel_scores.T, limits):
        lines = {"signal": signal, "reconstruction": reconstruction, "score": score}
        lines |= {"in sight": reconstruction.clip(*ends)} if is_cut else {}
        sources.append(_columns(report, axis, lines, sources=len(pairs)))
    return sources


def _columns(report: Report, axis: Axis, lines: dict[str, np.ndarray], sources: int = 1) -> ColumnDataSource:
    """Return lines (row,), thinned to what can be seen, as one source; the page holds `sources` such sources."""
    from bokeh.models import ColumnDataSource

    rows = np.arange(len(report.recording))
    budget = min(LINE_POINTS, PAGE_POINTS // sources)
    if len(rows) > budget:
        windows = [around(event.start, event.stop, len(rows)) for event in most_severe(report.events)]
        rows = rows_to_draw(np.stack(list(lines.values()), axis=1), windows, max_rows=budget // 2)
    first = next(iter(lines.values()))
    rows = np.repeat(rows, 1 + isolated(first[rows]))  # a line from a point to itself is a dot
    columns = {name: compact(line[rows]) for name, line in lines.items()}
    return ColumnDataSource(break_lines(rows, axis.cuts, {"x": axis.positions[rows]} | columns))


def _edges(axis: Axis, slices: list[slice]) -> tuple[list[float], list[float]]:
    spans = [axis.span(rows.start, rows.stop) for rows in slices]
    return [left for left, _ in spans], [right for _, right in spans]


def _shade(plot: figure, report: Report, axis: Axis) -> None:
    """Shade known faults and alarms over the full height."""
    if faults := faults_of(report.labels):
        left, right = _edges(axis, faults)
        plot.vstrip(x0=left, x1=right, color=colours.FAULT_SHADE, level="underlay")
    left, right = _edges(axis, events_of(report.events))
    # The edge keeps a short alarm visible; the edges of very many would hide all else.
    edge = {"line_color": colours.ALARM, "line_alpha": 0.4 / max(1, len(left) / 100)}
    plot.vstrip(x0=left, x1=right, fill_color=colours.ALARM_SHADE, level="underlay", **edge)


def _hover(plot: figure, axis: Axis, lines: list, shown: dict[str, str]) -> None:
    from bokeh.models import HoverTool

    tips = [(axis.label.partition(" ")[0], MOMENT[axis.kind]), *shown.items()]
    formatters = {"@x": "datetime"} if axis.kind == "date" else {}
    plot.add_tools(HoverTool(renderers=lines, tooltips=tips, formatters=formatters, mode="vline"))


def _link_crosshairs(plots: list[figure]) -> None:
    from bokeh.models import CrosshairTool, Span

    cursor = Span(dimension="height", line_color=colours.FAINT, line_dash="dotted")
    for plot in plots:
        plot.add_tools(CrosshairTool(overlay=cursor))
