"""Losses without reduction: the error of each value of a step.

A loss takes predictions `(steps, *prediction)` and true steps `(steps, *step)` and returns the error of each value,
`(steps, *step)`, NaN where the true value is missing (NaN). Its mean trains a model; its values find anomalies.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


def squared_error(predictions: Tensor, steps: Tensor) -> Tensor:
    """Return squared differences, `(steps, *step)`, in squared units of the data."""
    return _where_known(steps, lambda known: (predictions - known).square())


def absolute_error(predictions: Tensor, steps: Tensor) -> Tensor:
    """Return absolute differences, `(steps, *step)`, in units of the data."""
    return _where_known(steps, lambda known: (predictions - known).abs())


@dataclass(frozen=True)
class HuberLoss:
    """Half of the squared difference up to `delta`, linear beyond: large errors have less influence.

    Huber 1964, https://doi.org/10.1214/aoms/1177703732.

    Attributes:
        delta: The absolute error above which the loss is linear, in units of the data.

    Raises:
        ValueError: `delta` is not above 0.
    """

    delta: float = 1.0

    def __post_init__(self) -> None:
        if not self.delta > 0:
            raise ValueError(f"delta is {self.delta}. Give an error above 0, from which on the loss is linear")

    def __call__(self, predictions: Tensor, steps: Tensor) -> Tensor:
        """Return the loss of each value, `(steps, *step)`."""
        return _where_known(steps, lambda known: F.huber_loss(predictions, known, reduction="none", delta=self.delta))


def gaussian_nll(predictions: Tensor, steps: Tensor) -> Tensor:
    """Return the negative log-likelihood of each value in nats, `(steps, *step)`, under a normal distribution.

    Args:
        predictions: Means and then logarithms of variances, `(steps, 2 * channel, ...)`.
        steps: True values, `(steps, channel, ...)`.
    """
    mean, log_variance = predictions.chunk(2, dim=1)
    return _where_known(
        steps,
        lambda known: 0.5 * ((known - mean).square() * (-log_variance).exp() + log_variance + math.log(2 * math.pi)),
    )


def binary_cross_entropy(logits: Tensor, steps: Tensor) -> Tensor:
    """Return the binary cross-entropy of each value in nats, `(steps, *step)`, for true values from 0 to 1."""
    return _where_known(steps, lambda known: F.binary_cross_entropy_with_logits(logits, known, reduction="none"))


def token_cross_entropy(logits: Tensor, tokens: Tensor) -> Tensor:
    """Return the negative log-likelihood of each token `(steps,)` int64 in nats, given logits `(steps, vocabulary)`."""
    return F.cross_entropy(logits, tokens, reduction="none")


def mean_loss(errors: Tensor) -> Tensor:
    """Return the mean over all errors that are not NaN, a scalar; zero if all are NaN."""
    total = _sum_if_known(errors)
    if total is not None:
        return total / max(errors.numel(), 1)  # in a third of the time
    known = ~errors.isnan()
    return torch.where(known, errors, torch.zeros_like(errors)).sum() / known.sum().clamp(min=1)


def _where_known(steps: Tensor, error: Callable[[Tensor], Tensor]) -> Tensor:
    """Return the errors of steps without NaN, with NaN put back where a true value is missing."""
    if _sum_if_known(steps) is not None:
        return error(steps)
    missing = steps.isnan()
    # The errors are computed without NaN, since NaN times a gradient of zero is NaN.
    return error(steps.masked_fill(missing, 0.0)).masked_fill(missing, torch.nan)


def _sum_if_known(values: Tensor) -> Tensor | None:
    """Return the sum of values none of which is NaN; None if one is, or if to ask would cost more than it saves.

    On a CPU a sum takes a tenth of the time of a look at each value. Another device would have to be waited for, and a
    graph that torch compiles would end here, while it can look at each value on its way.
    """
    if not values.is_cpu or torch.compiler.is_compiling():
        return None
    total = values.sum()
    return None if total.isnan() else total
