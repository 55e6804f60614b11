"""Codes of sequences as features for any classifier, by the rules of scikit-learn.

Sequences are a list of arrays `(time, channel)` of any lengths, or one array `(sequences, time, channel)` or
`(sequences, time)`.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from seqae._extras import require
from seqae.autoencoder import Autoencoder
from seqae.datasets.loader import make_loader
from seqae.datasets.sequences import LabelledDataset, SequenceDataset, as_tensors
from seqae.inference import encode
from seqae.losses import squared_error
from seqae.modules.decoders import ConvDecoder
from seqae.modules.encoders import ConvEncoder
from seqae.modules.pooling import max_over_time

require("sklearn", extra="sklearn", purpose="an encoder in scikit-learn's form")

from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin  # noqa: E402 (after the check)
from sklearn.utils.validation import check_is_fitted, validate_data  # noqa: E402


class SequenceEncoder(TransformerMixin, BaseEstimator):
    """A transformer from sequences of any lengths to codes, trained as an autoencoder, without labels.

    The encoder is convolutional with the maximum over time, as in Franceschi et al. 2019,
    https://arxiv.org/abs/1901.10738. Channels are scaled to mean 0 and deviation 1 over all training steps.

    Args:
        code_size: The size of a code.
        channels: The number of channels of each convolution of the encoder; the decoder has them in reverse.
        kernel_size: The number of steps that a convolution reads.
        epochs: The number of passes over the sequences.
        batch_size: The number of sequences in a batch.
        learning_rate: Learning rate of Adam.
        verbose: Whether to show a progress bar.
        random_state: Seed of the first weights and of the order of the batches.

    Attributes:
        model_: The trained `Autoencoder`, on the CPU.
        mean_: The mean of each channel, `(channel,)`.
        scale_: The deviation of each channel, `(channel,)`, 1 where it is constant.
        n_channels_: The number of channels.
        history_: `{"train": losses}`, the mean training loss of each epoch.

    Examples:
        >>> import numpy as np
        >>> from seqae import SequenceEncoder
        >>> sequences = [np.sin(np.arange(length) / 3)[:, None] for length in (20, 30, 25)]  # one channel
        >>> encoder = SequenceEncoder(code_size=4, channels=(8,), epochs=2).fit(sequences)
        >>> encoder.transform(sequences).shape
        (3, 4)
    """

    def __init__(
        self,
        code_size: int = 256,
        channels: tuple[int, ...] = (64, 128, 256),
        kernel_size: int = 3,
        epochs: int = 40,
        batch_size: int = 32,
        learning_rate: float = 3e-3,
        verbose: bool = False,
        random_state: int = 0,
    ):
        self.code_size = code_size
        self.channels = channels
        self.kernel_size = kernel_size
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Sequence[np.ndarray], y: object = None) -> SequenceEncoder:  # noqa: N803 (scikit-learn's name)
        """Train on sequences.

        Args:
            X: Arrays `(time, channel)`, or one array `(sequences, time, channel)` or `(sequences, time)`.
            y: Ignored.

        Raises:
            ValueError: A sequence is empty, has another number of channels than the first, or holds NaN or infinity.
        """
        # Here, so that a fitted encoder works without Lightning.
        from seqae.training.tasks.reconstruction import Reconstruction
        from seqae.training.trainer import fit

        sequences = self._sequences(X, reset=True)
        steps = np.concatenate(sequences)
        self.mean_, self.scale_ = steps.mean(axis=0), steps.std(axis=0)
        self.scale_ = np.where(self.scale_ > 0, self.scale_, 1.0)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.random_state)
            self.model_ = self._autoencoder(steps.shape[1])
            dataset = SequenceDataset([torch.from_numpy(rows) for rows in self._scaled(sequences)])
            loader = make_loader(dataset, self.batch_size, self.random_state)
            task = Reconstruction(self.model_, squared_error, learning_rate=self.learning_rate)
            history = fit(task, loader, epochs=self.epochs, progress=self.verbose)
        self.history_ = {"train": history.train}
        self.model_.cpu()
        return self

    def transform(self, X: Sequence[np.ndarray]) -> np.ndarray:  # noqa: N803
        """Return the codes, `(sequences, code_size)`.

        Raises:
            ValueError: As in `fit`.
            NotFittedError: Before `fit`.
        """
        check_is_fitted(self)
        sequences = self._sequences(X, reset=False)
        codes = encode(self.model_, self._scaled(sequences))
        return codes.astype(np.result_type(*(rows.dtype for rows in sequences)))

    @property
    def _n_features_out(self) -> int:
        return self.code_size

    def _autoencoder(self, input_size: int) -> Autoencoder:
        reverse = tuple(self.channels[::-1])
        return Autoencoder(
            ConvEncoder(input_size, self.code_size, self.channels, self.kernel_size, pool=max_over_time),
            ConvDecoder(self.code_size, nn.Linear(reverse[-1], input_size), reverse, self.kernel_size),
        )

    def scaled(self, X: Sequence[np.ndarray]) -> list[np.ndarray]:  # noqa: N803
        """Return sequences as `model_` reads them, scaled, `(time, channel)` float32 each.

        Raises:
            ValueError: As in `fit`.
        """
        check_is_fitted(self)
        return self._scaled(self._sequences(X, reset=False))

    def _scaled(self, sequences: list[np.ndarray]) -> list[np.ndarray]:
        return [((rows - self.mean_) / self.scale_).astype(np.float32) for rows in sequences]

    def _sequences(self, data: Sequence[np.ndarray], reset: bool) -> list[np.ndarray]:
        """Return arrays `(time, channel)` of float32 or float64."""
        if isinstance(data, list | tuple) and len(data) and np.ndim(data[0]) == 2:
            return self._ragged(data, reset)
        if getattr(data, "ndim", None) == 3:
            return self._ragged(list(data), reset)
        rows = validate_data(self, data, reset=reset, dtype=[np.float64, np.float32])
        if reset:
            self.n_channels_ = 1
        return list(rows[:, :, None])

    def _ragged(self, data: Sequence[np.ndarray], reset: bool) -> list[np.ndarray]:
        arrays = []
        channels = np.shape(data[0])[1] if reset else self.n_channels_
        for index, sequence in enumerate(data):
            rows = np.asarray(sequence)
            if rows.ndim != 2 or len(rows) == 0 or rows.shape[1] != channels:
                raise ValueError(
                    f"sequence {index} of {len(data)} has the shape {rows.shape}. Give arrays (time, channel) of at "
                    f"least one step and {channels} channels"
                )
            if rows.dtype.kind not in "fiub" or not np.isfinite(rows).all():
                raise ValueError(
                    f"sequence {index} of {len(data)} holds NaN, infinity or no numbers. Fill or drop them"
                )
            arrays.append(rows.astype(np.float32 if rows.dtype == np.float32 else np.float64))
        self.n_channels_ = channels
        return arrays


class SequenceClassifier(ClassifierMixin, BaseEstimator):
    """A pretrained encoder with a linear layer, fine-tuned together on labelled sequences.

    Args:
        encoder: A fitted `SequenceEncoder`; it is copied, not changed.
        epochs: The number of passes over the sequences.
        batch_size: The number of sequences in a batch.
        learning_rate: Learning rate of Adam.
        random_state: Seed of the linear layer's first weights and of the order of the batches.

    Attributes:
        classes_: The classes, sorted, `(classes,)`.
        encoder_: The fine-tuned encoder, on the CPU.
        head_: The linear layer, on the CPU.
    """

    def __init__(
        self,
        encoder: SequenceEncoder,
        epochs: int = 20,
        batch_size: int = 32,
        learning_rate: float = 1e-3,
        random_state: int = 0,
    ):
        self.encoder = encoder
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state

    def fit(self, X: Sequence[np.ndarray], y: Sequence[object]) -> SequenceClassifier:  # noqa: N803
        """Train on sequences and their classes.

        Args:
            X: Arrays `(time, channel)`, or one array `(sequences, time, channel)` or `(sequences, time)`.
            y: The class of each sequence, `(sequences,)`, of any type that can be sorted.

        Raises:
            ValueError: As in `SequenceEncoder.fit`, or there is not one class for each sequence.
        """
        from seqae.training.tasks.reconstruction import Classification
        from seqae.training.trainer import fit

        self.classes_, labels = np.unique(np.asarray(y), return_inverse=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.random_state)
            encoder = copy.deepcopy(self.encoder.model_.encoder)
            task = Classification(encoder, nn.Linear(encoder.code_size, len(self.classes_)), self.learning_rate)
            dataset = LabelledDataset(SequenceDataset(as_tensors(self.encoder.scaled(X))), labels)
            loader = make_loader(dataset, self.batch_size, self.random_state)
            fit(task, loader, epochs=self.epochs, progress=False)
        self.encoder_, self.head_ = task.encoder.cpu(), task.head.cpu()
        return self

    def predict(self, X: Sequence[np.ndarray]) -> np.ndarray:  # noqa: N803
        """Return the most likely class of each sequence, `(sequences,)`."""
        check_is_fitted(self)
        codes = torch.from_numpy(encode(self.encoder_, self.encoder.scaled(X)))
        with torch.inference_mode():
            return self.classes_[self.head_(codes).argmax(dim=1).numpy()]
