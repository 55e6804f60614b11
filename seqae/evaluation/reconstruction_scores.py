"""How good predictions are, whatever their loss: the share of variance that they explain, or of tokens that are right.

Both add up over batches and over processes.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from seqae.losses import binary_cross_entropy, gaussian_nll

Loss = Callable[[Tensor, Tensor], Tensor]
Total = Callable[[Tensor], Tensor]  # sums a tensor over all processes


class R2Score:
    """1 - squared error / squared deviation from the mean of each channel; missing values do not count.

    0 is what the means score, 1 is without error. Of values that are all alike it is 1 without an error and 0 with one.

    Args:
        values: Predicted values, `(steps, *step)`.
        steps: True values, `(steps, channel, ...)` or `(steps,)`, NaN where one is missing.
    """

    name = "r2"

    def __init__(self, values: Tensor, steps: Tensor):
        channels = steps.unsqueeze(1) if steps.ndim == 1 else steps
        channels = _at_least_float32(channels.transpose(0, 1).flatten(1))
        known = ~channels.isnan()
        count = known.sum(dim=1)
        mean = channels.nansum(dim=1) / count.clamp(min=1)
        deviation = (channels - mean.unsqueeze(1)).square().nansum(dim=1)
        error = (_at_least_float32(values) - _at_least_float32(steps)).square().nansum()
        # About the batch's own mean, so that float32 is enough on the device; float64 from here on.
        self.count, self.mean, self.deviation, self.error = (
            sums.cpu().double() for sums in (count, mean, deviation, error)
        )

    def add(self, other: R2Score) -> None:
        """Add the score of another batch."""
        count = self.count + other.count
        share = other.count / count.clamp(min=1)
        distance = other.mean - self.mean
        self.deviation = self.deviation + other.deviation + distance.square() * self.count * share
        self.mean = self.mean + distance * share
        self.count = count
        self.error = self.error + other.error

    def compute(self, total: Total) -> float:
        """Return the score of all batches of all processes."""
        count, sums = total(torch.stack([self.count, self.count * self.mean]))
        distance = self.mean - sums / count.clamp(min=1)
        deviation = float(total(self.deviation + self.count * distance.square()).sum())
        error = float(total(self.error))
        if deviation == 0:
            return 1.0 if error == 0 else 0.0
        return 1 - error / deviation


class AccuracyScore:
    """The fraction of tokens whose likeliest prediction is right.

    Args:
        logits: `(steps, classes, ...)`.
        tokens: True classes, `(steps, ...)`.
    """

    name = "accuracy"

    def __init__(self, logits: Tensor, tokens: Tensor):
        self.counts = torch.tensor([float((logits.argmax(dim=1) == tokens).sum()), tokens.numel()], dtype=torch.float64)

    def add(self, other: AccuracyScore) -> None:
        """Add the score of another batch."""
        self.counts = self.counts + other.counts

    def compute(self, total: Total) -> float:
        """Return the score of all batches of all processes."""
        right, count = total(self.counts).tolist()
        return right / max(count, 1.0)


def score_of(loss: Loss, predictions: Tensor, steps: Tensor) -> R2Score | AccuracyScore | None:
    """Return the score of predictions `(steps, *prediction)`, or None if this loss has predictions of another kind.

    Args:
        loss: The loss between the two, see `seqae.losses`.
        predictions: `(steps, *prediction)`.
        steps: True steps, `(steps, *step)`.
    """
    if not steps.is_floating_point():
        has_classes = predictions.ndim > 1 and predictions.shape[:1] + predictions.shape[2:] == steps.shape
        return AccuracyScore(predictions, steps) if has_classes else None
    values = predicted_values(loss, predictions, steps)
    return None if values is None else R2Score(values, steps)


def predicted_values(loss: Loss, predictions: Tensor, steps: Tensor) -> Tensor | None:
    """Return the values that predictions `(steps, *prediction)` stand for, `(steps, *step)`, or None if unknown.

    Those of a loss that is zero between equal values are the values themselves.
    """
    if loss is binary_cross_entropy:
        return predictions.sigmoid()
    if loss is gaussian_nll:
        return predictions.chunk(2, dim=1)[0]
    if predictions.shape != steps.shape or not len(steps):
        return None
    few = steps[:16]
    is_value = bool((loss(few, few).nan_to_num(nan=0.0) == 0).all())
    return predictions if is_value else None


def _at_least_float32(values: Tensor) -> Tensor:
    return values.to(torch.promote_types(values.dtype, torch.float32))
