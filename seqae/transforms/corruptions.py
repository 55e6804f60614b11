"""Corruptions of the input of a model while it trains; the target stays clean.

Vincent et al. 2010, https://jmlr.org/papers/v11/vincent10a.html. A corruption takes a batch and a generator of random
numbers and returns another batch. All but `DropTokens` keep the lengths of sequences.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from seqae.batch import Batch, max_length, moved, on_host, to_device
from seqae.transforms.checks import FiniteSettings

Corruption = Callable[[Batch, Generator], Batch]


@dataclass(frozen=True)
class GaussianNoise(FiniteSettings):
    """Adds normal noise to readings `(batch, time, *step)`.

    Args:
        std: The standard deviation, in units of the data.
        mean: The mean, in units of the data.
    """

    std: float
    mean: float = 0.0

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        """Return the noisy batch."""
        noise = torch.randn(batch.values.shape, generator=generator).to(batch.values)
        return Batch(batch.values + self.mean + self.std * noise, batch.lengths)


@dataclass(frozen=True)
class Clamp:
    """Limits readings `(batch, time, *step)` to a range.

    Args:
        low: The lower bound; minus infinity is none.
        high: The upper bound; infinity is none.

    Raises:
        ValueError: The bounds are no range.
    """

    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"low is {self.low} and high is {self.high}. Expected a range")

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        """Return the batch with its values clamped; draws no random numbers."""
        return Batch(batch.values.clamp(self.low, self.high), batch.lengths)


@dataclass(frozen=True)
class MaskValues(FiniteSettings):
    """Replaces single values of readings `(batch, time, *step)`.

    Args:
        p: The probability of a value to be replaced.
        value: The value that replaces it.
    """

    p: float
    value: float = 0.0

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        """Return the masked batch."""
        return _replace(batch, _bernoulli(batch.values.shape, self.p, generator), self.value)


@dataclass(frozen=True)
class SaltAndPepper(FiniteSettings):
    """Replaces single values of readings `(batch, time, *step)` by the lowest or the highest one, as often each.

    Args:
        p: The probability of a value to be replaced.
        low: The lowest value.
        high: The highest value.
    """

    p: float
    low: float = 0.0
    high: float = 1.0

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        """Return the corrupted batch."""
        uniform = torch.rand(batch.values.shape, generator=generator)
        salted = _replace(batch, uniform < self.p / 2, self.high)
        return _replace(salted, uniform > 1 - self.p / 2, self.low)


@dataclass(frozen=True)
class MaskSteps(FiniteSettings):
    """Replaces whole steps `(batch, time, *step)`.

    Args:
        p: The probability of a step to be replaced.
        value: The value that replaces all its values.
    """

    p: float
    value: float = 0.0

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        """Return the masked batch."""
        return _replace(batch, _bernoulli(batch.values.shape[:2], self.p, generator), self.value)


@dataclass(frozen=True)
class MaskChannels(FiniteSettings):
    """Replaces whole channels of a sequence of readings `(batch, time, channel)`, as if a sensor were unplugged.

    Args:
        p: The probability of a channel of a sequence to be replaced.
        value: The value that replaces all its values.
    """

    p: float
    value: float = 0.0

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        """Return the masked batch."""
        shape = (len(batch), 1, *batch.values.shape[2:])
        return _replace(batch, _bernoulli(shape, self.p, generator), self.value)


@dataclass(frozen=True)
class MaskTokens(FiniteSettings):
    """Replaces tokens `(batch, time)` by a mask token; the last one, which ends the text, stays.

    Word dropout of Dai & Le 2015 (https://arxiv.org/abs/1511.01432) and Bowman et al. 2016
    (https://arxiv.org/abs/1511.06349).

    Args:
        p: The probability of a token to be replaced.
        token: The token that replaces it.
    """

    p: float
    token: int = 0

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        """Return the masked batch."""
        masked = _bernoulli(batch.values.shape, self.p, generator).to(batch.values.device) & ~_is_last(batch)
        return _replace(batch, masked, self.token)


@dataclass(frozen=True)
class DropTokens(FiniteSettings):
    """Deletes tokens `(batch, time)`, so that sequences get shorter; the last one, which ends the text, stays.

    Lample et al. 2018, https://arxiv.org/abs/1711.00043.

    Args:
        p: The probability of a token to be deleted.
    """

    p: float

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        """Return the shorter sequences, `(batch, time)`."""
        device, last = batch.lengths.device, on_host(batch.lengths).unsqueeze(1) - 1
        time = torch.arange(batch.values.shape[1], device=last.device)
        kept = (time == last) | ((time < last) & ~_bernoulli(batch.values.shape, self.p, generator))
        return _sorted_by(batch, moved((~kept).to(torch.uint8), device), to_device(kept.sum(dim=1), device))


@dataclass(frozen=True)
class ShuffleTokens(FiniteSettings):
    """Moves tokens `(batch, time)` past their neighbours; the last one, which ends the text, stays.

    Lample et al. 2018, https://arxiv.org/abs/1711.00043.

    Args:
        max_distance: The largest number of positions by which a token moves.
    """

    max_distance: int

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        """Return the shuffled batch."""
        shift = torch.rand(batch.values.shape, generator=generator).to(batch.values.device) * (self.max_distance + 1)
        positions = torch.arange(batch.values.shape[1], device=batch.values.device) + shift
        return _sorted_by(batch, positions.masked_fill(_is_last(batch) | ~batch.mask, torch.inf), batch.lengths)


@dataclass(frozen=True)
class RandomApply(FiniteSettings):
    """Applies a transform that keeps lengths to some of the sequences.

    Args:
        transform: The transform to apply.
        p: The probability of a sequence to be transformed.
    """

    transform: Corruption
    p: float

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        """Return the batch in which some sequences are transformed."""
        shape = (len(batch), *[1] * (batch.values.ndim - 1))
        chosen = _bernoulli(shape, self.p, generator).to(batch.values.device)
        return Batch(torch.where(chosen, self.transform(batch, generator).values, batch.values), batch.lengths)


@dataclass(frozen=True)
class Compose:
    """Applies several transforms, one after the other.

    Args:
        transforms: The transforms, in their order.
    """

    transforms: tuple[Corruption, ...]

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        """Return the batch that the last transform returns."""
        for transform in self.transforms:
            batch = transform(batch, generator)
        return batch


def corruption_generator(seed: int, epoch: int, batch_idx: int) -> Generator:
    """Return the random numbers for a batch of a training: a resumed run corrupts it in the same way."""
    return torch.Generator().manual_seed(((seed * 1_000_003 + epoch) * 1_000_003 + batch_idx) % 2**63)


def _bernoulli(shape: tuple[int, ...], p: float, generator: Generator) -> Tensor:
    """Return True with probability `p`, of a shape."""
    return torch.rand(shape, generator=generator) < p


def _replace(batch: Batch, where: Tensor, value: float) -> Batch:
    """Return the batch with a value where a mask, which may lack the last dimensions, is True."""
    where = where.to(batch.values.device).reshape(*where.shape, *[1] * (batch.values.ndim - where.ndim))
    return Batch(batch.values.masked_fill(where, value), batch.lengths)


def _is_last(batch: Batch) -> Tensor:
    """Return whether each step is the last one of its sequence, `(batch, time)`."""
    time = torch.arange(batch.values.shape[1], device=batch.values.device)
    return time == batch.lengths.unsqueeze(1) - 1


def _sorted_by(batch: Batch, keys: Tensor, lengths: Tensor) -> Batch:
    """Return the tokens of each sequence sorted by keys `(batch, time)`, at these lengths."""
    order = keys.argsort(dim=1, stable=True)
    return Batch(batch.values.gather(1, order)[:, : max_length(lengths)], lengths)
