"""Translation word by word, with a dictionary learnt from pairs: what a model that reads sentences has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

_NOTHING = -1  # the source of words that come from no word of the sentence


class WordByWord:
    """The word that each word is translated to most often, by the first model of Brown et al. 1993.

    https://aclanthology.org/J93-2003. It knows which sentences belong together, not which words: expectation
    maximisation finds out. Neighbours with one translation are written once.

    Args:
        rounds: Of expectation and maximisation.

    Attributes:
        likeliest_: For each source token its translation; set by `fit`.
        chances_: For each source token the probability of that.
    """

    def __init__(self, rounds: int = 8):
        self.rounds = rounds

    def fit(self, pairs: Sequence[tuple[Sequence[int], Sequence[int]]]) -> WordByWord:
        """Learn from source and target tokens, without ends of texts."""
        pairs = [(source, target) for source, target in pairs if len(source) and len(target)]
        if not pairs:
            raise ValueError("no pairs to learn a dictionary from. Give at least one with words on both sides")
        links = [_links(source, target) for source, target in pairs]
        sources, targets = (np.concatenate([link[side] for link in links]) for side in (0, 1))
        # Each target word is explained by the words of its own sentence.
        sizes = np.repeat([len(source) + 1 for source, _ in pairs], [len(target) for _, target in pairs])
        explained = np.repeat(np.arange(len(sizes)), sizes)
        entries, entry = np.unique(np.stack([sources, targets]), axis=1, return_inverse=True)
        entry = entry.reshape(-1)
        _, source_of = np.unique(entries[0], return_inverse=True)
        chances = np.ones(entries.shape[1])
        for _ in range(self.rounds):
            shares = chances[entry] / np.bincount(explained, weights=chances[entry])[explained]
            counts = np.bincount(entry, weights=shares)
            chances = counts / np.bincount(source_of, weights=counts)[source_of]
        order = np.lexsort((-entries[1], chances))  # later ones win; of equals the more frequent, which comes first
        best = {int(entries[0, at]): at for at in order if entries[0, at] != _NOTHING}
        self.likeliest_ = {source: int(entries[1, at]) for source, at in best.items()}
        self.chances_ = {source: float(chances[at]) for source, at in best.items()}
        return self

    def translate(self, tokens: Sequence[int]) -> list[int]:
        """Return the translations of tokens in their order; a token that was never seen gives nothing."""
        found = [self.likeliest_[int(token)] for token in tokens if int(token) in self.likeliest_]
        return [token for token, _ in groupby(found)]


def _links(source: Sequence[int], target: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return all pairs of a source token, or nothing, and a target token, target by target."""
    reads = np.array([_NOTHING, *map(int, source)])
    return np.tile(reads, len(target)), np.repeat(np.array([int(token) for token in target]), len(reads))
