"""Scaling of reconstruction errors, so that scores compare across channels and have no unit."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np

from seqae.anomaly.mahalanobis import Mahalanobis
from seqae.transforms.scaler import Scaler

MINIMUM_RANGE_FRACTION = 0.03  # deviations below this fraction of a channel's range are never abnormal


class ErrorScaler:
    """Divides errors by a high quantile of the errors of normal rows, for each channel and resolution.

    The quantile has a floor, the square of `minimum_effect`: a channel that hardly moved in the normal rows has errors
    close to zero, and without the floor its first small movement would outweigh all other channels. Fitting sets, in
    units of scaled rows, the errors that count as 1: `row_scale_`, `(resolution, channel)`, for scores of rows, and
    `channel_scale_`, `(channel,)`, for scores of channels.

    Args:
        row_quantile: The quantile of the errors of normal rows for scores of rows, 0 to 1.
        channel_quantile: The quantile for scores of channels; lower, so that a noisy channel does not seem to
            contribute to every event.
        distance: Combines the errors of all channels to the score of a row; their quadratic mean if None. A copy is
            fitted for each resolution, `distances_`.
    """

    def __init__(self, row_quantile: float = 0.99, channel_quantile: float = 0.9, distance: Mahalanobis | None = None):
        self.row_quantile = row_quantile
        self.channel_quantile = channel_quantile
        self.distance = distance

    def fit(self, errors: Sequence[np.ndarray], parts: Sequence[np.ndarray], scaler: Scaler) -> ErrorScaler:
        """Fit the scales to normal rows.

        Args:
            errors: `(row, channel)` for each resolution, finest first; NaN where there is no error.
            parts: The rows in their own units, `(row, channel)` each.
            scaler: The scaler of the rows that the models read.
        """
        floor = np.square(minimum_effect(parts, scaler))
        self.row_scale_ = np.stack([np.maximum(_quantile(each, self.row_quantile), floor) for each in errors])
        self.channel_scale_ = _quantile(errors[0], self.channel_quantile) + floor
        if self.distance is not None:
            scaled = [each / scale for each, scale in zip(errors, self.row_scale_)]
            self.distances_ = [copy.copy(self.distance).fit(each) for each in scaled]
        return self

    def widen(self, other: ErrorScaler) -> ErrorScaler:
        """Return a scaler with the larger scale of this one and another one of the same resolutions."""
        wider = copy.copy(self)
        wider.row_scale_ = np.maximum(self.row_scale_, other.row_scale_)
        wider.channel_scale_ = np.maximum(self.channel_scale_, other.channel_scale_)
        return wider

    def substitute(self, finest_errors: np.ndarray, resolution: int) -> np.ndarray:
        """Return errors for a resolution whose windows are longer than the segment: those of the finest, rescaled.

        Args:
            finest_errors: `(row, channel)`, errors at the finest resolution.
            resolution: The index of the resolution, finest first.
        """
        return finest_errors / self.row_scale_[0] * self.row_scale_[resolution]

    def row_scores(self, errors: Sequence[np.ndarray], known: np.ndarray) -> np.ndarray:
        """Return the scores of rows, `(row,)` float32; a score of 1 is a high quantile of normal rows.

        The scaled errors are averaged over the resolutions, then the quadratic mean over the channels is taken. It lies
        between the mean, in which one broken channel among many is lost, and the maximum, which ignores that several
        channels agree. With a `distance`, the score is the mean of the distances at all resolutions. Rows without any
        value get NaN.

        Args:
            errors: `(row, channel)` for each resolution, finest first.
            known: `(row, channel)` bool, False where a value is missing.
        """
        if self.distance is not None:
            return self.scores_by_resolution(errors, known).mean(axis=0)
        total = sum(each / scale for each, scale in zip(errors, self.row_scale_))
        return _quadratic_mean(total / len(errors), known)

    def scores_by_resolution(self, errors: Sequence[np.ndarray], known: np.ndarray) -> np.ndarray:
        """Return the scores of rows at each resolution separately, `(resolution, row)` float32; see `row_scores`."""
        return np.stack([self.resolution_scores(number, each, known) for number, each in enumerate(errors)])

    def resolution_scores(self, resolution: int, errors: np.ndarray, known: np.ndarray) -> np.ndarray:
        """Return the scores of rows at one resolution, `(row,)` float32.

        Args:
            resolution: The index of the resolution, finest first.
            errors: `(row, channel)`, errors at this resolution.
            known: `(row, channel)` bool, False where a value is missing.
        """
        scaled = errors / self.row_scale_[resolution]
        if self.distance is None:
            return _quadratic_mean(scaled, known)
        return np.sqrt(self.distances_[resolution].scores(np.where(known, scaled, np.nan))).astype(np.float32)

    def channel_scores(self, errors: Sequence[np.ndarray], known: np.ndarray) -> np.ndarray:
        """Return the scores of channels at the finest resolution, `(row, channel)` float32.

        Args:
            errors: `(row, channel)` for each resolution, finest first.
            known: `(row, channel)` bool, False where a value is missing, which gets the score NaN.
        """
        return np.where(known, errors[0] / self.channel_scale_, np.nan).astype(np.float32)


def minimum_effect(parts: Sequence[np.ndarray], scaler: Scaler) -> np.ndarray:
    """Return the smallest deviation of each channel that can be abnormal, `(channel,)`, in units of scaled rows.

    It is a fraction of the channel's range in the normal rows; of the scaler's unit, if the channel was constant. In a
    table that is normalised already, the range is at least 1: there, several channels fill -1 to 1 and never leave it.

    Args:
        parts: The rows in their own units, `(row, channel)` each.
        scaler: The scaler that was fitted to them.
    """
    return MINIMUM_RANGE_FRACTION * _ranges(parts, scaler.is_constant_, scaler.scale_) / scaler.scale_


def _quantile(errors: np.ndarray, quantile: float) -> np.ndarray:
    """Return a quantile of the known errors of each channel, `(channel,)`."""
    unknown = np.isnan(errors)
    if not unknown.any():
        return np.quantile(errors, quantile, axis=0)
    # Unknown errors are not small errors; for a channel without any, the floor decides.
    errors = np.where(unknown.all(axis=0), 0.0, errors)
    return np.nanquantile(errors, quantile, axis=0)


def _quadratic_mean(scores: np.ndarray, known: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.sqrt(np.square(scores).sum(axis=1, where=known) / known.sum(axis=1)).astype(np.float32)


def _ranges(parts: Sequence[np.ndarray], is_constant: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return the range of each channel in its own units, `(channel,)`."""
    with np.errstate(all="ignore"):
        low = np.fmin.reduce([np.fmin.reduce(part, axis=0) for part in parts])
        high = np.fmax.reduce([np.fmax.reduce(part, axis=0) for part in parts])
    ranges = np.where(is_constant | np.isnan(high - low), scale, high - low)
    largest = np.nanmax(np.maximum(np.abs(low), np.abs(high)))
    is_normalised = len(ranges) > 1 and 0.9 < largest <= 1
    return np.maximum(ranges, 1.0) if is_normalised else ranges
