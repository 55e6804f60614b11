"""Trees over sentences with the error of each merge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seqae.modules.trees import Tree
from seqae.report import colours
from seqae.report.figures.fonts import with_readable_text
from seqae.report.figures.style import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class DrawnTree:
    """A tree with errors and scores of its nodes.

    Attributes:
        words: The words at the leaves, from left to right.
        tree: The merges of the tree.
        errors: `(merge,)`, the error of each merge, written beside it.
        scores: `(node,)` from 0 to 1, leaves first, the colours of the nodes; None draws them grey.
        labels: One label for each node; None writes the scores.
        title: The title of the picture.
    """

    words: Sequence[str]
    tree: Tree
    errors: np.ndarray
    scores: np.ndarray | None = None
    labels: Sequence[str] | None = None
    title: str = ""


def trees_figure(trees: Sequence[DrawnTree], low: str = "0", high: str = "1") -> Figure:
    """Draw trees below each other: words at the bottom, the root on top, beside each merge its error.

    Args:
        trees: The trees.
        low: The meaning of a score of 0.
        high: The meaning of a score of 1.

    Raises:
        ValueError: There are no trees.
    """
    if not trees:
        raise ValueError("no trees (an empty list). Give at least one")
    levels = [int(drawn.tree.heights.max(initial=1)) for drawn in trees]
    widest = max(drawn.tree.leaves for drawn in trees)
    figure = new_figure(min(max(6, 0.85 * widest), 60), sum(0.5 * level + 1.3 for level in levels))
    plots = figure.subplots(len(trees), squeeze=False, height_ratios=[0.5 * level + 1.3 for level in levels])
    for drawn, plot in zip(trees, plots[:, 0]):
        _draw(plot, drawn)
    if any(drawn.scores is not None for drawn in trees):
        from matplotlib.cm import ScalarMappable

        bar = figure.colorbar(ScalarMappable(cmap=_colours()), ax=plots[:, 0].tolist(), shrink=0.5, aspect=30)
        bar.set_ticks([0, 1], labels=[low, high])
    return with_readable_text(figure)


def node_positions(tree: Tree) -> np.ndarray:
    """Return where each node is drawn, `(node, 2)`: a merge in the middle above its children, as high as it is."""
    positions = [(float(leaf), 0.0) for leaf in range(tree.leaves)]
    for (left, right), height in zip(tree.merges.tolist(), tree.heights.tolist()):
        positions.append(((positions[left][0] + positions[right][0]) / 2, float(height)))
    return np.array(positions)


def _draw(plot: Axes, drawn: DrawnTree) -> None:
    at, merges = node_positions(drawn.tree), drawn.tree.merges
    for number, children in enumerate(merges, start=drawn.tree.leaves):
        for child in children:
            plot.plot(*zip(at[number], at[child]), color=colours.FAINT, linewidth=1, zorder=1)
    grey = drawn.scores is None
    fill = colours.FAINT if grey else _colours()(np.asarray(drawn.scores, dtype=float))
    plot.scatter(at[:, 0], at[:, 1], c=fill, s=70, edgecolors=colours.INK, linewidths=0.6, zorder=2)
    beside: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "fontsize": 7}
    beside["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 0.4}  # lines do not cross numbers
    for position, text in zip(at, _labels(drawn)):
        plot.annotate(text, position, (0, 6), color=colours.INK, **beside)
    for position, error in zip(at[drawn.tree.leaves :], drawn.errors):
        plot.annotate(f"{error:.2g}", position, (0, -6), color=colours.ALARM, va="top", **beside)
    plot.set_xticks(range(len(drawn.words)), drawn.words, rotation=35, ha="right", fontsize=9, color=colours.INK)
    plot.set_ylim(-0.4, at[:, 1].max() + 0.6)
    plot.set_yticks([])
    plot.tick_params(length=0)
    plot.spines[:].set_visible(False)
    plot.set_title(drawn.title, loc="left", fontsize=10, color=colours.INK)


def _labels(drawn: DrawnTree) -> Sequence[str]:
    if drawn.labels is not None:
        return drawn.labels
    return [""] * len(drawn.tree) if drawn.scores is None else [f"{score:.2f}" for score in drawn.scores]


def _colours() -> Colormap:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("low to high", [colours.ALARM, "#FFFFFF", colours.SIGNAL])
