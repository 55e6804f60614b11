"""What errors are usual: from errors with units of the data to scores that compare across channels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqae.data.scaler import Scaler

NOTICEABLE = 0.03  # an error below this share of a channel's range is never remarkable


class Levels:
    """For each resolution and channel, the error that normal rows rarely exceed.

    Training may leave a channel nearly still, so that its first twitch would outweigh everything: an
    error counts from a small share of the channel's range on (of its size, if it did not move at all). In
    a table that is normalised already, several channels with values that fill -1 to 1 and never leave it,
    that range is 1. Fitting sets `extreme_` `(resolution, channel)`, where the score of a row begins to
    count, and `usual_` `(channel,)`, the same for blame, both for errors of scaled rows.

    Args:
        extreme: The quantile of the errors of normal rows for scores of rows.
        usual: The quantile for scores of channels: lower, so that a noisy channel is not blamed for all.
    """

    def __init__(self, extreme: float = 0.99, usual: float = 0.9):
        self.extreme = extreme
        self.usual = usual

    def fit(self, errors: Sequence[np.ndarray], parts: Sequence[np.ndarray], scaler: Scaler) -> Levels:
        """Learn from normal rows.

        Args:
            errors: `(row, channel)` for each resolution.
            parts: The rows in their own units, `(row, channel)` each.
            scaler: What turned them into what the models read.
        """
        floor = np.square(NOTICEABLE * _ranges(parts, scaler.is_still_, scaler.scale_) / scaler.scale_)
        extreme = [np.nanquantile(np.nan_to_num(each), self.extreme, axis=0) for each in errors]
        usual = np.nanquantile(np.nan_to_num(errors[0]), self.usual, axis=0)
        self.extreme_ = np.maximum(np.stack(extreme), floor).astype(np.float32)
        self.usual_ = (usual + floor).astype(np.float32)
        return self

    def row_scores(self, errors: Sequence[np.ndarray], known: np.ndarray) -> np.ndarray:
        """Return the scores of rows, `(row,)`: 1 is where normal ends; NaN where nothing is known.

        Averaged over resolutions, then the quadratic mean over channels, which lies between the mean,
        that drowns one broken channel among many, and the largest, that ignores that several agree.

        Args:
            errors: `(row, channel)` for each resolution.
            known: `(row, channel)`, False where a value is missing.
        """
        total = np.zeros(known.shape, dtype=np.float32)
        for each, extreme in zip(errors, self.extreme_):
            total += each / extreme
        squares = np.square(total / len(errors)).sum(axis=1, where=known)
        with np.errstate(invalid="ignore"):
            return np.sqrt(squares / known.sum(axis=1)).astype(np.float32)

    def channel_scores(self, errors: Sequence[np.ndarray], known: np.ndarray) -> np.ndarray:
        """Return the scores of channels, `(row, channel)`, at the finest resolution; NaN where a value is missing."""
        return np.where(known, errors[0] / self.usual_, np.float32(np.nan))


def _ranges(parts: Sequence[np.ndarray], is_still: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return the range of each channel in its own units, `(channel,)`."""
    with np.errstate(all="ignore"):
        low = np.fmin.reduce([np.fmin.reduce(part, axis=0) for part in parts])
        high = np.fmax.reduce([np.fmax.reduce(part, axis=0) for part in parts])
    ranges = np.where(is_still, scale, np.nan_to_num(high - low))
    largest = np.nanmax(np.maximum(np.abs(low), np.abs(high)))
    is_normalised = len(ranges) > 1 and 0.9 < largest <= 1
    return np.maximum(ranges, 1.0) if is_normalised else ranges
