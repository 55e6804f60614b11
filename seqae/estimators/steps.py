"""What the steps of sequences are: from sequences to the tensors of a model, and back from its predictions.

Each class learns its settings from the training sequences, and builds the two layers of a model that depend on them:
`embed`, from steps to vectors, and `head`, from vectors to predictions.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from seqae.data.audio.log_mel import LogMel
from seqae.losses import squared_error, token_cross_entropy
from seqae.modules.images import frame_decoder, frame_encoder
from seqae.modules.missing import MissingValueEmbedding
from seqae.text.vocabulary import BytePairs, Vocabulary
from seqae.transforms.scaler import Scaler

Loss = Callable[[Tensor, Tensor], Tensor]
_MAX_TOKENS = 10**6


class Steps(ABC):
    """The steps of sequences of one kind.

    Attributes:
        loss: The loss of each value.
        max_length_: The largest number of steps, if sequences say themselves where they end; None if they do not.
    """

    loss: Loss = staticmethod(squared_error)
    max_length_: int | None = None

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
        return [torch.from_numpy(self.scaler_.transform(rows.astype(np.float64))) for rows in sequences]

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

    def to_tensors(self, sequences: list[np.ndarray]) -> list[Tensor]:
        """Return scaled frames, `(time, channel, height, width)` float32 each."""
        self._check(sequences)
        tensors = [torch.from_numpy(frames.astype(np.float32)) for frames in sequences]  # a copy
        return [tensor.sub_(self.mean_).div_(self.scale_) for tensor in tensors]

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


class TokenSteps(Steps):
    """Ids of tokens, `(time,)`.

    Attributes:
        num_tokens_: The number of ids, the largest in training and one more.
    """

    loss = staticmethod(token_cross_entropy)

    def __init__(self) -> None:
        pass

    def fit(self, sequences: list[np.ndarray]) -> TokenSteps:
        """Count the ids of sequences `(time,)`.

        Raises:
            ValueError: An id is so large that most are not in use.
        """
        self.num_tokens_ = int(max(ids.max() for ids in sequences)) + 1
        if self.num_tokens_ > _MAX_TOKENS:
            raise ValueError(
                f"the largest id is {self.num_tokens_ - 1}. Expected ids below {_MAX_TOKENS}, each of which takes a "
                "row of weights. Number those in use: numpy.unique(ids, return_inverse=True)"
            )
        return self

    def to_tensors(self, sequences: list[np.ndarray]) -> list[Tensor]:
        """Return ids, `(time,)` int64 each."""
        for index, ids in enumerate(sequences):
            if ids.max() >= self.num_tokens_:
                raise ValueError(
                    f"sequence {index} has the id {ids.max()} (step {ids.argmax()}). Expected ids below "
                    f"{self.num_tokens_}, as in fit"
                )
        return [torch.from_numpy(ids) for ids in sequences]

    def from_prediction(self, prediction: np.ndarray) -> np.ndarray:
        """Return the likeliest ids, `(time,)`, given logits `(time, token)`, or the ids that a decoder has chosen."""
        return _chosen(prediction)

    def layers(self, hidden_size: int) -> tuple[nn.Module, int, Callable[[int], nn.Module]]:
        """Return an embedding and a linear head of logits."""
        return _token_layers(self.num_tokens_, hidden_size)


class TextSteps(Steps):
    """Texts, split into the tokens of a vocabulary; each ends with a token for its end.

    Args:
        vocabulary: Maps texts to tokens and back; it is fitted to the training texts if it is not fitted yet.
        unknown: What becomes of a word that the vocabulary lacks: "replace" it by the token of unknown words, or
            "raise" an error.

    Attributes:
        vocabulary_: The fitted vocabulary.
        max_length_: The number of tokens of the longest training text, its end included.

    Raises:
        ValueError: `unknown` is another word.
    """

    loss = staticmethod(token_cross_entropy)

    def __init__(self, vocabulary: Vocabulary | BytePairs, unknown: Literal["replace", "raise"] = "replace"):
        if unknown not in ("replace", "raise"):
            raise ValueError(f"unknown={unknown!r}. Expected 'replace' or 'raise'")
        self.vocabulary = vocabulary
        self.unknown = unknown

    def fit(self, sequences: list[str]) -> TextSteps:
        """Fit the vocabulary to texts, `(text,)`, unless it is."""
        fitted = hasattr(self.vocabulary, "tokens_") or hasattr(self.vocabulary, "tokenizer_")
        self.vocabulary_ = self.vocabulary if fitted else self.vocabulary.fit(sequences)
        self.max_length_ = max(len(self.vocabulary_.encode(text)) for text in sequences)
        return self

    def to_tensors(self, sequences: list[str]) -> list[Tensor]:
        """Return tokens, `(time,)` int64 each."""
        if self.unknown == "raise":
            for index, text in enumerate(sequences):
                if words := self.vocabulary_.unknown(text):
                    raise ValueError(
                        f"text {index} has the unknown word {words[0]!r}. Leave it out, or say unknown='replace'"
                    )
        return [self.vocabulary_.encode(text) for text in sequences]

    def from_prediction(self, prediction: np.ndarray) -> str:
        """Return the text of logits `(time, token)`, or of ids that a decoder has chosen, `(time,)`, up to its end."""
        return self.vocabulary_.decode(_chosen(prediction).tolist())

    def layers(self, hidden_size: int) -> tuple[nn.Module, int, Callable[[int], nn.Module]]:
        """Return an embedding and a linear head of logits."""
        return _token_layers(len(self.vocabulary_), hidden_size)


def new_steps(
    kind: str,
    channels: tuple[str, ...],
    vocabulary: Vocabulary | BytePairs | None,
    unknown: Literal["replace", "raise"],
    log_mel: LogMel | None,
) -> Steps:
    """Return steps of a kind, not fitted.

    Args:
        kind: "readings", "frames", "tokens", "texts" or "audio".
        channels: The names of the channels of readings.
        vocabulary: That of texts, which is copied; None for one of words.
        unknown: What becomes of words that it lacks.
        log_mel: The spectrograms of sounds; None for the defaults of `LogMel`.
    """
    if kind == "texts":
        return TextSteps(Vocabulary() if vocabulary is None else copy.deepcopy(vocabulary), unknown)
    if kind == "audio":
        return AudioSteps(LogMel() if log_mel is None else copy.deepcopy(log_mel))
    if kind == "readings":
        return ReadingSteps(channels)
    return FrameSteps() if kind == "frames" else TokenSteps()


def _chosen(prediction: np.ndarray) -> np.ndarray:
    return prediction if prediction.ndim == 1 else prediction.argmax(axis=-1)


def _token_layers(count: int, hidden_size: int) -> tuple[nn.Module, int, Callable[[int], nn.Module]]:
    return nn.Embedding(count, hidden_size), hidden_size, lambda size: nn.Linear(size, count)
