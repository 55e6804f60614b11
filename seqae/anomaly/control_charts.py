"""Control charts: has the mean of a channel shifted, or is its sensor stuck?

An autoencoder reproduces common patterns of its windows, and may reproduce a mean that it has never seen, or a sensor
that hangs. Statistical process control asks these two questions directly (Shewhart, "Economic control of quality of
manufactured product", 1931): of the mean and of the standard deviation of a few rows around each row.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Sequence
from statistics import NormalDist

import numpy as np

from seqae.data.windows import means_around

WINDOW_ROWS = 16  # rows whose mean and deviation are charted
ROWS_AHEAD = 5  # rows of a window after the charted row: an alarm starts little before its cause
CROSS_FIT_BLOCKS = 5  # blocks of the normal rows; the mean of each is compared with that of the others
SUFFICIENT_ROWS = 200  # independent rows from which a threshold needs no correction for a small sample
STUCK_FRACTION = 0.5  # a sensor is stuck below this fraction of the minimum deviation in normal rows
MAX_STUCK_RATIO = 100.0  # the ratio of a channel that does not move at all


class MeanChart:
    """A Shewhart chart of the mean of each channel over a few rows.

    The normal rows are cut into blocks, and the means within each block are measured from the mean of the other blocks.
    The threshold of a channel is the larger of two numbers: the empirical quantile of these distances at the false
    alarm rate, and the quantile of a normal distribution with the same root mean square. The second one is multiplied
    by a factor above 1 if the rows are worth fewer than 200 independent ones (autocorrelated rows are worth less): a
    short recording shows too little of how far a mean may wander. Fitting sets `center_` and `threshold_`, `(channel,)`
    float64, in units of scaled rows.
    """

    def fit(self, parts: Sequence[np.ndarray], false_alarm_rate: float, floor: np.ndarray) -> MeanChart:
        """Fit centers and thresholds to scaled normal rows.

        Args:
            parts: `(row, channel)` each, NaN where a value is missing.
            false_alarm_rate: Fraction of normal rows in which the mean of any channel may exceed its threshold.
            floor: The minimum threshold of each channel, `(channel,)`.
        """
        rows = np.concatenate(parts)
        self.center_ = _known_mean(rows)
        means = np.concatenate(list(_cross_fitted_means(parts)))
        deviation = np.sqrt(np.square(means).mean(axis=0))
        channel_rate = false_alarm_rate / _effective_channels(means)
        empirical = np.quantile(np.abs(means), 1 - channel_rate, axis=0)
        parametric = NormalDist().inv_cdf(1 - channel_rate / 2) * deviation * _small_sample_factor(parts)
        self.threshold_ = np.maximum(np.maximum(empirical, parametric), floor)
        return self

    def widen(self, other: MeanChart) -> MeanChart:
        """Return this chart with the larger threshold of the two for each channel."""
        wider = copy.copy(self)
        wider.threshold_ = np.maximum(self.threshold_, other.threshold_)
        return wider

    def with_center(self, center: np.ndarray) -> MeanChart:
        """Return this chart with other centers, `(channel,)`."""
        moved = copy.copy(self)
        moved.center_ = center
        return moved

    def ratios(self, rows: np.ndarray) -> np.ndarray:
        """Return the distance of the mean around each row from the center, `(row, channel)`: 1 is the threshold.

        Args:
            rows: Scaled rows, `(row, channel)`; missing values (NaN) are read as the center.
        """
        return np.abs(_means_from(rows, self.center_)) / self.threshold_


class StuckChart:
    """A chart of the standard deviation of each channel over a few rows, for sensors that are stuck.

    A stuck sensor often shows a normal value, so neither errors nor means show it; but it varies less than it ever did
    in the normal rows. A channel that was constant there raises no alarm, nor do windows with missing values. Fitting
    sets `minimum_deviation_`, `(channel,)` float64, in units of scaled rows: the minimum deviation in normal rows,
    divided by the same factor for small samples as in `MeanChart`; 0 for constant channels.
    """

    def fit(self, parts: Sequence[np.ndarray], floor: np.ndarray) -> StuckChart:
        """Fit the minimum deviations to scaled normal rows.

        Args:
            parts: `(row, channel)` each, NaN where a value is missing.
            floor: `(channel,)`; a channel whose minimum deviation is not above it is taken as constant.
        """
        nothing = np.zeros(len(floor))  # if all parts are shorter than a window
        deviations = [_deviations(part) for part in parts if len(part) >= WINDOW_ROWS]
        with np.errstate(invalid="ignore"):
            minimum = np.fmin.reduce([np.fmin.reduce(each, axis=0) for each in deviations]) if deviations else nothing
        self.minimum_deviation_ = np.where(minimum > floor, minimum, 0.0) / _small_sample_factor(parts)
        return self

    def widen(self, other: StuckChart) -> StuckChart:
        """Return this chart with the smaller minimum deviation of the two for each channel."""
        wider = copy.copy(self)
        wider.minimum_deviation_ = np.minimum(self.minimum_deviation_, other.minimum_deviation_)
        return wider

    def ratios(self, rows: np.ndarray) -> np.ndarray:
        """Return the threshold divided by the deviation around each row, `(row, channel)`: above 1 it is stuck.

        Args:
            rows: Scaled rows, `(row, channel)`; windows with missing values (NaN) get 0.
        """
        if len(rows) < WINDOW_ROWS:
            return np.zeros(rows.shape)
        threshold = STUCK_FRACTION * self.minimum_deviation_
        deviations = _deviations(rows)
        deviations[np.isnan(deviations)] = np.inf
        smallest = np.maximum(threshold / MAX_STUCK_RATIO, np.finfo(float).tiny)
        return threshold / np.maximum(deviations, smallest)


def _cross_fitted_means(parts: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the means around the rows of each block, `(row, channel)`, measured from the mean of all other blocks."""
    rows = sum(map(len, parts))
    edges = np.cumsum([0] + [len(part) for part in parts])
    for block in np.array_split(np.arange(rows), CROSS_FIT_BLOCKS):
        start, stop = block[0], block[-1] + 1
        spans = [(max(start - at, 0), max(stop - at, 0)) for at in edges[:-1]]
        others = [piece for part, (low, high) in zip(parts, spans) for piece in (part[:low], part[high:])]
        center = _known_mean(np.concatenate(others))
        for part, (low, high) in zip(parts, spans):
            if len(part[low:high]):
                yield _means_from(part[low:high], center)


