"""Metrics of captions: CIDEr-D and the word error rate. For BLEU see `seqae.text.bleu`.

Captions are words separated by white space. CIDEr-D is that of the COCO evaluation (Chen et al. 2015,
https://arxiv.org/abs/1504.00325) without its tokenizer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

_SIZES = (1, 2, 3, 4)  # words in an n-gram
_SIGMA = 6.0  # standard deviation of the length penalty, in words

References = Sequence[Sequence[str]]


def cider_d(captions: Sequence[str], references: References) -> float:
    """Return the mean CIDEr-D, from 0 to 10: the similarity of n-grams weighted by tf-idf.

    Vedantam et al. 2015, https://arxiv.org/abs/1411.5726. Document frequencies are those of the references given.

    Args:
        captions: The written captions.
        references: One or more true captions for each of them.

    Raises:
        ValueError: A caption has no references, or an empty one.
    """
    _check(captions, references)
    document_frequency = Counter(
        gram for truths in references for gram in {gram for truth in truths for gram in _all_ngrams(truth)}
    )
    log_count = np.log(float(len(references)))
    scores = []
    for caption, truths in zip(captions, references):
        weighted = _weighted(caption, document_frequency, log_count)
        similarities = [_similarity(weighted, _weighted(truth, document_frequency, log_count)) for truth in truths]
        scores.append(10 * np.mean(similarities))
    return float(np.mean(scores))


def word_error_rate(captions: Sequence[str], references: Sequence[str]) -> float:
    """Return the number of insertions, deletions and substitutions of words, divided by the words of the references.

    The edit distance of Levenshtein 1966, as in speech recognition. It is above 1 if far too much was written.

    Args:
        captions: The written captions.
        references: One true caption for each of them.

    Raises:
        ValueError: There are not as many references, or an empty one.
    """
    _check(captions, [[reference] for reference in references])
    errors = sum(_edit_distance(caption.split(), truth.split()) for caption, truth in zip(captions, references))
    return errors / sum(len(truth.split()) for truth in references)


def _check(captions: Sequence[str], references: References) -> None:
    if len(captions) != len(references) or not captions:
        raise ValueError(f"{len(captions)} captions for {len(references)} clips. Expected one for each, at least one")
    for number, truths in enumerate(references):
        if isinstance(truths, str) or not truths or not all(truth.split() for truth in truths):
            raise ValueError(f"no references, or an empty one (clip {number}). Expected a list of texts with words")


def _ngrams(words: Sequence[str], size: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[at : at + size]) for at in range(len(words) - size + 1))


def _all_ngrams(text: str) -> Counter[tuple[str, ...]]:
    words = text.split()
    return sum((_ngrams(words, size) for size in _SIZES), Counter())


def _edit_distance(left: Sequence[str], right: Sequence[str]) -> int:
    """Return the number of insertions, deletions and substitutions of words."""
    row = list(range(len(right) + 1))
    for count, word in enumerate(left, start=1):
        before, row = row, [count]
        for (corner, above), other in zip(pairwise(before), right):
            row.append(min(above + 1, row[-1] + 1, corner + (word != other)))
    return row[-1]


Weighted = tuple[list[dict[tuple[str, ...], float]], list[float], int]


def _weighted(text: str, document_frequency: Counter[tuple[str, ...]], log_count: float) -> Weighted:
    """Return the tf-idf weights of n-grams and their norm, for each size, and the number of bigrams."""
    words, weights, norms = text.split(), [], []
    for size in _SIZES:
        counts = _ngrams(words, size)
        weights.append(
            {gram: count * (log_count - np.log(max(1, document_frequency[gram]))) for gram, count in counts.items()}
        )
        norms.append(float(np.sqrt(sum(weight**2 for weight in weights[-1].values()))))
    return weights, norms, max(len(words) - 1, 0)


def _similarity(caption: Weighted, truth: Weighted) -> float:
    """Return the mean cosine over the sizes, with clipped counts and a Gaussian penalty of the difference in length."""
    similarities = []
    for ours, theirs, our_norm, their_norm in zip(caption[0], truth[0], caption[1], truth[1]):
        product = sum(min(weight, theirs.get(gram, 0.0)) * theirs.get(gram, 0.0) for gram, weight in ours.items())
        similarities.append(product / (our_norm * their_norm) if our_norm and their_norm else product)
    return float(np.mean(similarities) * np.exp(-((caption[2] - truth[2]) ** 2) / (2 * _SIGMA**2)))
