"""Maps of attention hold the weights and name the words."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from seqae.report.figures.attention import attention_figure


def test_each_map_holds_its_weights_and_words():
    weights = np.random.default_rng(0).dirichlet(np.ones(3), size=2)
    figure = attention_figure([(["ein", "Haus", "<end>"], ["a", "house"], weights)] * 2, "Looks")
    assert len(figure.axes) == 2
    plot = figure.axes[1]
    np.testing.assert_array_equal(plot.images[0].get_array(), weights)
    assert [label.get_text() for label in plot.get_xticklabels()] == ["ein", "Haus", "<end>"]
    assert [label.get_text() for label in plot.get_yticklabels()] == ["a", "house"]
    figure.canvas.draw()


def test_weights_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"shape \(1, 2\) for 2 target and 2 source tokens"):
        attention_figure([(["a", "b"], ["c", "d"], np.ones((1, 2)))])
