"""How well captions describe what is to be seen, given what people wrote.

Captions are words separated by white space; each may have several references. The measures are those of the COCO
evaluation (Chen et al. 2015, https://arxiv.org/abs/1504.00325) on captions that are cut into words already, and the
word error rate of speech recognition.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

_SIZES = (1, 2, 3, 4)  # words in an n-gram
_SPREAD = 6.0  # words by which a caption may be longer or shorter before CIDEr-D halves what it is worth, roughly
_RECALL = 1.2  # how much more ROUGE-L values what was found over what was not asked for
_TINY, _SMALL = 1e-15, 1e-9  # of the reference implementation, so that no n-gram found is not quite nothing

References = Sequence[Sequence[str]]


def bleu4(captions: Sequence[str], references: References) -> float:
    """Return BLEU-4 of all captions together, from 0 to 1 (Papineni et al. 2002, https://aclanthology.org/P02-1040).

    For captions with several references; the length counts that is nearest.
    """
    _check(captions, references)
    found, possible, written, asked = np.zeros(4), np.zeros(4), 0, 0
    for caption, truths in zip(captions, references):
        words = caption.split()
        lengths = [len(truth.split()) for truth in truths]
        written += len(words)
        asked += min(lengths, key=lambda length: (abs(length - len(words)), length))
        for place, size in enumerate(_SIZES):
            grams = _grams(words, size)
            most: Counter[tuple[str, ...]] = Counter()
            for truth in truths:
                most |= _grams(truth.split(), size)
            found[place] += sum((grams & most).values())
            possible[place] += max(len(words) - size + 1, 0)
    precision = np.exp(np.log((found + _TINY) / (possible + _SMALL)).mean())
    ratio = (written + _TINY) / (asked + _SMALL)
    return float(precision * np.exp(min(1 - 1 / ratio, 0)))


def rouge_l(captions: Sequence[str], references: References) -> float:
    """Return the mean ROUGE-L, from 0 to 1: words in common and in order (Lin 2004, https://aclanthology.org/W04-1013)."""
    _check(captions, references)
    scores = []
    for caption, truths in zip(captions, references):
        words = caption.split()
        common = [(_common(words, truth.split()), len(truth.split())) for truth in truths]
        precision = max(count / max(len(words), 1) for count, _ in common)
        recall = max(count / length for count, length in common)
        both = recall + _RECALL**2 * precision
        scores.append((1 + _RECALL**2) * precision * recall / both if precision and recall else 0.0)
    return float(np.mean(scores))


def cider_d(captions: Sequence[str], references: References) -> float:
    """Return the mean CIDEr-D, from 0 to 10: n-grams in common, rare ones count more.

    Vedantam et al. 2015, https://arxiv.org/abs/1411.5726. How rare an n-gram is, is counted in the references given.
    """
    _check(captions, references)
    owners = Counter(gram for truths in references for gram in {gram for truth in truths for gram in _all_grams(truth)})
    logarithm = np.log(float(len(references)))
    scores = []
    for caption, truths in zip(captions, references):
        weighted = _weighted(caption, owners, logarithm)
        likeness = [_likeness(weighted, _weighted(truth, owners, logarithm)) for truth in truths]
        scores.append(10 * np.mean(likeness))
    return float(np.mean(scores))


def word_error_rate(captions: Sequence[str], truths: Sequence[str]) -> float:
    """Return how many words are to be put in, left out or replaced to set captions right, as a share of the true ones.

    Levenshtein 1966; the measure of speech recognition. Above 1 if much too much was written.
    """
    _check(captions, [[truth] for truth in truths])
    wrong = sum(_distance(caption.split(), truth.split()) for caption, truth in zip(captions, truths))
    return wrong / sum(len(truth.split()) for truth in truths)


def _check(captions: Sequence[str], references: References) -> None:
    if len(captions) != len(references) or not captions:
        raise ValueError(f"{len(captions)} captions for {len(references)} clips. Expected one for each, at least one")
    for number, truths in enumerate(references):
        if isinstance(truths, str) or not truths or not all(truth.split() for truth in truths):
            raise ValueError(f"no references, or an empty one (clip {number}). Expected a list of texts with words")


def _grams(words: Sequence[str], size: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[at : at + size]) for at in range(len(words) - size + 1))


def _all_grams(text: str) -> Counter[tuple[str, ...]]:
    words = text.split()
    return sum((_grams(words, size) for size in _SIZES), Counter())


def _common(left: Sequence[str], right: Sequence[str]) -> int:
    """Return the length of the longest common subsequence."""
    row = [0] * (len(right) + 1)
    for word in left:
        corner = 0
        for place, other in enumerate(right, start=1):
            corner, row[place] = row[place], corner + 1 if word == other else max(row[place], row[place - 1])
    return row[-1]


def _distance(left: Sequence[str], right: Sequence[str]) -> int:
    """Return the number of words to put in, leave out or replace."""
    row = list(range(len(right) + 1))
    for count, word in enumerate(left, start=1):
        before, row = row, [count]
        for (corner, above), other in zip(pairwise(before), right):
            row.append(min(above + 1, row[-1] + 1, corner + (word != other)))
    return row[-1]


Weighted = tuple[list[dict[tuple[str, ...], float]], list[float], int]


def _weighted(text: str, owners: Counter[tuple[str, ...]], logarithm: float) -> Weighted:
    """Return weights by n-gram and their length as a vector, for each size, and the number of pairs of words."""
    words, weights, norms = text.split(), [], []
    for size in _SIZES:
        counts = _grams(words, size)
        weights.append({gram: count * (logarithm - np.log(max(1, owners[gram]))) for gram, count in counts.items()})
        norms.append(float(np.sqrt(sum(weight**2 for weight in weights[-1].values()))))
    return weights, norms, max(len(words) - 1, 0)


def _likeness(caption: Weighted, truth: Weighted) -> float:
    """Return the mean cosine over the sizes, less if lengths differ; what is repeated too often counts once."""
    likeness = []
    for ours, theirs, our_norm, their_norm in zip(caption[0], truth[0], caption[1], truth[1]):
        product = sum(min(weight, theirs.get(gram, 0.0)) * theirs.get(gram, 0.0) for gram, weight in ours.items())
        likeness.append(product / (our_norm * their_norm) if our_norm and their_norm else product)
    return float(np.mean(likeness) * np.exp(-((caption[2] - truth[2]) ** 2) / (2 * _SPREAD**2)))
