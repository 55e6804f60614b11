"""Sequences, each beside another one that is similar."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch.utils.data
from torch import Tensor

from seqae.batch import Batch
from seqae.datasets.sequences import Dataset


class PositivePairs(torch.utils.data.Dataset[tuple[Tensor, Tensor]]):
    """Batches whose second half holds, for each sequence of the first half, a similar one.

    A random walk finds it: from the sequence to one of its neighbours, from there to one of the neighbour's, and so on.
    Neighbours of neighbours are mostly of the same class, and less similar. The walk is a function of the seed and of
    the indices of the batch, so that a resumed run sees the same. No labels are needed.

    Args:
        dataset: The sequences.
        neighbours: The indices of each sequence's neighbours, `(sequences, count)`, for example from a `FloatIndex`.
        walk_length: The number of steps of a walk; 0 puts each sequence beside itself, which is of use if both are
            changed at random afterwards.
        seed: Seed of the walks.

    Raises:
        ValueError: There are not neighbours of each sequence.
    """

    def __init__(self, dataset: Dataset[Batch], neighbours: np.ndarray, walk_length: int = 1, seed: int = 0):
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

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Return a sequence and one that is similar, `(time, *step)` each."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"item {index} of {len(self)}. Expected 0 to {len(self) - 1}")
        return self.__getitems__([int(index) % len(self)])[0]

    def __getitems__(self, indices: Sequence[int] | np.ndarray) -> list[tuple[Tensor, Tensor]]:
        """Return several items at once; torch's data loaders call it."""
        sequences = self.batch(np.asarray(indices)).unpad()
        return list(zip(sequences[: len(indices)], sequences[len(indices) :]))

    @staticmethod
    def collate(items: Iterable[tuple[Tensor, Tensor]]) -> Batch:
        """Return the batch `(2 * batch, time, *step)` of several items; the collate function for a DataLoader."""
        sequences, similar = zip(*items)
        return Batch.of([*sequences, *similar])

    def batch(self, indices: np.ndarray) -> Batch:
        """Return the sequences at `indices`, `(batch,)`, and then one similar to each, `(2 * batch, time, *step)`."""
        random = np.random.default_rng((self.seed, *map(int, indices)))
        similar = np.asarray(indices)
        for _ in range(self.walk_length):
            similar = self.neighbours[similar, random.integers(0, self.neighbours.shape[1], len(similar))]
        return self.dataset.batch(np.concatenate([indices, similar]))
