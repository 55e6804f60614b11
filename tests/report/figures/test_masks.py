"""Images stand above their masks."""

import numpy as np
import pytest
import torch

pytest.importorskip("matplotlib")

from seqae.datasets.masks import MaskedImage
from seqae.report.figures.masks import masks_figure


def example(mask: torch.Tensor) -> MaskedImage:
    return MaskedImage("a", torch.full((1, *mask.shape), 51, dtype=torch.uint8), mask)


def test_masks_stand_below_their_images_and_images_without_defects_are_left_out():
    truth = torch.tensor([[0, 1], [2, -1]])
    examples = [example(torch.zeros(2, 2).long()), example(truth), example(truth.T), example(torch.ones(3, 3).long())]
    predictions = [torch.zeros_like(each.mask) for each in examples]
    figure = masks_figure(examples, predictions, num_classes=3)
    drawn = np.asarray(figure.axes[0].images[0].get_array())
    assert drawn.shape == (9, 6)  # three rows and two columns of 2 x 2 pixels and a gap of one
    np.testing.assert_allclose(drawn[:2, :2], 0.2)
    np.testing.assert_allclose(drawn[3:5, :2], [[0, 0.5], [1, 0]])
    np.testing.assert_allclose(drawn[3:5, 3:5], [[0, 1], [0.5, 0]])
    assert not drawn[6:8, :2].any()


def test_where_nothing_has_defects_the_images_are_drawn():
    nothing = torch.zeros(2, 2).long()
    assert len(masks_figure([example(nothing)], [nothing]).axes) == 1
