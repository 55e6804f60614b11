"""A model that writes texts for texts, with both vocabularies: what is saved after training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from seqae.batch import Batch
from seqae.data.batches import BatchOrder
from seqae.data.texts.pairs import encoded_pairs
from seqae.data.texts.vocabulary import START, UNKNOWN, BytePairs, Vocabulary
from seqae.decoding import Beam, Greedy, Sampling
from seqae.errors import token_error
from seqae.inference import evaluating, write
from seqae.seq2seq import Seq2Seq


@dataclass(frozen=True, eq=False)
class Translator:
    """Writes a translation or a reply for each text.

    Attributes:
        reads: The vocabulary of the texts.
        writes: The vocabulary of what is written.
        model: From tokens to tokens.
        most: Tokens that are written at most, the end included.
    """

    reads: Vocabulary | BytePairs
    writes: Vocabulary | BytePairs
    model: Seq2Seq
    most: int = 64

    def translate(
        self,
        texts: Sequence[str],
        choose: Greedy | Sampling | Beam = Beam(5),  # noqa: B008 (frozen)
        batch_size: int = 64,
    ) -> list[str]:
        """Return what is written for each text; unknown words are never written.

        Args:
            texts: To read.
            choose: Among the possible texts, see `seqae.decoding`.
            batch_size: Texts at a time; the likeliest texts do not depend on it.
        """
        sources = [self.reads.encode(text) for text in texts]
        written = write(self.model, sources, self.most, choose, (UNKNOWN, START), batch_size)
        return [self.writes.decode(tokens) for tokens in written]

    def errors(self, pairs: Sequence[tuple[str, str]], batch_size: int = 64) -> list[np.ndarray]:
        """Return the negative log-likelihood in nats of each token of the true texts, `(time,)` for each pair."""
        source, found = encoded_pairs(pairs, self.reads, self.writes), []
        with evaluating(self.model) as device:
            for numbers in BatchOrder(source.lengths, batch_size, shuffle=False):
                pair = source.batch(numbers).to(device)
                logits = self.model(pair.source, pair.target)
                errors = logits.with_steps(token_error(logits.steps, pair.target.steps))
                found += [row.cpu().numpy() for row in errors.unpad()]
        return found

    def looked_at(self, text: str, written: str) -> tuple[list[str], list[str], np.ndarray]:
        """Return the words of a text, those of what was written for it, and where the model looked meanwhile.

        Returns:
            Words of the text, words written, and weights (word written, word of the text) that add up to one in a line.
        """
        source, target = self.reads.encode(text), self.writes.encode(written)
        with evaluating(self.model) as device:
            weights = self.model.looked_at(Batch.of([source]).to(device), Batch.of([target]).to(device))
        return _shown(self.reads, source), _shown(self.writes, target), weights[0].cpu().numpy()


def _shown(vocabulary: Vocabulary | BytePairs, tokens: Tensor) -> list[str]:
    return [vocabulary.decode([token]) or "<end>" for token in tokens.tolist()]
