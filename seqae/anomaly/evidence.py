"""How unusual windows are, channel by channel: residuals and values weighted by what is usual for them.

Two questions are asked of each channel in a window. Is the channel itself as usual, whatever the others do? And is it
where the model, which knows the other channels, reconstructs it? Both are squared Mahalanobis distances over the steps
of the window, the statistics T2 and Q of multivariate process monitoring (Jackson and Mudholkar 1979,
https://doi.org/10.1080/00401706.1979.10489779), turned into a surprise by Student's distribution.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import torch
from torch import Tensor

from seqae.anomaly.accepted import AcceptedDeviations
from seqae.anomaly.window_models import WindowModel
from seqae.anomaly.windows import largest_in_windows, windows_of
from seqae.batch import Batch

WINDOWS_PER_BATCH = 2048
KINDS = 2  # of distances: of the channel itself, and of its residual
USUAL_QUANTILE = 0.95  # of the surprises of normal windows; below it, evidence fades
SOFT_EXCESS = 30.0  # above which log(1 + exp(excess)) is the excess
DEGREES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 256.0)  # of freedom, to choose from
QUIET_QUANTILE = 0.05  # of the distances of normal windows; below it, a window is quieter than usual
NO_DISTANCE = 1e-9  # a smaller one is rounding
LEAST_QUIET = 1e-6  # of that quantile: a distance below it is as quiet
MIN_SCALE = 0.01  # of a distance per dimension, as a multiple of what is expected
MOVES_PER_DIMENSION = 10  # a channel must have moved so often for each step of a window that is believed


@dataclass(frozen=True, eq=False)
class Whitening:
    """The usual values of windows and how they vary, for each channel.

    Attributes:
        center: `(time, channel)` float64.
        factor: `(channel, time, time)` float64, the transposed Cholesky factor of the inverse covariance.
    """

    center: np.ndarray
    factor: np.ndarray

    def distances(self, windows: Tensor) -> Tensor:
        """Return the squared Mahalanobis distance of each channel, `(window, channel)`.

        Args:
            windows: `(window, time, channel)` float64.
        """
        return self.whitened(windows).square().sum(dim=2).T

    def whitened(self, windows: Tensor) -> Tensor:
        """Return deviations whose squares add up to the distances, `(channel, window, time)`.

        Args:
            windows: `(window, time, channel)` float64.
        """
        deviations = (windows - torch.from_numpy(self.center)).permute(2, 0, 1)
        return deviations @ torch.from_numpy(self.factor)

    def last_step(self, earlier: Tensor) -> Tensor:
        """Return the last step of windows as their earlier steps predict it, `(window, channel)`.

        It is the conditional mean of a normal distribution, which is where the distance is least.

        Args:
            earlier: All steps but the last one, `(window, time - 1, channel)` float64.
        """
        center = torch.from_numpy(self.center)
        return center[-1] - ((earlier - center[:-1]) * torch.from_numpy(self.last_step_weights)).sum(dim=1)

    @property
    def last_step_weights(self) -> np.ndarray:
        """How far deviations of the earlier steps lower the last one that is expected, `(time - 1, channel)`."""
        factor = torch.from_numpy(self.factor)
        row = (factor @ factor[:, -1, :, None])[:, :, 0]  # the last one of the inverse covariance, (channel, time)
        return (row[:, :-1] / row[:, -1:]).T.numpy()


def fit_whitening(windows: Tensor, noise: Tensor) -> Whitening:
    """Fit to windows of normal rows.

    Args:
        windows: `(window, time, channel)` float64.
        noise: The variance of each channel below which nothing is abnormal, `(channel,)`, added to its covariance.
    """
    center = windows.mean(dim=0)
    deviations = (windows - center).permute(2, 0, 1)  # (channel, window, time)
    covariance = deviations.transpose(1, 2) @ deviations / len(windows)
    covariance += noise[:, None, None] * torch.eye(windows.shape[1], dtype=torch.float64)
    return Whitening(center.numpy(), torch.linalg.cholesky(torch.linalg.inv(covariance)).contiguous().numpy())


@dataclass(frozen=True, eq=False)
class Surprise:
    """How surprising a distance is: the negative logarithm of Student's density, as far as it is above the usual.

    Heavy tails in the normal rows make a large distance less surprising, and so decide how far each channel can be
    trusted. A small distance is the most likely one, and yet rare where a channel has noise: one that is stuck has
    none. Towards zero, windows get rarer as a power of the distance; the normal rows tell it, and a channel that has
    stood still in them has none.

    Attributes:
        degrees: The degrees of freedom, `(kind, channel)`.
        scale: The usual distance per dimension, `(kind, channel)`.
        dimensions: The number of dimensions of a distance that are believed, `(channel,)`.
        usual: The surprise below which evidence fades, `(kind, channel)`.
        quiet: The distance below which a window is quieter than usual, `(kind, channel)`.
        quiet_power: The power of the distance that the fraction of even quieter windows falls with, `(kind, channel)`.
    """

    degrees: np.ndarray
    scale: np.ndarray
    dimensions: np.ndarray
    usual: np.ndarray
    quiet: np.ndarray
    quiet_power: np.ndarray

    def evidence(self, distances: Tensor) -> Tensor:
        """Return the surprise above the usual, `(kind, window, channel)`, of distances of this shape.

        Below the usual it fades, as exp does, so that normal rows have an order too, until a distance is quieter than
        usual.
        """
        excess = self.surprise(distances) - torch.from_numpy(self.usual)[:, None]
        soft = torch.log1p(excess.clamp(max=SOFT_EXCESS).exp()) + (excess - SOFT_EXCESS).clamp(min=0)
        return (soft - torch.from_numpy(self.least)[:, None]).clamp(min=0) + self._quietness(distances)

    def _quietness(self, distances: Tensor) -> Tensor:
        """Return the negative logarithm of the fraction of quiet windows that are as quiet, zero for others."""
        quiet, power = (torch.from_numpy(each)[:, None] for each in (self.quiet, self.quiet_power))
        return -power * (distances / quiet).clamp(LEAST_QUIET, 1).log()

    @property
    def least(self) -> np.ndarray:
        """The soft excess where there is no distance, `(kind, channel)`."""
        return np.log1p(np.exp(-self.usual))

    def surprise(self, distances: Tensor) -> Tensor:
        """Return the negative logarithm of the density, less that of the most likely distance, of this shape."""
        degrees, scale = (torch.from_numpy(each)[:, None] for each in (self.degrees, self.scale))
        return (degrees + torch.from_numpy(self.dimensions)) / 2 * torch.log1p(distances / (degrees * scale))

    def widen(self, other: Surprise) -> Surprise:
        """Return a surprise with the larger scale of this one and another one, and with the larger usual surprise."""
        return Surprise(
            np.where(self.scale > other.scale, self.degrees, other.degrees),
            np.maximum(self.scale, other.scale),
            self.dimensions,
            np.maximum(self.usual, other.usual),
            np.minimum(self.quiet, other.quiet),
            np.minimum(self.quiet_power, other.quiet_power),
        )


def fit_surprise(distances: Tensor, moves: np.ndarray, window: int) -> Surprise:
    """Fit Student's distribution to distances of normal windows that models and whitening were not fitted to.

    A channel that has hardly moved in the normal rows has not shown how it moves: that it moves now is one fact, not a
    fact for each step of a window. Nor does it have more degrees of freedom than moves: its tails may be heavy.

    Args:
        distances: `(kind, window, channel)` float64.
        moves: How often each channel moved in the normal rows, `(channel,)`.
        window: The number of steps in a window.
    """
    dimensions = np.clip(moves / MOVES_PER_DIMENSION, 1, window)
    most_degrees = torch.from_numpy(np.maximum(moves, DEGREES[0]))
    values, size = distances.permute(1, 0, 2), torch.from_numpy(dimensions)
    best = torch.full(values.shape[1:], torch.inf, dtype=torch.float64)
    degrees, scale = torch.ones_like(best), torch.ones_like(best)
    for each in DEGREES:
        fitted = (values.median(dim=0).values / size).clamp(min=MIN_SCALE)
        for _ in range(20):  # expectation maximisation; by the mean weight it converges quickly with few degrees too
            weights = (each + size) / (each + values / fitted)
            fitted = ((weights * values).mean(dim=0) / (size * weights.mean(dim=0))).clamp(min=MIN_SCALE)
        loss = (each + size) / 2 * torch.log1p(values / (each * fitted)).mean(dim=0) + size / 2 * torch.log(
            fitted * each
        )
        loss += torch.lgamma(torch.tensor(each / 2)) - torch.lgamma((each + size) / 2)
        better = (loss < best - 1e-9) & (each <= most_degrees)
        best, degrees, scale = (
            torch.where(better, new, old)
            for new, old in ((loss, best), (torch.full_like(best, each), degrees), (fitted, scale))
        )
    zero = np.zeros(tuple(best.shape))
    surprise = Surprise(degrees.numpy(), scale.numpy(), dimensions, zero, *_fit_quiet(distances, dimensions))
    return replace(surprise, usual=np.quantile(surprise.surprise(distances).numpy(), USUAL_QUANTILE, axis=1))


def _fit_quiet(distances: Tensor, dimensions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what `Surprise` has of quiet windows, `(kind, channel)` each, by distances `(kind, window, channel)`.

    The power is the most likely one for the windows below (Hill 1975, https://doi.org/10.1214/aos/1176343247); that of
    a normal distribution, half of its dimensions, is the largest. Where one window in twenty has no distance, it is 0.
    """
    quiet = np.maximum(np.quantile(distances.numpy(), QUIET_QUANTILE, axis=1), NO_DISTANCE)
    ratios = np.clip(distances.numpy() / quiet[:, None], LEAST_QUIET, 1)
    power = (ratios < 1).sum(axis=1) / np.maximum(-np.log(ratios).sum(axis=1), 1e-9)
    return quiet, np.where(quiet > NO_DISTANCE, np.minimum(power, dimensions / 2), 0.0)


