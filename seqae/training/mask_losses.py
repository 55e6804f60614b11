"""How far logits are from masks, as one number to train on.

All take logits `(image, class, height, width)` and masks `(image, height, width)` of class numbers; pixels of -1
(unknown) count nothing. One logit a pixel is that of class 1 against class 0.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def mask_cross_entropy(logits: Tensor, masks: Tensor) -> Tensor:
    """Mean cross-entropy over all known pixels, in nats."""
    return _surprises(logits, masks).sum() / _known(masks)


def focal_loss(logits: Tensor, masks: Tensor, focus: float = 2.0) -> Tensor:
    """Mean cross-entropy, each pixel weighted by (1 - p) ** focus, p the probability of its true class.

    Pixels that are told already hardly count. Lin et al. 2017, https://arxiv.org/abs/1708.02002.
    """
    surprises = _surprises(logits, masks)
    return ((1 - torch.exp(-surprises)).clamp(min=0) ** focus * surprises).sum() / _known(masks)


def dice_loss(logits: Tensor, masks: Tensor, smooth: float = 1.0) -> Tensor:
    """One minus the Dice coefficient, 2 |A and B| / (|A| + |B|), of all classes but the background, in the mean.

    Pixels are counted by their probabilities, over the whole batch: most images have no pixel of most classes.
    Milletari et al. 2016, https://arxiv.org/abs/1606.04797, without the squares.

    Args:
        logits: See above.
        masks: See above.
        smooth: Pixels added above and below, so that nothing predicted where nothing is makes no loss.
    """
    logits = _per_class(logits)
    known = (masks >= 0).unsqueeze(1)
    truth = F.one_hot(masks.clamp(min=0), logits.shape[1]).movedim(-1, 1) * known
    found = logits.softmax(dim=1) * known
    both, total = (found * truth).sum(dim=(0, 2, 3)), (found + truth).sum(dim=(0, 2, 3))
    return (1 - (2 * both + smooth) / (total + smooth))[1:].mean()


def _surprises(logits: Tensor, masks: Tensor) -> Tensor:
    """Return the cross-entropy of each pixel, zero where unknown."""
    return F.cross_entropy(_per_class(logits), masks, ignore_index=-1, reduction="none")


def _known(masks: Tensor) -> Tensor:
    return (masks >= 0).sum().clamp(min=1)


def _per_class(logits: Tensor) -> Tensor:
    """Return a logit for each class: sigmoid(z) is the second part of softmax(0, z)."""
    return torch.cat([torch.zeros_like(logits), logits], dim=1) if logits.shape[1] == 1 else logits
