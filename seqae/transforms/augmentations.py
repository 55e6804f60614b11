"""Damage to the shape of readings over time: moved, bent, scaled, bumped, mixed up; and of films. Not for tokens.

Pieces that a model has learnt to put right are pieces that it does not write back: trained to restore damaged normal
sequences, an autoencoder with a large code finds anomalies that one trained to copy reconstructs. CutPaste (Li et al.
2021, https://arxiv.org/abs/2104.04015) and DRAEM (Zavrtanik et al. 2021, https://arxiv.org/abs/2108.07610) do the same
to images. They are used like those in `seqae.transforms.corruptions`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from seqae.batch import Batch


@dataclass(frozen=True)
class TimeWarp:
    """Reads each sequence of readings at moved places: earlier or later, and stretched here, pressed together there.

    Args:
        steps: How far a place moves at most, once for the whole sequence and once more in its middle.
    """

    steps: float

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        time, last = _times(batch)
        shift, bend = self.steps * _signed((2, len(batch), 1), generator).to(time)
        return Batch(
            _read_at(batch, time + shift + bend * torch.sin(math.pi * time / last.clamp(min=1))), batch.lengths
        )


@dataclass(frozen=True)
class RandomScale:
    """Multiplies each sequence by one factor, from `1 / (1 + most)` to `1 + most`."""

    max_change: float

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        size = (len(batch), *[1] * (batch.values.ndim - 1))
        return Batch(batch.values * (1 + self.max_change) ** _signed(size, generator).to(batch.values), batch.lengths)


@dataclass(frozen=True)
class AddBumps:
    """Adds a smooth bump or dent to each channel, at one place of a sequence.

    Args:
        height: Of a bump at most, in units of the data.
        width: Half the width of the widest, as a share of the sequence.
    """

    height: float
    width: float = 0.2

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        heights = self.height * _signed((len(batch), 1, *batch.values.shape[2:]), generator).to(batch.values)
        bells = _like(_bells(batch, self.width, generator), batch.values)
        return Batch(batch.values + heights * bells, batch.lengths)


@dataclass(frozen=True)
class CutMix:
    """Replaces a piece of each sequence, softly at its ends, by one of another place of another sequence.

    Args:
        width: Half the width of the widest piece, as a share of the sequence.
    """

    width: float = 0.2

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        time, last = _times(batch)
        order = torch.randperm(len(batch), generator=generator).to(batch.values.device)
        lenders = Batch(batch.values[order], batch.lengths[order])
        borrowed = _read_at(lenders, time + last * _signed((len(batch), 1), generator).to(time))
        bells = _like(_bells(batch, self.width, generator), batch.values)
        return Batch(torch.lerp(batch.values, borrowed, bells), batch.lengths)


@dataclass(frozen=True)
class RandomTranslate:
    """Moves all frames of a film `(time, channel, height, width)` by the same pixels; the edge is repeated.

    Args:
        rows: By so many at most, up or down.
        columns: By so many at most, left or right.
    """

    rows: int
    columns: int

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        height, width = batch.values.shape[-2:]
        down, right = torch.rand((2, len(batch), 1), generator=generator).to(batch.values.device) * 2 - 1
        rows = _moved(height, (down * (self.rows + 0.5)).round())
        columns = _moved(width, (right * (self.columns + 0.5)).round())
        films = torch.arange(len(batch), device=batch.values.device).reshape(-1, 1, 1)
        moved = batch.values.movedim((-2, -1), (1, 2))[films, rows.unsqueeze(2), columns.unsqueeze(1)]
        return Batch(moved.movedim((1, 2), (-2, -1)), batch.lengths)


@dataclass(frozen=True)
class RandomHorizontalFlip:
    """Lets left be right in a share of the films `(time, channel, height, width)`."""

    p: float = 0.5

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        chosen = torch.rand(len(batch), generator=generator).to(batch.values.device) < self.p
        return Batch(torch.where(_like(chosen, batch.values), batch.values.flip(-1), batch.values), batch.lengths)


def _moved(size: int, by: Tensor) -> Tensor:
    """Return what is read at each pixel of a line, `(batch, size)`, given how far each line is moved `(batch, 1)`."""
    return (torch.arange(size, device=by.device) - by.long()).clamp(0, size - 1)


def _signed(shape: tuple[int, ...], generator: Generator) -> Tensor:
    """Return numbers between -1 and 1."""
    return 2 * torch.rand(shape, generator=generator) - 1


def _like(few: Tensor, values: Tensor) -> Tensor:
    """Give a tensor that has only the first dimensions of the values the others, too, of size 1."""
    return few.to(values.device).reshape(*few.shape, *[1] * (values.ndim - few.ndim))


def _times(batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the number of each step `(1, time)`, and that of each sequence's last one `(batch, 1)`."""
    time = torch.arange(batch.values.shape[1], device=batch.values.device, dtype=batch.values.dtype)
    return time.unsqueeze(0), (batch.lengths - 1).unsqueeze(1).to(time)


def _read_at(batch: Batch, places: Tensor) -> Tensor:
    """Return values between steps, `(batch, time, *step)`; places `(batch, time)` outside a sequence are its ends."""
    last = (batch.lengths - 1).unsqueeze(1).to(places)
    places = torch.minimum(places.clamp(min=0), last)
    before = places.floor()
    after = torch.minimum(before + 1, last)
    rows = torch.arange(len(batch), device=places.device).unsqueeze(1)
    left, right = batch.values[rows, before.long()], batch.values[rows, after.long()]
    return torch.lerp(left, right, _like(places - before, left))


def _bells(batch: Batch, width: float, generator: Generator) -> Tensor:
    """Return for each sequence a bell of height 1 somewhere within it, with a flat top, `(batch, time)`."""
    time, last = _times(batch)
    centre, half = torch.rand((2, len(batch), 1), generator=generator).to(time)
    distance = (time - last * centre) / (last * width * half).clamp(min=1)
    return (-distance.square().square()).exp()
