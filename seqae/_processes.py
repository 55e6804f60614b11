"""How many threads a process uses, and what processes that train one model together tell each other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


@cache
def use_one_thread_after_fork() -> None:
    """Let processes forked from this one compute with one thread, as the workers of a DataLoader do.

    The threads of OpenMP do not live on in them, and torch would wait for those for good. In a process that is known to
    have used none before, `torch.set_num_threads` allows more again.
    """
    if hasattr(os, "register_at_fork"):  # not on Windows, which can't fork
        os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread: networks this small lose more by waiting for a second thread than they gain."""
    before = torch.get_num_threads()
    if before == 1:  # setting it takes longer than a small network
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def rank_and_world_size() -> tuple[int, int]:
    """Return the number of this process, from 0 on, and how many train together: what torch.distributed says."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


class Processes:
    """The processes that train together: those of one Trainer, which may be fewer than torch.distributed has started.

    Args:
        rank: The number of this process, from 0 on.
        count: How many there are; one asks no other.
    """

    def __init__(self, rank: int = 0, count: int = 1):
        self.rank = rank
        self.count = count

    def gather(self, tensor: Tensor) -> Tensor:
        """Return a tensor of the CPU, of one shape in all processes, as `(process, *shape)`. All have to call it."""
        if self.count == 1:
            return tensor.unsqueeze(0)
        found = [torch.empty_like(tensor) for _ in range(self.count)]
        dist.all_gather(found, tensor.contiguous(), group=_cpu_group(dist.group.WORLD))
        return torch.stack(found)

    def total(self, tensor: Tensor) -> Tensor:
        """Return the sum over all processes of a tensor of the CPU, of the same shape. All have to call it."""
        return self.gather(tensor).sum(dim=0)


def broadcast(tensor: Tensor | None) -> Tensor:
    """Return the first process's int64 tensor `(values,)`, on the CPU, in all of them; the others give None."""
    rank, world_size = rank_and_world_size()
    if world_size == 1:
        assert tensor is not None, "the first process gives a tensor"
        return tensor
    group = _cpu_group(dist.group.WORLD)
    size = torch.tensor([0 if tensor is None else len(tensor)])
    dist.broadcast(size, src=0, group=group)
    values = tensor if tensor is not None and rank == 0 else torch.empty(int(size), dtype=torch.int64)
    dist.broadcast(values, src=0, group=group)
    return values


@lru_cache(maxsize=1)
def _cpu_group(world: Any) -> Any:
    """Return a group of all processes that talks between CPUs: a GPU need not be waited for."""
    return world if dist.get_backend() == "gloo" else dist.new_group(backend="gloo")