def _known_mean(rows: np.ndarray) -> np.ndarray:
    """Return the mean of the known values of each channel, `(channel,)`; 0, the mean of scaled rows, without any."""
    known = ~np.isnan(rows)
    return np.where(known, rows, 0.0).sum(axis=0, dtype=np.float64) / np.maximum(known.sum(axis=0), 1)


def _means_from(rows: np.ndarray, center: np.ndarray) -> np.ndarray:
    """Return the mean around each row minus a center, `(row, channel)`; missing values and rows count as the center."""
    deviations = rows - center
    deviations[np.isnan(deviations)] = 0
    return means_around(deviations, WINDOW_ROWS, ROWS_AHEAD) * min(len(rows) / WINDOW_ROWS, 1)


def _deviations(rows: np.ndarray) -> np.ndarray:
    """Return the standard deviation of each channel around each row, `(row, channel)`; NaN next to missing values."""
    mean = means_around(rows, WINDOW_ROWS, ROWS_AHEAD)
    squares = means_around(np.square(rows, dtype=np.float64), WINDOW_ROWS, ROWS_AHEAD)
    return np.sqrt(np.maximum(squares - np.square(mean), 0))


def _small_sample_factor(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return the root of how many times too few the rows are to estimate each channel's spread, `(channel,)`, >= 1."""
    return np.sqrt(np.maximum(SUFFICIENT_ROWS * _rows_per_independent_row(parts) / sum(map(len, parts)), 1))


def _rows_per_independent_row(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return how many rows of each channel are worth one independent row, `(channel,)`, at most 2000.

    The formula is that of a first-order autoregressive process, whose correlation follows from the mean squared
    successive difference (von Neumann et al., "The mean square successive difference", 1941).
    """
    rows, steps = np.concatenate(parts), np.concatenate([np.diff(part, axis=0) for part in parts])
    with np.errstate(invalid="ignore", divide="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # for channels without any value
        correlation = 1 - np.nanmean(np.square(steps), axis=0) / (2 * np.nanvar(rows, axis=0))
    correlation = np.clip(np.nan_to_num(correlation, posinf=0, neginf=0), 0, 0.999)
    return (1 + correlation) / (1 - correlation)


def _effective_channels(means: np.ndarray) -> float:
    """Return how many independent channels the channels of `(row, channel)` are worth.

    Bretherton et al., "The effective number of spatial degrees of freedom", Journal of Climate 12 (1999).
    """
    moving = means[:, means.std(axis=0) > 0]
    if moving.shape[1] < 2:
        return 1.0
    return float(moving.shape[1] ** 2 / np.square(np.corrcoef(moving.T)).sum())
