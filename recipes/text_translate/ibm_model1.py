"""Translation word by word, with a dictionary learnt from pairs: the baseline of a model that reads sentences."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

NULL = -1  # the source of target words that translate no word of the source sentence


class IBMModel1:
    """The likeliest translation of each word, by the first model of Brown et al. 1993.

    https://aclanthology.org/J93-2003. Which words of a pair of sentences belong together is not known; it is
    estimated by expectation maximisation. Neighbours with the same translation are written once.

    Args:
        num_iterations: Rounds of expectation and maximisation.

    Attributes:
        translations_: For each source token its likeliest translation; set by `fit`.
        probabilities_: For each source token the probability of that translation.
    """

    def __init__(self, num_iterations: int = 8):
        self.num_iterations = num_iterations

    def fit(self, pairs: Sequence[tuple[Sequence[int], Sequence[int]]]) -> IBMModel1:
        """Learn from pairs of source and target tokens, without the tokens that end a text.

        Raises:
            ValueError: No pair has tokens on both sides.
        """
        pairs = [(source, target) for source, target in pairs if len(source) and len(target)]
        if not pairs:
            raise ValueError("no pairs to learn a dictionary from. Give at least one with words on both sides")
        links = [_links(source, target) for source, target in pairs]
        sources, targets = (np.concatenate([link[side] for link in links]) for side in (0, 1))
        # Each target token is explained by the tokens of its own source sentence.
        sizes = np.repeat([len(source) + 1 for source, _ in pairs], [len(target) for _, target in pairs])
        explained = np.repeat(np.arange(len(sizes)), sizes)
        entries, entry = np.unique(np.stack([sources, targets]), axis=1, return_inverse=True)
        probabilities = self._maximise(entries[0], entry.reshape(-1), explained)
        # Later entries win: the likelier, and of equally likely ones the more frequent, whose number is lower.
        order = np.lexsort((-entries[1], probabilities))
        best = {int(entries[0, at]): at for at in order if entries[0, at] != NULL}
        self.translations_ = {source: int(entries[1, at]) for source, at in best.items()}
        self.probabilities_ = {source: float(probabilities[at]) for source, at in best.items()}
        return self

    def translate(self, tokens: Sequence[int]) -> list[int]:
        """Return the translations of tokens in their order; a token that was never seen has none."""
        found = [self.translations_[int(token)] for token in tokens if int(token) in self.translations_]
        return [token for token, _ in groupby(found)]

    def _maximise(self, sources: np.ndarray, entry: np.ndarray, explained: np.ndarray) -> np.ndarray:
        """Return the probability of each entry of the dictionary, `(entry,)`.

        Args:
            sources: The source token of each entry, `(entry,)`.
            entry: The entry of each link between a source and a target token, `(link,)`.
            explained: The target token that a link explains, `(link,)`.
        """
        _, source_of = np.unique(sources, return_inverse=True)
        probabilities = np.ones(len(sources))
        for _ in range(self.num_iterations):
            totals = np.bincount(explained, weights=probabilities[entry])
            counts = np.bincount(entry, weights=probabilities[entry] / totals[explained])
            probabilities = counts / np.bincount(source_of, weights=counts)[source_of]
        return probabilities


def _links(source: Sequence[int], target: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return all pairs of a source token, or none, and a target token, target by target, `(link,)` each."""
    with_null = np.array([NULL, *map(int, source)])
    return np.tile(with_null, len(target)), np.repeat(np.array([int(token) for token in target]), len(with_null))
