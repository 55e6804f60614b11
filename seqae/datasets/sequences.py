"""Datasets of sequences of any lengths, with and without a class for each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
import torch.utils.data
from torch import Tensor

from seqae.batch import Batch, moved

B_co = TypeVar("B_co", covariant=True)


class BatchLike(Protocol):
    """The attributes of a batch that training needs; its length is the number of its items."""

    @property
    def lengths(self) -> Tensor:
        """The number of steps of each item, `(batch,)`."""

    def __len__(self) -> int: ...

    def to(self, device: torch.device | str) -> Any:
        """Return the same batch on a device."""


class Dataset(Protocol[B_co]):
    """Items, mostly sequences, that are read in batches by their indices."""

    @property
    def lengths(self) -> np.ndarray:
        """The number of steps of each item, `(items,)`, int64."""

    def batch(self, indices: np.ndarray) -> B_co:
        """Return the items at `indices`, `(batch,)` from 0 on, as one batch."""


class MapDataset(torch.utils.data.Dataset[Any], ABC):
    """A `Dataset` that is one of torch's as well: `torch.utils.data.DataLoader` reads it, item by item or in batches.

    An item is what `unpad()` of a batch returns one of; `of(items)` of the batch's class is the `collate_fn`, which
    gives the same batches as `batch(indices)`. A subclass defines `lengths` and `batch`.

    Examples:
        >>> import torch
        >>> import seqae
        >>> dataset = seqae.SequenceDataset([torch.zeros(length, 3) for length in (5, 2, 6, 3)])
        >>> sampler = seqae.LengthBucketSampler(dataset.lengths, batch_size=2, shuffle=False)
        >>> loader = torch.utils.data.DataLoader(dataset, batch_sampler=sampler, collate_fn=seqae.Batch.of)
        >>> [batch.lengths.tolist() for batch in loader]
        [[5, 2], [6, 3]]
    """

    @property
    @abstractmethod
    def lengths(self) -> np.ndarray:
        """The number of steps of each item, `(items,)`, int64."""

    @abstractmethod
    def batch(self, indices: np.ndarray) -> Any:
        """Return the items at `indices`, `(batch,)` from 0 on, as one batch."""

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> Any:
        """Return one item.

        Raises:
            IndexError: There is no such item.
        """
        if not -len(self) <= index < len(self):
            raise IndexError(f"item {index} of {len(self)}. Expected 0 to {len(self) - 1}")
        return self.__getitems__([int(index) % len(self)])[0]

    def __getitems__(self, indices: Sequence[int] | np.ndarray) -> list[Any]:
        """Return several items at once; torch's data loaders call it."""
        return self.batch(np.asarray(indices)).unpad()

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(len(self)))


class SequenceDataset(MapDataset):
    """A list of sequences of any lengths.

    Args:
        sequences: Tensors `(time, *step)`; they are not copied until they go into a batch.

    Raises:
        ValueError: A sequence is empty; names it.

    Examples:
        >>> import torch
        >>> import seqae
        >>> dataset = seqae.SequenceDataset([torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[4.0]])])
        >>> dataset.lengths
        array([3, 1])
        >>> dataset.batch([1, 0]).values.squeeze(2)
        tensor([[4., 0., 0.],
                [1., 2., 3.]])
    """

    def __init__(self, sequences: Sequence[Tensor]):
        self.sequences = list(sequences)
        self._lengths = np.array([len(sequence) for sequence in self.sequences], dtype=np.int64)
        if (empty := np.flatnonzero(self.lengths == 0)).size:
            raise ValueError(f"sequence {empty[0]} of {len(self.sequences)} is empty. Drop empty sequences first")

    @property
    def lengths(self) -> np.ndarray:
        """The number of steps of each sequence, `(sequences,)`."""
        return self._lengths

    def batch(self, indices: Sequence[int] | np.ndarray) -> Batch:
        """Return the sequences at `indices` as one batch, `(batch, time, *step)`."""
        return Batch.of([self.sequences[index] for index in indices])


def as_tensors(sequences: Sequence[np.ndarray | Tensor]) -> list[Tensor]:
    """Return sequences as tensors: floats and truth values as float32, integers as int64, integer tensors as they are.

    Args:
        sequences: Arrays or tensors `(time, *step)`.

    Raises:
        ValueError: A sequence is empty or not made of numbers; names it.
    """
    _check_container(sequences)
    sequences = list(sequences)
    _check_columns(sequences)
    tensors = []
    for number, sequence in enumerate(sequences):
        found = sequence if isinstance(sequence, Tensor) else _to_tensor(sequence, number)
        if found.ndim == 0 or len(found) == 0:
            what = "one number" if found.ndim == 0 else "empty"
            raise ValueError(f"sequence {number} of {len(sequences)} is {what}. Drop empty sequences first")
        if found.is_complex():
            raise ValueError(f"sequence {number} holds {found.dtype} values. Sequences are made of real numbers")
        tensors.append(_in_range(found, number) if found.is_floating_point() else found)
    return tensors


