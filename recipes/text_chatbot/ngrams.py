"""A language model that counts n-grams: the baseline of the neural models."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

START = 1  # the token before a text, START of `seqae.Vocabulary`, which is never written


class KneserNeyLM:
    """The probability of a token after the tokens before it, by interpolated Kneser-Ney smoothing.

    A lower order counts after how many different tokens one stands, not how often; what is unseen gets what is
    discounted from the seen. Kneser & Ney 1995, https://doi.org/10.1109/ICASSP.1995.479394; Chen & Goodman 1999,
    https://doi.org/10.1006/csla.1999.0128. The last order is interpolated with the uniform distribution.

    Args:
        vocabulary_size: Tokens in the vocabulary.
        order: Tokens in an n-gram; 1 looks at no token before.

    Attributes:
        counts_: By order less one: for the tokens before, how often each token follows; set by `fit`.
        discounts_: The discount of each count, by order less one.
    """

    def __init__(self, vocabulary_size: int, order: int = 3):
        if order < 1:
            raise ValueError(f"n-grams of {order} tokens. Ask for at least 1")
        self.vocabulary_size = vocabulary_size
        self.order = order

    def fit(self, texts: Iterable[Sequence[int]]) -> KneserNeyLM:
        """Count the n-grams of texts, each the tokens `(time,)` of a text with the one that ends it.

        Raises:
            ValueError: There is no text.
        """
        counts = Counter(gram for text in texts for gram in self._ngrams(text))
        if not counts:
            raise ValueError("no texts to count. Give at least one")
        self.counts_: list[dict[tuple[int, ...], dict[int, int]]] = []
        self.discounts_: list[float] = []
        for _ in range(self.order):
            follows: defaultdict[tuple[int, ...], dict[int, int]] = defaultdict(dict)
            for gram, count in counts.items():
                follows[gram[:-1]][gram[-1]] = count
            times = Counter(counts.values())
            self.counts_.insert(0, dict(follows))
            self.discounts_.insert(0, times[1] / (times[1] + 2 * times[2]) if times[1] and times[2] else 0.5)
            counts = Counter(gram[1:] for gram in counts)
        return self

    def log_probabilities(self, text: Sequence[int]) -> np.ndarray:
        """Return the natural logarithm of each token's probability, `(time,)`."""
        return np.log([self._probability(gram) for gram in self._ngrams(text)])

    def _ngrams(self, text: Sequence[int]) -> list[tuple[int, ...]]:
        padded = [START] * (self.order - 1) + [int(token) for token in text]
        return [tuple(padded[at : at + self.order]) for at in range(len(text))]

    def _probability(self, gram: tuple[int, ...]) -> float:
        found = 1 / self.vocabulary_size
        for counts, discount, length in zip(self.counts_, self.discounts_, range(self.order)):
            follows = counts.get(gram[self.order - 1 - length : -1])
            if follows is None:  # longer ones were not seen either
                break
            total = sum(follows.values())
            found = (max(follows.get(gram[-1], 0) - discount, 0) + discount * len(follows) * found) / total
        return found
