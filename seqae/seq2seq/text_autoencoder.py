"""Texts to codes and back: an autoencoder together with the words that it knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from seqae.autoencoder import Autoencoder
from seqae.inference import encode, evaluating
from seqae.modules.tokens import Argmax
from seqae.text.vocabulary import END, BytePairs, Vocabulary


@dataclass(frozen=True, eq=False)
class TextAutoencoder:
    """Writes texts as codes, and codes as texts.

    Attributes:
        vocabulary: Between texts and tokens.
        model: Reads tokens and writes the logits of each.
        max_length: Tokens in a text at most, with the one that ends it.
        sample: Which tokens are written, given logits. That of the decoder, if it reads its own output.
    """

    vocabulary: Vocabulary | BytePairs
    model: Autoencoder
    max_length: int
    sample: Argmax = field(default_factory=Argmax)

    def tokens(self, texts: Sequence[str]) -> list[Tensor]:
        """Return the tokens of texts, `(time,)` each.

        Raises:
            ValueError: A text is too long; names it.
        """
        sequences = [self.vocabulary.encode(text) for text in texts]
        for number, tokens in enumerate(sequences):
            if len(tokens) > self.max_length:
                raise ValueError(
                    f"text {number} has {len(tokens)} tokens ({texts[number][:40]!r}...). This model was made for at "
                    f"most {self.max_length}. Cut it into sentences"
                )
        return sequences

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Return the codes of texts, `(texts, code_size)`."""
        return encode(self.model, self.tokens(texts))

    def generate(self, codes: np.ndarray, batch_size: int = 64) -> list[np.ndarray]:
        """Return the likeliest tokens of each code up to the first that ends a text, which is left out if it comes."""
        written: list[np.ndarray] = []
        with evaluating(self.model) as device:
            for part in torch.as_tensor(codes, dtype=torch.float32, device=device).split(batch_size):
                lengths = torch.full((len(part),), self.max_length, device=device)
                tokens = self.sample(self.model.decode(part, lengths).values).cpu().numpy()
                written += [row[: _end(row)] for row in tokens]
        return written

    def decode(self, codes: np.ndarray) -> list[str]:
        """Return the texts of codes `(texts, code_size)`."""
        return [self.vocabulary.decode(tokens) for tokens in self.generate(codes)]

    def reconstruct(self, texts: Sequence[str]) -> list[str]:
        """Return each text as it comes back from its code."""
        return self.decode(self.encode(texts))


def _end(tokens: np.ndarray) -> int:
    return int(np.argmax(tokens == END)) if (tokens == END).any() else len(tokens)
