"""The plots of the live page, in the style of the report; the page fills them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from seqae.report import colours
from seqae.report.html.plots import time_plot
from seqae.report.html.timeline import MOMENT

if TYPE_CHECKING:
    from bokeh.models import ColumnDataSource, GridPlot, Range1d
    from bokeh.plotting import figure

_LABELS = {"date": "time", "seconds": "time [s]", "row": "row"}
_COLUMNS = {
    "signal": ("x", "signal", "reconstruction"),
    "score": ("x", "score", "channel"),
    "provisional": ("x", "score"),
    "alarms": ("left", "right"),
}


def live_plots(kind: Literal["date", "seconds", "row"]) -> GridPlot:
    """Return the score, a channel with what the model expects, and its score, one below the other.

    The page looks up by name: the range `time`, the sources `signal`, `score`, `provisional` and `alarms`, the line
    `threshold` and the plot `channel`.

    Args:
        kind: What the positions on the axis are.
    """
    from bokeh.layouts import gridplot
    from bokeh.models import CrosshairTool, Range1d, Span

    time = Range1d(0, 1, name="time")
    sources = {name: _source(name, *columns) for name, columns in _COLUMNS.items()}
    plots = [_scores(kind, time, sources), _signals(kind, time, sources), _channel_scores(kind, time, sources)]
    cursor = Span(dimension="height", line_color=colours.FAINT, line_dash="dotted")
    for plot in plots:
        plot.add_tools(CrosshairTool(overlay=cursor))
        plot.vstrip(
            x0="left",
            x1="right",
            source=sources["alarms"],
            fill_color=colours.ALARM_SHADE,
            line_color=colours.ALARM,
            line_alpha=0.3,
            level="underlay",
        )
    for plot in plots[:-1]:
        plot.xaxis.visible = False
    plots[-1].xaxis.axis_label = _LABELS[kind]
    options = {"sizing_mode": "stretch_width", "merge_tools": True, "toolbar_options": {"logo": None}}
    return gridplot([[plot] for plot in plots], toolbar_location="above", **options)


def _source(name: str, *columns: str) -> ColumnDataSource:
    """Return a source with two points, since Bokeh warns of plots without any."""
    from bokeh.models import ColumnDataSource

    return ColumnDataSource({column: [0.0, 1.0] for column in columns}, name=name)


def _scores(kind: str, time: Range1d, sources: dict[str, ColumnDataSource]) -> figure:
    from bokeh.models import Legend, LegendItem, Span

    plot = time_plot(time, kind, 180, y_axis_label="score")
    line = plot.line("x", "score", source=sources["provisional"], color=colours.FAINT, line_width=1)
    final = plot.line("x", "score", source=sources["score"], color=colours.ERROR, line_width=1.6)
    threshold = Span(location=1, name="threshold", line_color=colours.THRESHOLD, line_dash="dashed", line_width=1.5)
    plot.add_layout(threshold)
    items = [
        LegendItem(label="final score", renderers=[final]),
        LegendItem(label="provisional, at once", renderers=[line]),
    ]
    plot.add_layout(Legend(items=items, orientation="horizontal", border_line_color=None, margin=0), "above")
    _hover(plot, kind, [line], {"score": "@score"})
    return plot


def _signals(kind: str, time: Range1d, sources: dict[str, ColumnDataSource]) -> figure:
    from bokeh.models import Legend, LegendItem

    plot = time_plot(time, kind, 250, window_axis="x", name="channel", y_axis_label=" ")
    style = {"source": sources["signal"], "line_cap": "round"}
    lines = {  # the expected values are wider and below: where both agree, both are seen
        "expected": plot.line("x", "reconstruction", color=colours.RECONSTRUCTION, line_width=2.6, **style),
        "signal": plot.line("x", "signal", color=colours.SIGNAL, line_width=1.2, **style),
    }
    items = [LegendItem(label=name, renderers=[lines[name]]) for name in ("signal", "expected")]
    plot.add_layout(Legend(items=items, orientation="horizontal", border_line_color=None, margin=0), "above")
    _hover(plot, kind, [lines["signal"]], {"signal": "@signal", "expected": "@reconstruction"})
    return plot


def _channel_scores(kind: str, time: Range1d, sources: dict[str, ColumnDataSource]) -> figure:
    plot = time_plot(time, kind, 170, window_axis="x", y_axis_label="channel score")
    plot.yaxis[0].ticker.desired_num_ticks = 3
    line = plot.line("x", "channel", source=sources["score"], color=colours.ERROR, line_width=1.2)
    _hover(plot, kind, [line], {"channel score": "@channel"})
    return plot


def _hover(plot: figure, kind: str, lines: list, shown: dict[str, str]) -> None:
    from bokeh.models import HoverTool

    formatters = {"@x": "datetime"} if kind == "date" else {}
    tips = [(_LABELS[kind].partition(" ")[0], MOMENT[kind]), *shown.items()]
    plot.add_tools(HoverTool(renderers=lines, tooltips=tips, formatters=formatters, mode="vline"))
