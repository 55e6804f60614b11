"""Batches of a dataset, in an order that a stopped run takes up again."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable, Iterator

import numpy as np
import torch
import torch.utils.data

from seqae.batch import Batch
from seqae.datasets.sampler import LengthBucketSampler
from seqae.datasets.sequences import Dataset, LabelledBatch


class DataLoader:
    """Batches of a source in the order of a `LengthBucketSampler`; goes on in the middle of an epoch after a resume.

    Args:
        dataset: Where the sequences come from.
        batch_sampler: Which of them go into which batch.
        num_workers: Processes that read ahead, for sources that take long; the batches are the same with any number.
    """

    def __init__(self, dataset: Dataset, batch_sampler: LengthBucketSampler, num_workers: int = 0):
        self.dataset = dataset
        self.batch_sampler = batch_sampler  # the name that Lightning knows
        self.num_workers = num_workers
        self.seen = 0

    def __len__(self) -> int:
        return len(self.batch_sampler)

    def __iter__(self) -> Iterator[Batch | LabelledBatch]:
        self.seen = self.batch_sampler.start
        for batch in self._batches():
            self.seen += 1
            yield batch

    def _batches(self) -> Iterable[Batch | LabelledBatch]:
        if not self.num_workers:
            return map(self.dataset.batch, self.batch_sampler)
        return torch.utils.data.DataLoader(
            _BatchedDataset(self.dataset),
            batch_size=None,  # the sampler gives the numbers of whole batches
            sampler=self.batch_sampler,
            num_workers=self.num_workers,
            collate_fn=_as_it_is,
            worker_init_fn=_leave_interrupts,
            # Forked workers share the dataset, and end when the process that trains is killed; others would stay.
            multiprocessing_context="fork" if sys.platform == "linux" else None,
            generator=torch.Generator(),  # else workers would draw from the random numbers of dropout
        )

    def state_dict(self) -> dict[str, int]:
        return {"seen": self.seen % len(self)}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.batch_sampler.start = state["seen"]


class _BatchedDataset:
    """A dataset as torch's data loader knows one."""

    def __init__(self, dataset: Dataset):
        self.dataset = dataset

    def __getitem__(self, indices: np.ndarray) -> Batch | LabelledBatch:
        return self.dataset.batch(indices)


def _as_it_is(batch: Batch | LabelledBatch) -> Batch | LabelledBatch:
    return batch


def _leave_interrupts(worker: int) -> None:
    """Ctrl-C reaches every process of a terminal; the one that trains decides when the workers end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def make_loader(
    dataset: Dataset, batch_size: int, seed: int = 0, shuffle: bool = True, num_workers: int = 0
) -> DataLoader:
    """Return batches of sequences of similar length: a `DataLoader` over a `LengthBucketSampler`.

    Args:
        dataset: Where the sequences come from.
        batch_size: Sequences in a batch.
        seed: Seed of the order.
        shuffle: False keeps the order of the dataset.
        num_workers: Processes that read ahead.
    """
    return DataLoader(dataset, LengthBucketSampler(dataset.lengths, batch_size, seed, shuffle), num_workers)
