"""Where normal ends: limits for scores that keep a stated rate of false alarms, and a score that knows correlation.

A limit is fitted to scores of held-out normal rows: those of training rows are too low. A row raises an alarm if its
score is above the limit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil, isqrt, log, sqrt
from statistics import NormalDist

import numpy as np

from seqae.anomaly.events import runs

_FEWEST_EXCESSES = 10  # a tail of fewer rows says nothing about its shape
_RUN_GAP = 10  # rows; excesses that are closer are taken as one occurrence


@dataclass(frozen=True)
class Limit:
    """A fitted threshold.

    Attributes:
        value: Scores above it raise an alarm.
        rate: The share of normal rows that may raise one, as asked for.
        rows: How many scores the limit was fitted to.
        method: "quantile" or "peaks over threshold".
        remark: What a person should know about its reliability; "" if nothing.
    """

    value: float
    rate: float
    rows: int
    method: str
    remark: str = ""


class Threshold(ABC):
    """A way to find a limit."""

    @abstractmethod
    def fit(self, scores: np.ndarray, rate: float) -> Limit:
        """The limit that a share `rate` of normal rows exceeds.

        Args:
            scores: `(row,)`, scores of held-out normal rows in time order; NaN is ignored.
            rate: The share of normal rows that may raise an alarm, between 0 and 1, for example 0.01.
        """


@dataclass(frozen=True)
class Quantile(Threshold):
    """The score that enough normal rows stay below; assumes nothing about the scores' distribution.

    The quantile is the one of split conformal prediction (Vovk et al., "Algorithmic learning in a random world", 2005):
    for exchangeable rows the expected rate of false alarms is at most the stated one. It cannot reach beyond the
    largest score it has seen.
    """

    def fit(self, scores: np.ndarray, rate: float) -> Limit:
        scores = _usable(scores, rate)
        rank = ceil((len(scores) + 1) * (1 - rate))
        value = float(np.sort(scores)[min(rank, len(scores)) - 1])
        if rank <= len(scores):
            return Limit(value, rate, len(scores), "quantile")
        remark = (
            f"{len(scores)} rows cannot show a rate of {rate:.3g}: the limit is their largest score, which about 1 of "
            f"{len(scores) + 1} normal rows exceeds. Hold out {ceil(1 / rate) - 1} or use PeaksOverThreshold"
        )
        return Limit(value, rate, len(scores), "quantile", remark)


@dataclass(frozen=True)
class PeaksOverThreshold(Threshold):
    """The tail of the scores continued beyond the largest one, for rates that few rows cannot show.

    The excesses over a high quantile are taken to follow a generalised Pareto distribution (Siffer et al., "Anomaly
    detection in streams with extreme value theory", KDD 2017, https://doi.org/10.1145/3097983.3098144). Rates inside
    the data, and tails of fewer than 10 rows, get a plain `Quantile`.

    All excesses are fitted, not the highest of each run of them: at such quantiles the latter are distributed otherwise
    (Eastoe and Tawn, Biometrika 99, 2012), and fitting them halved the realised rate in simulations. That neighbouring
    rows are alike still makes the limit less certain: the remark says when the tail holds few separate runs.

    Args:
        start: The quantile where the tail starts.
    """

    start: float = 0.95

    def __post_init__(self) -> None:
        if not 0 < self.start < 1:
            raise ValueError(f"start is {self.start}. Give a quantile between 0 and 1, for example 0.95")

    def fit(self, scores: np.ndarray, rate: float) -> Limit:
        scores = _usable(scores, rate)
        start = np.quantile(scores, self.start)
        tail = scores > start
        if rate >= tail.mean() > 0:
            return Quantile().fit(scores, rate)
        excesses = scores[tail] - start
        if len(excesses) < _FEWEST_EXCESSES:
            remark = (
                f"only {len(excesses)} of {len(scores)} scores lie in the tail, too few to continue it; the limit is a "
                f"plain quantile. Hold out at least {ceil(_FEWEST_EXCESSES / (1 - self.start))} rows"
            )
            return replace(Quantile().fit(scores, rate), remark=remark)
        shape, scale = _pareto(excesses)
        reach = log(tail.mean() / rate)
        beyond = scale * (np.expm1(shape * reach) / shape if shape else reach)
        return Limit(float(start + beyond), rate, len(scores), "peaks over threshold", _doubt(tail))


def _usable(scores: np.ndarray, rate: float) -> np.ndarray:
    if not 0 < rate < 1:
        raise ValueError(f"rate is {rate}. Give the share of normal rows that may raise an alarm, for example 0.01")
    infinite = np.flatnonzero(np.isinf(scores))
    if len(infinite):
        raise ValueError(
            f"the score of row {infinite[0]} is infinite. A limit needs finite scores: look for values that are out of "
            "range there, or for a model that diverged"
        )
    return _present(scores)


def _present(scores: np.ndarray) -> np.ndarray:
    present = scores[~np.isnan(scores)]
    if len(present) == 0:
        raise ValueError(f"none of {len(scores)} rows has a score. Give rows with values, more than one window of them")
    return present.astype(float)


def _doubt(tail: np.ndarray) -> str:
    """Whether the rows in the tail, `(row,)`, are too few occurrences to trust."""
    occurrences = len(runs(tail, merge_gap=_RUN_GAP))
    if occurrences >= _FEWEST_EXCESSES:
        return ""
    return (
        f"the {tail.sum()} highest scores come in only {occurrences} runs, so the limit rests on few independent "
        "observations and the true rate may differ several times. Hold out more normal rows"
    )


def _pareto(excesses: np.ndarray) -> tuple[float, float]:
    """Shape and scale of the generalised Pareto distribution that positive excesses follow.

    The likelihood depends on one number, the shape given the ratio of both; averaging that ratio over its likelihood
    needs no search and never fails to converge. Zhang and Stephens, "A new and efficient estimation method for the
    generalized Pareto distribution", Technometrics 51 (2009), https://doi.org/10.1198/tech.2009.08017.
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


def realised_rate(scores: np.ndarray, limit: float) -> float:
    """The share of rows with a score, `(row,)`, that raise an alarm."""
    return float((_present(scores) > limit).mean())


def blocked_interval(alarms: np.ndarray, block: int, confidence: float = 0.95) -> tuple[float, float]:
    """An interval for the rate of alarms behind a recording in which neighbouring rows are alike.

    Rows within a block may depend on each other; blocks are taken as independent. How much the blocks' rates vary says
    how many independent rows the recording is worth (between the number of blocks and of rows, Kish's design effect),
    and Wilson's interval for a share is taken for that many.

    Args:
        alarms: `(row,)`, True where a row raises one, in time order.
        block: Rows in a block, longer than the time in which scores forget; for windowed scores a few windows.
        confidence: The share of such intervals that hold the true rate.

    Returns:
        The lower and the upper end.
    """
    if len(alarms) == 0 or block < 1:
        raise ValueError(f"{len(alarms)} rows in blocks of {block}. Give at least one row, and blocks of at least one")
    rate = float(np.mean(alarms))
    worth = _independent_rows(alarms, block)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    centre = (rate + z**2 / (2 * worth)) / (1 + z**2 / worth)
    half = z * sqrt(rate * (1 - rate) / worth + (z / (2 * worth)) ** 2) / (1 + z**2 / worth)
    return max(centre - half, 0.0), min(centre + half, 1.0)


def _independent_rows(alarms: np.ndarray, block: int) -> float:
    """How many independent rows would tell the rate as well."""
    starts = np.arange(max(len(alarms) // block, 1)) * block  # the last block takes the rest
    rates = np.add.reduceat(alarms.astype(float), starts) / np.diff(starts, append=len(alarms))
    single = alarms.mean() * (1 - alarms.mean())
    if len(rates) == 1 or single == 0:  # nothing varies, so nothing is known: the cautious end
        return len(rates)
    variance = rates.var(ddof=1) / len(rates)
    return float(np.clip(single / max(variance, 1e-300), len(rates), len(alarms)))


class Mahalanobis:
    """Distance of a row's errors from those of normal rows, in view of how the channels' errors go together.

    Malhotra et al., "LSTM-based encoder-decoder for multi-sensor anomaly detection", 2016,
    https://arxiv.org/abs/1607.00148. The correlation is shrunk towards none as far as the number of rows asks for
    (Ledoit and Wolf, "A well-conditioned estimator for large-dimensional covariance matrices", Journal of Multivariate
    Analysis 88, 2004), so that channels which are constant or copies of each other do no harm.

    Channels should be scaled: the spread of a channel's errors counts as at least a thousandth of the largest spread.
    Fitting sets `mean_`, `(channel,)`, and `covariance_`, `(channel, channel)`.
    """

    def fit(self, errors: np.ndarray) -> Mahalanobis:
        """Learn from the errors of held-out normal rows, `(row, channel)`; NaN where there is none."""
        present = ~np.isnan(errors)
        if len(errors) < 2 or not present.any(axis=0).all():
            empty = np.flatnonzero(~present.any(axis=0)).tolist()
            raise ValueError(
                f"{len(errors)} rows of errors, channels without any: {empty}. Give at least two rows and a value in "
                "every channel; leave empty channels out"
            )
        self.mean_ = np.nanmean(errors, axis=0)
        spread = np.nanstd(errors, axis=0)
        # A channel that is constant in normal rows still needs a scale to measure its deviations by.
        spread = np.maximum(spread, 1e-3 * spread.max()) if spread.any() else np.ones(len(spread))
        deviations = np.where(present, (errors - self.mean_) / spread, 0)
        self.covariance_ = _shrunk_correlation(deviations, present) * np.outer(spread, spread)
        return self

    def scores(self, errors: np.ndarray) -> np.ndarray:
        """Squared distances divided by the number of channels, `(row,)`; about 1 on average for normal rows.

        Channels that are NaN in a row do not count there; rows without any value get NaN.
        """
        if errors.ndim != 2 or errors.shape[1] != len(self.mean_):
            raise ValueError(f"errors have shape {errors.shape}. Give (row, channel) with {len(self.mean_)} channels")
        scores = np.full(len(errors), np.nan)
        for rows, present in _rows_by_pattern(~np.isnan(errors)):
            if present.any():
                deviations = (errors[rows] - self.mean_)[:, present]
                whitened = np.linalg.solve(self.covariance_[np.ix_(present, present)], deviations.T).T
                scores[rows] = (deviations * whitened).sum(axis=1) / present.sum()
        return scores


def _rows_by_pattern(present: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Masks of rows, `(row,)`, in which the same channels are present, `(channel,)`."""
    # Packed into one item a row: sorting rows of booleans takes a hundred times as long.
    packed = np.packbits(present, axis=1)
    items = packed.view(f"V{packed.shape[1]}").ravel()
    _, first_rows, pattern_of_row = np.unique(items, return_index=True, return_inverse=True)
    for pattern, first_row in enumerate(first_rows):
        yield pattern_of_row == pattern, present[first_row]


def _shrunk_correlation(deviations: np.ndarray, present: np.ndarray) -> np.ndarray:
    """The correlation of standardised deviations, zero where not present, both `(row, channel)`; invertible."""
    rows, channels = deviations.shape
    pairs = present.T.astype(float) @ present
    correlation = deviations.T @ deviations / np.maximum(pairs, 1)
    np.fill_diagonal(correlation, 1)
    independent = np.eye(channels)
    noise = (np.square(deviations).sum(axis=1) ** 2).mean() - np.square(correlation).sum()
    signal = np.square(correlation - independent).sum()
    shrinkage = np.clip(noise / rows / max(signal, 1e-300), 0, 1)
    shrunk = shrinkage * independent + (1 - shrinkage) * correlation
    # Copies of a channel leave eigenvalues of zero, and gaps even less.
    values, vectors = np.linalg.eigh(shrunk)
    return (vectors * np.maximum(values, 1e-4)) @ vectors.T
