"""What errors are usual: from errors with units of the data to scores that compare across channels."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np

from seqae.anomaly.thresholds import Mahalanobis
from seqae.transforms.scaler import Scaler

NOTICEABLE = 0.03  # an error below this share of a channel's range is never remarkable


class Levels:
    """For each resolution and channel, the error that normal rows rarely exceed.

    Training may leave a channel nearly still, so that its first twitch would outweigh everything: an
    error counts from a small share of the channel's range on (of its size, if it did not move at all). In
    a table that is normalised already, several channels with values that fill -1 to 1 and never leave it,
    that range is 1. Fitting sets the errors of scaled rows that count as 1: `extreme_`
    `(resolution, channel)` for scores of rows, `usual_` `(channel,)` for those of channels.

    Args:
        extreme: The quantile of the errors of normal rows for scores of rows.
        usual: The quantile for scores of channels: lower, so that a noisy channel is not blamed for all.
        distance: Measures the errors of all channels together; the quadratic mean if None. One for each
            resolution is fitted, `distances_`.
    """

    def __init__(self, extreme: float = 0.99, usual: float = 0.9, distance: Mahalanobis | None = None):
        self.extreme = extreme
        self.usual = usual
        self.distance = distance

    def fit(self, errors: Sequence[np.ndarray], parts: Sequence[np.ndarray], scaler: Scaler) -> Levels:
        """Learn from normal rows.

        Args:
            errors: `(row, channel)` for each resolution.
            parts: The rows in their own units, `(row, channel)` each.
            scaler: What turned them into what the models read.
        """
        floor = np.square(noticeable(parts, scaler))
        self.extreme_ = np.stack([np.maximum(_quantile(each, self.extreme), floor) for each in errors])
        self.usual_ = _quantile(errors[0], self.usual) + floor
        if self.distance is not None:
            shares = [each / extreme for each, extreme in zip(errors, self.extreme_)]
            self.distances_ = [copy.copy(self.distance).fit(each) for each in shares]
        return self

    def widen(self, other: Levels) -> None:
        """Take the larger errors for usual, these or those of others at the same resolutions."""
        self.extreme_ = np.maximum(self.extreme_, other.extreme_)
        self.usual_ = np.maximum(self.usual_, other.usual_)

    def stand_in(self, errors: np.ndarray, resolution: int) -> np.ndarray:
        """Return the errors of the finest resolution as those of a coarser one, whose windows are too long here."""
        return errors / self.extreme_[0] * self.extreme_[resolution]

    def row_scores(self, errors: Sequence[np.ndarray], known: np.ndarray) -> np.ndarray:
        """Return the scores of rows, `(row,)`: 1 is where normal ends; NaN where nothing is known.

        Averaged over resolutions, then the quadratic mean over channels, which lies between the mean,
        that drowns one broken channel among many, and the largest, that ignores that several agree. With a
        `distance`, the mean of the distances at all resolutions.

        Args:
            errors: `(row, channel)` for each resolution.
            known: `(row, channel)`, False where a value is missing.
        """
        if self.distance is not None:
            return self.scores_by_resolution(errors, known).mean(axis=0)
        total = sum(each / extreme for each, extreme in zip(errors, self.extreme_))
        return _quadratic_mean(total / len(errors), known)

    def scores_by_resolution(self, errors: Sequence[np.ndarray], known: np.ndarray) -> np.ndarray:
        """Return the same for each resolution by itself, `(resolution, row)`."""
        return np.stack([self.scores_at(number, each, known) for number, each in enumerate(errors)])

    def scores_at(self, resolution: int, errors: np.ndarray, known: np.ndarray) -> np.ndarray:
        """Return the scores of rows at one resolution, counted from the finest, of its errors `(row, channel)`."""
        shares = errors / self.extreme_[resolution]
        if self.distance is None:
            return _quadratic_mean(shares, known)
        return np.sqrt(self.distances_[resolution].scores(np.where(known, shares, np.nan))).astype(np.float32)

    def channel_scores(self, errors: Sequence[np.ndarray], known: np.ndarray) -> np.ndarray:
        """Return the scores of channels, `(row, channel)`, at the finest resolution; NaN where a value is missing."""
        return np.where(known, errors[0] / self.usual_, np.nan).astype(np.float32)


def noticeable(parts: Sequence[np.ndarray], scaler: Scaler) -> np.ndarray:
    """Return what is large enough to be remarked in each channel, `(channel,)`, in units of the scaled rows."""
    return NOTICEABLE * _ranges(parts, scaler.is_constant_, scaler.scale_) / scaler.scale_


def _quantile(errors: np.ndarray, quantile: float) -> np.ndarray:
    unknown = np.isnan(errors)
    if not unknown.any():
        return np.quantile(errors, quantile, axis=0)
    # Unknown errors are no small ones; of a channel without any, nothing is known and the floor decides.
    errors = np.where(unknown.all(axis=0), 0.0, errors)
    return np.nanquantile(errors, quantile, axis=0)


def _quadratic_mean(scores: np.ndarray, known: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.sqrt(np.square(scores).sum(axis=1, where=known) / known.sum(axis=1)).astype(np.float32)


def _ranges(parts: Sequence[np.ndarray], is_still: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return the range of each channel in its own units, `(channel,)`."""
    with np.errstate(all="ignore"):
        low = np.fmin.reduce([np.fmin.reduce(part, axis=0) for part in parts])
        high = np.fmax.reduce([np.fmax.reduce(part, axis=0) for part in parts])
    ranges = np.where(is_still | np.isnan(high - low), scale, high - low)
    largest = np.nanmax(np.maximum(np.abs(low), np.abs(high)))
    is_normalised = len(ranges) > 1 and 0.9 < largest <= 1
    return np.maximum(ranges, 1.0) if is_normalised else ranges
