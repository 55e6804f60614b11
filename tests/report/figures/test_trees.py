"""Trees are drawn with their words, errors and scores."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from seqae.modules.trees import Tree, balanced
from seqae.report.figures.trees import DrawnTree, node_positions, trees_figure

TREE = Tree.of(np.array([[1, 2], [0, 3]]))


def test_a_merge_stands_in_the_middle_above_its_children():
    assert node_positions(TREE).tolist() == [[0, 0], [1, 0], [2, 0], [1.5, 1], [0.75, 2]]


def texts(plot) -> list[str]:
    return [text.get_text() for text in plot.texts]


def test_words_errors_and_scores_are_written():
    scores = np.array([0.1, 0.2, 0.3, 0.4, 1.0])
    drawn = DrawnTree(["not", "very", "bad"], TREE, np.array([0.5, 12.0]), scores, title="a tree")
    figure = trees_figure([drawn], low="negative", high="positive")
    plot, bar = figure.axes
    assert [label.get_text() for label in plot.get_xticklabels()] == ["not", "very", "bad"]
    assert texts(plot) == ["0.10", "0.20", "0.30", "0.40", "1.00", "0.5", "12"]
    assert len(plot.lines) == 4
    assert plot.get_title(loc="left") == "a tree"
    assert [label.get_text() for label in bar.get_yticklabels()] == ["negative", "positive"]


def test_given_labels_take_the_place_of_scores_and_nothing_is_coloured_without_scores():
    drawn = DrawnTree(["a", "b"], balanced(2), np.array([1.0]), labels=["2", "3", "4"])
    (plot,) = trees_figure([drawn]).axes
    assert texts(plot) == ["2", "3", "4", "1"]


def test_one_word_and_many_trees_can_be_drawn():
    one = DrawnTree(["hi"], balanced(1), np.zeros(0))
    many = DrawnTree([str(leaf) for leaf in range(30)], balanced(30), np.ones(29))
    assert len(trees_figure([one, many]).axes) == 2


def test_no_trees_are_refused():
    with pytest.raises(ValueError, match="no trees"):
        trees_figure([])
