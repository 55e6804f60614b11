"""Where a model looked while it wrote."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from seqae._extras import require
from seqae.report import colours
from seqae.report.figures.style import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_USUAL = "DejaVu Sans"
Looks = tuple[Sequence[str], Sequence[str], np.ndarray]


def attention_figure(looks: Sequence[Looks], title: str = "") -> Figure:
    """Draw maps side by side: what was read from left to right, what was written from top to bottom.

    Args:
        looks: For each text the words read, the words written, and the weights (word written, word read), for example
            of `Translator.looked_at`.
        title: What is seen.
    """
    for read, written, weights in looks:
        if np.shape(weights) != (len(written), len(read)):
            raise ValueError(
                f"weights of shape {np.shape(weights)} for {len(written)} words written and {len(read)} read. "
                "Expected a line for each word written"
            )
    widths = [len(read) for read, _, _ in looks]
    figure = new_figure(0.36 * sum(widths) + 1.3 * len(looks), 0.36 * max(len(look[1]) for look in looks) + 1.2)
    fonts = _fonts("".join(word for read, written, _ in looks for word in (*read, *written)))
    plots = figure.subplots(1, len(looks), squeeze=False, width_ratios=widths)[0]
    for plot, (read, written, weights) in zip(plots, looks):
        plot.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="equal")
        style = {"family": fonts, "fontsize": 9, "color": colours.INK}
        plot.set_xticks(range(len(read)), [_drawable(word, fonts) for word in read], rotation=90, **style)
        plot.set_yticks(range(len(written)), [_drawable(word, fonts) for word in written], **style)
        plot.xaxis.tick_top()
        plot.tick_params(length=0)
        plot.spines[:].set_color(colours.FAINT)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10, color=colours.INK)
    return figure


def _fonts(text: str) -> list[str]:
    """Return the usual font and, if it lacks signs of the text, the installed one that has most of those."""
    manager = require("matplotlib.font_manager", extra="report", purpose="drawing pictures").fontManager
    missing = {ord(sign) for sign in text} - _signs(_USUAL)
    # The font of last resort has a box for everything.
    names = {font.name for font in manager.ttflist if missing and not font.name.startswith("Last Resort")}
    best = max(sorted(names), key=lambda name: len(missing & _signs(name)), default=_USUAL)
    return [_USUAL, best] if missing & _signs(best) else [_USUAL]


def _drawable(word: str, fonts: Sequence[str]) -> str:
    """Return a word; the numbers of its signs in Unicode if no font has them, since boxes tell nothing."""
    if {ord(sign) for sign in word} <= set().union(*map(_signs, fonts)):
        return word.replace("$", r"\$")
    return " ".join(f"{ord(sign):X}" for sign in word)


@cache
def _signs(name: str) -> frozenset[int]:
    """Return the signs that a font can draw, by their numbers in Unicode."""
    manager = require("matplotlib.font_manager", extra="report", purpose="drawing pictures")
    files = [font.fname for font in manager.fontManager.ttflist if font.name == name]
    return frozenset(manager.get_font(files[0]).get_charmap())
