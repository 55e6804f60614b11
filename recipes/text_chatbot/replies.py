"""Metrics of written replies: agreement with the true ones, and degeneracy: empty, looping, or always the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from seqae.text import Tokenizer, bleu, distinct

Words = Sequence[str]


def reply_scores(replies: Sequence[str], truths: Sequence[str], tokenizer: Tokenizer) -> dict[str, float]:
    """Return how near replies come to the true ones, how diverse and how degenerate they are, from 0 to 1."""
    words, true_words = [tokenizer.split(reply) for reply in replies], [tokenizer.split(truth) for truth in truths]
    f1 = float(np.mean([token_f1(*pair) for pair in zip(words, true_words)]))
    return {"BLEU": bleu(replies, truths), "F1": f1, "distinct-2": distinct(words, 2), **asdict(degeneracy(words))}


@dataclass(frozen=True)
class Degeneracy:
    """Fractions of replies to different texts, from 0 to 1.

    Attributes:
        empty: Replies without a word.
        looping: Replies in which the same words are repeated three times in a row.
        mode_share: Replies that are exactly the most frequent one.
    """

    empty: float
    looping: float
    mode_share: float


def degeneracy(replies: Sequence[Words]) -> Degeneracy:
    """Return how degenerate replies are, each given as a list of words.

    Raises:
        ValueError: There is no reply.
    """
    if not replies:
        raise ValueError("no replies to judge. Give at least one")
    total = len(replies)
    return Degeneracy(
        empty=sum(not reply for reply in replies) / total,
        looping=sum(map(is_looping, replies)) / total,
        mode_share=max(Counter(map(tuple, replies)).values()) / total,
    )


def is_looping(words: Words, times: int = 3) -> bool:
    """Whether the same words are repeated this many times in a row."""
    words = list(words)
    return any(
        words[at : at + length * (times - 1)] == words[at + length : at + length * times]
        for length in range(1, len(words) // times + 1)
        for at in range(len(words) - length * times + 1)
    )


def token_f1(reply: Words, truth: Words) -> float:
    """Return the F1 score of the words of a reply, 1 if they are those of the true one in any order.

    Rajpurkar et al. 2016, https://arxiv.org/abs/1606.05250.
    """
    common = sum((Counter(reply) & Counter(truth)).values())
    return 2 * common / (len(reply) + len(truth)) if common else float(not reply and not truth)
