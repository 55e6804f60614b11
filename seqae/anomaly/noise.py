"""How far a channel may be off without being abnormal, and by which curve, by what makes later normal rows most likely.

A small part of a channel's range is never abnormal, but how small depends on the rows: some relations hold as long as
the machine does, others shift from one hour to the next, and few rows have not shown them. Some relations are straight
lines and others are not. So each channel takes the part and the form by which the first half of the normal rows
foretells the second one best.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seqae.anomaly.evidence import DEGREES, WindowEvidence
from seqae.anomaly.window_training import sample_windows

FACTORS = (0.25, 1.0, 4.0)  # of the least effect, to choose from
COMPARED_WINDOWS = 2048  # of the second half
COMPARED_READINGS = 20_000  # of a channel
MINIMUM_NOISE = 0.003  # as a fraction of a channel's variance, so that the covariance can be inverted


def noise_of(effect: np.ndarray) -> Tensor:
    """Return the variance of each channel below which nothing is abnormal, by its least effect, both `(channel,)`."""
    return torch.from_numpy(effect).square().clamp(min=MINIMUM_NOISE)


def likely_relations(
    effect: np.ndarray,
    steps: np.ndarray,
    unlikeliness: Callable[[np.ndarray, bool], np.ndarray],
    forms: Sequence[bool] = (False, True),
) -> tuple[np.ndarray, np.ndarray]:
    """Return the least effect of each channel that makes its rows most likely, and whether it is curved.

    Both are `(channel,)`, the effect in units of scaled rows. A channel whose readings are further apart than its least
    effect keeps it, and is not curved: what takes few values has no density. And no least effect becomes smaller than
    that.

    Args:
        effect: The least effects to start from, `(channel,)`.
        steps: How far the readings of a channel are apart, `(channel,)`.
        unlikeliness: From least effects, and whether all channels are curved, to minus the mean log density of windows,
            `(channel,)`; 0 if there are none.
        forms: The forms to choose from; the first of equally likely ones is taken.
    """
    choices = [(is_curved, factor) for is_curved in forms for factor in FACTORS]
    losses = np.stack([unlikeliness(factor * effect, is_curved) for is_curved, factor in choices])
    is_curved, factors = np.array(choices).T[:, losses.argmin(axis=0)]
    has_choice = (np.ptp(losses, axis=0) > 0) & (steps <= effect)
    return np.where(has_choice, np.maximum(factors * effect, steps), effect), has_choice & (is_curved > 0)


def steps_of_readings(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return how far values of each channel that are next to each other in size are apart, the median, `(channel,)`.

    It is infinite for a channel with one value or none.

    Args:
        parts: Rows, `(row, channel)` each; NaN where a value is missing.
    """
    return np.array([_step(np.concatenate(column)) for column in zip(*(part.T for part in parts))])


def _step(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    distinct = np.unique(known[:: -(-len(known) // COMPARED_READINGS) or 1])
    return float(np.median(np.diff(distinct))) if len(distinct) > 1 else np.inf


@dataclass(frozen=True, eq=False)
class Halves:
    """Normal rows in two halves: what is fitted to the first one is judged by the second one.

    Attributes:
        earlier: The first half, parts `(row, channel)`.
        later: The second half, parts `(row, channel)`.
        window: The number of steps in a window.
        resolutions: Rows in a step.
        fit: From parts, least effects `(channel,)`, whether channels are curved and rows in a step to the evidence that
            is fitted.
    """

    earlier: Sequence[Tensor]
    later: Sequence[Tensor]
    window: int
    resolutions: Sequence[int]
    fit: Callable[[Sequence[Tensor], np.ndarray, bool, int], WindowEvidence]

    def unlikeliness(self, effect: np.ndarray, is_curved: bool) -> np.ndarray:
        """Return minus the mean log density of windows of the second half, the sum over resolutions, `(channel,)`."""
        loss = np.zeros_like(effect)
        longest = min(max(map(len, half), default=0) for half in (self.earlier, self.later))
        for rows_per_step in self.resolutions:
            if self.window * rows_per_step <= longest:
                windows = sample_windows(self.later, self.window, rows_per_step, COMPARED_WINDOWS)
                loss += unlikeliness(self.fit(self.earlier, effect, is_curved, rows_per_step), windows)
        return loss


def unlikeliness(own: WindowEvidence, windows: Tensor) -> np.ndarray:
    """Return minus the mean log density of windows, `(channel,)`, the sum over values and residuals.

    It is Student's density with as many degrees of freedom as suit them best, so that a few wild windows do not decide;
    without a constant.

    Args:
        own: Fitted to other windows.
        windows: `(window, time, channel)` float64.
    """
    distances, size = own.distances_of(windows), own.window
    losses = [
        (degrees + size) / 2 * torch.log1p(distances / degrees).mean(dim=1)
        + size / 2 * math.log(degrees)
        + math.lgamma(degrees / 2)
        - math.lgamma((degrees + size) / 2)
        for degrees in DEGREES
    ]
    log_volumes = [np.log(np.diagonal(each.factor, axis1=1, axis2=2)) for each in (own.values, own.residuals)]
    return (torch.stack(losses).amin(dim=0).numpy() - np.sum(log_volumes, axis=2)).sum(axis=0)
