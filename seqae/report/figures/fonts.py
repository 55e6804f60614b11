"""Text of any script in figures: a font that has its characters, or their numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from seqae._extras import require

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DEFAULT_FONT = "DejaVu Sans"


def with_readable_text(figure: Figure) -> Figure:
    """Return a figure whose texts are drawn as they are: in fonts that have their characters, and no `$` as a formula.

    Characters that no installed font has are written as their code points, U+4F60: nobody can read an empty box.
    """
    text = require("matplotlib.text", extra="report", purpose="drawing pictures").Text
    texts = figure.findobj(text)  # makes the ticks, too, whose labels the formatter writes whenever they are drawn
    axes = [axis for plot in figure.axes for axis in (plot.xaxis, plot.yaxis)]
    ticks = [tick for axis in axes for tick in axis.majorTicks + axis.minorTicks]
    texts = [each for each in texts if not any(each in (tick.label1, tick.label2) for tick in ticks)]
    labels = {axis: [label.get_text() for label in axis.get_ticklabels()] for axis in axes if _has_names(axis)}
    fonts = _fonts([each.get_text() for each in texts] + [word for words in labels.values() for word in words])
    for each in texts:
        each.set(text=_drawable(each.get_text(), fonts), fontfamily=fonts, parse_math=False)
    for axis, words in labels.items():
        shown = [_drawable(word, fonts) for word in words]
        axis.set_ticks(axis.get_ticklocs(), shown, fontfamily=fonts, parse_math=False)
    return figure


def _has_names(axis: Any) -> bool:
    """Whether the ticks of an axis have labels of the caller, which are no numbers."""
    ticker = require("matplotlib.ticker", extra="report", purpose="drawing pictures")
    return isinstance(axis.get_major_formatter(), ticker.FuncFormatter | ticker.FixedFormatter)


def _fonts(texts: Iterable[str]) -> list[str]:
    """Return the default font and, if it lacks characters of the texts, the installed one that has most of those."""
    manager = require("matplotlib.font_manager", extra="report", purpose="drawing pictures").fontManager
    missing = set(map(ord, "".join(texts))) - _characters(_DEFAULT_FONT) - {ord("\n")}
    # The font of last resort has a box for everything.
    names = {font.name for font in manager.ttflist if missing and not font.name.startswith("Last Resort")}
    best = max(sorted(names), key=lambda name: len(missing & _characters(name)), default=_DEFAULT_FONT)
    return [_DEFAULT_FONT, best] if missing & _characters(best) else [_DEFAULT_FONT]


def _drawable(text: str, fonts: Iterable[str]) -> str:
    """Return a text with the code points of the characters that no font has in place of these."""
    known: frozenset[int] = frozenset({ord("\n")}).union(*map(_characters, fonts))
    lacking = "".join({character for character in text if ord(character) not in known})
    return re.sub(f"[{re.escape(lacking)}]", lambda found: f"U+{ord(found[0]):04X}", text) if lacking else text


@cache
def _characters(name: str) -> frozenset[int]:
    """Return the characters that a font can draw, by their Unicode code points: not those of its italics, for example.

    matplotlib draws with the first face whose score is the least; where it lists them differs between machines.
    """
    manager = require("matplotlib.font_manager", extra="report", purpose="drawing pictures")
    fonts = manager.fontManager
    upright = min(
        (face for face in fonts.ttflist if face.name == name),
        key=lambda face: (
            fonts.score_style("normal", face.style)
            + fonts.score_weight("normal", face.weight)
            + fonts.score_stretch("normal", face.stretch)
        ),
    )
    return frozenset(manager.get_font(upright.fname).get_charmap())
