"""Texts that a trained model writes for sequences of any lengths."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from seqae.batch import Batch
from seqae.inference import over_batches
from seqae.seq2seq.decoding import BeamSearch, GreedySearch, TokenSampling, decode
from seqae.text.vocabulary import START


def generate(
    model: nn.Module,
    sequences: Sequence[Tensor],
    max_length: int,
    strategy: GreedySearch | TokenSampling | BeamSearch,
    suppress_tokens: Sequence[int] = (START,),
    batch_size: int = 64,
) -> list[Tensor]:
    """Return the tokens `(time,)` that a model writes for each sequence.

    Args:
        model: A `seqae.seq2seq.decoding.Writer` that begins with a batch of sequences: `Seq2Seq`, `S2VT`.
        sequences: To read, `(time, *step)` each.
        max_length: Tokens of a text at most, its end included.
        strategy: Which of the possible texts.
        suppress_tokens: Tokens that are not written.
        batch_size: Sequences that are read together; the likeliest texts do not depend on it.
    """

    def texts(batch: Batch) -> list[Tensor]:
        return decode(model, model.init_state(batch), max_length, strategy, suppress_tokens=suppress_tokens)

    return over_batches(model, list(sequences), batch_size, texts) if sequences else []
