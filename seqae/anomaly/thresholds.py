"""Thresholds for scores that keep a given false alarm rate.

A threshold is fitted to scores of held-out normal rows: those of training rows are too low. A row raises an alarm if
its score is above the threshold.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from math import ceil, isqrt, log, sqrt
from statistics import NormalDist

import numpy as np

from seqae.anomaly.events import runs

MIN_EXCESSES = 10  # with fewer rows in the tail its shape cannot be estimated
_RUN_GAP = 10  # rows; excesses that are closer are counted as one occurrence


@dataclass(frozen=True)
class FittedThreshold:
    """A threshold that was fitted to scores of normal rows.

    Attributes:
        value: Scores above it raise an alarm.
        false_alarm_rate: The target: the fraction of normal rows that may raise an alarm.
        rows: Number of scores the threshold was fitted to.
        method: "quantile" or "peaks over threshold".
        warning: Why it may be unreliable; "" if nothing is known against it.
    """

    value: float
    false_alarm_rate: float
    rows: int
    method: str
    warning: str = ""


class Threshold(ABC):
    """A method that finds a threshold."""

    @abstractmethod
    def fit(self, scores: np.ndarray, false_alarm_rate: float) -> FittedThreshold:
        """Return the threshold that a fraction `false_alarm_rate` of normal rows exceeds.

        Args:
            scores: `(row,)` float, scores of held-out normal rows in time order; NaN is ignored.
            false_alarm_rate: Fraction of normal rows that may raise an alarm, between 0 and 1, for example 0.01.

        Raises:
            ValueError: The rate is not between 0 and 1, a score is infinite, or no row has a score.
        """


@dataclass(frozen=True)
class Quantile(Threshold):
    """An empirical quantile of the scores; assumes nothing about their distribution.

    The quantile is that of split conformal prediction (Vovk et al., "Algorithmic learning in a random world", 2005):
    for exchangeable rows the expected false alarm rate is at most the target. The threshold is never above the largest
    score.
    """

    def fit(self, scores: np.ndarray, false_alarm_rate: float) -> FittedThreshold:
        """Return the quantile of scores `(row,)` at a false alarm rate; see `Threshold.fit`."""
        scores = _checked_scores(scores, false_alarm_rate)
        rank = ceil((len(scores) + 1) * (1 - false_alarm_rate))
        value = float(np.sort(scores)[min(rank, len(scores)) - 1])
        warning = ""
        if rank > len(scores):
            warning = (
                f"{len(scores)} rows cannot show a false alarm rate of {false_alarm_rate:.3g}: the threshold is their "
                f"largest score, which about 1 of {len(scores) + 1} normal rows exceeds. Hold out "
                f"{ceil(1 / false_alarm_rate) - 1} or use PeaksOverThreshold"
            )
        return FittedThreshold(value, false_alarm_rate, len(scores), "quantile", warning)


@dataclass(frozen=True)
class PeaksOverThreshold(Threshold):
    """An extreme value threshold: the tail of the scores is extrapolated, for rates that few rows cannot show.

    The excesses over a high quantile are taken to follow a generalised Pareto distribution (Siffer et al., "Anomaly
    detection in streams with extreme value theory", KDD 2017, https://doi.org/10.1145/3097983.3098144). Rates inside
    the data, and tails of fewer than 10 rows, get a plain `Quantile`.

    All excesses are fitted, not only the highest of each run: at such quantiles the maxima of runs follow another
    distribution (Eastoe and Tawn, Biometrika 99, 2012), and fitting them halved the empirical false alarm rate in
    simulations. Autocorrelation still makes the threshold less certain: its `warning` says when the tail holds few
    separate runs.

    Args:
        tail_quantile: The quantile of the scores where the tail starts, between 0 and 1.

    Raises:
        ValueError: `tail_quantile` is not between 0 and 1.
    """

    tail_quantile: float = 0.95

    def __post_init__(self) -> None:
        if not 0 < self.tail_quantile < 1:
            raise ValueError(f"tail_quantile is {self.tail_quantile}. Give a number between 0 and 1, for example 0.95")

    def fit(self, scores: np.ndarray, false_alarm_rate: float) -> FittedThreshold:
        """Return the extrapolated threshold for scores `(row,)` at a false alarm rate; see `Threshold.fit`."""
        scores = _checked_scores(scores, false_alarm_rate)
        start = np.quantile(scores, self.tail_quantile)
        in_tail = scores > start
        if false_alarm_rate >= in_tail.mean() > 0:
            return Quantile().fit(scores, false_alarm_rate)
        excesses = scores[in_tail] - start
        if len(excesses) < MIN_EXCESSES:
            warning = (
                f"only {len(excesses)} of {len(scores)} scores lie in the tail, too few to extrapolate it; the "
                "threshold is a plain quantile. "
                f"Hold out at least {ceil(MIN_EXCESSES / (1 - self.tail_quantile))} rows"
            )
            return replace(Quantile().fit(scores, false_alarm_rate), warning=warning)
        shape, scale = fit_pareto(excesses)
        log_ratio = log(in_tail.mean() / false_alarm_rate)
        excess = scale * (np.expm1(shape * log_ratio) / shape if shape else log_ratio)
        return FittedThreshold(
            float(start + excess), false_alarm_rate, len(scores), "peaks over threshold", _tail_warning(in_tail)
        )


def _checked_scores(scores: np.ndarray, false_alarm_rate: float) -> np.ndarray:
    """Return the scores that are known, `(known row,)` float64."""
    if not 0 < false_alarm_rate < 1:
        raise ValueError(
            f"false_alarm_rate is {false_alarm_rate}. Give the fraction of normal rows that may raise an alarm, for "
            "example 0.01"
        )
    infinite = np.flatnonzero(np.isinf(scores))
    if len(infinite):
        raise ValueError(
            f"the score of row {infinite[0]} is infinite. A threshold needs finite scores: look for values that are "
            "out of range there, or for a model that diverged"
        )
    return _known_scores(scores)


def _known_scores(scores: np.ndarray) -> np.ndarray:
    present = scores[~np.isnan(scores)]
    if len(present) == 0:
        raise ValueError(f"none of {len(scores)} rows has a score. Give rows with values, more than one window of them")
    return present.astype(float)


def _tail_warning(in_tail: np.ndarray) -> str:
    """Return a warning if the rows in the tail, `(row,)` bool, are too few independent occurrences, else ""."""
    occurrences = len(runs(in_tail, merge_gap=_RUN_GAP))
    if occurrences >= MIN_EXCESSES:
        return ""
    return (
        f"the {in_tail.sum()} highest scores come in only {occurrences} runs, so the threshold rests on few "
        "independent observations and the true false alarm rate may differ several times. Hold out more normal rows"
    )


def fit_pareto(excesses: np.ndarray) -> tuple[float, float]:
    """Return shape and scale of the generalised Pareto distribution of positive excesses, `(excess,)`.

    The likelihood is a function of one parameter, the ratio of shape and scale, which determines the best shape. The
    mean of that ratio, weighted by its likelihood, needs no search, so nothing can fail to converge. Zhang and
    Stephens, "A new and efficient estimation method for the generalized Pareto distribution", Technometrics 51 (2009),
    https://doi.org/10.1198/tech.2009.08017.
    """
    excesses = np.sort(excesses)
    count = len(excesses)
    candidates = 30 + isqrt(count)
    quarter = excesses[int(count / 4 + 0.5) - 1]
    spread = 1 - np.sqrt(candidates / (np.arange(candidates) + 0.5))
    ratios = 1 / excesses[-1] + spread / (3 * quarter)
    ratios = ratios[ratios != 0]  # there the shape is 0 and the formula is 0 / 0
    shapes = np.log1p(-np.outer(ratios, excesses)).mean(axis=1)
    likelihoods = count * (np.log(-ratios / shapes) - shapes - 1)
    weights = np.exp(likelihoods - likelihoods.max())
    ratio = np.average(ratios, weights=weights)
    shape = np.log1p(-ratio * excesses).mean()
    return float(shape), float(-shape / ratio)


def empirical_false_alarm_rate(scores: np.ndarray, threshold: float) -> float:
    """Return the fraction of the rows with a score that raise an alarm.

    Args:
        scores: `(row,)` float, scores of normal rows; NaN is ignored.
        threshold: Scores above it raise an alarm.

    Raises:
        ValueError: No row has a score.
    """
    return float((_known_scores(scores) > threshold).mean())


def block_confidence_interval(alarms: np.ndarray, block_rows: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the lower and upper end of a confidence interval for the alarm rate of autocorrelated rows.

    Rows within a block may depend on each other; blocks are taken as independent. The variance of the blocks' rates
    gives the effective number of independent rows (at least the number of blocks, at most that of rows; Kish's design
    effect), with which Wilson's interval for a proportion is computed.

    Args:
        alarms: `(row,)` bool, True where a row raises an alarm, in time order.
        block_rows: Rows in a block, longer than the autocorrelation of the scores; a few windows for windowed scores.
        confidence: Probability that the interval holds the true rate, between 0 and 1.

    Raises:
        ValueError: There are no rows, or `block_rows` is less than 1.
    """
    if len(alarms) == 0 or block_rows < 1:
        raise ValueError(
            f"{len(alarms)} rows in blocks of {block_rows}. Give at least one row, and blocks of at least one"
        )
    rate = float(np.mean(alarms))
    count = _effective_rows(alarms, block_rows)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    center = (rate + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z * sqrt(rate * (1 - rate) / count + (z / (2 * count)) ** 2) / (1 + z**2 / count)
    return max(center - half, 0.0), min(center + half, 1.0)


def _effective_rows(alarms: np.ndarray, block_rows: int) -> float:
    """Return how many independent rows would determine the rate of alarms `(row,)` as precisely."""
    starts = np.arange(max(len(alarms) // block_rows, 1)) * block_rows  # the last block takes the rest
    rates = np.add.reduceat(alarms.astype(float), starts) / np.diff(starts, append=len(alarms))
    row_variance = alarms.mean() * (1 - alarms.mean())
    if len(rates) == 1 or row_variance == 0:  # no variance between blocks: the most cautious count
        return len(rates)
    mean_variance = rates.var(ddof=1) / len(rates)
    return float(np.clip(row_variance / max(mean_variance, 1e-300), len(rates), len(alarms)))
