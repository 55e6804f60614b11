"""Models of windows for the detector to choose from.

A factory gets windows of the training rows and returns a model of their size, ready to be trained. The windows hold
steps of scaled rows: every channel has mean 0 and standard deviation 1.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from seqae.anomaly.linear_windows import (
    LinearWindowModel,
    empty_model,
    noisy_covariance_with_squares,
    projection,
    squares,
    weights_of_others,
)
from seqae.architectures import Architecture, build_autoencoder
from seqae.autoencoder import Autoencoder
from seqae.batch import Batch
from seqae.modules.missing import MissingValueEmbedding


class MovingAveragePredictor(nn.Module):
    """Predicts each step of a window as the mean of the steps before it, and the first step as itself.

    Args:
        steps: Number of steps before the predicted one.
    """

    def __init__(self, steps: int):
        super().__init__()
        self.steps = steps

    def encode(self, batch: Batch) -> Tensor:
        """Return the mean of each window `(batch, time, channel)`, `(batch, channel)`; missing values count as 0."""
        return batch.values.nan_to_num().mean(dim=1)

    def reconstruct(self, batch: Batch) -> Batch:
        """Return the predicted steps of windows, both `(batch, time, channel)`; missing values (NaN) are read as 0."""
        values = batch.values.nan_to_num()
        sums = values.cumsum(dim=1)
        before = torch.cat([torch.zeros_like(sums[:, :1]), sums[:, :-1]], dim=1)
        earlier = torch.cat([torch.zeros_like(before[:, : self.steps]), before[:, : -self.steps]], dim=1)
        count = torch.arange(values.shape[1], device=values.device).clamp(max=self.steps).reshape(1, -1, 1)
        means = (before - earlier) / count.clamp(min=1)
        return Batch(torch.where(count > 0, means, values), batch.lengths)


class ScaledAutoencoder(nn.Module):
    """An autoencoder of windows whose channels are scaled before, and back after.

    Args:
        autoencoder: Reconstructs scaled windows `(batch, time, channel)`.
        channels: The number of channels.
    """

    def __init__(self, autoencoder: Autoencoder, channels: int):
        super().__init__()
        self.autoencoder, self.channels = autoencoder, channels
        self.center: Tensor
        self.scale: Tensor
        self.register_buffer("center", torch.zeros(channels))
        self.register_buffer("scale", torch.ones(channels))

    def encode(self, batch: Batch) -> Tensor:
        """Return the codes of windows `(batch, time, channel)`, `(batch, code_size)`."""
        return self.autoencoder.encode(batch.map(lambda values: (values - self.center) / self.scale))

    def reconstruct(self, batch: Batch) -> Batch:
        """Return the reconstructions of windows, both `(batch, time, channel)`."""
        scaled = batch.map(lambda values: (values - self.center) / self.scale)
        return self.autoencoder.reconstruct(scaled).map(lambda values: values * self.scale + self.center)


WindowModel = Autoencoder | MovingAveragePredictor | LinearWindowModel | ScaledAutoencoder


class WindowModelFactory(ABC):
    """Creates the model of windows of one time resolution.

    Attributes:
        is_trainable: Whether the model is trained after it was created.
        n_folds: Folds of the normal rows that are held out in turn for calibration.
        learning_rate: The learning rate of the training.
    """

    is_trainable: ClassVar[bool] = True
    learning_rate: ClassVar[float] = 3e-3
    n_folds: ClassVar[int] = 3

    @abstractmethod
    def __call__(self, windows: Tensor, noise: Tensor) -> WindowModel:
        """Return a model that reconstructs windows like these.

        Args:
            windows: Windows of normal rows, `(window, time, channel)` float64.
            noise: The variance of each channel below which nothing is abnormal, `(channel,)` float64.
        """


@dataclass(frozen=True)
class Linear(WindowModelFactory):
    """Each channel as the others predict it: the best linear autoencoder of windows whose channels are masked in turn.

    The weights follow in closed form from the inverse of the covariance of the windows (Besag 1975, "Statistical
    analysis of non-lattice data", on conditional models): the part that belongs to one channel, divided by its own
    block. A table of one channel has no others; its windows are reconstructed by their principal components.

    A curved channel follows from the squares of the other channels, too.

    Args:
        code_size: The number of principal components that are the code of a window.
        explained_variance: The fraction of the variance that the components of a single channel explain.
        curved: Which channels are curved; if None, a detector finds out, and without one none is.
    """

    code_size: int = 16
    explained_variance: float = 0.9
    curved: tuple[bool, ...] | None = None
    is_trainable: ClassVar[bool] = False
    n_folds: ClassVar[int] = 5

    def __call__(self, windows: Tensor, noise: Tensor) -> LinearWindowModel:
        steps, channels = windows.shape[1:]
        curved = (False,) * channels if self.curved is None else self.curved
        if len(curved) != channels:
            raise ValueError(f"curved speaks of {len(curved)} channels, and there are {channels}. Name each once")
        model, covariance = empty_model(windows, self.code_size, has_squares=any(curved) and channels > 1)
        if channels == 1:
            model.weight = projection(covariance, self.explained_variance)
            return model
        noises = noise.repeat(steps)
        if not all(curved):
            model.weight = weights_of_others(covariance + noises.diag(), steps, channels)
        if model.has_squares:
            flat, is_curved = windows.flatten(1), torch.tensor(curved).repeat(steps)
            weight = weights_of_others(noisy_covariance_with_squares(flat, noises), steps, channels)[is_curved]
            model.weight[is_curved], model.square_weight[is_curved] = weight.chunk(2, dim=1)
            model.square_center = squares(flat).mean(dim=0)
        return model


@dataclass(frozen=True)
class PCA(WindowModelFactory):
    """Principal components of the windows of all channels together: the best linear autoencoder with a small code.

    Args:
        code_size: The number of components that are the code of a window.
        explained_variance: The fraction of the variance that the components of the reconstruction explain.
    """

    code_size: int = 16
    explained_variance: float = 0.9
    is_trainable: ClassVar[bool] = False
    n_folds: ClassVar[int] = 5

    def __call__(self, windows: Tensor, noise: Tensor) -> LinearWindowModel:
        model, covariance = empty_model(windows, self.code_size)
        model.weight = projection(covariance, self.explained_variance)
        return model


@dataclass(frozen=True)
class Recurrent(WindowModelFactory):
    """A recurrent encoder and decoder over all channels (Malhotra et al. 2016, https://arxiv.org/abs/1607.00148).

    Both read in both directions, and the decoder reads the positions of the steps, see `seqae.build_autoencoder`.

    Args:
        cell: lstm or gru.
        code_size: Units of the code of a window.
        hidden_size: Units of the hidden states of both directions together, a multiple of 4.
    """

    cell: Literal["lstm", "gru"] = "lstm"
    code_size: int = 16
    hidden_size: int = 48

    def __call__(self, windows: Tensor, noise: Tensor) -> Autoencoder:
        return _over_channels(self.cell, windows, self.code_size, self.hidden_size)


@dataclass(frozen=True)
class Conv(WindowModelFactory):
    """A convolutional autoencoder over all channels, see `seqae.build_autoencoder`.

    Args:
        code_size: Units of the code of a window.
        hidden_size: Channels of the hidden layers, a multiple of 4.
    """

    code_size: int = 16
    hidden_size: int = 32

    def __call__(self, windows: Tensor, noise: Tensor) -> Autoencoder:
        return _over_channels("conv", windows, self.code_size, self.hidden_size)


@dataclass(frozen=True)
class Transformer(WindowModelFactory):
    """An autoencoder over all channels by self-attention, see `seqae.build_autoencoder`.

    Args:
        code_size: Units of the code of a window.
        hidden_size: Length of the vector of a step, a multiple of 4.
    """

    code_size: int = 16
    hidden_size: int = 32
    learning_rate: ClassVar[float] = 1e-3

    def __call__(self, windows: Tensor, noise: Tensor) -> Autoencoder:
        return _over_channels("attention", windows, self.code_size, self.hidden_size)


@dataclass(frozen=True)
class MovingAverage(WindowModelFactory):
    """A baseline without training: each step is predicted as the mean of the steps just before it.

    Args:
        steps: Number of steps before the predicted one.
    """

    steps: int = 4
    is_trainable: ClassVar[bool] = False
    n_folds: ClassVar[int] = 5

    def __call__(self, windows: Tensor, noise: Tensor) -> MovingAveragePredictor:
        return MovingAveragePredictor(self.steps)


WINDOW_MODELS: dict[str, WindowModelFactory] = {
    "linear": Linear(),
    "lstm": Recurrent(),
    "gru": Recurrent("gru"),
    "conv": Conv(),
    "attention": Transformer(),
    "pca": PCA(),
    "moving_average": MovingAverage(),
}


def without_codes(factory: WindowModelFactory) -> WindowModelFactory:
    """Return a factory of models that reconstruct the same, and may have no codes: linear ones take long to find."""
    return replace(factory, code_size=0) if isinstance(factory, Linear | PCA) else factory


def _over_channels(architecture: Architecture, windows: Tensor, code_size: int, hidden_size: int) -> Autoencoder:
    channels = windows.shape[2]
    return build_autoencoder(
        architecture,
        2 * channels,
        lambda size: nn.Linear(size, channels),
        code_size=code_size,
        hidden_size=hidden_size,
        embed=MissingValueEmbedding(),
    )
