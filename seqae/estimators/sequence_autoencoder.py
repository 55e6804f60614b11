"""One autoencoder for sequences of any lengths and kinds, by the rules of scikit-learn."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from seqae._random_numbers import LocalRandomNumbers
from seqae.architectures import Architecture
from seqae.artifact import load, save
from seqae.autoencoder import Autoencoder
from seqae.data.audio.log_mel import LogMel
from seqae.estimators.checks import check_counts, checked_codes, checked_lengths, seed_of
from seqae.estimators.exact import exact_codes, exact_reconstructions, in_float64
from seqae.estimators.fitting import fit_into_copy
from seqae.estimators.inputs import read_for
from seqae.estimators.kinds import new_steps
from seqae.estimators.learning_report import learning_report, r2, sequence_losses, token_scores
from seqae.estimators.models import build_model
from seqae.generation import sample_prior
from seqae.inference import encode
from seqae.modules.codes import Bottleneck, GaussianCode
from seqae.text.vocabulary import BytePairs, Vocabulary
from seqae.transforms.corruptions import Corruption


class SequenceAutoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Learns to write each sequence as a code of a few numbers, and sequences from such codes.

    Sequences are a list of arrays `(time, channel)` or `(time,)` of any lengths, with NaN where a value is missing; or
    arrays `(sequence, time, channel)` and `(sequence, time)`, NaN after the end; frames of pandas or polars; texts, or
    ids of tokens (`tokens=True`); films `(time, channel, height, width)`; sounds (`seqae.data.Audio`); or, with
    `window`, tables that are cut in windows. Scaling, vocabulary and spectrograms are learnt and saved, too.

    Args:
        architecture: The network over time of encoder and decoder, "resampled", "lstm", "gru", "conv" or "attention",
            see `seqae.build_autoencoder`; an `Autoencoder` of your own, of which a copy is trained; or a function that
            returns one, called as `build_autoencoder` without a name.
        code_size: The size of a code.
        hidden_size: The size of the vectors within the network; None, here and below, chooses by the architecture.
        num_layers: The number of layers of encoder and decoder each.
        bottleneck: Applied to the code: a penalty, sampling or quantisation, see `seqae.modules`.
        corrupt: Corrupts the input while training, see `seqae.transforms`; None adds noise, but not for an own model.
        vocabulary: For texts; None learns one of words.
        unknown: What becomes of words that the vocabulary lacks: "replace" them by a token, or "raise" an error.
        log_mel: The spectrograms of sounds; None takes the defaults of `LogMel`.
        tokens: Whether whole numbers are ids of tokens and not readings.
        channels: The number of channels that is expected; None asks back where axes may be swapped.
        window: Cuts tables in windows of this many rows; None expects sequences.
        epochs: The number of passes over the sequences; None chooses by the architecture; 0 takes a model as it is.
        batch_size: The number of sequences in a batch.
        learning_rate: The largest learning rate; None chooses by the architecture.
        validation_fraction: The fraction of the sequences that is held out to choose the best epoch and to report what
            was learnt; none of less than ten sequences.
        accelerator: Where to train, for example "cpu" or "gpu"; see `lightning.Trainer`.
        verbose: Whether to show progress, and what was learnt.
        random_state: Seed of weights, batches and split.

    Attributes:
        model_: The trained `Autoencoder`, on the CPU.
        steps_: How sequences become tensors: scaler, vocabulary, spectrograms.
        report_: What was learnt beside baselines, a `LearningReport`.
        history_: The losses of each epoch, `{"train": ..., "valid": ...}`.
        warnings_: What fit has warned of.
        code_mean_: The mean code of the training sequences, `(code_size,)`.
        code_covariance_: The covariance of their codes, `(code_size, code_size)`.

    Examples:
        >>> import numpy as np
        >>> from seqae import SequenceAutoencoder
        >>> rng = np.random.default_rng(0)
        >>> waves = [np.sin(np.arange(rng.integers(10, 30)) / 2 + rng.uniform(0, 6)) for _ in range(40)]
        >>> autoencoder = SequenceAutoencoder("gru", code_size=4, epochs=2).fit(waves)
        >>> codes = autoencoder.encode(waves)
        >>> codes.shape, len(autoencoder.decode(codes))
        ((40, 4), 40)
    """

    def __init__(
        self,
        architecture: Architecture | Autoencoder | Callable[..., Autoencoder] = "conv",
        code_size: int = 16,
        *,
        hidden_size: int | None = None,
        num_layers: int | None = None,
        bottleneck: Bottleneck | None = None,
        corrupt: Corruption | None = None,
        vocabulary: Vocabulary | BytePairs | None = None,
        unknown: Literal["replace", "raise"] = "replace",
        log_mel: LogMel | None = None,
        tokens: bool = False,
        channels: int | None = None,
        window: int | None = None,
        epochs: int | None = None,
        batch_size: int = 32,
        learning_rate: float | None = None,
        validation_fraction: float = 0.1,
        accelerator: str = "auto",
        verbose: bool = False,
        random_state: int = 0,
    ):
        self.architecture = architecture
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

    def fit(self, X: Any, y: object = None) -> SequenceAutoencoder:  # noqa: N803 (scikit-learn's name)
        """Train on sequences.

        Args:
            X: Sequences, see the class.
            y: Ignored.

        Raises:
            ValueError: A sequence cannot be read without guessing, is infinite or empty, or a setting makes no sense.
            TypeError: `X` is no container of sequences.
        """
        return fit_into_copy(self, lambda copied: copied._fit(X))

    def _fit(self, data_of_user: Any) -> None:
        from seqae.estimators.training import split, train_autoencoder  # loads Lightning, which encoding does without

        sizes: Any = {"code_size": self.code_size, "hidden_size": self.hidden_size, "num_layers": self.num_layers}
        check_counts(**sizes, epochs=self.epochs, batch_size=self.batch_size, window=self.window)
        seed = seed_of(self.random_state)
        data = read_for(self, data_of_user, reset=True)
        if len(data) < 2:
            raise ValueError(
                "n_samples = 1: there is one sequence alone. Give more, or cut a long table in windows with window=..."
            )
        self.kind_, self.is_flat_, self.channel_names_ = data.kind, data.is_flat, data.channels
        self.steps_ = new_steps(data.kind, data.channels, self.vocabulary, self.unknown, self.log_mel).fit(data.items)
        sequences = self.steps_.to_tensors(data.items)
        parts = split(len(sequences), self.validation_fraction, seed)
        train, held_out = ([sequences[index] for index in part] for part in (parts.train, parts.held_out))
        with LocalRandomNumbers(seed):
            self.model_ = build_model(self.architecture, self.steps_, sequences, self.bottleneck, **sizes)
            history = train_autoencoder(
                self.model_,
                self.steps_.loss,
                train,
                held_out,
                architecture=self.architecture,
                corrupt=self.corrupt,
                epochs=self.epochs,
                batch_size=self.batch_size,
                learning_rate=self.learning_rate,
                seed=seed,
                progress=self.verbose,
                accelerator=self.accelerator,
            )
        self.history_ = {"train": history.train, "valid": history.valid}
        self.warnings_ = list(history.warnings)
        self._describe(train, held_out)

    def encode(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return the codes of sequences, `(sequences, code_size)` float32.

        Raises:
            ValueError: As in `fit`, or the sequences are of another kind than those of `fit`.
            NotFittedError: Before `fit`.
        """
        sequences = self.to_tensors(X)  # which checks that there is a model
        return exact_codes(self.model_, sequences).numpy()

    def transform(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return the codes `(sequences, code_size)`: `encode` by scikit-learn's name."""
        return self.encode(X)

    def decode(self, codes: Any, lengths: Sequence[int] | int | None = None) -> list[Any]:
        """Return the sequence of each code, in the units and in the form of the training sequences.

        Args:
            codes: `(sequences, code_size)`.
            lengths: The number of steps of each, or of all; None if the model tells them from the codes. A text ends
                before, where its end is written; None lets it grow as long as the longest training text.

        Raises:
            ValueError: The codes are of another size or not finite, or there is not a length for each.
            NotFittedError: Before `fit`.
        """
        check_is_fitted(self)
        rows = checked_codes(codes, len(self.code_mean_))
        if lengths is None and self.model_.length is None:
            lengths = self.steps_.max_length_
        parts = rows.split(256)
        steps = [None] * len(parts) if lengths is None else checked_lengths(lengths, len(rows)).split(256)
        model, parts = in_float64(self.model_, parts)
        with torch.inference_mode():
            decoded = [model.decode(*each).unpad() for each in zip(parts, steps)]
        return [self._written(sequence.numpy()) for part in decoded for sequence in part]

    def inverse_transform(self, X: Any) -> list[Any]:  # noqa: N803
        """Return the sequence of each code `(sequences, code_size)`: `decode` by scikit-learn's name."""
        return self.decode(X)

    def reconstruct(self, X: Any) -> list[Any]:  # noqa: N803
        """Return the reconstruction of each sequence, of its length; of each table, if there is a `window`.

        Raises:
            ValueError, NotFittedError: As in `encode`.
        """
        check_is_fitted(self)
        data = read_for(self, X, reset=False)
        sequences = self.steps_.to_tensors(data.items)
        written = [self._written(rows.numpy()) for rows in exact_reconstructions(self.model_, sequences)]
        if not data.pieces:
            return written
        ends = np.cumsum(data.pieces)
        return [np.concatenate(written[end - count : end]) for count, end in zip(data.pieces, ends)]

    def score_samples(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return minus the mean loss of each sequence, `(sequences,)`: the higher, the more like the training ones.

        For readings the loss is the squared error in squared deviations of a channel, for tokens nats, given the code,
        and the tokens before if the decoder reads them.

        Raises:
            ValueError, NotFittedError: As in `encode`.
        """
        sequences = self.to_tensors(X)
        return -sequence_losses(*in_float64(self.model_, sequences), self.steps_.loss)

    def score(self, X: Any, y: object = None) -> float:  # noqa: N803
        """Return R2 of the reconstruction over all known values; of tokens the fraction that is reconstructed.

        Raises:
            ValueError, NotFittedError: As in `encode`.
        """
        sequences = self.to_tensors(X)
        if not sequences[0].is_floating_point():
            return token_scores(self.model_, sequences)[0]
        return r2(exact_reconstructions(self.model_, sequences), sequences, torch.cat(sequences).nanmean(dim=0))

    def generate(self, n_samples: int = 1, random_state: int = 0) -> list[Any]:
        """Return new sequences, decoded from random codes: of the prior if there is a `GaussianCode`, else like codes.

        Args:
            n_samples: The number of sequences.
            random_state: Seed of the codes.

        Raises:
            NotFittedError: Before `fit`.
        """
        check_is_fitted(self)
        size = len(self.code_mean_)
        if isinstance(self.model_.code, GaussianCode):
            return self.decode(sample_prior(n_samples, size, random_state))
        rng = np.random.default_rng(random_state)
        return self.decode(rng.multivariate_normal(self.code_mean_, self.code_covariance_, n_samples))

    def to_tensors(self, X: Any) -> list[Tensor]:  # noqa: N803
        """Return sequences as `model_` reads them: scaled readings or ids, `(time, *step)` each.

        Raises:
            ValueError, TypeError, NotFittedError: As in `encode`.
        """
        check_is_fitted(self)
        return self.steps_.to_tensors(read_for(self, X, reset=False).items)

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write the fitted estimator to a folder, with what it learnt as metrics; see `seqae.save`."""
        check_is_fitted(self)
        return save(self, folder, metrics=self.report_.metrics())

    def to_onnx(self, path: str | os.PathLike[str], *, codes_only: bool = False) -> Path:
        """Write the model with its scaler to an ONNX file, which runs without Python; return the path.

        It reads sequences `(batch, time, *step)` in the units of the data, or ids of tokens `(batch, time)`, and
        `lengths` `(batch,)`; see `seqae.export.to_onnx`. Of sounds it reads the frames that `steps_` makes.

        Args:
            path: The file, which ends in .onnx.
            codes_only: Whether to leave out the decoder.

        Raises:
            ValueError: A part of the model has no ONNX form, or the check of the file fails; nothing is written.
            MissingExtra: onnx or onnxruntime is not installed.
            NotFittedError: Before `fit`.
        """
        from seqae.export import to_onnx

        check_is_fitted(self)
        steps = self.steps_
        return to_onnx(self.model_, path, scaler=steps.scaler, step_shape=steps.step_shape, codes_only=codes_only)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> SequenceAutoencoder:
        """Return the estimator that `save` wrote.

        Raises:
            FileNotFoundError: There is none.
            ValueError: The folder holds something else, or a file is damaged.
        """
        found = load(folder)
        if not isinstance(found, cls):
            raise ValueError(f"{folder} holds a {type(found).__name__}. Expected a {cls.__name__}. Use seqae.load")
        return found

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []  # codes are float32
        return tags

    @property
    def _n_features_out(self) -> int:
        return len(self.code_mean_)

    def _describe(self, train: list[Tensor], held_out: list[Tensor]) -> None:
        """Keep what was learnt: the distribution of the codes, and the report."""
        codes = encode(self.model_, train + held_out).astype(np.float64)
        self.code_mean_, self.code_covariance_ = codes.mean(axis=0), np.atleast_2d(np.cov(codes, rowvar=False))
        self.report_ = learning_report(self.model_, train, held_out, codes.shape[1])
        if self.verbose:
            print(self.report_)

    def _written(self, prediction: np.ndarray) -> Any:
        """Return a prediction `(time, *prediction)` in the form in which sequences were given to `fit`."""
        choose = getattr(self.model_.decoder, "to_input", None)
        if choose is not None:  # it has read its own choice, not the likeliest
            prediction = choose(torch.from_numpy(prediction)).numpy()
        written = self.steps_.from_prediction(prediction)
        return written[:, 0] if self.is_flat_ else written
