"""An autoencoder of texts with its vocabulary, to be saved together."""

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
    """Encodes texts as codes and decodes codes to texts.

    Attributes:
        vocabulary: Maps texts to tokens and back.
        model: Maps tokens to the logits of each token.
        max_length: The maximum number of tokens of a text, its end included.
        sample: Maps logits to tokens; give the decoder's own `to_input`, if it has one.
    """

    vocabulary: Vocabulary | BytePairs
    model: Autoencoder
    max_length: int
    sample: Argmax = field(default_factory=Argmax)

    def tokens(self, texts: Sequence[str]) -> list[Tensor]:
        """Return the tokens of texts, `(time,)` int64 each.

        Raises:
            ValueError: A text is longer than `max_length`; names it.
        """
        sequences = [self.vocabulary.encode(text) for text in texts]
        for number, tokens in enumerate(sequences):
            if len(tokens) > self.max_length:
                raise ValueError(
                    f"text {number} has {len(tokens)} tokens ({texts[number][:40]!r}...). This model reads at most "
                    f"{self.max_length}. Cut it into sentences"
                )
        return sequences

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Return the codes of texts, `(texts, code_size)` float32."""
        return encode(self.model, self.tokens(texts))

    def generate(self, codes: np.ndarray, batch_size: int = 64) -> list[np.ndarray]:
        """Return the tokens of each code `(texts, code_size)`, `(time,)` int64, without the one that ends the text."""
        written: list[np.ndarray] = []
        with evaluating(self.model) as device:
            for part in torch.as_tensor(codes, dtype=torch.float32, device=device).split(batch_size):
                lengths = torch.full((len(part),), self.max_length, device=device)
                tokens = self.sample(self.model.decode(part, lengths).values).cpu().numpy()
                written += [row[: _end(row)] for row in tokens]
        return written

    def decode(self, codes: np.ndarray) -> list[str]:
        """Return the texts of codes `(texts, code_size)`."""
        return [self.vocabulary.decode(tokens.tolist()) for tokens in self.generate(codes)]

    def reconstruct(self, texts: Sequence[str]) -> list[str]:
        """Return the reconstruction of each text."""
        return self.decode(self.encode(texts))


def _end(tokens: np.ndarray) -> int:
    return int(np.argmax(tokens == END)) if (tokens == END).any() else len(tokens)