def _check_container(sequences: Any) -> None:
    """Raise a ValueError if this is one sequence, or nothing that holds sequences."""
    if isinstance(sequences, np.ndarray | Tensor):
        is_float = isinstance(sequences, Tensor) and sequences.is_floating_point()
        is_float = is_float or (isinstance(sequences, np.ndarray) and sequences.dtype.kind == "f")
        if sequences.ndim < 2 or (sequences.ndim == 2 and is_float):
            shape = tuple(sequences.shape)
            raise ValueError(
                f"expected a list of sequences, got one array of shape {shape}. Is it one sequence? Put it in a list: "
                "[data]" + (". Is each row a sequence of one channel? Give data[:, :, None]" if len(shape) == 2 else "")
            )
    elif hasattr(sequences, "columns") or isinstance(sequences, str | bytes | dict) or hasattr(sequences, "unpad"):
        advice = {"Batch": "its sequences: batch.unpad()", "dict": "them in a list: list(data.values())"}
        name = type(sequences).__name__
        raise ValueError(f"expected a list of sequences, got one {name}. Give {advice.get(name, 'a list: [data]')}")


def _check_columns(sequences: list[Any]) -> None:
    """Raise a ValueError if the columns of frames are not the same: a model reads them by their order."""
    columns = {number: list(each.columns) for number, each in enumerate(sequences) if hasattr(each, "columns")}
    for number, names in columns.items():
        if names != next(iter(columns.values())):
            raise ValueError(
                f"sequence {number} has the columns {names}, another one {next(iter(columns.values()))}. Give them in "
                "one order: [frame[columns] for frame in frames]"
            )


def _to_tensor(sequence: Any, number: int) -> Tensor:
    """Return an array `(time, *step)` as a tensor, NaN where it is masked."""
    if isinstance(sequence, np.ma.MaskedArray) and np.ma.getmaskarray(sequence).any():
        sequence = np.ma.filled(sequence.astype(np.float64), np.nan)
    array = np.asarray(sequence)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"sequence {number} holds {array.dtype} values. Sequences are made of real numbers")
    if array.dtype.kind in "fb":
        return torch.from_numpy(np.array(array, dtype=np.float64 if array.dtype.itemsize > 4 else np.float32))
    return torch.from_numpy(np.array(array, dtype=np.int64))


def _in_range(sequence: Tensor, number: int) -> Tensor:
    """Return a sequence `(time, *step)` as float32; raise a ValueError if a value is infinite in it."""
    found = sequence.float()
    if found.isinf().any():
        place = found.isinf().nonzero()[0].tolist()
        raise ValueError(
            f"sequence {number} is {float(sequence[tuple(place)]):g} (step {place[0]}). Expected finite numbers of "
            "float32. Correct the value, or give NaN if it is missing"
        )
    return found


@dataclass(eq=False)  # not frozen: see Batch
class LabelledBatch:
    """A batch with a class for each sequence.

    Attributes:
        batch: The sequences.
        labels: The index of each sequence's class, `(batch,)`, int64.
    """

    batch: Batch
    labels: Tensor

    @classmethod
    def of(cls, items: Iterable[tuple[Tensor, int | Tensor]]) -> LabelledBatch:
        """Return a batch of sequences `(time, *step)` with their labels; the collate function for a DataLoader."""
        sequences, labels = zip(*items)
        return cls(Batch.of(sequences), torch.tensor([int(label) for label in labels], device=sequences[0].device))

    def __len__(self) -> int:
        return len(self.batch)

    @property
    def lengths(self) -> Tensor:
        """The number of steps of each sequence, `(batch,)`."""
        return self.batch.lengths

    def to(self, device: torch.device | str) -> LabelledBatch:
        """Return the same batch on a device."""
        return LabelledBatch(self.batch.to(device), moved(self.labels, device))

    def pin_memory(self) -> LabelledBatch:
        """Return the same batch in memory from which a GPU copies while it computes."""
        return LabelledBatch(self.batch.pin_memory(), self.labels.pin_memory())

    def unpad(self) -> list[tuple[Tensor, Tensor]]:
        """Return each sequence `(time, *step)` with its label `()`."""
        return list(zip(self.batch.unpad(), self.labels))


class LabelledDataset(MapDataset):
    """The sequences of a dataset with their classes.

    Args:
        dataset: The sequences.
        labels: The index of each sequence's class, `(sequences,)`.

    Raises:
        ValueError: There is not one label for each sequence.
    """

    def __init__(self, dataset: Dataset[Batch], labels: np.ndarray):
        if len(labels) != len(dataset.lengths):
            raise ValueError(f"{len(labels)} labels for {len(dataset.lengths)} sequences. Give one to each")
        self.dataset = dataset
        self.labels = torch.from_numpy(np.asarray(labels, dtype=np.int64))

    @property
    def lengths(self) -> np.ndarray:
        """The number of steps of each sequence, `(sequences,)`."""
        return self.dataset.lengths

    def batch(self, indices: np.ndarray) -> LabelledBatch:
        """Return the sequences at `indices`, `(batch, time, *step)`, with their labels `(batch,)`."""
        return LabelledBatch(self.dataset.batch(indices), self.labels[torch.from_numpy(np.asarray(indices))])
