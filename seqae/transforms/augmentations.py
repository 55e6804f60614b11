"""Augmentations of readings over time, shifted, warped, scaled, bumped, mixed, and of video. Not for tokens.

A model does not reconstruct the faults that it has learnt to repair: trained to restore corrupted normal
sequences, an autoencoder with a large code finds anomalies that one trained to copy would reconstruct. CutPaste (Li et
al. 2021, https://arxiv.org/abs/2104.04015) and DRAEM (Zavrtanik et al. 2021, https://arxiv.org/abs/2108.07610) do the
same to images. They are used like those in `seqae.transforms.corruptions`, and keep lengths.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from seqae.batch import Batch
from seqae.transforms.checks import FiniteSettings


@dataclass(frozen=True)
class TimeWarp(FiniteSettings):
    """Warps the time of each sequence of readings `(batch, time, *step)`: a shift, and one half faster than the other.

    Args:
        steps: The largest shift in steps, of the whole sequence and, once more, of its middle.
    """

    steps: float

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        """Return the warped batch."""
        time, last = _times(batch)
        shift, bend = self.steps * _signed((2, len(batch), 1), generator).to(time)
        return Batch(
            _read_at(batch, time + shift + bend * torch.sin(math.pi * time / last.clamp(min=1))), batch.lengths
        )


@dataclass(frozen=True)
class RandomScale(FiniteSettings):
    """Multiplies each sequence of readings `(batch, time, *step)` by one factor.

    Args:
        max_change: Factors are from `1 / (1 + max_change)` to `1 + max_change`.
    """

    max_change: float

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        """Return the scaled batch."""
        size = (len(batch), *[1] * (batch.values.ndim - 1))
        return Batch(batch.values * (1 + self.max_change) ** _signed(size, generator).to(batch.values), batch.lengths)


@dataclass(frozen=True)
class AddBumps(FiniteSettings):
    """Adds a smooth bump or dent to each channel of readings `(batch, time, *step)`, at one time of a sequence.

    Args:
        height: The largest height of a bump, in units of the data.
        width: Half the width of the widest bump, as a fraction of the sequence.
    """

    height: float
    width: float = 0.2

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        """Return the batch with bumps."""
        heights = self.height * _signed((len(batch), 1, *batch.values.shape[2:]), generator).to(batch.values)
        bells = _expandable(_bells(batch, self.width, generator), batch.values)
        return Batch(batch.values + heights * bells, batch.lengths)


@dataclass(frozen=True)
class CutMix(FiniteSettings):
    """Replaces a segment of each sequence of readings `(batch, time, *step)` by one of another sequence of the batch.

    The segment fades in and out. After CutMix for images, Yun et al. 2019, https://arxiv.org/abs/1905.04899.

    Args:
        width: Half the width of the widest segment, as a fraction of the sequence.
    """

    width: float = 0.2

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        """Return the mixed batch."""
        time, last = _times(batch)
        order = torch.randperm(len(batch), generator=generator).to(batch.values.device)
        others = Batch(batch.values[order], batch.lengths[order])
        borrowed = _read_at(others, time + last * _signed((len(batch), 1), generator).to(time))
        bells = _expandable(_bells(batch, self.width, generator), batch.values)
        return Batch(torch.lerp(batch.values, borrowed, bells), batch.lengths)


@dataclass(frozen=True)
class RandomTranslate(FiniteSettings):
    """Shifts all frames of a video `(batch, time, channel, height, width)` by the same pixels; the edge is repeated.

    Args:
        rows: The largest shift up or down, in pixels.
        columns: The largest shift left or right, in pixels.
    """

    rows: int
    columns: int

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        """Return the shifted batch."""
        height, width = batch.values.shape[-2:]
        down, right = torch.rand((2, len(batch), 1), generator=generator).to(batch.values.device) * 2 - 1
        rows = _shifted_indices(height, (down * (self.rows + 0.5)).round())
        columns = _shifted_indices(width, (right * (self.columns + 0.5)).round())
        videos = torch.arange(len(batch), device=batch.values.device).reshape(-1, 1, 1)
        shifted = batch.values.movedim((-2, -1), (1, 2))[videos, rows.unsqueeze(2), columns.unsqueeze(1)]
        return Batch(shifted.movedim((1, 2), (-2, -1)), batch.lengths)


@dataclass(frozen=True)
class RandomHorizontalFlip(FiniteSettings):
    """Mirrors some videos `(batch, time, channel, height, width)`, left for right.

    Args:
        p: The probability of a video to be mirrored.
    """

    p: float = 0.5

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        """Return the batch in which some videos are mirrored."""
        chosen = torch.rand(len(batch), generator=generator).to(batch.values.device) < self.p
        return Batch(torch.where(_expandable(chosen, batch.values), batch.values.flip(-1), batch.values), batch.lengths)


def _shifted_indices(size: int, shift: Tensor) -> Tensor:
    """Return the index that is read for each pixel of a line, `(batch, size)`, given shifts `(batch, 1)`."""
    return (torch.arange(size, device=shift.device) - shift.long()).clamp(0, size - 1)


def _signed(shape: tuple[int, ...], generator: Generator) -> Tensor:
    """Return uniform random numbers between -1 and 1."""
    return 2 * torch.rand(shape, generator=generator) - 1


def _expandable(tensor: Tensor, values: Tensor) -> Tensor:
    """Append dimensions of size 1 to a tensor, as many as the values have more than it."""
    return tensor.to(values.device).reshape(*tensor.shape, *[1] * (values.ndim - tensor.ndim))


def _times(batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the index of each step `(1, time)`, and that of each sequence's last one `(batch, 1)`."""
    time = torch.arange(batch.values.shape[1], device=batch.values.device, dtype=batch.values.dtype)
    return time.unsqueeze(0), (batch.lengths - 1).unsqueeze(1).to(time)


def _read_at(batch: Batch, times: Tensor) -> Tensor:
    """Interpolate between steps, `(batch, time, *step)`; times `(batch, time)` outside a sequence are its ends."""
    last = (batch.lengths - 1).unsqueeze(1).to(times)
    times = torch.minimum(times.clamp(min=0), last)
    before = times.floor()
    after = torch.minimum(before + 1, last)
    rows = torch.arange(len(batch), device=times.device).unsqueeze(1)
    left, right = batch.values[rows, before.long()], batch.values[rows, after.long()]
    return torch.lerp(left, right, _expandable(times - before, left))


def _bells(batch: Batch, width: float, generator: Generator) -> Tensor:
    """Return for each sequence a bell curve of height 1 with a flat top, somewhere within it, `(batch, time)`."""
    time, last = _times(batch)
    centre, half = torch.rand((2, len(batch), 1), generator=generator).to(time)
    distance = (time - last * centre) / (last * width * half).clamp(min=1)
    return (-distance.square().square()).exp()
