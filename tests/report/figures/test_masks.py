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
    figure = masks_figure(examples, predictions, ["nothing", "scratch", "pit"])
    drawn = np.asarray(figure.axes[0].images[0].get_array())
    assert drawn.shape == (9, 6, 3)  # three rows and two columns of 2 x 2 pixels and a gap of one
    np.testing.assert_allclose(drawn[:2, :2], 0.2)
    nothing, scratch, pit = drawn[3, 0], drawn[3, 1], drawn[4, 0]
    np.testing.assert_allclose(drawn[3:5, 3:5], [[nothing, pit], [scratch, nothing]])
    assert not drawn[6:8, :2].any()
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["nothing", "scratch", "pit"]
    for patch, colour in zip(legend.get_patches(), (nothing, scratch, pit)):
        np.testing.assert_allclose(patch.get_facecolor()[:3], colour)


@pytest.mark.parametrize("count", range(2, 9))
def test_classes_differ_also_where_colours_are_printed_in_grey(count):
    truth = torch.arange(count).view(1, -1)
    figure = masks_figure([example(truth)], [truth], [str(number) for number in range(count)])
    target = np.asarray(figure.axes[0].images[0].get_array())[2, :count]
    grey = target @ [0.299, 0.587, 0.114]
    assert np.diff(grey).min() > 0.05


def test_where_nothing_has_defects_the_images_are_drawn():
    nothing = torch.zeros(2, 2).long()
    assert len(masks_figure([example(nothing)], [nothing]).axes) == 1
