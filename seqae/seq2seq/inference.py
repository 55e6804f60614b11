"""Texts that a trained model writes for sequences of any lengths."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from seqae.batch import Batch
from seqae.inference import device_of, in_evaluation, over_batches
from seqae.seq2seq.decoding import Strategy, decode
from seqae.seq2seq.models import Seq2Seq, TextGenerator
from seqae.text.vocabulary import START, UNKNOWN, BytePairs, Vocabulary


def generate(
    model: TextGenerator,
    sequences: Sequence[Tensor],
    max_length: int,
    strategy: Strategy,
    suppress_tokens: Sequence[int] = (START,),
    batch_size: int = 64,
) -> list[Tensor]:
    """Return the tokens that a model writes for each sequence, `(time,)` int64.

    Args:
        model: A model that writes tokens, for example a `Seq2Seq` or an `S2VT`.
        sequences: The sources, `(time, *step)` each.
        max_length: The maximum number of tokens of a text, its end included.
        strategy: The way to choose tokens, see `seqae.seq2seq.decode`.
        suppress_tokens: Tokens that are never written.
        batch_size: Sequences at a time; the result of greedy and beam search does not depend on it.
    """

    def texts(writer: TextGenerator, batch: Batch) -> list[Tensor]:
        return decode(writer, writer.init_state(batch), max_length, strategy, suppress_tokens=suppress_tokens)

    return over_batches(model, list(sequences), batch_size, texts) if sequences else []


def generate_texts(
    model: TextGenerator,
    sequences: Sequence[Tensor],
    vocabulary: Vocabulary | BytePairs,
    max_length: int,
    strategy: Strategy,
    batch_size: int,
) -> list[str]:
    """Return the text that a model writes for each sequence `(time, *step)`; unknown words are never written."""
    written = generate(model, sequences, max_length, strategy, (UNKNOWN, START), batch_size)
    return [vocabulary.decode(tokens) for tokens in written]


def attention_weights(model: TextGenerator, source: Tensor, target: Tensor) -> np.ndarray:
    """Return the weights of a source's steps `(time, *step)` at each token of a text `(time,)`, `(target, source)`.

    Raises:
        ValueError: The model has no attention.
    """
    if not isinstance(model, Seq2Seq):
        raise ValueError(f"a {type(model).__name__} has no attention. Give a Seq2Seq")
    with in_evaluation(model) as evaluated:
        batches = [Batch.of([sequence]).to(device_of(model)) for sequence in (source, target)]
        return evaluated.attention_weights(*batches)[0].cpu().numpy()
