"""Common to all figures: matplotlib without a display, one style, files written whole or not at all."""

from __future__ import annotations

import io
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from seqae._extras import require
from seqae._files import write_atomically
from seqae.report import colours
from seqae.report.downsampling import isolated

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure (inches) that is independent of pyplot and its windows."""
    return matplotlib().figure.Figure(figsize=(width, height), layout="constrained", facecolor="white")


def save_figure(figure: Figure, path: Path | str, dpi: int = 120) -> Path:
    """Write a figure as PNG, whole or not at all; return the path."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=dpi)
    return write_atomically(path, content.getvalue())


def draw_signal(plot: Axes, positions: np.ndarray, signal: np.ndarray, reconstruction: np.ndarray) -> None:
    """Draw a signal and its reconstruction, (time,) each, the latter dashed; the area between them is the error."""
    plot.fill_between(positions, signal, reconstruction, color=colours.RECONSTRUCTION, alpha=0.25, linewidth=0)
    dots: dict[str, Any] = {"marker": ".", "markersize": 3, "markevery": np.flatnonzero(isolated(signal)).tolist()}
    plot.plot(positions, signal, color=colours.SIGNAL, linewidth=0.9, label="signal", zorder=3, **dots)
    dashes: dict[str, Any] = {"linestyle": (0, (4, 1)), "label": "reconstruction"}
    plot.plot(positions, reconstruction, color=colours.RECONSTRUCTION, linewidth=1.8, **dashes)


def style_axes(plot: Axes) -> None:
    """Remove the parts of frame and grid that do not help to read."""
    plot.spines[["top", "right"]].set_visible(False)
    plot.spines[["left", "bottom"]].set_color(colours.FAINT)
    plot.tick_params(colors=colours.INK, labelsize=9)
    plot.grid(color=colours.GRID, linewidth=0.8)
    plot.set_axisbelow(True)


def matplotlib() -> ModuleType:
    """Return the library, or raise an error that names the extra it comes with."""
    require("matplotlib.figure", extra="report", purpose="drawing pictures")
    return require("matplotlib", extra="report", purpose="drawing pictures")
