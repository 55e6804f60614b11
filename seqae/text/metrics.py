"""Metrics of written texts: against references, and how varied they are.

BLEU and chrF come from sacrebleu (Post 2018, https://aclanthology.org/W18-6319; extra `text`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from types import ModuleType

import numpy as np

from seqae._extras import require


def token_accuracy(predictions: Sequence[Sequence[object]], references: Sequence[Sequence[object]]) -> float:
    """Return the fraction of the references' tokens that are predicted at their position; a missing one is wrong.

    Raises:
        ValueError: There are no references, or not as many as predictions.
    """
    _check(predictions, references)
    right = sum(left == right for pair in zip(predictions, references) for left, right in zip(*pair))
    return right / max(sum(map(len, references)), 1)


def exact_match(predictions: Sequence[object], references: Sequence[object]) -> float:
    """Return the fraction of the predictions that equal their reference.

    Raises:
        ValueError: There are no references, or not as many as predictions.
    """
    _check(predictions, references)
    return sum(left == right for left, right in zip(predictions, references)) / len(references)


def bleu(predictions: Sequence[str], references: Sequence[str | Sequence[str]], tokenize: str = "13a") -> float:
    """Return BLEU-4 of a corpus, from 0 to 1 (Papineni et al. 2002, https://aclanthology.org/P02-1040).

    Args:
        predictions: The written texts.
        references: One or more true texts for each of them.
        tokenize: Tokenizer of sacrebleu: "13a", "zh", "char", or "none" for texts whose tokens are separated by spaces.

    Raises:
        ValueError: There are no references, or not as many as predictions.
    """
    _check(predictions, references)
    several = [[each] if isinstance(each, str) else list(each) for each in references]
    metric = _sacrebleu().BLEU(tokenize=tokenize, force=True)
    # sacrebleu wants the first reference of every text, then the second ones, ...
    return metric.corpus_score(list(predictions), [list(column) for column in zip_longest(*several)]).score / 100


def chrf(predictions: Sequence[str], references: Sequence[str]) -> float:
    """Return chrF2 of a corpus, from 0 to 1: an F-score of character n-grams, for scripts without spaces, too.

    Popovic 2015, https://aclanthology.org/W15-3049.

    Raises:
        ValueError: There are no references, or not as many as predictions.
    """
    _check(predictions, references)
    return _sacrebleu().CHRF().corpus_score(list(predictions), [list(references)]).score / 100


def perplexity(errors: np.ndarray) -> float:
    """Return the perplexity, given the negative log-likelihood of each token in nats, `(tokens,)`."""
    return float(np.exp(np.mean(errors)))


def distinct(texts: Sequence[Sequence[object]], size: int) -> float:
    """Return the fraction of distinct n-grams among all: low if a model writes the same again and again.

    Li et al. 2016, https://aclanthology.org/N16-1014.

    Args:
        texts: The tokens of each text.
        size: The number of tokens in an n-gram.
    """
    ngrams = [tuple(text[at : at + size]) for text in texts for at in range(len(text) - size + 1)]
    return len(set(ngrams)) / len(ngrams) if ngrams else 0.0


def _check(predictions: Sequence[object], references: Sequence[object]) -> None:
    if not references or len(predictions) != len(references):
        raise ValueError(
            f"{len(predictions)} predictions for {len(references)} references. Expected as many, and at least one"
        )


def _sacrebleu() -> ModuleType:
    return require("sacrebleu.metrics", extra="text", purpose="BLEU and chrF")
