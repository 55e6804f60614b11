"""A model that writes captions of clips, with its vocabulary: what is saved after training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from seqae.batch import Batch
from seqae.data.texts.vocabulary import START, UNKNOWN, Vocabulary
from seqae.decoding import Beam, Greedy, Sampling
from seqae.inference import evaluating, write


@dataclass(frozen=True, eq=False)
class Captioner:
    """Writes what is to be seen in clips of any lengths.

    Attributes:
        writes: The vocabulary of the captions.
        model: From frames to tokens: a `seqae.s2vt.S2VT`, or a `seqae.seq2seq.Seq2Seq` whose encoder reads frames.
        most: Tokens that are written at most, the end included.
    """

    writes: Vocabulary
    model: nn.Module
    most: int = 32

    def describe(
        self,
        clips: Sequence[Tensor],
        choose: Greedy | Sampling | Beam = Beam(5),  # noqa: B008 (frozen)
        batch_size: int = 32,
    ) -> list[str]:
        """Return a caption for each clip `(time, *step)`; unknown words are never written.

        Args:
            clips: To read.
            choose: Among the possible captions, see `seqae.decoding`.
            batch_size: Clips at a time; the likeliest captions do not depend on it.
        """
        written = write(self.model, clips, self.most, choose, (UNKNOWN, START), batch_size)
        return [self.writes.decode(tokens) for tokens in written]

    def looked_at(self, clip: Tensor, caption: str) -> np.ndarray:
        """Return where a model with attention looked while it wrote a caption, (word and end, frame)."""
        with evaluating(self.model) as device:
            source, target = Batch.of([clip]).to(device), Batch.of([self.writes.encode(caption)]).to(device)
            return self.model.looked_at(source, target)[0].cpu().numpy()
