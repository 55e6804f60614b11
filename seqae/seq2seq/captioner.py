"""A model that writes captions of clips, with its vocabulary, to be saved together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from seqae.seq2seq.decoding import BeamSearch, Strategy, check_max_length
from seqae.seq2seq.inference import attention_weights, generate_texts
from seqae.seq2seq.models import TextGenerator
from seqae.text.vocabulary import BytePairs, Vocabulary


@dataclass(frozen=True, eq=False)
class Captioner:
    """Writes captions of clips of any lengths.

    Attributes:
        vocabulary: The vocabulary of the captions.
        model: Maps frames to tokens: an `S2VT`, or a `Seq2Seq` whose encoder reads frames.
        max_length: The maximum number of tokens of a caption, its end included.

    Raises:
        ValueError: `max_length` is below 1 or above 2**20.
    """

    vocabulary: Vocabulary | BytePairs
    model: TextGenerator
    max_length: int = 32

    def __post_init__(self) -> None:
        check_max_length(self.max_length)

    def caption(
        self,
        clips: Sequence[Tensor],
        strategy: Strategy = BeamSearch(5),  # noqa: B008 (frozen)
        batch_size: int = 32,
    ) -> list[str]:
        """Return a caption for each clip; unknown words are never written.

        Args:
            clips: Frames, `(time, *step)` each.
            strategy: The way to choose tokens, see `seqae.seq2seq.decode`.
            batch_size: Clips at a time; the result of greedy and beam search does not depend on it.
        """
        return generate_texts(self.model, clips, self.vocabulary, self.max_length, strategy, batch_size)

    def attention_weights(self, clip: Tensor, caption: str) -> np.ndarray:
        """Return the weight of each frame of a clip at each word of a caption and at its end, `(word, frame)`.

        Raises:
            ValueError: The model has no attention.
        """
        return attention_weights(self.model, clip, self.vocabulary.encode(caption))
