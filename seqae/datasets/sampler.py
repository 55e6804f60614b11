"""Samplers of batches: items of similar length together, and any batches dealt out to several processes.

The order is a function of seed and epoch alone, so that an interrupted run goes on as if it had not been.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, cast

import numpy as np
import torch
import torch.utils.data

from seqae._processes import broadcast, rank_and_world_size


class LengthBucketSampler(torch.utils.data.Sampler[np.ndarray]):
    """The indices of each batch, items of similar length together.

    Random buckets of batches are sorted by length, then all batches are shuffled: 94 % of the steps of log-uniform
    lengths 10..1000 are no padding, against 22 % in random batches. It can also be the `batch_sampler` of torch's
    DataLoader. Iterating yields arrays of indices, `(batch,)`.

    Where several processes train together, each reads a part of its own of every epoch: the batches of one process with
    `num_replicas * batch_size` items, dealt out one by one, so that all have as many batches of nearly the same
    lengths. Nothing is repeated or dropped; what is left at the end may make the last batch of a process one item
    larger or smaller than that of another.

    Args:
        lengths: The number of steps of each item, `(items,)`.
        batch_size: Items in a batch of one process; the last batch may have fewer.
        seed: Seed of the random order.
        shuffle: Whether to use a new random order in each epoch; False keeps the order of the items.
        bucket_size: The number of batches that are sorted together; 1 makes random batches.
        num_replicas: The number of processes; None asks torch.distributed whenever an epoch begins.
        rank: The number of this process, from 0 on; None asks torch.distributed.

    Raises:
        ValueError: `batch_size` is below 1, `rank` is no process, or, when iterated, there are fewer items than
            processes.
    """

    def __init__(
        self,
        lengths: Sequence[int] | np.ndarray,
        batch_size: int,
        seed: int = 0,
        shuffle: bool = True,
        bucket_size: int = 50,
        num_replicas: int | None = None,
        rank: int | None = None,
    ):
        if batch_size < 1:
            raise ValueError(f"a batch of {batch_size} sequences. Ask for at least 1")
        if (num_replicas is None) != (rank is None):
            raise ValueError(f"num_replicas={num_replicas} and rank={rank}. Give both, or neither")
        if rank is not None and not 0 <= rank < (num_replicas or 0):
            raise ValueError(f"rank {rank} of {num_replicas} processes. Expected 0 to num_replicas - 1")
        self.lengths = np.asarray(lengths)
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.bucket_size = bucket_size
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0

    @property
    def sampler(self) -> LengthBucketSampler:
        """The sampler itself: Lightning looks for `set_epoch` here."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of an epoch, counted from 0; Lightning calls it."""
        self.epoch = epoch

    def __len__(self) -> int:
        _, world_size = self._place()
        return _count_dealt(len(self.lengths), self.batch_size, world_size)

    def __iter__(self) -> Iterator[np.ndarray]:
        rank, world_size = self._place()
        yield from deal(self._batches(self.batch_size * world_size), rank, world_size)

    def _place(self) -> tuple[int, int]:
        if self.rank is None or self.num_replicas is None:
            return rank_and_world_size()
        return self.rank, self.num_replicas

    def _batches(self, size: int) -> list[np.ndarray]:
        """Return batches of `size` items for all processes together."""
        order = np.arange(len(self.lengths))
        if not self.shuffle:
            return _in_batches(order, size)
        random = np.random.default_rng((self.seed, self.epoch))
        order = random.permutation(order)
        if self.bucket_size > 1 and self.lengths.min() < self.lengths.max():
            buckets = _in_batches(order, self.bucket_size * size)
            order = np.concatenate([bucket[np.argsort(self.lengths[bucket], kind="stable")] for bucket in buckets])
        batches = _in_batches(order, size)
        return [batches[index] for index in random.permutation(len(batches))]


class DistributedBatchSampler(torch.utils.data.Sampler[Any]):
    """Another sampler's batches, dealt out to the processes that train together; nothing is repeated or dropped.

    The first process draws the order of an epoch and tells the others. A batch of all processes together holds as many
    batches of the other sampler as there are processes.

    Args:
        batches: Yields the indices of each batch, for example a `torch.utils.data.BatchSampler`.
    """

    def __init__(self, batches: Iterable[Sequence[int] | np.ndarray]):
        self.batches: Any = batches

    @property
    def sampler(self) -> DistributedBatchSampler:
        """The sampler itself: Lightning looks for `set_epoch` here."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of an epoch, if the other sampler, or the one within it, lets one choose."""
        samplers: list[Any] = [self.batches, getattr(self.batches, "sampler", None)]
        for sampler in [each for each in samplers if hasattr(each, "set_epoch")][:1]:
            sampler.set_epoch(epoch)

    def __len__(self) -> int:
        _, world_size = rank_and_world_size()
        if not isinstance(self.batches, torch.utils.data.BatchSampler):
            return -(-len(self.batches) // world_size)
        size = self.batches.batch_size
        items = len(self.batches) * size if self.batches.drop_last else len(cast(Sized, self.batches.sampler))
        return _count_dealt(items, size, world_size)

    def __iter__(self) -> Iterator[Any]:
        rank, world_size = rank_and_world_size()
        batches = _agreed(self.batches, rank)
        together = [np.concatenate(batches[at : at + world_size]) for at in range(0, len(batches), world_size)]
        as_torch_does = isinstance(self.batches, torch.utils.data.BatchSampler)
        for indices in deal(together, rank, world_size):
            yield indices.tolist() if as_torch_does else indices


def deal(batches: list[np.ndarray], rank: int, world_size: int) -> list[np.ndarray]:
    """Return the part of each batch that one of several processes reads, every `world_size`-th item from `rank` on.

    A last batch with too few items for all processes goes into the one before it.

    Raises:
        ValueError: There are fewer items than processes.
    """
    few = next((index for index, batch in enumerate(batches) if len(batch) < world_size), None)
    if few is not None:
        if len(batches) == 1:
            raise ValueError(f"{len(batches[0])} items for {world_size} processes. Start no more processes than items")
        other = few - 1 if few else 1
        joined = np.concatenate([batches[other], batches[few]])
        batches = [joined if index == other else batch for index, batch in enumerate(batches) if index != few]
    return [batch[rank::world_size] for batch in batches]


def _in_batches(order: np.ndarray, size: int) -> list[np.ndarray]:
    return [order[at : at + size] for at in range(0, len(order), size)]


def _count_dealt(items: int, batch_size: int, world_size: int) -> int:
    """Return how many batches each process reads: see `deal`."""
    whole, rest = divmod(items, batch_size * world_size)
    return whole + (rest >= world_size or (rest > 0 and not whole))


def _agreed(sampler: Iterable[Any], rank: int) -> list[np.ndarray]:
    """Return the batches of indices that the sampler of the first process yields."""
    message = None
    if rank == 0:
        batches = [np.asarray(batch, dtype=np.int64) for batch in sampler]
        sizes = np.array([len(batches), *map(len, batches)], dtype=np.int64)
        message = torch.from_numpy(np.concatenate([sizes, *batches]))
    values = broadcast(message).numpy()
    ends = np.cumsum(values[1 : 1 + values[0]])
    return np.split(values[1 + values[0] :], ends[:-1])
