"""Bokeh plots in the style of the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from seqae.report import colours
from seqae.report.axis import axis_scale

if TYPE_CHECKING:
    from bokeh.models import Range1d
    from bokeh.plotting import figure


def empty_plot(height: int, **options: object) -> figure:
    """Return a plot without tools; the options are those of bokeh.plotting.figure."""
    from bokeh.plotting import figure

    defaults = {"tools": "", "toolbar_location": None, "sizing_mode": "stretch_width", "output_backend": "canvas"}
    plot = figure(height=height, **defaults | options)
    plot.outline_line_color = None
    plot.grid.grid_line_color = colours.GRID
    for axis in plot.axis:
        axis.update(axis_line_color=colours.FAINT, major_tick_line_color=colours.FAINT, minor_tick_line_color=None)
        axis.update(major_label_text_color=colours.INK, axis_label_text_color=colours.INK)
        axis.update(axis_label_text_font_style="normal", axis_label_text_font_size="12px")
    return plot


def time_plot(time: Range1d, kind: str, height: int, **options: object) -> figure:
    """Return a plot that is zoomed along the time only, by dragging; `kind` is that of the Axis."""
    from bokeh.models import BoxZoomTool, PanTool, ResetTool, SaveTool, WheelZoomTool

    zoom = BoxZoomTool(dimensions="width")
    tools = [zoom, PanTool(dimensions="width"), WheelZoomTool(dimensions="width"), ResetTool(), SaveTool()]
    axis_type = "datetime" if kind == "date" else "linear"
    plot = empty_plot(height, tools=tools, x_range=time, x_axis_type=axis_type, **options)
    plot.toolbar.active_drag = zoom
    if kind == "row":
        plot.xaxis[0].formatter.use_scientific = False
    return plot


def loss_plot(history: Mapping[str, Sequence[float]]) -> figure:
    """Return the losses of each epoch as lines."""
    from bokeh.models import Legend, LegendItem

    values = np.concatenate([np.asarray(losses, dtype=np.float64) for losses in history.values()])
    plot = empty_plot(260, y_axis_type=axis_scale(values), x_axis_label="epoch", y_axis_label="loss")
    items = []
    for (name, losses), colour in zip(history.items(), colours.CLASSES):
        line = plot.line(np.arange(1, len(losses) + 1), np.asarray(losses), color=colour, line_width=2)
        items.append(LegendItem(label=name, renderers=[line]))
    plot.add_layout(Legend(items=items, orientation="horizontal", border_line_color=None), "above")
    return plot
