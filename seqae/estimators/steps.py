"""What the steps of sequences are: from sequences to the tensors of a model, and back from its predictions.

Each class learns its settings from the training sequences, and builds the two layers of a model that depend on them:
`embed`, from steps to vectors, and `head`, from vectors to predictions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seqae.data.audio.log_mel import LogMel
from seqae.losses import squared_error
from seqae.modules.images import frame_decoder, frame_encoder
from seqae.modules.missing import MissingValueEmbedding
from seqae.transforms.scaler import Scaler

Loss = Callable[[Tensor, Tensor], Tensor]
_FARTHEST = 1e12  # deviations, from which no reading is, but what stands for a missing one
_FARTHEST_SCALE = 1e6  # usual distances: numbers of float32 have seven digits
_MAX_ROWS = 10**5  # that are looked at for usual distances


class Steps(ABC):
    """The steps of sequences of one kind.

    Attributes:
        loss: The loss of each value.
        max_length_: The largest number of steps, if sequences say themselves where they end; None if they do not.
    """

    loss: Loss = staticmethod(squared_error)
    max_length_: int | None = None

    @property
    def scaler(self) -> Scaler | None:
        """What scales the values of a step before the model reads them; None if nothing does."""
        return None

    @property
    def step_shape(self) -> tuple[int, ...] | None:
        """The shape of a step as the model reads it; None for tokens."""
        return None

    @abstractmethod
    def fit(self, sequences: list[Any]) -> Steps:
        """Learn the settings of training sequences; return the object."""

    @abstractmethod
    def to_tensors(self, sequences: list[Any]) -> list[Tensor]:
        """Return sequences as a model reads them, `(time, *step)` each.

        Raises:
            ValueError: A sequence does not fit those of the training.
        """

    @abstractmethod
    def from_prediction(self, prediction: np.ndarray) -> Any:
        """Return a prediction `(time, *prediction)` in the form of the sequences."""

    @abstractmethod
    def layers(self, hidden_size: int) -> tuple[nn.Module, int, Callable[[int], nn.Module]]:
        """Return `embed`, the length of the vectors that it writes, and a function from their length to `head`."""


class ReadingSteps(Steps):
    """Readings `(time, channel)`, scaled by channel; NaN where a value is missing.

    Args:
        channels: The names of the channels, empty if they have none.

    Attributes:
        scaler_: The fitted scaler.
    """

    def __init__(self, channels: tuple[str, ...] = ()):
        self.channels = channels

    def fit(self, sequences: list[np.ndarray]) -> ReadingSteps:
        """Fit the scaler to `(time, channel)` arrays.

        Raises:
            ValueError: A channel has no value in any sequence.
        """
        self.scaler_ = Scaler().fit(sequences)
        empty = np.all([np.isnan(rows).all(axis=0) for rows in sequences], axis=0)
        if empty.any():
            number = int(np.flatnonzero(empty)[0])
            name = self.channels[number] if self.channels else number
            raise ValueError(f"channel {name!r} has no value in any sequence, NaN alone. Leave it out")
        self._refuse_erased(sequences)
        return self

    @property
    def num_channels(self) -> int:
        """The number of channels."""
        return len(self.scaler_.mean_)

    def to_tensors(self, sequences: list[np.ndarray]) -> list[Tensor]:
        """Return scaled readings, `(time, channel)` float32 each."""
        for index, rows in enumerate(sequences):
            if rows.shape[1] != self.num_channels:
                raise ValueError(
                    f"sequence {index} has {rows.shape[1]} channels {rows.shape}. Expected {self.num_channels}, as "
                    "in fit"
                )
            far = np.abs(rows.astype(np.float64) - self.scaler_.mean_) > _FARTHEST * self.scaler_.scale_
            if far.any():
                step, channel = np.argwhere(far)[0].tolist()
                raise ValueError(
                    f"sequence {index} is {rows[step, channel]:g} (step {step}, channel {channel}), more than "
                    f"{_FARTHEST:g} deviations from the mean in training. Give NaN if it stands for a missing value"
                )
        return [torch.from_numpy(self.scaler_.transform(rows.astype(np.float64))) for rows in sequences]

    def _refuse_erased(self, sequences: list[np.ndarray]) -> None:
        """Raise a ValueError if the other values of a channel would be all the same beside an enormous one."""
        every = -(-sum(map(len, sequences)) // _MAX_ROWS)
        rows = np.concatenate([rows[::every] for rows in sequences]).astype(np.float64)
        usual = np.nanmedian(np.abs(rows - np.nanmedian(rows, axis=0)), axis=0)
        for channel in np.flatnonzero((usual > 0) & (self.scaler_.scale_ > _FARTHEST_SCALE * usual)).tolist():
            sizes = [np.nanmax(np.abs(rows[:, channel]), initial=0) for rows in sequences]
            index = int(np.argmax(sizes))
            raise ValueError(
                f"sequence {index} has a value of {sizes[index]:g} (channel {channel}). Beside it the others, mostly "
                f"within {usual[channel]:g} of each other, are nearly equal. Give NaN if it stands for a missing value"
            )

    @property
    def scaler(self) -> Scaler:
        """The fitted scaler of the channels."""
        return self.scaler_

    @property
    def step_shape(self) -> tuple[int, ...]:
        """The number of channels, `(channel,)`."""
        return (self.num_channels,)

    def from_prediction(self, prediction: np.ndarray) -> np.ndarray:
        """Return predicted readings `(time, channel)` in the units of the data."""
        return self.scaler_.inverse_transform(prediction)

    def layers(self, hidden_size: int) -> tuple[nn.Module, int, Callable[[int], nn.Module]]:
        """Return an embedding with flags for missing values, and a linear head."""
        return MissingValueEmbedding(), 2 * self.num_channels, lambda size: nn.Linear(size, self.num_channels)


class AudioSteps(Steps):
    """Sounds as log-mel frames, `(time, size)`.

    Args:
        log_mel: The settings of the frames; its means and scales are fitted.

    Attributes:
        log_mel_: The fitted settings.
    """

    def __init__(self, log_mel: LogMel):
        self.log_mel = log_mel

    def fit(self, sequences: list[Any]) -> AudioSteps:
        """Fit means and scales of the bands to sounds `(time, channel)`."""
        self.log_mel_ = self.log_mel.fit(sequences)
        return self

    def to_tensors(self, sequences: list[Any]) -> list[Tensor]:
        """Return standardised frames, `(time, size)` float32 each."""
        return [torch.as_tensor(self.log_mel_.transform(sound), dtype=torch.float32) for sound in sequences]

    @property
    def step_shape(self) -> tuple[int, ...]:
        """The number of values of a frame, `(size,)`."""
        return (self.log_mel.size,)

    def from_prediction(self, prediction: np.ndarray) -> np.ndarray:
        """Return predicted frames `(time, size)`, standardised."""
        return prediction

    def layers(self, hidden_size: int) -> tuple[nn.Module, int, Callable[[int], nn.Module]]:
        """Return no embedding and a linear head."""
        return nn.Identity(), self.log_mel.size, lambda size: nn.Linear(size, self.log_mel.size)


class FrameSteps(Steps):
    """Frames `(time, channel, height, width)`, scaled to deviation 1 by one mean and one deviation for all pixels.

    Attributes:
        size_: Channels, height and width of a frame.
        mean_: The mean of all pixels.
        scale_: Their standard deviation.
    """

    def __init__(self) -> None:
        pass

    def fit(self, sequences: list[np.ndarray]) -> FrameSteps:
        """Fit mean and deviation to frames `(time, channel, height, width)`.

        Raises:
            ValueError: A pixel is missing (NaN).
        """
        channels, height, width = map(int, sequences[0].shape[1:])
        self.size_ = (channels, height, width)
        self._check(sequences)
        count = sum(frames.size for frames in sequences)
        self.mean_ = float(sum(frames.sum(dtype=np.float64) for frames in sequences) / count)
        squares = sum(np.square(frame - self.mean_, dtype=np.float64).sum() for frames in sequences for frame in frames)
        self.scale_ = float(np.sqrt(squares / count)) or 1.0
        return self

    def check_soundness(self) -> None:
        """Raise a ValueError if frames cannot be scaled."""
        if not (np.isfinite(self.mean_) and 0 < self.scale_ < np.inf):
            raise ValueError(
                f"mean_ is {self.mean_}, and scale_ is {self.scale_}. Expected a finite mean and deviation"
            )

    def to_tensors(self, sequences: list[np.ndarray]) -> list[Tensor]:
        """Return scaled frames, `(time, channel, height, width)` float32 each."""
        self._check(sequences)
        tensors = [torch.from_numpy(frames.astype(np.float32)) for frames in sequences]  # a copy
        return [tensor.sub_(self.mean_).div_(self.scale_) for tensor in tensors]

    @property
    def scaler(self) -> Scaler:
        """One mean and one deviation for all pixels."""
        scaler = Scaler()
        scaler.mean_, scaler.scale_ = np.array(self.mean_), np.array(self.scale_)
        scaler.is_constant_ = np.array(False)
        return scaler

    @property
    def step_shape(self) -> tuple[int, ...]:
        """Channels, height and width of a frame."""
        return self.size_

    def from_prediction(self, prediction: np.ndarray) -> np.ndarray:
        """Return predicted frames `(time, channel, height, width)` in the units of the data."""
        return prediction * self.scale_ + self.mean_

    def layers(self, hidden_size: int) -> tuple[nn.Module, int, Callable[[int], nn.Module]]:
        """Return convolutions that halve the size three times, and their mirror."""
        channels = (16, 32, 32)
        embed = frame_encoder(self.size_, channels, hidden_size)
        return embed, hidden_size, lambda size: frame_decoder(size, channels[::-1], self.size_)

    def _check(self, sequences: list[np.ndarray]) -> None:
        for index, frames in enumerate(sequences):
            if frames.shape[1:] != self.size_:
                raise ValueError(f"sequence {index} has frames of {frames.shape[1:]}. Expected {self.size_}, as in fit")
            if frames.dtype.kind == "f" and np.isnan(frames).any():
                step = int(np.argwhere(np.isnan(frames))[0][0])
                raise ValueError(f"sequence {index} has a frame with missing pixels, NaN (step {step}). Fill them")
