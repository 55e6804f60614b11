"""Drift: tests whether rows still look like the calibration rows, and whether alarms are still as rare.

A fault is an event; drift lasts. So the test unit is a block of rows. A channel drifts where its mean, its standard
deviation or its fraction of missing values lies outside a prediction interval in two consecutive blocks, on the same
side. The intervals are Student's prediction intervals for one further block (Hahn & Meeker, "Statistical intervals",
1991), wider if neighbouring blocks are correlated. Alarms have become too frequent where more consecutive blocks hold
an alarm than is likely, given the frequency of such blocks in normal rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt, tan

import numpy as np

from seqae.anomaly.events import format_time
from seqae.transforms.scaler import Scaler

REFERENCE_BLOCKS = 20  # into which the normal rows are cut, within the bounds for the rows of a block
MIN_BLOCK_ROWS, MAX_BLOCK_ROWS = 64, 1024
STATISTICS = ("mean", "spread", "missing")  # in this order, for each channel
MIN_SPREAD_RATIO = 1.25  # smaller changes of the standard deviation are no drift
MIN_MISSING_CHANGE = 0.05  # smaller changes of the fraction of missing values are no drift
# The error rate of one block, as a power of that of two consecutive blocks: 1/2 if blocks were independent, 1 if they
# were equal.
PAIR_EXPONENT = 2 / 3
MAX_AUTOCORRELATION = 0.9  # larger correlations of neighbouring blocks are taken as this
MIN_KNOWN_FRACTION = 0.25  # in a block; with fewer values, its mean and standard deviation are unknown
MAX_ALARM_RUN = 1000  # so many consecutive blocks with an alarm are reported for any normal rows


@dataclass(frozen=True)
class Drift:
    """A lasting departure from the rows that a detector was calibrated on.

    Attributes:
        kind: "mean", "spread" (standard deviation) or "missing" (values) of a channel, or "alarms".
        channel: The name of the channel; "" for alarms, which concern all channels.
        row: The first row of the first block outside the interval.
        time: The time of this row, datetime64 or seconds; None if there are no times.
        value: The mean or the standard deviation of the channel in units of the data, or the fraction of missing
            values, in the block that confirmed the drift; for alarms, the number of consecutive blocks with one.
        low: The lower end of the interval for `value`.
        high: The upper end of the interval for `value`.
    """

    kind: str
    channel: str
    row: int
    time: np.generic | None
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        since = f"since row {self.row}" if self.time is None else f"since {format_time(self.time)}"
        if self.kind == "alarms":
            return (
                f"{self.value:.0f} consecutive blocks of rows with an alarm {since}; expected at most {self.high:.0f}"
            )
        what = {"mean": "mean", "spread": "standard deviation", "missing": "fraction of missing values"}[self.kind]
        return (
            f"channel {self.channel!r}: {what} {self.value:.4g} {since}; "
            f"calibrated for {self.low:.4g} to {self.high:.4g}"
        )


class DriftChart:
    """Prediction intervals for the statistics of a block of normal rows.

    Fitting sets the number of rows in a block, `block_rows_`; the `center_` and `half_width_` of the interval of each
    statistic, `(statistic, channel)`, in units of scaled rows (the standard deviation as a logarithm); the smallest
    deviation that counts, `minimum_effect_`, `(channel,)`; and `max_alarm_run_`, the largest number of consecutive
    blocks with an alarm that is still likely in normal rows.

    Args:
        error_rate: The probability that anything is reported of a block of normal rows, over all channels, at most.
    """

    def __init__(self, error_rate: float = 0.001):
        self.error_rate = error_rate

    def fit(self, parts: Sequence[np.ndarray], alarms: Sequence[np.ndarray], minimum_effect: np.ndarray) -> DriftChart:
        """Fit the intervals to normal rows.

        Args:
            parts: Scaled rows, `(row, channel)` each, NaN where a value is missing.
            alarms: Whether rows raise alarms, `(row,)` bool each, by models that were not fitted to these rows.
            minimum_effect: The smallest deviation of each channel that can be abnormal, `(channel,)`.
        """
        fitted = DriftChart(self.error_rate)
        fitted._learn(parts, alarms, minimum_effect)
        vars(self).update(vars(fitted))  # all at one moment
        return self

    def _learn(self, parts: Sequence[np.ndarray], alarms: Sequence[np.ndarray], minimum_effect: np.ndarray) -> None:
        rows = np.concatenate(parts)
        size = np.clip(len(rows) // REFERENCE_BLOCKS, MIN_BLOCK_ROWS, MAX_BLOCK_ROWS)
        self.block_rows_ = int(min(size, len(rows) // 2))
        self.minimum_effect_ = minimum_effect
        rate = self.error_rate / (len(STATISTICS) * len(minimum_effect) + 1)  # error rate of one of the tests
        blocks = np.stack([self.statistics(rows[block]) for block in whole_blocks(len(rows), self.block_rows_)])
        minimum = np.stack(
            [
                minimum_effect,
                np.full_like(minimum_effect, np.log(MIN_SPREAD_RATIO)),
                np.full_like(minimum_effect, MIN_MISSING_CHANGE),
            ]
        )
        self.center_, self.half_width_ = np.empty_like(minimum), np.empty_like(minimum)
        for index in np.ndindex(minimum.shape):
            self.center_[index], half_width = _prediction_interval(blocks[:, *index], rate**PAIR_EXPONENT)
            self.half_width_[index] = max(half_width, minimum[index])
        has_alarm = [bool(part[block].any()) for part in alarms for block in whole_blocks(len(part), self.block_rows_)]
        self.max_alarm_run_ = _longest_likely_run(sum(has_alarm), len(has_alarm), rate)

    def statistics(self, rows: np.ndarray) -> np.ndarray:
        """Return mean, log standard deviation and fraction of missing values of a block, `(statistic, channel)`.

        Args:
            rows: Scaled rows, `(row, channel)`. Channels with few known values get NaN as mean and deviation.
        """
        known = ~np.isnan(rows)
        number = known.sum(axis=0)
        fraction = number / len(rows)
        count = np.where(fraction < MIN_KNOWN_FRACTION, np.nan, number)
        mean = np.where(known, rows, 0).sum(axis=0, dtype=np.float64) / count
        variance = np.square(np.where(known, rows - mean, 0)).sum(axis=0, dtype=np.float64) / count
        return np.array([mean, np.log(np.hypot(np.sqrt(variance), self.minimum_effect_)), 1 - fraction])

    def sides(self, statistics: np.ndarray) -> np.ndarray:
        """Return 1 above the interval, -1 below it, 0 within it, for statistics and result `(statistic, channel)`."""
        distance = statistics - self.center_
        return np.where(np.abs(distance) > self.half_width_, np.sign(distance), 0)  # NaN is within it

    def to_data_units(self, statistics: np.ndarray, scaler: Scaler) -> np.ndarray:
        """Return statistics in the units of the data, both `(statistic, channel)`.

        Args:
            statistics: The result of `statistics`, `(statistic, channel)`, in units of scaled rows.
            scaler: The scaler of these rows.
        """
        mean, spread, missing = statistics
        # The minimum effect was added to the variance, so that its logarithm is finite; a small rest is rounding.
        variance = np.exp(2 * spread) - np.square(self.minimum_effect_)
        deviation = np.sqrt(np.where(variance > 1e-9 * np.square(self.minimum_effect_), variance, 0))
        return np.stack([mean * scaler.scale_ + scaler.mean_, deviation * scaler.scale_, np.clip(missing, 0, 1)])


def whole_blocks(rows: int, size: int) -> Iterator[slice]:
    """Yield the whole blocks of `size` rows in a number of rows."""
    return (slice(start, start + size) for start in range(0, rows - size + 1, size))


def _prediction_interval(values: np.ndarray, error_rate: float) -> tuple[float, float]:
    """Return center and half-width of the interval that one further value of `(block,)` leaves at an error rate.

    The number of values is corrected for the correlation of neighbouring blocks, for the mean and for the variance
    (Bayley and Hammersley, "The effective number of independent observations in an autocorrelated time series", 1946).
    """
    values = values[~np.isnan(values)]
    count = len(values)
    if count < 2:
        return 0.0, np.inf
    variance = values.var(ddof=1)
    steps = np.square(np.diff(values)).mean()
    correlation = float(np.clip(1 - steps / (2 * variance), 0, MAX_AUTOCORRELATION)) if variance > 0 else 0.0
    for_mean = (1 + correlation) / (1 - correlation)
    for_variance = (1 + correlation**2) / (1 - correlation**2)
    freedom = max((count - 1) / for_variance, 1.0)
    quantile = student_quantile(error_rate / 2, freedom)
    return float(values.mean()), quantile * sqrt(variance * (1 + min(for_mean / count, 1)))


def student_quantile(tail: float, freedom: float) -> float:
    """Return the value Student's t exceeds with probability `tail`, without scipy, which the core does not require.

    With t the root of the degrees of freedom times the cotangent of an angle, the density is a power of its sine.
    """
    angles = np.linspace(0, np.pi / 2, 20_001)
    density = np.sin(angles) ** (freedom - 1)
    integral = np.append(0, np.cumsum(density[1:] + density[:-1]))
    return sqrt(freedom) / tan(np.interp(tail, integral / (2 * integral[-1]), angles))


def _longest_likely_run(with_alarm: int, blocks: int, error_rate: float) -> int:
    """Return the largest number of consecutive blocks with an alarm whose probability is at least an error rate.

    The probability of a further block with an alarm is estimated from all blocks before it (Jeffreys' prior).

    Args:
        with_alarm: Blocks of normal rows with an alarm.
        blocks: Blocks of normal rows.
        error_rate: Between 0 and 1.
    """
    run, probability = 0, 1.0
    while probability >= error_rate and run < MAX_ALARM_RUN:
        probability *= (with_alarm + run + 0.5) / (blocks + run + 1)
        run += 1
    return run - 1
