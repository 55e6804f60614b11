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
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqae.anomaly.evidence import DEGREES, WindowEvidence
from seqae.anomaly.window_training import sample_windows

FACTORS = (0.25, 1.0, 4.0)  # of the least effect, to choose from
COMPARED_WINDOWS = 2048  # of the second half
COMPARED_READINGS = 20_000  # of a channel
BLOCKS = 8  # of consecutive windows, whose differences tell how sure a comparison is
MINIMUM_NOISE = 0.003  # as a fraction of a channel's variance, so that the covariance can be inverted


def noise_of(effect: np.ndarray) -> Tensor:
    """Return the variance of each channel below which nothing is abnormal, by its least effect, both `(channel,)`."""
    return torch.from_numpy(effect).square().clamp(min=MINIMUM_NOISE)


def likely_relations(
    effect: np.ndarray,
    steps: np.ndarray,
    unlikeliness: Callable[[np.ndarray, bool], np.ndarray],
    may_curve: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the least effect of each channel that makes its rows most likely, and whether it is curved.

    Both are `(channel,)`, the effect in units of scaled rows. A channel whose readings are further apart than its least
    effect keeps it, and is not curved: what takes few values has no density. And no least effect becomes smaller than
    that. A channel is curved if that makes its rows more likely by more than the standard error of the difference
    between blocks, as of two models that are equally good the simpler one is taken (Breiman et al. 1984,
    "Classification and Regression Trees", on the rule of one standard error).

    Args:
        effect: The least effects to start from, `(channel,)`.
        steps: How far the readings of a channel are apart, `(channel,)`.
        unlikeliness: From least effects, and whether all channels are curved, to minus the mean log density in blocks
            of windows, `(block, channel)`; 0 if there are none.
        may_curve: Whether any channel may be curved.
    """
    forms = (False, True) if may_curve else (False,)
    best = [_likeliest(effect, unlikeliness, is_curved) for is_curved in forms]
    has_choice = best[0].has_choice & (steps <= effect)
    gain = best[0].losses - best[-1].losses  # of each block
    is_curved = has_choice & (gain.mean(axis=0) > gain.std(axis=0, ddof=1) / np.sqrt(len(gain)))
    likeliest = np.where(is_curved, best[-1].effect, best[0].effect)
    return np.where(has_choice, np.maximum(likeliest, steps), effect), is_curved


class _Likeliest(NamedTuple):
    effect: np.ndarray  # (channel,)
    losses: np.ndarray  # with it, (block, channel)
    has_choice: np.ndarray  # whether another effect has other losses, (channel,)


def _likeliest(
    effect: np.ndarray, unlikeliness: Callable[[np.ndarray, bool], np.ndarray], is_curved: bool
) -> _Likeliest:
    """Return the most likely one of the least effects of each channel."""
    losses = np.stack([unlikeliness(factor * effect, is_curved) for factor in FACTORS])
    means = losses.mean(axis=1)
    chosen = means.argmin(axis=0)
    own = np.take_along_axis(losses, chosen[None, None], axis=0)[0]
    return _Likeliest(effect * np.asarray(FACTORS)[chosen], own, np.ptp(means, axis=0) > 0)


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
        """Return minus the mean log density in blocks of the second half, `(block, channel)`, of all resolutions."""
        loss = np.zeros((BLOCKS, len(effect)))
        longest = min(max(map(len, half), default=0) for half in (self.earlier, self.later))
        for rows_per_step in self.resolutions:
            if self.window * rows_per_step <= longest:
                windows = sample_windows(self.later, self.window, rows_per_step, COMPARED_WINDOWS)
                loss += unlikeliness(self.fit(self.earlier, effect, is_curved, rows_per_step), windows)
        return loss


def unlikeliness(own: WindowEvidence, windows: Tensor) -> np.ndarray:
    """Return minus the mean log density of blocks of windows, `(block, channel)`, the sum over values and residuals.

    It is Student's density with as many degrees of freedom as suit them best, so that a few wild windows do not decide;
    without a constant.

    Args:
        own: Fitted to other windows.
        windows: `(window, time, channel)` float64, in the order of time.
    """
    distances, size = own.distances_of(windows), own.window
    losses = torch.stack(
        [
            (degrees + size) / 2 * torch.log1p(distances / degrees)
            + size / 2 * math.log(degrees)
            + math.lgamma(degrees / 2)
            - math.lgamma((degrees + size) / 2)
            for degrees in DEGREES
        ]
    )  # (degrees, kind, window, channel)
    likeliest = losses.mean(dim=2, keepdim=True).argmin(dim=0, keepdim=True)
    chosen = losses.take_along_dim(likeliest, dim=0)[0].sum(dim=0).numpy()  # (window, channel)
    log_volumes = [np.log(np.diagonal(each.factor, axis1=1, axis2=2)) for each in (own.values, own.residuals)]
    edges = np.linspace(0, len(windows), BLOCKS + 1).astype(int)
    means = [chosen[start : max(stop, start + 1)].mean(axis=0) for start, stop in pairwise(edges)]
    return np.stack(means) - np.sum(log_volumes, axis=(0, 2))
