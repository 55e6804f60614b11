"""Channels on a common scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqae.data.arrays import blocks_of_rows


class Scaler:
    """Shifts and scales each channel to mean 0 and deviation 1 over the rows that it was fitted to.

    A channel that did not move has no deviation; it is measured in units of its own size, or in its
    own units if it is zero. Fitting sets `mean_`, `scale_` and `is_still_`
    (True for channels that did not move), `(channel,)` each.
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
        still = deviation <= 1e-12 * size  # what rounding leaves of a constant
        self.scale_ = np.where(still, np.where(size > 0, size, 1.0), deviation)
        self.is_still_ = still
        return self

    def transform(self, rows: np.ndarray) -> np.ndarray:
        """Return scaled rows `(row, channel)`, float32; what is out of all proportion is held at 1e6."""
        scaled = (rows - self.mean_) / self.scale_
        return np.clip(scaled, -1e6, 1e6, out=scaled).astype(np.float32)

    def restore(self, scaled: np.ndarray) -> np.ndarray:
        """Return rows in the units of the data, float64."""
        return scaled * self.scale_ + self.mean_


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
