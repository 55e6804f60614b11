"""Sequences beside others that are like them."""

from __future__ import annotations

import numpy as np

from seqae.batch import Batch
from seqae.datasets.sequences import Dataset


class PositivePairs:
    """Batches whose second half holds, for each sequence of the first half, one that is like it.

    To find it, a walk goes from the sequence to one of its neighbours, from there to one of the neighbour's, and so on:
    neighbours of neighbours are of the same kind mostly, and less alike. Where it goes is a function of the seed and
    of the numbers in the batch, so that a resumed run sees the same. No labels are needed.

    Args:
        dataset: Sequences.
        neighbours: Numbers of each sequence's neighbours, `(sequence, count)`, for example of a `FloatIndex`.
        walk_length: Of a walk; 0 puts each sequence beside itself, which is of use if both are changed at random.
        seed: Of the walks.
    """

    def __init__(self, dataset: Dataset, neighbours: np.ndarray, walk_length: int = 1, seed: int = 0):
        if len(neighbours) != len(dataset.lengths):
            raise ValueError(f"neighbours of {len(neighbours)} sequences for {len(dataset.lengths)}. Give those of all")
        self.dataset = dataset
        self.neighbours = neighbours
        self.walk_length = walk_length
        self.seed = seed

    @property
    def lengths(self) -> np.ndarray:
        """The number of steps of each sequence, `(sequences,)`."""
        return self.dataset.lengths

    def batch(self, indices: np.ndarray) -> Batch:
        random = np.random.default_rng((self.seed, *map(int, indices)))
        like = np.asarray(indices)
        for _ in range(self.walk_length):
            like = self.neighbours[like, random.integers(0, self.neighbours.shape[1], len(like))]
        return self.dataset.batch(np.concatenate([indices, like]))
