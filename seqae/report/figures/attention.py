"""Attention of a sequence-to-sequence model as maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seqae.report import colours
from seqae.report.figures.fonts import with_readable_text
from seqae.report.figures.style import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
    plots = figure.subplots(1, len(attention_maps), squeeze=False, width_ratios=widths)[0]
    for plot, (source, target, weights) in zip(plots, attention_maps):
        plot.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="equal")
        style: dict[str, Any] = {"fontsize": 9, "color": colours.INK}
        plot.set_xticks(range(len(source)), source, rotation=90, **style)
        plot.set_yticks(range(len(target)), target, **style)
        plot.xaxis.tick_top()
        plot.tick_params(length=0)
        plot.spines[:].set_color(colours.FAINT)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10, color=colours.INK)
    return with_readable_text(figure)
