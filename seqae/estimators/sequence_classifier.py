"""A pretrained encoder with a linear layer, fine-tuned together, by the rules of scikit-learn."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from seqae._random_numbers import LocalRandomNumbers
from seqae.estimators.checks import check_counts, checked_labels, seed_of
from seqae.estimators.exact import exact_codes
from seqae.estimators.fitting import fit_into_copy
from seqae.estimators.sequence_autoencoder import SequenceAutoencoder
from seqae.estimators.sequence_encoder import SequenceEncoder


class SequenceClassifier(ClassifierMixin, BaseEstimator):
    """Classifies sequences by a linear layer on the codes of an encoder, both trained together on labelled sequences.

    Args:
        encoder: A `SequenceEncoder` or `SequenceAutoencoder`. If it is fitted, for example to many sequences without
            labels, a copy is fine-tuned; else a copy is first fitted to the labelled sequences. None stands for a
            `SequenceEncoder`. Clones, as in a grid search, are not fitted: there, give `FrozenEstimator(encoder)` of
            `sklearn.frozen` for a fitted one.
        epochs: The number of passes over the labelled sequences.
        batch_size: The number of sequences in a batch.
        learning_rate: Learning rate of Adam.
        verbose: Whether to show progress.
        random_state: Seed of the linear layer's first weights and of the order of the batches.

    Attributes:
        classes_: The classes, sorted, `(classes,)`.
        autoencoder_: A copy of the autoencoder whose encoder is fine-tuned, its decoder as before.
        head_: The linear layer, on the CPU.
        history_: The losses of each epoch of the fine-tuning, `{"train": ...}`.
        n_features_in_: The number of columns, if `X` was one array or frame `(sequence, time)`.

    Examples:
        >>> import numpy as np
        >>> from seqae import SequenceClassifier
        >>> labels = ["slow", "quick"] * 10
        >>> waves = [np.sin(np.arange(20 + n) * (0.2 if labels[n] == "slow" else 0.9) + n) for n in range(20)]
        >>> classifier = SequenceClassifier(epochs=10).fit(waves, labels)
        >>> classifier.classes_, classifier.predict_proba(waves).shape
        (array(['quick', 'slow'], dtype='<U5'), (20, 2))
    """

    def __init__(
        self,
        encoder: SequenceEncoder | SequenceAutoencoder | FrozenEstimator | None = None,
        *,
        epochs: int = 20,
        batch_size: int = 32,
        learning_rate: float = 1e-3,
        verbose: bool = False,
        random_state: int = 0,
    ):
        self.encoder = encoder
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Any, y: Sequence[object] | np.ndarray) -> SequenceClassifier:  # noqa: N803
        """Train on sequences and their classes.

        Args:
            X: Sequences, see `SequenceAutoencoder`.
            y: The class of each sequence, `(sequences,)`, of any type that can be sorted.

        Raises:
            ValueError: As in `SequenceAutoencoder.fit`, or there is not one class for each sequence.
            TypeError: `encoder` is no encoder.
        """
        return fit_into_copy(self, lambda copied: copied._fit(X, y))

    def _fit(self, data: Any, classes: Any) -> None:
        from seqae.estimators.training import fine_tune  # loads Lightning, which predicting does without

        check_counts(epochs=self.epochs, batch_size=self.batch_size)
        labels = checked_labels(classes)
        seed = seed_of(self.random_state)
        autoencoder = self._pretrained(data)
        sequences = autoencoder.to_tensors(data)
        if len(labels) != len(sequences):
            raise ValueError(f"{len(labels)} classes (y) for {len(sequences)} sequences (X). Give one for each")
        self.classes_: np.ndarray
        self.classes_, indices = np.unique(labels, return_inverse=True)
        with LocalRandomNumbers(seed):
            encoder = autoencoder.model_.encoder
            head = nn.Linear(encoder.code_size, len(self.classes_))
            history = fine_tune(
                encoder, head, sequences, indices, self.epochs, self.batch_size, self.learning_rate, seed, self.verbose
            )
        self.autoencoder_, self.head_ = autoencoder, head.cpu()
        autoencoder.model_.cpu()
        self.history_ = {"train": history.train}

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return the most likely class of each sequence, `(sequences,)`.

        Raises:
            ValueError, TypeError: As in `SequenceAutoencoder.encode`.
            NotFittedError: Before `fit`.
        """
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return the probability of each class, in the order of `classes_`, `(sequences, classes)` float64.

        Raises:
            ValueError, TypeError, NotFittedError: As in `predict`.
        """
        return self._logits(X).softmax(dim=1).numpy()

    def decision_function(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return the logit of each class, `(sequences, classes)`; of two classes that of the second, `(sequences,)`.

        Raises:
            ValueError, TypeError, NotFittedError: As in `predict`.
        """
        logits = self._logits(X)
        return (logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits).numpy()

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        return tags

    @property
    def n_features_in_(self) -> int:
        """The number of columns of `X`, see scikit-learn."""
        return self._fitted().n_features_in_

    @property
    def feature_names_in_(self) -> np.ndarray:
        """The names of the columns of `X`, see scikit-learn."""
        return self._fitted().feature_names_in_

    def _fitted(self) -> SequenceAutoencoder:
        if "autoencoder_" not in vars(self):  # hasattr() has to see that there is none yet
            raise AttributeError(f"{type(self).__name__} is not fitted")
        return self.autoencoder_

    def _logits(self, data: Any) -> Tensor:
        check_is_fitted(self)
        sequences = self.autoencoder_.to_tensors(data)
        return exact_codes(self.autoencoder_.model_.encoder, sequences, self.head_).double()

    def _pretrained(self, data: Any) -> SequenceAutoencoder:
        """Return a copy of the fitted autoencoder in `encoder`, or one that is fitted here."""
        encoder = SequenceEncoder(random_state=self.random_state) if self.encoder is None else self.encoder
        if isinstance(encoder, FrozenEstimator):
            encoder = encoder.estimator
        if not isinstance(encoder, SequenceEncoder | SequenceAutoencoder):
            raise TypeError(f"encoder={encoder!r:.60}. Expected a SequenceEncoder, a SequenceAutoencoder or None")
        if not (hasattr(encoder, "autoencoder_") or hasattr(encoder, "model_")):
            encoder = clone(encoder).fit(data)
        autoencoder = copy.copy(encoder.autoencoder_ if isinstance(encoder, SequenceEncoder) else encoder)
        autoencoder.model_ = copy.deepcopy(autoencoder.model_)
        return autoencoder