def count_moves(parts: list[np.ndarray]) -> np.ndarray:
    """Return how often each channel moves from one row to the next, `(channel,)` float64, in parts `(row, channel)`."""
    return np.sum([(np.diff(part, axis=0) != 0).sum(axis=0) for part in parts], axis=0, dtype=float)


@dataclass(frozen=True, eq=False)
class WindowEvidence:
    """The evidence in windows at one time resolution.

    Attributes:
        model: Reconstructs windows `(batch, time, channel)`.
        window: The number of steps in a window.
        rows_per_step: Rows that are averaged to one step.
        values: What is usual for the steps of a channel.
        residuals: What is usual for their differences from the reconstruction.
        surprise: Turns distances into evidence; not fitted while the model is cross-fitted.
        accepted: Deviations that operators have accepted as normal; None if there are none.
    """

    model: WindowModel
    window: int
    rows_per_step: int
    values: Whitening
    residuals: Whitening
    surprise: Surprise | None = None
    accepted: AcceptedDeviations | None = None

    @property
    def length(self) -> int:
        """The number of rows that a window covers."""
        return self.window * self.rows_per_step

    def distances(self, rows: Tensor, missing: Tensor | None = None) -> Tensor:
        """Return the squared distances of windows that start at every row, `(kind, window, channel)` float64.

        Args:
            rows: Scaled rows without missing values, `(row, channel)` float64, at least as many as a window covers.
            missing: `(row, channel)` bool, True where a value was filled in; None if none was.
        """
        results = []
        for start in range(0, len(rows) - self.length + 1, WINDOWS_PER_BATCH):
            batch = slice(start, start + WINDOWS_PER_BATCH + self.length - 1)
            is_filled = None
            if missing is not None and missing[batch].any():
                is_filled = largest_in_windows(missing[batch].to(rows.dtype), self.length) > 0
            results.append(self.distances_of(self.windows_of(rows[batch]), is_filled))
        return torch.cat(results, dim=1)

    def windows_of(self, rows: Tensor) -> Tensor:
        """Return the windows that start at every row of `(row, channel)`, `(window, time, channel)`."""
        return windows_of(rows, self.window, self.rows_per_step)

    def distances_of(self, windows: Tensor, is_filled: Tensor | None = None) -> Tensor:
        """Return the squared distances of windows `(window, time, channel)`, `(kind, window, channel)`.

        What was filled in, where `is_filled` `(window, channel)` says so, makes a window quiet, which is no evidence.
        """
        residuals = windows - reconstructions(self.model, windows)
        distances = torch.stack([self.values.distances(windows), self.residuals.distances(residuals)])
        if is_filled is not None:
            distances = torch.where(is_filled, distances.maximum(self._quiet[:, None]), distances)
        if self.accepted is not None:
            is_far = self.of_distances(distances).sum(dim=1) > self.accepted.least
            if is_far.any():
                near = self.accepted.distances(self.deviations_of(windows[is_far]), self._quiet)
                distances[:, is_far] = (
                    near if is_filled is None else near.maximum(self._quiet[:, None] * is_filled[is_far])
                )
        return distances

    @property
    def _quiet(self) -> Tensor:
        return torch.from_numpy(cast(Surprise, self.surprise).quiet)

    def deviations_of(self, windows: Tensor) -> Tensor:
        """Return whitened deviations of windows `(window, time, channel)`, `(kind, channel, window, time)`."""
        residuals = windows - reconstructions(self.model, windows)
        return torch.stack([self.values.whitened(windows), self.residuals.whitened(residuals)])

    def of_rows(self, rows: Tensor, missing: Tensor) -> Tensor:
        """Return the evidence in windows that start at every row, `(window, channel)`; arguments as `distances`."""
        return self.of_distances(self.distances(rows, missing))

    def of_distances(self, distances: Tensor) -> Tensor:
        """Return the evidence in windows with these distances `(kind, window, channel)`, `(window, channel)`."""
        return cast(Surprise, self.surprise).evidence(distances).sum(dim=0)


def reconstructions(model: WindowModel, windows: Tensor) -> Tensor:
    """Return the reconstructions of windows, both `(window, time, channel)` float64."""
    return model.reconstruct(_batch(model, windows)).values.to(windows)


def encode_windows(model: WindowModel, windows: Tensor) -> Tensor:
    """Return the codes of windows `(window, time, channel)`, `(window, code_size)` float64."""
    return model.encode(_batch(model, windows)).to(windows)


def _batch(model: WindowModel, windows: Tensor) -> Batch:
    """Return windows `(window, time, channel)` as the model's numbers are, on its device."""
    return Batch.full(next((windows.to(each) for each in model.state_dict().values()), windows))
