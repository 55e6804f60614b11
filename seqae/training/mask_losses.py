"""Losses between logits and masks, as one scalar to train on.

All take logits `(images, classes, height, width)` and masks `(images, height, width)` of class indices, int64; pixels
of -1 (unknown) do not count. One logit a pixel is that of class 1 against class 0.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def mask_cross_entropy(logits: Tensor, masks: Tensor) -> Tensor:
    """Return the mean cross-entropy over all known pixels in nats, a scalar `()`.

    Logits are `(images, classes, height, width)`, masks `(images, height, width)`.
    """
    return _cross_entropies(logits, masks).sum() / _known(masks)


def focal_loss(logits: Tensor, masks: Tensor, gamma: float = 2.0) -> Tensor:
    """Return the mean cross-entropy in nats, each pixel weighted by (1 - p) ** gamma, p the probability of its class.

    Pixels that are classified well hardly count. Logits are `(images, classes, height, width)`, masks
    `(images, height, width)`; the loss is a scalar `()`. Lin et al. 2017, https://arxiv.org/abs/1708.02002.
    """
    losses = _cross_entropies(logits, masks)
    return ((1 - torch.exp(-losses)).clamp(min=0) ** gamma * losses).sum() / _known(masks)


def dice_loss(logits: Tensor, masks: Tensor, smooth: float = 1.0) -> Tensor:
    """Return one minus the Dice coefficient, 2 |A and B| / (|A| + |B|), the mean over all classes but the background.

    Pixels are counted by their probabilities, over the whole batch: most images have no pixel of most classes.
    Milletari et al. 2016, https://arxiv.org/abs/1606.04797, without the squares.

    Args:
        logits: Logits `(images, classes, height, width)`.
        masks: `(images, height, width)`, -1 where unknown.
        smooth: Pixels added to numerator and denominator, so that no prediction where there is no object is no loss.
    """
    logits = _per_class(logits)
    known = (masks >= 0).unsqueeze(1)
    target = F.one_hot(masks.clamp(min=0), logits.shape[1]).movedim(-1, 1) * known
    prediction = logits.softmax(dim=1) * known
    both, total = (prediction * target).sum(dim=(0, 2, 3)), (prediction + target).sum(dim=(0, 2, 3))
    return (1 - (2 * both + smooth) / (total + smooth))[1:].mean()


def _cross_entropies(logits: Tensor, masks: Tensor) -> Tensor:
    """Return the cross-entropy of each pixel in nats, `(images, height, width)`, 0 where unknown."""
    return F.cross_entropy(_per_class(logits), masks, ignore_index=-1, reduction="none")


def _known(masks: Tensor) -> Tensor:
    """Return the number of known pixels, at least 1."""
    return (masks >= 0).sum().clamp(min=1)


def _per_class(logits: Tensor) -> Tensor:
    """Return logits with one for each class: sigmoid(z) is the second part of softmax(0, z)."""
    return torch.cat([torch.zeros_like(logits), logits], dim=1) if logits.shape[1] == 1 else logits
