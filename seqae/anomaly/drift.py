"""Drift: do the rows still look like those that a detector was calibrated on, and does it still alarm as rarely?

A fault is an event; drift lasts. So blocks of rows are asked, not rows: where a channel's mean, its spread or its share
of missing values lies in two blocks in turn beyond what blocks of normal rows foretell, on the same side, it has left
them. Limits are Student's prediction limits for one more block (Hahn & Meeker, "Statistical intervals", 1991), wider if
neighbouring blocks are alike. Alarms have become too many where block after block has one, for longer than the share of
such blocks in normal rows makes likely.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt, tan
from typing import TYPE_CHECKING

import numpy as np

from seqae.anomaly.events import time_text
from seqae.data.arrays import blocks_of_rows
from seqae.data.signals.recordings import Recording
from seqae.transforms.scaler import Scaler

if TYPE_CHECKING:
    from seqae.anomaly.detector import AnomalyDetector

BLOCKS = 20  # into which the normal rows are cut, if these are neither too short nor too long
SHORTEST, LONGEST = 64, 1024  # rows in a block
KINDS = ("level", "spread", "missing")
LEAST_FACTOR = 1.25  # by which the spread has to change at least
LEAST_SHARE = 0.05  # of the values, that has to be missing more or less at least
TWICE = 2 / 3  # the power of a rate that two blocks in turn keep: a half if they were independent, one if the same
ALIKE = 0.9  # what neighbouring blocks are correlated by at most
KNOWN = 0.25  # of a block's values, that tells its mean and spread
AGAIN = BLOCKS  # blocks within the limits, after which a channel that leaves them once more is told again
LONGEST_RUN = 1000  # blocks with an alarm, after which it is said whatever normal rows were like


@dataclass(frozen=True)
class Drift:
    """A lasting departure from what a detector was calibrated on.

    Attributes:
        kind: "level", "spread" or "missing" of a channel, or "alarms".
        channel: Its name; "" of alarms, which are about all channels.
        row: The first row of the first block that is beyond the limits.
        time: Of this row, datetime64 or seconds; None if there are no times.
        value: The mean or the deviation of the channel in units of the data, or the share of missing values, in the
            block by which it is known; of alarms, how many blocks in turn have one.
        low: The lower limit for `value`.
        high: The upper limit for `value`.
    """

    kind: str
    channel: str
    row: int
    time: np.generic | None
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        since = f"since row {self.row}" if self.time is None else f"since {time_text(self.time)}"
        if self.kind == "alarms":
            return f"{self.value:.0f} blocks of rows in turn with an alarm {since}; expected {self.high:.0f} at most"
        what = {"level": "mean", "spread": "deviation", "missing": "share of missing values"}[self.kind]
        return (
            f"channel {self.channel!r}: {what} {self.value:.4g} {since}; "
            f"calibrated for {self.low:.4g} to {self.high:.4g}"
        )


class DriftChart:
    """What blocks of normal rows are like.

    Fitting sets `rows_` in a block, the `centre_` and `limit_` of each statistic of a channel, `(kind, channel)`, in
    units of scaled rows (the spread as a logarithm), the `floor_` added to the spread, `(channel,)`, and how many
    blocks in turn `most_` have an alarm.

    Args:
        rate: The chance that something is reported of a block of normal rows, over all channels, at most.
    """

    def __init__(self, rate: float = 0.001):
        self.rate = rate

    def fit(self, parts: Sequence[np.ndarray], alarms: Sequence[np.ndarray], floor: np.ndarray) -> DriftChart:
        """Learn from normal rows.

        Args:
            parts: Scaled rows `(row, channel)`, NaN where a value is missing.
            alarms: Whether rows raise alarms, `(row,)` each, by models that have not seen them.
            floor: What is large enough to be remarked in each channel, `(channel,)`.
        """
        rows = np.concatenate(parts)
        self.rows_ = int(min(np.clip(len(rows) // BLOCKS, SHORTEST, LONGEST), len(rows) // 2))
        self.floor_ = floor
        tests = len(KINDS) * len(floor) + 1
        blocks = np.stack([self.statistics(rows[block]) for block in _blocks(len(rows), self.rows_)])
        least = np.stack([floor, np.full_like(floor, np.log(LEAST_FACTOR)), np.full_like(floor, LEAST_SHARE)])
        self.centre_, self.limit_ = np.empty_like(least), np.empty_like(least)
        for place in np.ndindex(least.shape):
            self.centre_[place], limit = _foretold(blocks[:, *place], (self.rate / tests) ** TWICE)
            self.limit_[place] = max(limit, least[place])
        alarmed = [part[block].any() for part in alarms for block in _blocks(len(part), self.rows_)]
        self.most_ = _longest_run(sum(alarmed), len(alarmed), self.rate / tests)
        return self

    def statistics(self, rows: np.ndarray) -> np.ndarray:
        """Return mean, logarithm of the deviation, and share of missing values of a block, `(kind, channel)`.

        Of a channel of which little is known there is neither mean nor deviation (NaN).
        """
        known = ~np.isnan(rows)
        count = np.where(known.mean(axis=0) < KNOWN, np.nan, known.sum(axis=0))
        mean = np.where(known, rows, 0).sum(axis=0, dtype=np.float64) / count
        variance = np.square(np.where(known, rows - mean, 0)).sum(axis=0, dtype=np.float64) / count
        return np.stack([mean, np.log(np.hypot(np.sqrt(variance), self.floor_)), 1 - known.mean(axis=0)])

    def sides(self, statistics: np.ndarray) -> np.ndarray:
        """Return 1 above the limits, -1 below them, else 0, `(kind, channel)`."""
        away = np.nan_to_num(statistics - self.centre_)
        return np.sign(away) * (np.abs(away) > self.limit_)

    def in_units(self, statistics: np.ndarray, scaler: Scaler) -> np.ndarray:
        """Return statistics `(kind, channel)` in the units of the data."""
        level, spread, missing = statistics
        squared = np.exp(2 * spread) - np.square(self.floor_)
        deviation = np.sqrt(np.where(squared > 1e-9 * np.square(self.floor_), squared, 0))  # less is rounding
        return np.stack([level * scaler.scale_ + scaler.mean_, deviation * scaler.scale_, np.clip(missing, 0, 1)])


class Blocks:
    """Cuts rows that come one after the other into blocks.

    Args:
        size: Rows in a block.
        rows: None yet, of the right shape and type.
    """

    STATE = ("rows", "times", "first")

    def __init__(self, size: int, rows: np.ndarray):
        self.size = size
        self.rows = rows  # those that are no whole block yet
        self.times = np.zeros(0, dtype=np.int64)
        self.first = 0  # the number of the first of them

    def take(self, rows: np.ndarray, times: np.ndarray) -> list[tuple[int, np.ndarray, np.ndarray]]:
        """Take the next rows; return the number of the first row, the rows and the first time `(1,)` of each block."""
        rows = np.concatenate([self.rows, rows])
        times = np.concatenate([self.times, times]) if len(self.times) else times
        blocks = _blocks(len(rows), self.size)
        found = [(self.first + block.start, rows[block], times[block][:1]) for block in blocks]
        whole = len(found) * self.size
        self.rows, self.times, self.first = rows[whole:].copy(), times[whole:].copy(), self.first + whole
        return found


class RunningDrift:
    """Looks for drift in rows that come one after the other.

    Args:
        detector: A fitted one.
    """

    STATE = ("side", "told", "inside", "before", "run", "run_time")

    def __init__(self, detector: AnomalyDetector):
        if not hasattr(detector, "drift_"):
            raise ValueError(
                "this detector was fitted by an earlier version and knows nothing of drift. Fit it again, or call "
                "recalibrated(normal)"
            )
        self.detector = detector
        self.chart: DriftChart = detector.drift_
        shape = len(KINDS), len(detector.channels_)
        self.input = Blocks(self.chart.rows_, np.zeros((0, shape[1]), dtype=np.float32))
        self.alarms = Blocks(self.chart.rows_, np.zeros(0, dtype=bool))
        self.side = np.zeros(shape)  # of the limits, on which the latest block lay
        self.told = np.zeros(shape)  # the side of what was told last
        self.inside = np.full(shape, AGAIN)  # blocks within the limits since two in turn were not
        self.before = np.zeros(0, dtype=np.int64)  # the time of the first row of the latest block
        self.run = 0  # blocks in turn that have an alarm
        self.run_time = np.zeros(0, dtype=np.int64)  # of the first row of them

    def push(self, rows: np.ndarray, times: np.ndarray) -> list[Drift]:
        """Take the next scaled rows `(row, channel)` and their times `(row,)`; return what has changed for good."""
        found = []
        for first, block, time in self.input.take(rows, times):
            statistics = self.chart.statistics(block)
            side = self.chart.sides(statistics)
            lasts = (side != 0) & (side == self.side)
            is_new = lasts & ((self.inside >= AGAIN) | (side != self.told))
            for kind, channel in np.argwhere(is_new).tolist():
                found.append(self._drift(kind, channel, first - len(block), self.before, statistics))
            self.told = np.where(is_new, side, self.told)
            self.inside = np.where(lasts, 0, self.inside + (side == 0))
            self.side, self.before = side, time
        return found

    def hear(self, alarms: np.ndarray, times: np.ndarray) -> list[Drift]:
        """Take whether the next rows raise alarms, `(row,)`, and their times `(row,)`."""
        found, most = [], self.chart.most_
        for first, block, time in self.alarms.take(alarms, times):
            self.run = self.run + 1 if block.any() else 0
            if self.run == 1:
                self.run_time = time
            if self.run == most + 1:
                row = first - most * len(block)
                found.append(Drift("alarms", "", row, _moment(self.run_time), float(self.run), 0.0, float(most)))
        return found

    def _drift(self, kind: int, channel: int, row: int, time: np.ndarray, statistics: np.ndarray) -> Drift:
        chart, scaler = self.chart, self.detector.scaler_
        with np.errstate(over="ignore"):  # a limit of next to nothing known lies beyond all numbers
            value, low, high = (
                float(chart.in_units(each, scaler)[kind, channel])
                for each in (statistics, chart.centre_ - chart.limit_, chart.centre_ + chart.limit_)
            )
        return Drift(KINDS[kind], self.detector.channels_[channel], row, _moment(time), value, low, high)


def find_drift(detector: AnomalyDetector, recording: Recording) -> list[Drift]:
    """Return the drift in a recording, in the order of time."""
    running, values = RunningDrift(detector), recording.values
    times = np.zeros(len(values), dtype=np.int64) if recording.times is None else recording.times
    found = []
    for block, rows in blocks_of_rows(values):
        found += running.push(detector.scaler_.transform(rows), times[block : block + len(rows)])
    found += running.hear(detector.alarms(recording), times)
    return sorted(found, key=lambda drift: drift.row)


def _moment(time: np.ndarray) -> np.generic | None:
    return None if time.dtype.kind == "i" else time[0]


def _blocks(rows: int, size: int) -> Iterator[slice]:
    """Yield the whole blocks of a number of rows."""
    return (slice(start, start + size) for start in range(0, rows - size + 1, size))


def _foretold(values: np.ndarray, rate: float) -> tuple[float, float]:
    """Return what one more value `(block,)` should be, and how far from it at most but for a share `rate`."""
    values = values[~np.isnan(values)]
    count = len(values)
    if count < 2:
        return 0.0, np.inf
    variance = values.var(ddof=1)
    steps = np.square(np.diff(values)).mean()
    alike = float(np.clip(1 - steps / (2 * variance), 0, ALIKE)) if variance > 0 else 0.0
    # So many values that are alike are worth one independent value, for their mean and for their variance (Bayley and
    # Hammersley, "The effective number of independent observations in an autocorrelated time series", 1946).
    for_mean, for_variance = (1 + alike) / (1 - alike), (1 + alike**2) / (1 - alike**2)
    variance /= max(1 - (for_mean - 1) / (count - 1), 0.1)
    freedom = max((count - 1) / for_variance, 1.0)
    return float(values.mean()), _student(rate / 2, freedom) * sqrt(variance * (1 + min(for_mean / count, 1)))


def _student(tail: float, freedom: float) -> float:
    """Return what Student's t exceeds with a probability: an integral over the angle whose cotangent t is."""
    angles = np.linspace(0, np.pi / 2, 20_001)
    density = np.sin(angles) ** (freedom - 1)
    share = np.append(0, np.cumsum(density[1:] + density[:-1]))
    return sqrt(freedom) / tan(np.interp(tail, share / (2 * share[-1]), angles))


def _longest_run(alarmed: int, blocks: int, rate: float) -> int:
    """Return how many blocks in turn may have an alarm, if some of the normal ones had, but for a share `rate`.

    One of normal rows after another, each as likely as those before it tell (Jeffreys' prior).
    """
    run, chance = 0, 1.0
    while chance >= rate and run < LONGEST_RUN:
        chance *= (alarmed + run + 0.5) / (blocks + run + 1)
        run += 1
    return run - 1
