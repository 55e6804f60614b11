"""Sequences that are damaged anew each time they are read."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import Generator

from seqae.batch import Batch
from seqae.datasets.sequences import Dataset, LabelledBatch


class CorruptedDataset:
    """A source of damaged sequences, labelled or not. What a model must write is damaged as well.

    The damage is a function of the seed and of the numbers in the batch, in their order, so that a resumed run sees
    the same.

    Args:
        dataset: Sequences as they are.
        corruption: What happens to them, see `seqae.transforms.corruptions`.
        seed: Of the damage.
    """

    def __init__(self, dataset: Dataset, corruption: Callable[[Batch, Generator], Batch], seed: int = 0):
        self.dataset = dataset
        self.corruption = corruption
        self.seed = seed

    @property
    def lengths(self) -> np.ndarray:
        """The number of steps of each sequence, `(sequences,)`."""
        return self.dataset.lengths

    def batch(self, indices: np.ndarray) -> Batch | LabelledBatch:
        state = np.random.SeedSequence((self.seed, *map(int, indices))).generate_state(1)
        generator = Generator().manual_seed(int(state[0]))
        whole = self.dataset.batch(indices)
        if isinstance(whole, LabelledBatch):
            return LabelledBatch(self.corruption(whole.batch, generator), whole.labels)
        return self.corruption(whole, generator)
