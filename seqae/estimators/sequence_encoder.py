"""Codes of sequences as features for classifiers, by the rules of scikit-learn."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from seqae.data.audio.log_mel import LogMel
from seqae.estimators.max_pooled import max_pooled_autoencoder
from seqae.estimators.sequence_autoencoder import SequenceAutoencoder
from seqae.modules.codes import Bottleneck
from seqae.text.vocabulary import BytePairs, Vocabulary
from seqae.transforms.corruptions import Corruption


class SequenceEncoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """A transformer from sequences of any lengths and kinds to codes that classifiers like, learnt without labels.

    It is a `SequenceAutoencoder` with another network: the encoder is convolutional with the maximum over time, as in
    Franceschi et al. 2019, https://arxiv.org/abs/1901.10738, and the code is large. It reads the same sequences.

    Args:
        code_size: The size of a code.
        hidden_size: The size of the vectors of the last layer; those of the layers before are half as long each.
        num_layers: The number of layers; None for 3.
        bottleneck: As all that follow, see `SequenceAutoencoder`.
        corrupt: Corrupts the input while training.
        vocabulary: For texts; None learns one of words.
        unknown: What becomes of words that the vocabulary lacks.
        log_mel: The spectrograms of sounds.
        tokens: Whether whole numbers are ids of tokens and not readings.
        channels: The number of channels that is expected.
        window: Cuts tables in windows of this many rows.
        epochs: The number of passes over the sequences; 0 leaves the first, random weights.
        batch_size: The number of sequences in a batch.
        learning_rate: The largest learning rate.
        validation_fraction: The fraction of the sequences that is held out.
        accelerator: Where to train.
        verbose: Whether to show progress, and what was learnt.
        random_state: Seed of weights, batches and split.

    Attributes:
        autoencoder_: The fitted `SequenceAutoencoder`, which also decodes, scores and reports.
        n_features_in_: The number of columns, if `X` was one array or frame `(sequence, time)`.

    Examples:
        >>> import numpy as np
        >>> from seqae import SequenceEncoder
        >>> sequences = [np.sin(np.arange(length) / 3) for length in (20, 30, 25)]
        >>> encoder = SequenceEncoder(code_size=4, hidden_size=8, epochs=2).fit(sequences)
        >>> encoder.transform(sequences).shape
        (3, 4)
    """

    def __init__(
        self,
        code_size: int = 256,
        *,
        hidden_size: int = 256,
        num_layers: int | None = None,
        bottleneck: Bottleneck | None = None,
        corrupt: Corruption | None = None,
        vocabulary: Vocabulary | BytePairs | None = None,
        unknown: Literal["replace", "raise"] = "replace",
        log_mel: LogMel | None = None,
        tokens: bool = False,
        channels: int | None = None,
        window: int | None = None,
        epochs: int | None = 40,
        batch_size: int = 32,
        learning_rate: float | None = None,
        validation_fraction: float = 0.1,
        accelerator: str = "auto",
        verbose: bool = False,
        random_state: int = 0,
    ):
        self.code_size = code_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bottleneck = bottleneck
        self.corrupt = corrupt
        self.vocabulary = vocabulary
        self.unknown = unknown
        self.log_mel = log_mel
        self.tokens = tokens
        self.channels = channels
        self.window = window
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.validation_fraction = validation_fraction
        self.accelerator = accelerator
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Any, y: object = None) -> SequenceEncoder:  # noqa: N803 (scikit-learn's name)
        """Train on sequences.

        Args:
            X: Sequences, see `SequenceAutoencoder`.
            y: Ignored.

        Raises:
            ValueError, TypeError: As in `SequenceAutoencoder.fit`.
        """
        settings = self.get_params(deep=False)
        self.autoencoder_ = SequenceAutoencoder(max_pooled_autoencoder, **settings).fit(X)
        return self

    def transform(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return the codes, `(sequences, code_size)` float32.

        Raises:
            ValueError, TypeError: As in `fit`, or the sequences are of another kind than those of `fit`.
            NotFittedError: Before `fit`.
        """
        check_is_fitted(self)
        return self.autoencoder_.encode(X)

    def to_onnx(self, path: str | os.PathLike[str]) -> Path:
        """Write the encoder with its scaler to an ONNX file, see `SequenceAutoencoder.to_onnx`; return the path.

        Args:
            path: The file, which ends in .onnx.

        Raises:
            ValueError: A part of the model has no ONNX form, or the check of the file fails; nothing is written.
            MissingExtra: onnx or onnxruntime is not installed.
            NotFittedError: Before `fit`.
        """
        check_is_fitted(self)
        return self.autoencoder_.to_onnx(path, codes_only=True)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []  # codes are float32
        return tags

    @property
    def n_features_in_(self) -> int:
        """The number of columns of `X`, see scikit-learn."""
        return _fitted(self).n_features_in_

    @property
    def feature_names_in_(self) -> np.ndarray:
        """The names of the columns of `X`, see scikit-learn."""
        return _fitted(self).feature_names_in_

    @property
    def _n_features_out(self) -> int:
        return len(self.autoencoder_.code_mean_)


def _fitted(encoder: SequenceEncoder) -> SequenceAutoencoder:
    if "autoencoder_" not in vars(encoder):  # hasattr() has to see that there is none yet
        raise AttributeError(f"{type(encoder).__name__} is not fitted")
    return encoder.autoencoder_
