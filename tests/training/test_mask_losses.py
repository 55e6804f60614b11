"""Losses of masks, against numbers worked out by hand."""

import math

import pytest
import torch

from seqae.training.mask_losses import dice_loss, focal_loss, mask_cross_entropy


def logits_of(*probabilities: float) -> torch.Tensor:
    """One image of one row, one logit a pixel."""
    return torch.tensor(probabilities, dtype=torch.float64).logit().reshape(1, 1, 1, -1)


def masks_of(*classes: int) -> torch.Tensor:
    return torch.tensor(classes).reshape(1, 1, -1)


def test_cross_entropy_of_two_pixels():
    found = mask_cross_entropy(logits_of(0.8, 0.4), masks_of(1, 0))
    assert found.item() == pytest.approx(-(math.log(0.8) + math.log(0.6)) / 2)


def test_focal_weighs_by_what_is_missing():
    found = focal_loss(logits_of(0.8, 0.4), masks_of(1, 0))
    assert found.item() == pytest.approx(-(0.2**2 * math.log(0.8) + 0.4**2 * math.log(0.6)) / 2)
    assert focal_loss(logits_of(0.8, 0.4), masks_of(1, 0), gamma=0.0) == mask_cross_entropy(
        logits_of(0.8, 0.4), masks_of(1, 0)
    )


def test_dice_of_three_pixels():
    # both = 0.8 + 0.5, found = 0.8 + 0.4 + 0.5, true = 2
    found = dice_loss(logits_of(0.8, 0.4, 0.5), masks_of(1, 0, 1), smooth=0.0)
    assert found.item() == pytest.approx(1 - 2 * 1.3 / 3.7)


def test_dice_is_zero_where_nothing_is_and_nothing_is_found():
    assert dice_loss(torch.full((1, 1, 2, 2), -50.0), torch.zeros(1, 2, 2, dtype=torch.long)).item() == pytest.approx(0)


def test_dice_of_three_classes_is_the_mean_of_those_that_are_no_background():
    chances = torch.tensor([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]], dtype=torch.float64)  # of two pixels
    logits = chances.log().T.reshape(1, 3, 1, 2)
    found = dice_loss(logits, masks_of(1, 2), smooth=0.0)
    assert found.item() == pytest.approx(1 - (2 * 0.5 / (0.6 + 1) + 2 * 0.8 / (1.1 + 1)) / 2)


@pytest.mark.parametrize("loss", [mask_cross_entropy, focal_loss, dice_loss])
def test_pixels_of_unknown_class_count_nothing(loss):
    known, more = loss(logits_of(0.8, 0.4), masks_of(1, 0)), logits_of(0.8, 0.4, 0.9, 0.001)
    more.requires_grad_()
    found = loss(more, masks_of(1, 0, -1, -1))
    found.backward()
    assert found.item() == pytest.approx(known.item())
    assert not more.grad[..., 2:].any()


@pytest.mark.parametrize("loss", [mask_cross_entropy, focal_loss, dice_loss])
def test_all_unknown_and_sure_logits_give_finite_gradients(loss):
    for logits, mask in (
        (torch.zeros(1, 1, 1, 2), masks_of(-1, -1)),
        (torch.full((1, 1, 1, 2), 200.0), masks_of(1, 0)),
    ):
        logits.requires_grad_()
        loss(logits, mask).backward()
        assert logits.grad.isfinite().all()


@pytest.mark.parametrize("loss", [mask_cross_entropy, focal_loss, dice_loss])
def test_one_logit_is_two_with_a_zero(loss):
    logits, masks = torch.randn(2, 1, 3, 4), torch.randint(-1, 2, (2, 3, 4))
    both = torch.cat([torch.zeros_like(logits), logits], dim=1)
    torch.testing.assert_close(loss(logits, masks), loss(both, masks))
