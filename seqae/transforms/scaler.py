"""Channels on a common scale."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np

from seqae.data.arrays import blocks_of_rows

_SINGLE = float(np.finfo(np.float32).eps)  # a step of float32 is at most this share of its size
_MINUTE = 1e-6
_ROUNDING = 1e-13  # share of a constant that computing with float64 may leave of its deviation


class Scaler:
    """Shifts and scales each channel to mean 0 and deviation 1 over the rows that it was fitted to.

    A channel that did not move has no deviation. It is measured in its own units, so that it counts as much wherever it
    stood; in units of its size if that is smaller; if it stood at zero in a table where all is minute, in units of what
    moves most. A value that is a float32 and next to that constant is what rounding made of it: it did not move either.
    Fitting sets `mean_`, `scale_` and `is_still_` (True for channels that did not move), `(channel,)` each.
    """

    def fit(self, parts: Sequence[np.ndarray]) -> Scaler:
        """Learn from rows `(row, channel)`, NaN where a value is missing."""
        count, mean, squares = 0.0, 0.0, 0.0
        for part in parts:
            for _, block in blocks_of_rows(part):
                count, mean, squares = _with_more(count, mean, squares, block)
        self.mean_ = np.where(count > 0, mean, 0.0)
        deviation = np.sqrt(squares / np.maximum(count, 1))
        size = np.abs(self.mean_)
        self.is_constant_ = (deviation <= _ROUNDING * size) | self._is_rounding_everywhere(parts, deviation)
        most = deviation[~self.is_constant_].max(initial=0.0)
        unit = np.minimum(np.where(size > 0, size, most if 0 < most < _MINUTE else 1.0), 1.0)
        rounding = np.maximum(deviation, _ROUNDING * size)
        self.scale_ = np.where(self.is_constant_, np.maximum(unit, 100 * rounding), deviation)
        return self

    def with_mean(self, mean: np.ndarray) -> Scaler:
        """Return a copy that shifts by another mean, `(channel,)`, and keeps the scale."""
        shifted = copy.copy(self)
        shifted.mean_ = mean
        return shifted

    def transform(self, rows: np.ndarray) -> np.ndarray:
        """Return scaled rows `(row, channel)`, float32; what is out of all proportion is held at 1e6."""
        scaled = (rows - self.mean_) / self.scale_
        if self.is_constant_.any():
            still = np.flatnonzero(self.is_constant_)
            scaled[:, still] = np.where(_is_rounding(rows[:, still], self.mean_[still]), 0, scaled[:, still])
        return np.clip(scaled, -1e6, 1e6, out=scaled).astype(np.float32)

    def inverse_transform(self, scaled: np.ndarray) -> np.ndarray:
        """Return rows in the units of the data, float64."""
        return scaled * self.scale_ + self.mean_

    def _is_rounding_everywhere(self, parts: Sequence[np.ndarray], deviation: np.ndarray) -> np.ndarray:
        """Return whether all that moves in a channel is rounding to float32, `(channel,)`."""
        found = deviation <= _SINGLE * np.abs(self.mean_)
        near = np.flatnonzero(found)
        for part in parts if len(near) else ():
            for _, block in blocks_of_rows(part):
                values = block[:, near]
                found[near] &= (_is_rounding(values, self.mean_[near]) | np.isnan(values)).all(axis=0)
        return found


def _is_rounding(values: np.ndarray, constant: np.ndarray) -> np.ndarray:
    """Return where values `(row, channel)` are a constant `(channel,)` as float32 holds it, give or take a step."""
    with np.errstate(over="ignore"):
        is_single = values == values.astype(np.float32)
    return is_single & (np.abs(values - constant) <= _SINGLE * np.abs(constant))


def _with_more(count, mean, squares, block: np.ndarray):
    """Return number, mean and sum of squared deviations of the values so far and some more (Chan et al. 1979)."""
    known = ~np.isnan(block)
    number = known.sum(axis=0)
    own = np.where(known, block, 0.0).sum(axis=0, dtype=np.float64) / np.maximum(number, 1)
    deviations = np.where(known, block - own, 0.0)
    total = np.maximum(count + number, 1)
    difference = own - mean
    squares = squares + np.square(deviations).sum(axis=0) + np.square(difference) * count * number / total
    return count + number, mean + difference * number / total, squares
