"""Channels on a common scale."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np

from seqae.data.arrays import blocks_of_rows

_FLOAT32_EPS = float(np.finfo(np.float32).eps)  # a step of float32 is at most this fraction of its size
LARGEST = 1e6  # of the scaled values, on either side of zero
_MINUTE = 1e-6
_ROUNDING = 1e-13  # the fraction of a constant that computing with float64 may leave as its deviation


class Scaler:
    """Shifts and scales each channel to mean 0 and deviation 1 over the rows that it was fitted to.

    A constant channel has no deviation. Its scale is 1, so that a change counts as much for any constant; the
    size of the constant if that is smaller; if the constant is 0 in a table where all is minute, the largest deviation
    of a channel. A value that is a float32 and next to the constant is the constant, rounded: it is constant, too.
    Fitting sets `mean_`, `scale_` and `is_constant_` (True for constant channels), `(channel,)` each.
    """

    def fit(self, parts: Sequence[np.ndarray]) -> Scaler:
        """Fit to arrays `(row, channel)`, all together, NaN where a value is missing; return the scaler."""
        fitted = Scaler()
        fitted._learn(parts)
        vars(self).update(vars(fitted))  # all at one moment
        return self

    def _learn(self, parts: Sequence[np.ndarray]) -> None:
        count = mean = squares = np.zeros(())
        for part in parts:
            for _, block in blocks_of_rows(part):
                count, mean, squares = _update(count, mean, squares, block)
        self.mean_ = np.where(count > 0, mean, 0.0)
        deviation = np.sqrt(squares / np.maximum(count, 1))
        size = np.abs(self.mean_)
        self.is_constant_ = (deviation <= _ROUNDING * size) | self._is_rounding_everywhere(parts, deviation)
        largest = deviation[~self.is_constant_].max(initial=0.0)
        unit = np.minimum(np.where(size > 0, size, largest if 0 < largest < _MINUTE else 1.0), 1.0)
        rounding = np.maximum(deviation, _ROUNDING * size)
        self.scale_ = np.where(self.is_constant_, np.maximum(unit, 100 * rounding), deviation)

    def with_mean(self, mean: np.ndarray) -> Scaler:
        """Return a copy that shifts by another mean, `(channel,)`, and keeps the scale."""
        shifted = copy.copy(self)
        shifted.mean_ = mean
        return shifted

    def transform(self, rows: np.ndarray) -> np.ndarray:
        """Return scaled rows `(row, channel)`, float32, clipped to -1e6..1e6."""
        scaled = (rows - self.mean_) / self.scale_
        if self.is_constant_.any():
            constant = np.flatnonzero(self.is_constant_)
            is_rounding = _is_rounding(rows[:, constant], self.mean_[constant])
            scaled[:, constant] = np.where(is_rounding, 0, scaled[:, constant])
        return np.clip(scaled, -LARGEST, LARGEST, out=scaled).astype(np.float32)

    def inverse_transform(self, scaled: np.ndarray) -> np.ndarray:
        """Return scaled rows `(row, channel)` in the units of the data, float64."""
        return scaled * self.scale_ + self.mean_

    def _is_rounding_everywhere(self, parts: Sequence[np.ndarray], deviation: np.ndarray) -> np.ndarray:
        """Return whether all changes of a channel are rounding to float32, `(channel,)`."""
        found = deviation <= _FLOAT32_EPS * np.abs(self.mean_)
        near = np.flatnonzero(found)
        for part in parts if len(near) else ():
            for _, block in blocks_of_rows(part):
                values = block[:, near]
                found[near] &= (_is_rounding(values, self.mean_[near]) | np.isnan(values)).all(axis=0)
        return found


def _is_rounding(values: np.ndarray, constant: np.ndarray) -> np.ndarray:
    """Return where values `(row, channel)` are a constant `(channel,)`, rounded to float32 or the next one to it."""
    with np.errstate(over="ignore"):
        is_float32 = values == values.astype(np.float32)
    return is_float32 & (np.abs(values - constant) <= _FLOAT32_EPS * np.abs(constant))


def _update(
    count: np.ndarray, mean: np.ndarray, squares: np.ndarray, block: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return count, mean and sum of squared deviations so far, `(channel,)` each, with a block's (Chan et al. 1979)."""
    known = ~np.isnan(block)
    number = known.sum(axis=0)
    own = np.where(known, block, 0.0).sum(axis=0, dtype=np.float64) / np.maximum(number, 1)
    deviations = np.where(known, block - own, 0.0)
    total = np.maximum(count + number, 1)
    difference = own - mean
    squares = squares + np.square(deviations).sum(axis=0) + np.square(difference) * count * number / total
    return count + number, mean + difference * number / total, squares
