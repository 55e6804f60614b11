"""Models of windows for the detector to choose from.

A factory gets windows of the training rows and returns a model of their size, ready to be trained. The windows hold
steps of scaled rows: every channel has mean 0 and standard deviation 1.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from seqae.architectures import Architecture, build_autoencoder
from seqae.autoencoder import Autoencoder
from seqae.batch import Batch
from seqae.modules.missing import MissingValueEmbedding
from seqae.modules.per_channel import PerChannelDecoder, PerChannelEncoder, start_from_principal_components


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


WindowModel = Autoencoder | MovingAveragePredictor


class WindowModelFactory(ABC):
    """Creates the model of windows of one time resolution.

    Attributes:
        is_trainable: Whether the model is trained after it was created.
        n_folds: Folds of the normal rows that are held out in turn to fit the thresholds.
        learning_rate: The learning rate of the training.
    """

    is_trainable: ClassVar[bool] = True
    learning_rate: ClassVar[float] = 3e-3
    n_folds: ClassVar[int] = 3

    @property
    def proxy_for_calibration(self) -> WindowModelFactory:
        """The factory of the models that are fitted without a fold: this one, or a quicker one with errors as large."""
        return self

    @abstractmethod
    def __call__(self, windows: Tensor) -> WindowModel:
        """Return a model that reconstructs windows like these, `(window, time, channel)` float32; NaN if missing."""


@dataclass(frozen=True)
class Dense(WindowModelFactory):
    """A separate autoencoder for each channel: principal components and a small network added to them.

    Training starts at the principal components of the channel's windows, so that the thresholds can be fitted with
    `PCA` in its place.

    Args:
        n_components: The largest code of a channel.
        explained_variance: The fraction of the variance of a channel's windows that its code has to explain.
        hidden_size: Units of the hidden layer of a channel.
    """

    n_components: int = 8
    explained_variance: float = 0.5
    hidden_size: int = 8
    n_folds: ClassVar[int] = 5

    @property
    def proxy_for_calibration(self) -> PCA:
        """The factory of the components that training starts from; their errors are as large or larger."""
        return PCA(self.n_components, self.explained_variance)

    def __call__(self, windows: Tensor) -> Autoencoder:
        return _per_channel(windows, self.n_components, self.explained_variance, self.hidden_size)


@dataclass(frozen=True)
class PCA(WindowModelFactory):
    """Principal components of each channel's windows: the best linear autoencoder, in closed form.

    Args:
        n_components: The largest code of a channel.
        explained_variance: The fraction of the variance of a channel's windows that its code has to explain.
    """

    n_components: int = 8
    explained_variance: float = 0.5
    is_trainable: ClassVar[bool] = False
    n_folds: ClassVar[int] = 5

    def __call__(self, windows: Tensor) -> Autoencoder:
        return _per_channel(windows, self.n_components, self.explained_variance, hidden_size=0)


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

    def __call__(self, windows: Tensor) -> Autoencoder:
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

    def __call__(self, windows: Tensor) -> Autoencoder:
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

    def __call__(self, windows: Tensor) -> Autoencoder:
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

    def __call__(self, windows: Tensor) -> MovingAveragePredictor:
        return MovingAveragePredictor(self.steps)


WINDOW_MODELS: dict[str, WindowModelFactory] = {
    "dense": Dense(),
    "lstm": Recurrent(),
    "gru": Recurrent("gru"),
    "conv": Conv(),
    "attention": Transformer(),
    "pca": PCA(),
    "moving_average": MovingAverage(),
}


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


def _per_channel(windows: Tensor, n_components: int, explained_variance: float, hidden_size: int) -> Autoencoder:
    steps, channels = windows.shape[1:]
    sizes = (steps, channels, min(n_components, steps), hidden_size)
    encoder, decoder = PerChannelEncoder(*sizes), PerChannelDecoder(*sizes)
    start_from_principal_components(encoder, decoder, windows.nan_to_num(), explained_variance)
    return Autoencoder(encoder, decoder)
