"""A model that writes captions of clips, with its vocabulary: what is saved after training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from seqae.batch import Batch
from seqae.inference import evaluating
from seqae.seq2seq.decoding import BeamSearch, GreedySearch, TokenSampling
from seqae.seq2seq.inference import generate
from seqae.text.vocabulary import START, UNKNOWN, Vocabulary


@dataclass(frozen=True, eq=False)
class Captioner:
    """Writes what is to be seen in clips of any lengths.

    Attributes:
        vocabulary: The vocabulary of the captions.
        model: From frames to tokens: a `seqae.seq2seq.s2vt.S2VT`, or a `seqae.seq2seq.models.Seq2Seq` whose encoder reads frames.
        max_length: Tokens that are written at most, the end included.
    """

    vocabulary: Vocabulary
    model: nn.Module
    max_length: int = 32

    def caption(
        self,
        clips: Sequence[Tensor],
        strategy: GreedySearch | TokenSampling | BeamSearch = BeamSearch(5),  # noqa: B008 (frozen)
        batch_size: int = 32,
    ) -> list[str]:
        """Return a caption for each clip `(time, *step)`; unknown words are never written.

        Args:
            clips: To read.
            strategy: Among the possible captions, see `seqae.seq2seq.decoding`.
            batch_size: Clips at a time; the likeliest captions do not depend on it.
        """
        written = generate(self.model, clips, self.max_length, strategy, (UNKNOWN, START), batch_size)
        return [self.vocabulary.decode(tokens) for tokens in written]

    def attention_weights(self, clip: Tensor, caption: str) -> np.ndarray:
        """Return where a model with attention looked while it wrote a caption, (word and end, frame)."""
        with evaluating(self.model) as device:
            source, target = Batch.of([clip]).to(device), Batch.of([self.vocabulary.encode(caption)]).to(device)
            return self.model.attention_weights(source, target)[0].cpu().numpy()
