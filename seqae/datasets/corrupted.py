"""Sequences that are corrupted each time they are read."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import Generator

from seqae.batch import Batch
from seqae.datasets.sequences import Dataset, LabelledBatch, MapDataset


class CorruptedDataset(MapDataset):
    """A dataset of corrupted sequences, labelled or not. The targets that a model has to write are corrupted as well.

    The corruption is a function of the seed and of the indices of the batch, in their order, so that a resumed run sees
    the same.

    Args:
        dataset: The sequences as they are.
        corruption: The transform that corrupts them, see `seqae.transforms`.
        seed: Seed of the corruption.
    """

    def __init__(
        self,
        dataset: Dataset[Batch] | Dataset[LabelledBatch],
        corruption: Callable[[Batch, Generator], Batch],
        seed: int = 0,
    ):
        self.dataset = dataset
        self.corruption = corruption
        self.seed = seed

    @property
    def lengths(self) -> np.ndarray:
        """The number of steps of each sequence, `(sequences,)`."""
        return self.dataset.lengths

    def batch(self, indices: np.ndarray) -> Batch | LabelledBatch:
        """Return the sequences at `indices`, corrupted, `(batch, time, *step)`; labels `(batch,)` stay unchanged."""
        state = np.random.SeedSequence((self.seed, *map(int, indices))).generate_state(1)
        generator = Generator().manual_seed(int(state[0]))
        clean = self.dataset.batch(indices)
        if isinstance(clean, LabelledBatch):
            return LabelledBatch(self.corruption(clean.batch, generator), clean.labels)
        return self.corruption(clean, generator)
