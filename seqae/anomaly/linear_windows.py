"""A model of windows that is linear in their steps, and perhaps in the squares of these, in closed form."""

from __future__ import annotations

import scipy.linalg
import torch
from torch import Tensor, nn

from seqae.batch import Batch

LARGEST_SQUARE = 16.0  # of a scaled step: normal rows show little of curves beyond four deviations


def squares(steps: Tensor) -> Tensor:
    """Return the squares of scaled steps, of the same shape, 16 at most."""
    return steps.square().clamp(max=LARGEST_SQUARE)


class LinearWindowModel(nn.Module):
    """A linear autoencoder of whole windows: each step of each channel is a weighted sum of all steps of all channels.

    It is linear in the squares of the steps, too, if it sees them: then relations between channels may be curved.

    Args:
        window: The number of steps in a window.
        channels: The number of channels.
        code_size: The length of a code.
        has_squares: Whether it sees the squares of the steps, see `squares`.
    """

    def __init__(self, window: int, channels: int, code_size: int, has_squares: bool = False):
        super().__init__()
        size = window * channels
        self.window, self.channels, self.code_size, self.has_squares = window, channels, code_size, has_squares
        self.center: Tensor
        self.weight: Tensor
        self.components: Tensor
        self.square_center: Tensor
        self.square_weight: Tensor
        self.register_buffer("center", torch.zeros(size, dtype=torch.float64))
        self.register_buffer("weight", torch.zeros(size, size, dtype=torch.float64))
        self.register_buffer("components", torch.zeros(size, code_size, dtype=torch.float64))
        if has_squares:
            self.register_buffer("square_center", torch.zeros(size, dtype=torch.float64))
            self.register_buffer("square_weight", torch.zeros(size, size, dtype=torch.float64))

    def encode(self, batch: Batch) -> Tensor:
        """Return the principal components of windows `(batch, time, channel)`, `(batch, code_size)`."""
        return (batch.values.flatten(1) - self.center) @ self.components

    def reconstruct(self, batch: Batch) -> Batch:
        """Return the reconstructions of windows, both `(batch, time, channel)`."""
        steps = batch.values.flatten(1)
        values = (steps - self.center) @ self.weight.T + self.center
        if self.has_squares:
            values += (squares(steps) - self.square_center) @ self.square_weight.T
        return Batch(values.reshape(batch.values.shape), batch.lengths)


def weights_of_others(covariance: Tensor, steps: int, channels: int) -> Tensor:
    """Return the weights by which each channel follows from the others, `(time * channel, number)`.

    Args:
        covariance: Of windows, `(number, number)`: of their `time * channel` steps, and perhaps of squares after them.
        steps: The number of steps in a window.
        channels: The number of channels.
    """
    precision = torch.cholesky_inverse(torch.linalg.cholesky(covariance))
    weights = torch.zeros(steps * channels, len(covariance), dtype=torch.float64)
    for channel in range(channels):
        own = slice(channel, None, channels)  # its squares, too
        weights[own] = -torch.linalg.solve(precision[own, own], precision[own])[:steps]
        weights[own, own] = 0  # exactly, without rounding
    return weights


def noisy_covariance_with_squares(flat: Tensor, noises: Tensor) -> Tensor:
    """Return the covariance of the steps of windows and of their squares after them, with noise, `(number, number)`.

    Noise moves a square as far as its slope says.

    Args:
        flat: Windows, `(window, time * channel)`.
        noises: The variance of the noise of each step, `(time * channel,)`.
    """
    both = torch.cat([flat, squares(flat)], dim=1)
    deviations = both - both.mean(dim=0)
    squared_slope = 4 * torch.where(flat.square() < LARGEST_SQUARE, flat.square(), 0).mean(dim=0)
    noises_of_both = torch.cat([noises, noises * squared_slope.clamp(min=1)])
    return deviations.T @ deviations / len(flat) + noises_of_both.diag()


def empty_model(windows: Tensor, code_size: int, has_squares: bool = False) -> tuple[LinearWindowModel, Tensor]:
    """Return a model without weights, and the covariance of the windows, `(time * channel, time * channel)`."""
    flat = windows.flatten(1)
    model = LinearWindowModel(windows.shape[1], windows.shape[2], min(code_size, flat.shape[1]), has_squares)
    model.center = flat.mean(dim=0)
    deviations = flat - model.center
    covariance = deviations.T @ deviations / len(flat)
    if model.code_size:
        model.components = _principal_components(covariance, model.code_size)[1]
    return model, covariance


def projection(covariance: Tensor, explained_variance: float) -> Tensor:
    """Return the projection on the components that explain a fraction of the variance, of the covariance's shape."""
    variances, components = _principal_components(covariance, len(covariance))
    fractions = variances.clamp(min=0).cumsum(0) / variances.clamp(min=0).sum().clamp(min=1e-300)
    count = int((fractions < explained_variance).sum()) + 1
    return components[:, :count] @ components[:, :count].T


def _principal_components(covariance: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the largest variances, descending, `(count,)`, and their components, `(number, count)`."""
    size = len(covariance)
    # Constant channels make many eigenvalues zero, at which the driver of torch may fail.
    variances, components = scipy.linalg.eigh(covariance.numpy(), subset_by_index=[size - count, size - 1])
    return torch.from_numpy(variances[::-1].copy()), torch.from_numpy(components[:, ::-1].copy())
