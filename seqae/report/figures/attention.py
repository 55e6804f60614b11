"""Attention of a sequence-to-sequence model as maps."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from seqae._extras import require
from seqae.report import colours
from seqae.report.figures.style import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DEFAULT_FONT = "DejaVu Sans"
AttentionMap = tuple[Sequence[str], Sequence[str], np.ndarray]


def attention_figure(attention_maps: Sequence[AttentionMap], title: str = "") -> Figure:
    """Draw maps side by side: source tokens from left to right, target tokens from top to bottom.

    Args:
        attention_maps: For each text the source tokens, the target tokens, and the attention weights from 0 to 1,
            (target token, source token), for example of `Translator.attention_weights`.
        title: The title of the picture.

    Raises:
        ValueError: The shape of the weights is not that of the tokens.
    """
    for source, target, weights in attention_maps:
        if np.shape(weights) != (len(target), len(source)):
            raise ValueError(
                f"weights of shape {np.shape(weights)} for {len(target)} target and {len(source)} source tokens. "
                "Expected a row for each target token"
            )
    widths = [len(source) for source, _, _ in attention_maps]
    height = 0.36 * max(len(target) for _, target, _ in attention_maps) + 1.2
    figure = new_figure(0.36 * sum(widths) + 1.3 * len(attention_maps), height)
    fonts = _fonts("".join(word for source, target, _ in attention_maps for word in (*source, *target)))
    plots = figure.subplots(1, len(attention_maps), squeeze=False, width_ratios=widths)[0]
    for plot, (source, target, weights) in zip(plots, attention_maps):
        plot.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="equal")
        style: dict[str, Any] = {"family": fonts, "fontsize": 9, "color": colours.INK}
        plot.set_xticks(range(len(source)), [_drawable(word, fonts) for word in source], rotation=90, **style)
        plot.set_yticks(range(len(target)), [_drawable(word, fonts) for word in target], **style)
        plot.xaxis.tick_top()
        plot.tick_params(length=0)
        plot.spines[:].set_color(colours.FAINT)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10, color=colours.INK)
    return figure


def _fonts(text: str) -> list[str]:
    """Return the default font and, if it lacks characters of the text, the installed one that has most of those."""
    manager = require("matplotlib.font_manager", extra="report", purpose="drawing pictures").fontManager
    missing = {ord(character) for character in text} - _characters(_DEFAULT_FONT)
    # The font of last resort has a box for everything.
    names = {font.name for font in manager.ttflist if missing and not font.name.startswith("Last Resort")}
    best = max(sorted(names), key=lambda name: len(missing & _characters(name)), default=_DEFAULT_FONT)
    return [_DEFAULT_FONT, best] if missing & _characters(best) else [_DEFAULT_FONT]


def _drawable(word: str, fonts: Sequence[str]) -> str:
    """Return a word; the code points of its characters if no font has them, since boxes cannot be read."""
    known: frozenset[int] = frozenset().union(*map(_characters, fonts))
    if {ord(character) for character in word} <= known:
        return word.replace("$", r"\$")
    return " ".join(f"{ord(character):X}" for character in word)


@cache
def _characters(name: str) -> frozenset[int]:
    """Return the characters that a font can draw, by their Unicode code points."""
    manager = require("matplotlib.font_manager", extra="report", purpose="drawing pictures")
    files = [font.fname for font in manager.fontManager.ttflist if font.name == name]
    return frozenset(manager.get_font(files[0]).get_charmap())
