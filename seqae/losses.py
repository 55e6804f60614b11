"""How far predicted steps are from true ones.

An error function takes predictions `(steps, *prediction)` and truths `(steps, *step)` and returns
one number for each value of a step, `(steps, *step)`, NaN where the truth is missing (NaN). Its mean
trains a model; its values find anomalies.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


def squared_error(predictions: Tensor, steps: Tensor) -> Tensor:
    """Squared differences, in squared units of the data."""
    return _where_known(steps, lambda known: (predictions - known).square())


def absolute_error(predictions: Tensor, steps: Tensor) -> Tensor:
    """Absolute differences, in units of the data."""
    return _where_known(steps, lambda known: (predictions - known).abs())


@dataclass(frozen=True)
class HuberLoss:
    """Squared differences (halved) up to `delta`, absolute ones beyond: large errors pull less.

    Huber 1964, https://doi.org/10.1214/aoms/1177703732.
    """

    delta: float = 1.0

    def __call__(self, predictions: Tensor, steps: Tensor) -> Tensor:
        return _where_known(steps, lambda known: F.huber_loss(predictions, known, reduction="none", delta=self.delta))


def gaussian_nll(predictions: Tensor, steps: Tensor) -> Tensor:
    """Negative log-likelihood in nats, of a normal distribution for each value.

    The predictions hold means and then logarithms of variances: their first dimension after `steps`
    is twice as long as that of the truths.
    """
    mean, log_variance = predictions.chunk(2, dim=1)
    constant = torch.log(torch.tensor(2 * torch.pi, dtype=steps.dtype, device=steps.device))
    return _where_known(
        steps, lambda known: 0.5 * ((known - mean).square() * (-log_variance).exp() + log_variance + constant)
    )


def binary_cross_entropy(logits: Tensor, steps: Tensor) -> Tensor:
    """Binary cross-entropy in nats, of truths between 0 and 1."""
    return _where_known(steps, lambda known: F.binary_cross_entropy_with_logits(logits, known, reduction="none"))


def token_cross_entropy(logits: Tensor, tokens: Tensor) -> Tensor:
    """Negative log-likelihood of each token in nats, `(steps,)`, given logits `(steps, vocabulary)`."""
    return F.cross_entropy(logits, tokens, reduction="none")


def mean_loss(errors: Tensor) -> Tensor:
    """Return the mean over all errors that are not NaN; zero if all are."""
    known = ~errors.isnan()
    return torch.where(known, errors, torch.zeros_like(errors)).sum() / known.sum().clamp(min=1)


def _where_known(steps: Tensor, error) -> Tensor:
    missing = steps.isnan()
    if not missing.any():
        return error(steps)
    # The NaN must go in before and come back after: NaN times a zero gradient is NaN.
    return error(steps.masked_fill(missing, 0.0)).masked_fill(missing, torch.nan)
