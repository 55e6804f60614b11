"""Tokens as steps: ids, and texts that a vocabulary splits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from seqae.estimators.steps import Steps
from seqae.losses import token_cross_entropy
from seqae.modules.tokens import TiedHead
from seqae.text.vocabulary import BytePairs, Vocabulary

_MAX_TOKENS = 10**6
_MAX_EMBEDDING_SIZE = 128


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

    def check_soundness(self) -> None:
        """Raise a ValueError if there is no such number of ids."""
        if not 1 <= self.num_tokens_ <= _MAX_TOKENS:
            raise ValueError(f"num_tokens_ is {self.num_tokens_}. Expected 1 to {_MAX_TOKENS}")

    def from_prediction(self, prediction: np.ndarray) -> np.ndarray:
        """Return the likeliest ids, `(time,)`, given logits `(time, token)`, or the ids that a decoder has chosen."""
        return _chosen(prediction)

    def layers(self, hidden_size: int) -> tuple[nn.Module, int, Callable[[int], nn.Module]]:
        """Return an embedding, and a head of logits by its weights."""
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
        """Return an embedding, and a head of logits by its weights."""
        return _token_layers(len(self.vocabulary_), hidden_size)


def _chosen(prediction: np.ndarray) -> np.ndarray:
    return prediction if prediction.ndim == 1 else prediction.argmax(axis=-1)


def _token_layers(count: int, hidden_size: int) -> tuple[nn.Module, int, Callable[[int], nn.Module]]:
    size = min(hidden_size, _MAX_EMBEDDING_SIZE)
    embedding = nn.Embedding(count, size)
    nn.init.normal_(embedding.weight, std=size**-0.5)  # its vectors are the output layer's, too
    return embedding, size, partial(TiedHead, embedding)
