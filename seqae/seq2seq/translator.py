"""A model that writes texts for texts, with both vocabularies: what is saved after training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from seqae.batch import Batch
from seqae.datasets.pairs import encoded_pairs
from seqae.datasets.sampler import LengthBucketSampler
from seqae.inference import evaluating
from seqae.losses import token_cross_entropy
from seqae.seq2seq.decoding import BeamSearch, GreedySearch, TokenSampling
from seqae.seq2seq.inference import generate
from seqae.seq2seq.models import Seq2Seq
from seqae.text.vocabulary import START, UNKNOWN, BytePairs, Vocabulary


@dataclass(frozen=True, eq=False)
class Translator:
    """Writes a translation or a reply for each text.

    Attributes:
        source_vocabulary: The vocabulary of the texts.
        target_vocabulary: The vocabulary of what is written.
        model: From tokens to tokens.
        max_length: Tokens that are written at most, the end included.
    """

    source_vocabulary: Vocabulary | BytePairs
    target_vocabulary: Vocabulary | BytePairs
    model: Seq2Seq
    max_length: int = 64

    def translate(
        self,
        texts: Sequence[str],
        strategy: GreedySearch | TokenSampling | BeamSearch = BeamSearch(5),  # noqa: B008 (frozen)
        batch_size: int = 64,
    ) -> list[str]:
        """Return what is written for each text; unknown words are never written.

        Args:
            texts: To read.
            strategy: Among the possible texts, see `seqae.seq2seq.decoding`.
            batch_size: Texts at a time; the likeliest texts do not depend on it.
        """
        sources = [self.source_vocabulary.encode(text) for text in texts]
        written = generate(self.model, sources, self.max_length, strategy, (UNKNOWN, START), batch_size)
        return [self.target_vocabulary.decode(tokens) for tokens in written]

    def errors(self, pairs: Sequence[tuple[str, str]], batch_size: int = 64) -> list[np.ndarray]:
        """Return the negative log-likelihood in nats of each token of the true texts, `(time,)` for each pair."""
        source, found = encoded_pairs(pairs, self.source_vocabulary, self.target_vocabulary), []
        with evaluating(self.model) as device:
            for numbers in LengthBucketSampler(source.lengths, batch_size, shuffle=False):
                pair = source.batch(numbers).to(device)
                logits = self.model(pair.source, pair.target)
                errors = logits.with_steps(token_cross_entropy(logits.steps, pair.target.steps))
                found += [row.cpu().numpy() for row in errors.unpad()]
        return found

    def attention_weights(self, text: str, written: str) -> tuple[list[str], list[str], np.ndarray]:
        """Return the words of a text, those of what was written for it, and where the model looked meanwhile.

        Returns:
            Words of the text, words written, and weights (word written, word of the text) that add up to one in a line.
        """
        source, target = self.source_vocabulary.encode(text), self.target_vocabulary.encode(written)
        with evaluating(self.model) as device:
            weights = self.model.attention_weights(Batch.of([source]).to(device), Batch.of([target]).to(device))
        return _shown(self.source_vocabulary, source), _shown(self.target_vocabulary, target), weights[0].cpu().numpy()


def _shown(vocabulary: Vocabulary | BytePairs, tokens: Tensor) -> list[str]:
    return [vocabulary.decode([token]) or "<end>" for token in tokens.tolist()]
