"""Control charts: is a channel off its level, or quieter than it ever was?

An autoencoder copies what its windows have in common, and may copy a level that it has never seen, or a sensor that
hangs. These two questions are as old as quality control (Shewhart, "Economic control of quality of manufactured
product", 1931), so they are asked in its way, of a few rows around each row.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from statistics import NormalDist

import numpy as np

from seqae.data.windows import means_around

WINDOW = 16  # rows of which a row is judged
AHEAD = 5  # of them after the row: an alarm begins little before its cause
BLOCKS = 5  # parts of the normal rows, each measured from the level of the others
ENOUGH = 200  # independent rows that tell how far a level may wander
QUIET = 0.5  # of the least deviation ever seen
LARGEST = 100.0  # what a standstill counts


class LevelChart:
    """The mean of each channel over a few rows, against the limits that it keeps in normal operation.

    A limit is how far the mean came from the level of other blocks of normal rows at the stated rate, or would come if
    it were normally distributed, whichever is more. A channel that wanders shows little of that in few rows: where they
    are worth fewer than 200 independent ones, the spread that they show counts more, by the root of what is lacking.
    Fitting sets `centre_` and `limit_`, `(channel,)`, in units of the scaled rows.
    """

    def fit(self, parts: Sequence[np.ndarray], rate: float, floor: np.ndarray) -> LevelChart:
        """Learn from scaled normal rows.

        Args:
            parts: `(row, channel)` each, NaN where a value is missing.
            rate: The share of normal rows that may be off their level in some channel.
            floor: The least limit of each channel, `(channel,)`.
        """
        rows = np.concatenate(parts)
        self.centre_ = _mean(rows)
        means = np.concatenate(list(_from_other_blocks(parts)))
        usual = np.sqrt(np.square(means).mean(axis=0))
        share = rate / _independent(means)  # of a channel
        seen = np.quantile(np.abs(means), 1 - share, axis=0)
        likely = NormalDist().inv_cdf(1 - share / 2) * usual * _lacking(parts)
        self.limit_ = np.maximum(np.maximum(seen, likely), floor)
        return self

    def widen(self, other: LevelChart) -> None:
        """Take the limits of another chart where these are wider."""
        self.limit_ = np.maximum(self.limit_, other.limit_)

    def ratios(self, rows: np.ndarray) -> np.ndarray:
        """Return how far each channel is off its level, `(row, channel)`: 1 is the limit."""
        return np.abs(_means(rows, self.centre_)) / self.limit_


class QuietChart:
    """How much each channel moves within a few rows, against the least that it moved in normal operation.

    A sensor that hangs is quiet at a level that may be quite usual. A channel that stood still before is not judged,
    nor are rows with missing values around them. Fitting sets `least_`, `(channel,)`.
    """

    def fit(self, parts: Sequence[np.ndarray], floor: np.ndarray) -> QuietChart:
        """Learn from scaled normal rows `(row, channel)`; less movement than the floor `(channel,)` is none."""
        nothing = np.zeros(len(floor))  # is known of channels in parts shorter than a window
        deviations = [_deviation(part) for part in parts if len(part) >= WINDOW]
        with np.errstate(invalid="ignore"):
            least = np.fmin.reduce([np.fmin.reduce(each, axis=0) for each in deviations]) if deviations else nothing
        self.least_ = np.where(least > floor, least, 0.0) / _lacking(parts)
        return self

    def widen(self, other: QuietChart) -> None:
        """Take the least movement of another chart where it is less."""
        self.least_ = np.minimum(self.least_, other.least_)

    def ratios(self, rows: np.ndarray) -> np.ndarray:
        """Return how much quieter than ever each channel is, `(row, channel)`: 1 is the limit."""
        if len(rows) < WINDOW:
            return np.zeros(rows.shape)
        quiet = QUIET * self.least_
        moved = _deviation(rows)
        moved[np.isnan(moved)] = np.inf
        return quiet / np.maximum(np.maximum(moved, quiet / LARGEST), np.finfo(float).tiny)


def _from_other_blocks(parts: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the means around the rows of each block, measured from the level of all others."""
    rows = sum(map(len, parts))
    edges = np.cumsum([0] + [len(part) for part in parts])
    for block in np.array_split(np.arange(rows), BLOCKS):
        start, stop = block[0], block[-1] + 1
        spans = [(max(start - at, 0), max(stop - at, 0)) for at in edges[:-1]]
        others = [piece for part, (low, high) in zip(parts, spans) for piece in (part[:low], part[high:])]
        centre = _mean(np.concatenate(others))
        for part, (low, high) in zip(parts, spans):
            if len(part[low:high]):
                yield _means(part[low:high], centre)


def _mean(rows: np.ndarray) -> np.ndarray:
    """Return the mean of what is known of each channel; 0, the mean of scaled rows, where nothing is."""
    known = ~np.isnan(rows)
    return np.where(known, rows, 0.0).sum(axis=0, dtype=np.float64) / np.maximum(known.sum(axis=0), 1)


def _means(rows: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Return how far the rows around each row are off a level, `(row, channel)`; missing values and rows are on it."""
    away = rows - centre
    away[np.isnan(away)] = 0
    return means_around(away, WINDOW, AHEAD) * min(len(rows) / WINDOW, 1)


def _deviation(rows: np.ndarray) -> np.ndarray:
    """Return the standard deviation of each channel around each row, `(row, channel)`; NaN next to missing values."""
    mean = means_around(rows, WINDOW, AHEAD)
    return np.sqrt(np.maximum(means_around(np.square(rows, dtype=np.float64), WINDOW, AHEAD) - np.square(mean), 0))


def _lacking(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return the root of how many times more rows would be enough to know each channel's spread, at least 1."""
    return np.sqrt(np.maximum(ENOUGH * _dependence(parts) / sum(map(len, parts)), 1))


def _dependence(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return how many rows are worth one independent row, `(channel,)`, at most 2000.

    As of a first-order autoregressive channel, whose correlation is told by its steps (von Neumann 1941).
    """
    rows, steps = np.concatenate(parts), np.concatenate([np.diff(part, axis=0) for part in parts])
    with np.errstate(invalid="ignore", divide="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of channels without any value
        alike = 1 - np.nanmean(np.square(steps), axis=0) / (2 * np.nanvar(rows, axis=0))
    alike = np.clip(np.nan_to_num(alike, posinf=0, neginf=0), 0, 0.999)
    return (1 + alike) / (1 - alike)


def _independent(means: np.ndarray) -> float:
    """Return how many independent channels the channels are worth (Bretherton et al. 1999, Journal of Climate 12)."""
    moving = means[:, means.std(axis=0) > 0]
    if moving.shape[1] < 2:
        return 1.0
    return float(moving.shape[1] ** 2 / np.square(np.corrcoef(moving.T)).sum())
