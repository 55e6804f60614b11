"""A model that writes texts for texts, with both vocabularies, to be saved together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from seqae.datasets.pairs import encoded_pairs
from seqae.datasets.sampler import LengthBucketSampler
from seqae.inference import device_of, in_evaluation
from seqae.losses import token_cross_entropy
from seqae.seq2seq.decoding import BeamSearch, Strategy, check_max_length
from seqae.seq2seq.inference import attention_weights, generate_texts
from seqae.seq2seq.models import Seq2Seq
from seqae.text.vocabulary import BytePairs, Vocabulary


@dataclass(frozen=True, eq=False)
class Translator:
    """Writes a translation or a reply for each text.

    Attributes:
        source_vocabulary: The vocabulary of the texts that are read.
        target_vocabulary: The vocabulary of the texts that are written.
        model: Maps source tokens to target tokens.
        max_length: The maximum number of tokens of a written text, its end included.

    Raises:
        ValueError: `max_length` is below 1 or above 2**20.
    """

    source_vocabulary: Vocabulary | BytePairs
    target_vocabulary: Vocabulary | BytePairs
    model: Seq2Seq
    max_length: int = 64

    def __post_init__(self) -> None:
        check_max_length(self.max_length)

    def translate(
        self,
        texts: Sequence[str],
        strategy: Strategy = BeamSearch(5),  # noqa: B008 (frozen)
        batch_size: int = 64,
    ) -> list[str]:
        """Return the translation of each text; unknown words are never written.

        Args:
            texts: The texts to read.
            strategy: The way to choose tokens, see `seqae.seq2seq.decode`.
            batch_size: Texts at a time; the result of greedy and beam search does not depend on it.
        """
        sources = [self.source_vocabulary.encode(text) for text in texts]
        return generate_texts(self.model, sources, self.target_vocabulary, self.max_length, strategy, batch_size)

    def errors(self, pairs: Sequence[tuple[str, str]], batch_size: int = 64) -> list[np.ndarray]:
        """Return the negative log-likelihood of each token of the true texts in nats, `(time,)` for each pair.

        Args:
            pairs: Texts and their true translations.
            batch_size: Pairs at a time; the result does not depend on it.
        """
        dataset, found = encoded_pairs(pairs, self.source_vocabulary, self.target_vocabulary), []
        with in_evaluation(self.model) as model:
            for indices in LengthBucketSampler(dataset.lengths, batch_size, shuffle=False, num_replicas=1, rank=0):
                pair = dataset.batch(indices).to(device_of(model))
                logits = model(pair.source, pair.target)
                errors = logits.with_steps(token_cross_entropy(logits.steps, pair.target.steps))
                found += [row.cpu().numpy() for row in errors.unpad()]
        return found

    def attention_weights(self, text: str, written: str) -> tuple[list[str], list[str], np.ndarray]:
        """Return the tokens of a text, those of a translation, and the attention between them.

        Returns:
            Source tokens, target tokens, and weights `(target, source)`, which add up to one for each target token.
        """
        source, target = self.source_vocabulary.encode(text), self.target_vocabulary.encode(written)
        weights = attention_weights(self.model, source, target)
        return _shown(self.source_vocabulary, source), _shown(self.target_vocabulary, target), weights


def _shown(vocabulary: Vocabulary | BytePairs, tokens: Tensor) -> list[str]:
    return [vocabulary.decode([token]) or "<end>" for token in tokens.tolist()]
