"""Sequences beside others that are like them."""

from __future__ import annotations

import numpy as np

from seqae.batch import Batch
from seqae.data.batches import Source


class BesideLike:
    """Batches whose second half holds, for each sequence of the first half, one that is like it.

    To find it, a walk goes from the sequence to one of its neighbours, from there to one of the neighbour's, and so on:
    neighbours of neighbours are of the same kind mostly, and less alike. Where it goes is a function of the seed and
    of the numbers in the batch, so that a resumed run sees the same. No labels are needed.

    Args:
        source: Sequences.
        neighbours: Numbers of each sequence's neighbours, `(sequence, count)`, for example of a `FloatIndex`.
        steps: Of a walk; 0 puts each sequence beside itself, which is of use if both are changed at random.
        seed: Of the walks.
    """

    def __init__(self, source: Source, neighbours: np.ndarray, steps: int = 1, seed: int = 0):
        if len(neighbours) != len(source.lengths):
            raise ValueError(f"neighbours of {len(neighbours)} sequences for {len(source.lengths)}. Give those of all")
        self.source = source
        self.neighbours = neighbours
        self.steps = steps
        self.seed = seed

    @property
    def lengths(self) -> np.ndarray:
        """The number of steps of each sequence, `(sequences,)`."""
        return self.source.lengths

    def batch(self, numbers: np.ndarray) -> Batch:
        random = np.random.default_rng((self.seed, *map(int, numbers)))
        like = np.asarray(numbers)
        for _ in range(self.steps):
            like = self.neighbours[like, random.integers(0, self.neighbours.shape[1], len(like))]
        return self.source.batch(np.concatenate([numbers, like]))
