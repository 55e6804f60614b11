"""How well texts were written: against the true ones, and how varied they are by themselves.

BLEU (Papineni et al. 2002, https://aclanthology.org/P02-1040) and chrF (Popovic 2015,
https://aclanthology.org/W15-3049) come from sacrebleu (Post 2018, https://aclanthology.org/W18-6319; extra `text`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqae._extras import require


def token_accuracy(written: Sequence[Sequence[object]], truths: Sequence[Sequence[object]]) -> float:
    """Return the share of the true tokens that stand in their place; one that was not written is wrong."""
    _check(written, truths)
    right = sum(left == right for pair in zip(written, truths) for left, right in zip(*pair))
    return right / max(sum(map(len, truths)), 1)


def exact_match(written: Sequence[object], truths: Sequence[object]) -> float:
    """Return the share of the texts that were written without any mistake."""
    _check(written, truths)
    return sum(left == right for left, right in zip(written, truths)) / len(truths)


def bleu(written: Sequence[str], truths: Sequence[str], tokenize: str = "13a") -> float:
    """Return BLEU-4 of all texts together, from 0 to 1, each with one reference.

    Args:
        written: The texts to judge.
        truths: What they should have been.
        tokenize: How sacrebleu cuts words: "13a", "zh", "char", or "none" for texts that are cut with spaces already.
    """
    _check(written, truths)
    metric = _sacrebleu().BLEU(tokenize=tokenize, force=True)
    return metric.corpus_score(list(written), [list(truths)]).score / 100


def chrf(written: Sequence[str], truths: Sequence[str]) -> float:
    """Return chrF2 of all texts together, from 0 to 1: like BLEU, but of characters, for scripts without spaces."""
    _check(written, truths)
    return _sacrebleu().CHRF().corpus_score(list(written), [list(truths)]).score / 100


def perplexity(errors: np.ndarray) -> float:
    """Return how many equally likely tokens a model hesitates between, given negative log-likelihoods in nats."""
    return float(np.exp(np.mean(errors)))


def distinct(texts: Sequence[Sequence[object]], size: int) -> float:
    """Return the share of all n-grams that are different ones: low if a model always says the same.

    Li et al. 2016, https://aclanthology.org/N16-1014.

    Args:
        texts: The tokens of each text.
        size: Tokens in an n-gram.
    """
    grams = [tuple(text[at : at + size]) for text in texts for at in range(len(text) - size + 1)]
    return len(set(grams)) / len(grams) if grams else 0.0


def _check(written: Sequence[object], truths: Sequence[object]) -> None:
    if not truths or len(written) != len(truths):
        raise ValueError(f"{len(written)} texts written, {len(truths)} true ones. Expected as many, and at least one")


def _sacrebleu():
    return require("sacrebleu.metrics", extra="text", purpose="BLEU and chrF")
