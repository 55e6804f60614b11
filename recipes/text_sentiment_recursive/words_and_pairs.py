"""Leaves of trees: each word with the pair that it makes with the next one, and the vectors with which both begin."""

from collections import Counter

import numpy as np
import torch
from torch import Tensor, nn

Pair = tuple[int, int]


def frequent_pairs(tokens: list[Tensor], words: int, min_frequency: int = 2) -> dict[Pair, int]:
    """Return the index, after those of words, of each pair of neighbours in so many texts, `(time,)` tokens each."""
    counts = Counter(pair for row in tokens for pair in set(zip(row.tolist(), row[1:].tolist())))
    return {pair: words + index for index, pair in enumerate(pair for pair in counts if counts[pair] >= min_frequency)}


def with_pairs(tokens: Tensor, pairs: dict[Pair, int]) -> Tensor:
    """Return each word of a text, `(time,)`, and its pair with the next one, 0 where that is rare: `(time, 2)`."""
    neighbours = zip(tokens.tolist(), [*tokens[1:].tolist(), -1])
    return torch.stack([tokens, torch.tensor([pairs.get(pair, 0) for pair in neighbours])], dim=1)


def first_vectors(
    leaves: list[Tensor], labels: np.ndarray, words: int, pairs: int, size: int, polarity: float
) -> Tensor:
    """Return vectors `(words + pairs, size)`, some values of which begin with log-count ratios of classes.

    The others are near zero: of words at random, so that these can be told apart, of pairs zero.

    Args:
        leaves: Words and pairs of each text, `(time, 2)`.
        labels: The index of the class of each text, `(texts,)`.
        words: The number of words.
        pairs: The number of pairs.
        size: Length of a vector.
        polarity: Factor of the ratios.
    """
    count = words + pairs
    counts = np.ones((labels.max() + 1, count))
    for row, label in zip(leaves, labels):
        counts[label, np.unique(row)] += 1
    logs = np.log(counts / counts.sum(axis=1, keepdims=True))
    ratios = torch.from_numpy(logs[1:] - logs[0]).float().T  # to the first class, (count, classes - 1)
    repeated = ratios.repeat_interleave(max(1, min(8, size // ratios.shape[1])), dim=1)[:, :size]
    near_zero = torch.cat([0.1 * torch.randn(words, size), torch.zeros(pairs, size)])
    return near_zero + polarity * nn.functional.pad(repeated, (0, size - repeated.shape[1]))
