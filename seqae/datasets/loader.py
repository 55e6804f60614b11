"""Batches of a dataset, in an order that an interrupted run takes up again."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np
import torch
import torch.utils.data

from seqae.datasets.sampler import LengthBucketSampler
from seqae.datasets.sequences import Dataset

B = TypeVar("B")


class DataLoader(Generic[B]):
    """Batches of a dataset in the order of a `LengthBucketSampler`; a resumed run goes on in the middle of an epoch.

    torch's own reads the same batches, `torch.utils.data.DataLoader(dataset, batch_sampler=sampler,
    collate_fn=seqae.Batch.of)`, but does not know where it was.

    Args:
        dataset: The dataset whose `batch(indices)` returns items as a batch.
        batch_sampler: Yields the indices of each batch, in an order that is a function of a seed and of the epoch, of
            which Lightning tells it by `set_epoch`: a `LengthBucketSampler`, or your own.
        num_workers: Processes that read ahead, for datasets whose items take long; the batches are the same with any
            number.
    """

    def __init__(self, dataset: Dataset[B], batch_sampler: Iterable[Any], num_workers: int = 0):
        self.dataset = dataset
        self.batch_sampler: Any = batch_sampler  # the name that Lightning expects
        self.num_workers = num_workers
        self._start = 0  # of the next epoch: the batches of it that a run before this one read
        self._batches_read = 0

    @property
    def batch_size(self) -> int | None:
        """Items in a batch of one process; None if the sampler does not say."""
        return getattr(self.batch_sampler, "batch_size", None)

    def __len__(self) -> int:
        return len(self.batch_sampler)

    def __iter__(self) -> Iterator[B]:
        start, self._start = self._start, 0
        self._batches_read = start
        for batch in self._batches(islice(self.batch_sampler, start, None)):
            self._batches_read += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        """Return the number of batches of this epoch that were read; Lightning saves it."""
        return {"batches_read": self._batches_read % len(self)}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on after the batches that were read before; Lightning calls it."""
        self._start = state["batches_read"]

    def _batches(self, order: Iterable[Any]) -> Iterable[B]:
        if not self.num_workers:
            return map(self.dataset.batch, order)
        return torch.utils.data.DataLoader(
            _BatchedDataset(self.dataset),
            batch_size=None,  # the sampler gives the indices of whole batches
            sampler=list(order),
            num_workers=self.num_workers,
            collate_fn=_unchanged,
            worker_init_fn=_ignore_interrupts,
            pin_memory=torch.cuda.is_available(),  # a thread does it: the GPU then copies a batch while it computes
            # Forked workers share the dataset, and end when the process that trains is killed; others would stay.
            multiprocessing_context="fork" if sys.platform == "linux" else None,
            generator=torch.Generator(),  # else workers would draw from the random numbers of dropout
        )


def make_loader(
    dataset: Dataset[B], batch_size: int, seed: int = 0, shuffle: bool = True, num_workers: int = 0
) -> DataLoader[B]:
    """Return batches of items of similar length: a `DataLoader` with a `LengthBucketSampler`.

    Args:
        dataset: The dataset whose `batch(indices)` returns items as a batch.
        batch_size: Items in a batch; the last batch may have fewer.
        seed: Seed of the random order.
        shuffle: Whether to put the items in a new random order in each epoch; False keeps the order of the dataset.
        num_workers: The number of processes that read ahead; 0 reads in this one.

    Raises:
        ValueError: `batch_size` is below 1.

    Examples:
        >>> import torch
        >>> import seqae
        >>> dataset = seqae.SequenceDataset([torch.zeros(length, 3) for length in (5, 2, 6, 3)])
        >>> for batch in seqae.make_loader(dataset, batch_size=2, shuffle=False):
        ...     print(batch.values.shape, batch.lengths.tolist())
        torch.Size([2, 5, 3]) [5, 2]
        torch.Size([2, 6, 3]) [6, 3]
    """
    return DataLoader(dataset, LengthBucketSampler(dataset.lengths, batch_size, seed, shuffle), num_workers)


class _BatchedDataset(torch.utils.data.Dataset[Any]):
    """A dataset for torch's data loader, whose items are whole batches."""

    def __init__(self, dataset: Dataset[Any]):
        self.dataset = dataset

    def __getitem__(self, indices: np.ndarray) -> Any:
        return self.dataset.batch(indices)


def _unchanged(batch: Any) -> Any:
    return batch


def _ignore_interrupts(worker: int) -> None:
    """Leave Ctrl-C, which reaches every process of a terminal, to the process that trains: it ends the workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
