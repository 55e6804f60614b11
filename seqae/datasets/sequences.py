"""Datasets of sequences of any lengths, with and without a class for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from seqae.batch import Batch


class Dataset(Protocol):
    """Sequences in memory that can be taken by number."""

    @property
    def lengths(self) -> np.ndarray:
        """The number of steps of each sequence, `(sequences,)`."""

    def batch(self, indices: np.ndarray) -> Batch | LabelledBatch:
        """Return the sequences with these numbers."""


class SequenceDataset:
    """A list of sequences `(time, *step)` of any lengths.

    Args:
        sequences: The tensors; they are not copied until they go into a batch.
    """

    def __init__(self, sequences: Sequence[Tensor]):
        self.sequences = list(sequences)
        self.lengths = np.array([len(sequence) for sequence in self.sequences], dtype=np.int64)
        if (empty := np.flatnonzero(self.lengths == 0)).size:
            raise ValueError(f"sequence {empty[0]} of {len(self.sequences)} is empty. Drop empty sequences first")

    def batch(self, indices: np.ndarray) -> Batch:
        return Batch.of([self.sequences[number] for number in indices])


def as_tensors(sequences: Sequence[np.ndarray | Tensor]) -> list[Tensor]:
    """Return sequences as tensors; floats as float32, others as they are.

    Raises:
        ValueError: A sequence is empty or not made of numbers; names it.
    """
    if isinstance(sequences, np.ndarray | Tensor) and sequences.ndim < 2:
        raise ValueError(
            f"expected a list of sequences, got one array of shape {tuple(sequences.shape)}. Put it in a list"
        )
    tensors = []
    for number, sequence in enumerate(sequences):
        if not isinstance(sequence, Tensor):
            array = np.asarray(sequence)
            if array.dtype.kind not in "fiub":
                raise ValueError(f"sequence {number} holds {array.dtype} values. Sequences are made of real numbers")
            sequence = torch.from_numpy(np.array(array, dtype=np.float32 if array.dtype.kind in "fb" else np.int64))
        if len(sequence) == 0:
            raise ValueError(f"sequence {number} of {len(sequences)} is empty. Drop empty sequences first")
        tensors.append(sequence.float() if sequence.is_floating_point() else sequence)
    return tensors


@dataclass(frozen=True, eq=False)
class LabelledBatch:
    """A batch with a class for each sequence.

    Attributes:
        batch: The sequences.
        labels: `(batch,)`, numbers of classes.
    """

    batch: Batch
    labels: Tensor

    def __len__(self) -> int:
        return len(self.batch)

    @property
    def lengths(self) -> Tensor:
        """`(batch,)`, the number of steps in each sequence."""
        return self.batch.lengths

    def to(self, device: torch.device | str) -> LabelledBatch:
        return LabelledBatch(self.batch.to(device), self.labels.to(device))


class LabelledDataset:
    """Sequences of a source with their classes.

    Args:
        dataset: Where the sequences come from.
        labels: `(sequences,)`, numbers of classes.
    """

    def __init__(self, dataset: Dataset, labels: np.ndarray):
        if len(labels) != len(dataset.lengths):
            raise ValueError(f"{len(labels)} labels for {len(dataset.lengths)} sequences. Give one to each")
        self.dataset = dataset
        self.labels = torch.from_numpy(np.asarray(labels, dtype=np.int64))

    @property
    def lengths(self) -> np.ndarray:
        """The number of steps of each sequence, `(sequences,)`."""
        return self.dataset.lengths

    def batch(self, indices: np.ndarray) -> LabelledBatch:
        return LabelledBatch(self.dataset.batch(indices), self.labels[torch.from_numpy(np.asarray(indices))])
