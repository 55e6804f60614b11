"""What single words and pairs of words say of a class: naive Bayes, and a support vector machine on its features.

Wang & Manning 2012, https://aclanthology.org/P12-2018: hard to beat on short texts, so that it stands beside every
classifier of sentences. By scikit-learn (extra `sklearn`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqae._extras import require
from seqae.text.tokenizers import Tokenizer, WordTokenizer


def log_ratios(counts: np.ndarray) -> np.ndarray:
    """Return how much more often a word is seen in a class than in all others, `(class, word)`, as logarithms.

    Args:
        counts: In how many texts of a class a word is, `(class, word)`; one more is added to each.
    """
    inside, outside = counts + 1.0, counts.sum(axis=0) - counts + 1.0
    return np.log(inside / inside.sum(axis=1, keepdims=True)) - np.log(outside / outside.sum(axis=1, keepdims=True))


class NaiveBayesSVM:
    """A linear support vector machine for each class whose features are weighted by their log-count ratios.

    Args:
        longest: Words in the longest n-gram.
        cost: Of a text on the wrong side of the machine's margin.
        splitter: What a word is.
    """

    def __init__(self, longest: int = 3, cost: float = 0.1, splitter: Tokenizer = WordTokenizer()):  # noqa: B008 (frozen)
        self.longest = longest
        self.cost = cost
        self.splitter = splitter

    def fit(self, texts: Sequence[str], labels: np.ndarray) -> NaiveBayesSVM:
        """Learn from texts and the numbers of their classes, each of which is there twice or more.

        A fifth is kept back once, to see how likely a class is at a margin.
        """
        require("sklearn.svm", extra="sklearn", purpose="support vector machines")
        from sklearn.linear_model import LogisticRegression

        self.classes = int(labels.max()) + 1
        held_out = _held_out(labels)
        self._learn([text for text, out in zip(texts, held_out) if not out], labels[~held_out])
        margins = self.margins([text for text, out in zip(texts, held_out) if out])
        self.chances = LogisticRegression().fit(margins, labels[held_out])
        self._learn(texts, labels)
        return self

    def margins(self, texts: Sequence[str]) -> np.ndarray:
        """Return the margin of each class, `(text, class)`."""
        counts = self.ngrams.transform(texts)
        columns = [machine.decision_function(counts.multiply(row).tocsr()) for machine, row in self._machines()]
        return np.stack(columns, axis=1)

    def log_probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Return the logarithm of the probability of each class in nats, `(text, class)`."""
        return self.chances.predict_log_proba(self.margins(texts))

    def naive_bayes(self, texts: Sequence[str]) -> np.ndarray:
        """Return what multinomial naive Bayes makes of the same features, up to a constant, `(text, class)`."""
        return self.ngrams.transform(texts) @ self.word_chances.T + self.class_chances

    def _machines(self) -> zip:
        return zip(self.machines, self.ratios)

    def _learn(self, texts: Sequence[str], labels: np.ndarray) -> None:
        from sklearn.feature_extraction.text import CountVectorizer
        from sklearn.svm import LinearSVC

        self.ngrams: Any = CountVectorizer(
            tokenizer=self.splitter.split,
            token_pattern=None,
            lowercase=False,
            ngram_range=(1, self.longest),
            binary=True,
            dtype=np.float64,
        )
        found = self.ngrams.fit_transform(texts)
        member = labels == np.arange(self.classes)[:, None]
        counts = np.stack([np.asarray(found[rows].sum(axis=0)).ravel() for rows in member])
        self.ratios = log_ratios(counts)
        self.word_chances = np.log((counts + 1) / (counts + 1).sum(axis=1, keepdims=True))
        self.class_chances = np.log(member.mean(axis=1))
        self.machines = [
            LinearSVC(C=self.cost).fit(found.multiply(row).tocsr(), rows) for rows, row in zip(member, self.ratios)
        ]


def _held_out(labels: np.ndarray, parts: int = 5) -> np.ndarray:
    """Return a part of each class, `(text,)` bool, always the same."""
    random, chosen = np.random.default_rng(0), np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        rows = random.permutation(np.flatnonzero(labels == label))
        chosen[rows[: max(1, len(rows) // parts)]] = True
    return chosen
