"""Autoencoders of windows, for the detector to choose from.

A maker gets windows of the training rows and returns a model of their size, ready to be trained.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from seqae.autoencoder import Autoencoder
from seqae.batch import Batch
from seqae.modules.decoders import ConvDecoder, RepeatDecoder
from seqae.modules.encoders import ConvEncoder, RecurrentEncoder
from seqae.modules.missing import MissingValueEmbedding
from seqae.modules.per_channel import PerChannelDecoder, PerChannelEncoder, start_from_principal_components
from seqae.modules.recurrent import GRU, LSTM, RecurrentLayer


class Maker(ABC):
    """Makes a model of windows."""

    learns: ClassVar[bool] = True  # whether the model is trained after it was made
    blocks: ClassVar[int] = 3  # how many parts of the normal rows are left out in turn to find the limits

    @property
    def stand_in(self) -> Maker:
        """What makes the models for that: this one, or one that is quicker and errs no less."""
        return self

    @abstractmethod
    def __call__(self, windows: Tensor) -> nn.Module:
        """Return a model that reads and writes windows like these, `(window, time, channel)`."""


@dataclass(frozen=True)
class Dense(Maker):
    """Each channel by itself: principal components, and what a small net learns beyond them.

    Args:
        numbers: Numbers in the code of a channel at most.
        share: Of the variance of a channel's windows, that its code has to explain.
        hidden_size: Length of the hidden vector of a channel.
    """

    numbers: int = 8
    share: float = 0.5
    hidden_size: int = 8
    blocks: ClassVar[int] = 5

    @property
    def stand_in(self) -> Principal:
        return Principal(self.numbers, self.share)

    def __call__(self, windows: Tensor) -> Autoencoder:
        return _per_channel(windows, self.numbers, self.share, self.hidden_size)


@dataclass(frozen=True)
class Principal(Maker):
    """Principal components of each channel's windows: the best linear autoencoder, in closed form.

    Args:
        numbers: Numbers in the code of a channel at most.
        share: Of the variance of a channel's windows, that its code has to explain.
    """

    numbers: int = 8
    share: float = 0.5
    learns: ClassVar[bool] = False
    blocks: ClassVar[int] = 5

    def __call__(self, windows: Tensor) -> Autoencoder:
        return _per_channel(windows, self.numbers, self.share, hidden_size=0)


@dataclass(frozen=True)
class Recurrent(Maker):
    """All channels together: an LSTM (or GRU) that reads and another one that writes (Malhotra et al. 2016).

    Args:
        cell: lstm or gru.
        code_size: Numbers in the code of a window.
        hidden_size: Length of the hidden state.
    """

    cell: Literal["lstm", "gru"] = "lstm"
    code_size: int = 16
    hidden_size: int = 48

    def __call__(self, windows: Tensor) -> Autoencoder:
        channels = windows.shape[2]
        encoder = RecurrentEncoder(self._recurrence(2 * channels), self.code_size, embed=MissingValueEmbedding())
        decoder = RepeatDecoder(self._recurrence(self.code_size), nn.Linear(self.hidden_size, channels))
        return Autoencoder(encoder, decoder)

    def _recurrence(self, input_size: int) -> RecurrentLayer:
        return {"lstm": LSTM, "gru": GRU}[self.cell](input_size, self.hidden_size)


@dataclass(frozen=True)
class Conv(Maker):
    """All channels together: convolutions over time.

    Args:
        code_size: Numbers in the code of a window.
        hidden_size: Length of the vectors between layers.
    """

    code_size: int = 16
    hidden_size: int = 32

    def __call__(self, windows: Tensor) -> Autoencoder:
        channels, sizes = windows.shape[2], (self.hidden_size,) * 3
        encoder = ConvEncoder(2 * channels, self.code_size, sizes, embed=MissingValueEmbedding())
        return Autoencoder(encoder, ConvDecoder(self.code_size, nn.Linear(self.hidden_size, channels), sizes))


@dataclass(frozen=True)
class Persistence(Maker):
    """The rule that a plant would write down: each step is as the mean of those just before it.

    Args:
        steps: How many steps before.
    """

    steps: int = 4
    learns: ClassVar[bool] = False
    blocks: ClassVar[int] = 5

    def __call__(self, windows: Tensor) -> MovingAverage:
        return MovingAverage(self.steps)


class MovingAverage(nn.Module):
    """Predicts each step as the mean of the steps before it; the first one as itself.

    Args:
        steps: How many steps before.
    """

    def __init__(self, steps: int):
        super().__init__()
        self.steps = steps

    def encode(self, batch: Batch) -> Tensor:
        """Return the mean of each window, `(batch, channel)`."""
        return batch.values.nan_to_num().mean(dim=1)

    def reconstruct(self, batch: Batch) -> Batch:
        """Return the predictions, `(batch, time, channel)`."""
        values = batch.values.nan_to_num()
        sums = values.cumsum(dim=1)
        before = torch.cat([torch.zeros_like(sums[:, :1]), sums[:, :-1]], dim=1)
        earlier = torch.cat([torch.zeros_like(before[:, : self.steps]), before[:, : -self.steps]], dim=1)
        count = torch.arange(values.shape[1], device=values.device).clamp(max=self.steps).reshape(1, -1, 1)
        means = (before - earlier) / count.clamp(min=1)
        return Batch(torch.where(count > 0, means, values), batch.lengths)


MODELS: dict[str, Maker] = {
    "dense": Dense(),
    "lstm": Recurrent(),
    "gru": Recurrent("gru"),
    "conv": Conv(),
    "pca": Principal(),
    "persistence": Persistence(),
}


def _per_channel(windows: Tensor, numbers: int, share: float, hidden_size: int) -> Autoencoder:
    steps, channels = windows.shape[1:]
    sizes = (steps, channels, min(numbers, steps), hidden_size)
    encoder, decoder = PerChannelEncoder(*sizes), PerChannelDecoder(*sizes)
    start_from_principal_components(encoder, decoder, windows.nan_to_num(), share)
    return Autoencoder(encoder, decoder)
