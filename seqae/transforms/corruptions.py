"""Damage to what a model reads while it trains; what it must write stays whole.

Vincent et al. 2010, https://jmlr.org/papers/v11/vincent10a.html. A corruption takes a batch and the
generator of its random numbers and returns another batch, so that a seed, an epoch and the number of
a batch give the same damage again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from seqae.batch import Batch

Corruption = Callable[[Batch, Generator], Batch]


@dataclass(frozen=True)
class GaussianNoise:
    """Adds normal noise of a given standard deviation, in units of the data, and a constant shift."""

    std: float
    mean: float = 0.0

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        noise = torch.randn(batch.values.shape, generator=generator).to(batch.values)
        return Batch(batch.values + self.mean + self.std * noise, batch.lengths)


@dataclass(frozen=True)
class Clamp:
    """Holds values between two bounds."""

    low: float = 0.0
    high: float = 1.0

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        return Batch(batch.values.clamp(self.low, self.high), batch.lengths)


@dataclass(frozen=True)
class MaskValues:
    """Replaces a share of all values."""

    p: float
    value: float = 0.0

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        return _replace(batch, _chosen(batch.values.shape, self.p, generator), self.value)


@dataclass(frozen=True)
class SaltAndPepper:
    """Replaces a share of all values by the lowest or the highest one, a coin decides."""

    p: float
    low: float = 0.0
    high: float = 1.0

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        coin = torch.rand(batch.values.shape, generator=generator)
        salted = _replace(batch, coin < self.p / 2, self.high)
        return _replace(salted, coin > 1 - self.p / 2, self.low)


@dataclass(frozen=True)
class MaskSteps:
    """Replaces whole steps."""

    p: float
    value: float = 0.0

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        return _replace(batch, _chosen(batch.values.shape[:2], self.p, generator), self.value)


@dataclass(frozen=True)
class MaskChannels:
    """Replaces whole channels of a sequence: as if a sensor were unplugged."""

    p: float
    value: float = 0.0

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        shape = (len(batch), 1, *batch.values.shape[2:])
        return _replace(batch, _chosen(shape, self.p, generator), self.value)


@dataclass(frozen=True)
class MaskTokens:
    """Replaces a share of the tokens by one that says nothing; the last one, which ends the text, stays.

    Word dropout of Dai & Le 2015 (https://arxiv.org/abs/1511.01432) and Bowman et al. 2016
    (https://arxiv.org/abs/1511.06349).
    """

    p: float
    token: int = 0

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        blank = _chosen(batch.values.shape, self.p, generator).to(batch.values.device) & ~_is_last(batch)
        return _replace(batch, blank, self.token)


@dataclass(frozen=True)
class DropTokens:
    """Takes out a share of the tokens, so that sequences get shorter; the last one, which ends the text, stays.

    Lample et al. 2018, https://arxiv.org/abs/1711.00043.
    """

    p: float

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        spared = ~_chosen(batch.values.shape, self.p, generator).to(batch.values.device)
        kept = batch.mask & (spared | _is_last(batch))
        lengths = kept.sum(dim=1)
        return _in_order(batch, (~kept).to(torch.uint8), lengths)


@dataclass(frozen=True)
class ShuffleTokens:
    """Lets tokens change places with their neighbours; the last one, which ends the text, stays.

    Lample et al. 2018, https://arxiv.org/abs/1711.00043.

    Attributes:
        max_distance: How many places a token moves at most.
    """

    max_distance: int

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        moved = torch.rand(batch.values.shape, generator=generator).to(batch.values.device) * (self.max_distance + 1)
        places = torch.arange(batch.values.shape[1], device=batch.values.device) + moved
        return _in_order(batch, places.masked_fill(_is_last(batch) | ~batch.mask, torch.inf), batch.lengths)


@dataclass(frozen=True)
class RandomApply:
    """A corruption that spares some sequences.

    Args:
        corruption: What happens to the others.
        p: Of the sequences that are damaged.
    """

    corruption: Corruption
    p: float

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        chosen = _chosen((len(batch), *[1] * (batch.values.ndim - 1)), self.p, generator).to(batch.values.device)
        return Batch(torch.where(chosen, self.corruption(batch, generator).values, batch.values), batch.lengths)


@dataclass(frozen=True)
class Compose:
    """Several corruptions, one after the other."""

    transforms: tuple[Corruption, ...]

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        for corruption in self.transforms:
            batch = corruption(batch, generator)
        return batch


def corruption_generator(seed: int, epoch: int, number: int) -> Generator:
    """Return the random numbers for a batch of a training, so that a resumed run sees the same damage again."""
    return torch.Generator().manual_seed(((seed * 1_000_003 + epoch) * 1_000_003 + number) % 2**63)


def _chosen(shape: tuple[int, ...], share: float, generator: Generator) -> Tensor:
    return torch.rand(shape, generator=generator) < share


def _replace(batch: Batch, where: Tensor, value: float) -> Batch:
    where = where.to(batch.values.device).reshape(*where.shape, *[1] * (batch.values.ndim - where.ndim))
    return Batch(batch.values.masked_fill(where, value), batch.lengths)


def _is_last(batch: Batch) -> Tensor:
    time = torch.arange(batch.values.shape[1], device=batch.values.device)
    return time == batch.lengths.unsqueeze(1) - 1


def _in_order(batch: Batch, places: Tensor, lengths: Tensor) -> Batch:
    """Return the tokens of each sequence sorted by places `(batch, time)`, at these lengths."""
    order = places.argsort(dim=1, stable=True)
    return Batch(batch.values.gather(1, order)[:, : int(lengths.max())], lengths)
