"""Which sequences go into which batch, and the batches themselves.

The order is a function of seed and epoch alone, so that a run that was stopped goes on as if it had not been.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from seqae.batch import Batch


class Source(Protocol):
    """Sequences in memory that can be taken by number."""

    @property
    def lengths(self) -> np.ndarray:
        """The number of steps of each sequence, `(sequences,)`."""

    def batch(self, numbers: np.ndarray) -> Batch | Labelled:
        """Return the sequences with these numbers."""


class Sequences:
    """A list of sequences `(time, *step)` of any lengths.

    Args:
        sequences: The tensors; they are not copied until they go into a batch.
    """

    def __init__(self, sequences: Sequence[Tensor]):
        self.sequences = list(sequences)
        self.lengths = np.array([len(sequence) for sequence in self.sequences], dtype=np.int64)
        if (empty := np.flatnonzero(self.lengths == 0)).size:
            raise ValueError(f"sequence {empty[0]} of {len(self.sequences)} is empty. Drop empty sequences first")

    def batch(self, numbers: np.ndarray) -> Batch:
        return Batch.of([self.sequences[number] for number in numbers])


class BatchOrder:
    """Numbers of sequences, batch by batch, sequences of similar length together.

    Random pools of batches are sorted by length, then all batches are shuffled: 94 % of the steps of
    log-uniform lengths 10..1000 are useful, against 22 % in random batches. It serves as the
    `batch_sampler` of a torch DataLoader, too.

    Args:
        lengths: The number of steps of each sequence.
        batch_size: Sequences in a batch.
        seed: Of the order.
        shuffle: False keeps the order of the sequences.
        pool: Batches that are sorted together; 1 makes random batches.
    """

    def __init__(
        self, lengths: Sequence[int] | np.ndarray, batch_size: int, seed: int = 0, shuffle: bool = True, pool: int = 50
    ):
        if batch_size < 1:
            raise ValueError(f"a batch of {batch_size} sequences. Ask for at least 1")
        self.lengths = np.asarray(lengths)
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.pool = pool
        self.epoch = 0
        self.start = 0

    @property
    def sampler(self) -> BatchOrder:
        """Itself: here Lightning looks for `set_epoch`."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of this epoch; Lightning calls it."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-len(self.lengths) // self.batch_size)

    def __iter__(self) -> Iterator[np.ndarray]:
        start, self.start = self.start, 0
        yield from self._batches()[start:]

    def _batches(self) -> list[np.ndarray]:
        numbers = np.arange(len(self.lengths))
        if not self.shuffle:
            return [numbers[at : at + self.batch_size] for at in range(0, len(numbers), self.batch_size)]
        random = np.random.default_rng((self.seed, self.epoch))
        numbers = random.permutation(numbers)
        if self.pool > 1 and self.lengths.min() < self.lengths.max():
            size = self.pool * self.batch_size
            pools = [numbers[at : at + size] for at in range(0, len(numbers), size)]
            numbers = np.concatenate([pool[np.argsort(self.lengths[pool], kind="stable")] for pool in pools])
        batches = [numbers[at : at + self.batch_size] for at in range(0, len(numbers), self.batch_size)]
        return [batches[place] for place in random.permutation(len(batches))]


class Loader:
    """Batches of a source in the order of a `BatchOrder`; goes on in the middle of an epoch after a resume.

    Args:
        source: Where the sequences come from.
        batch_sampler: Which of them go into which batch.
        workers: Processes that read ahead, for sources that take long; the batches are the same with any number.
    """

    def __init__(self, source: Source, batch_sampler: BatchOrder, workers: int = 0):
        self.source = source
        self.batch_sampler = batch_sampler  # the name that Lightning knows
        self.workers = workers
        self.seen = 0

    def __len__(self) -> int:
        return len(self.batch_sampler)

    def __iter__(self) -> Iterator[Batch | Labelled]:
        self.seen = self.batch_sampler.start
        for batch in self._batches():
            self.seen += 1
            yield batch

    def _batches(self) -> Iterable[Batch | Labelled]:
        if not self.workers:
            return map(self.source.batch, self.batch_sampler)
        return DataLoader(
            _ByNumbers(self.source),
            batch_size=None,  # the sampler gives the numbers of whole batches
            sampler=self.batch_sampler,
            num_workers=self.workers,
            collate_fn=_as_it_is,
            worker_init_fn=_leave_interrupts,
            # Forked workers share the source, and end when the process that trains is killed; others would stay.
            multiprocessing_context="fork" if sys.platform == "linux" else None,
            generator=torch.Generator(),  # else workers would draw from the random numbers of dropout
        )

    def state_dict(self) -> dict[str, int]:
        return {"seen": self.seen % len(self)}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.batch_sampler.start = state["seen"]


class _ByNumbers:
    """A source as torch's data loader knows one."""

    def __init__(self, source: Source):
        self.source = source

    def __getitem__(self, numbers: np.ndarray) -> Batch | Labelled:
        return self.source.batch(numbers)


def _as_it_is(batch: Batch | Labelled) -> Batch | Labelled:
    return batch


def _leave_interrupts(worker: int) -> None:
    """Ctrl-C reaches every process of a terminal; the one that trains decides when the workers end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


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
class Labelled:
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

    def to(self, device: torch.device | str) -> Labelled:
        return Labelled(self.batch.to(device), self.labels.to(device))


class LabelledSource:
    """Sequences of a source with their classes.

    Args:
        source: Where the sequences come from.
        labels: `(sequences,)`, numbers of classes.
    """

    def __init__(self, source: Source, labels: np.ndarray):
        if len(labels) != len(source.lengths):
            raise ValueError(f"{len(labels)} labels for {len(source.lengths)} sequences. Give one to each")
        self.source = source
        self.labels = torch.from_numpy(np.asarray(labels, dtype=np.int64))

    @property
    def lengths(self) -> np.ndarray:
        """The number of steps of each sequence, `(sequences,)`."""
        return self.source.lengths

    def batch(self, numbers: np.ndarray) -> Labelled:
        return Labelled(self.source.batch(numbers), self.labels[torch.from_numpy(np.asarray(numbers))])
