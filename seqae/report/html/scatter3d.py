"""Codes of three dimensions as points in space that turn under the mouse: one HTML file that needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from seqae._files import write_atomically
from seqae.report import colours
from seqae.report.html.templates import load_template

_MAX_POINTS = 4000  # a canvas draws them in a few milliseconds


def write_scatter3d(path: Path | str, codes: np.ndarray, classes: Sequence[object] | np.ndarray, title: str) -> Path:
    """Write a page that shows codes as points in space, coloured by class; return its path. Needs the extra `report`.

    Args:
        path: The HTML file to write.
        codes: `(sequence, 3)`; of more than 4,000 an even selection is shown.
        classes: `(sequence,)`, the class of each sequence.
        title: The heading of the page.

    Raises:
        ValueError: A code does not have three dimensions, or there is not one class for each.
        MissingExtra: Jinja2 is not installed.
    """
    codes, classes = np.asarray(codes, dtype=np.float64), np.asarray(classes)
    if codes.ndim != 2 or codes.shape[1] != 3 or len(codes) == 0:
        raise ValueError(f"codes of shape {codes.shape}. Expected (sequence, 3)")
    if classes.shape != codes.shape[:1]:
        raise ValueError(f"classes of shape {classes.shape} for {len(codes)} codes. Give one to each")
    names, indices = np.unique(classes, return_inverse=True)
    chosen = np.unique(np.linspace(0, len(codes) - 1, min(_MAX_POINTS, len(codes))).astype(int))
    scaled = (codes - codes.mean(axis=0)) / max(codes.std(axis=0).max(), np.finfo(float).tiny)
    data = {
        "points": scaled[chosen].round(3).tolist(),
        "classes": indices[chosen].tolist(),
        "names": [str(name) for name in names],
        "colours": _colours(len(names)),
    }
    page = load_template("scatter3d.html").render(title=title, ink=colours.INK, data=data)
    return write_atomically(path, page.encode())


def _colours(count: int) -> list[str]:
    if count <= len(colours.CLASSES):
        return list(colours.CLASSES[:count])
    return [f"hsl({360 * index // count} 75% {40 + 15 * (index % 2)}%)" for index in range(count)]
