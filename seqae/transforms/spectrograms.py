"""Damage to frames of sound while a model trains: other voices, missing bands, missing time.

They are used like those in `seqae.transforms.corruptions`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from seqae.batch import Batch


@dataclass(frozen=True)
class VTLP:
    """Moves each sequence of frames up or down and stretches it, as if a smaller or larger person spoke.

    Vocal tract length perturbation (Jaitly & Hinton 2013), https://www.cs.toronto.edu/~hinton/absps/perturb.pdf.

    Args:
        max_warp: How many bands it moves at most; its ends move half as many more.
        bands: In a frame; frames may hold several copies of them.
    """

    max_warp: float
    bands: int

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        move, stretch = 2 * torch.rand((2, len(batch), 1), generator=generator) - 1
        place = torch.arange(self.bands)
        moved = place + self.max_warp * (move + 0.5 * stretch * (2 * place / max(self.bands - 1, 1) - 1))
        return Batch(_read_bands(batch.values, moved.to(batch.values)), batch.lengths)


@dataclass(frozen=True)
class FrequencyMasking:
    """Replaces neighbouring bands of each sequence by their mean, zero (SpecAugment, Park et al. 2019).

    https://arxiv.org/abs/1904.08779.

    Args:
        max_width: How many bands at most.
        num_masks: In a frame; frames may hold several copies of them.
    """

    max_width: int
    num_masks: int

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        size = torch.full((len(batch), 1), float(self.num_masks))
        masked = _span(size, self.max_width / self.num_masks, self.num_masks, generator).to(batch.values.device)
        copies = batch.values.shape[2] // self.num_masks
        return Batch(batch.values.masked_fill(masked.repeat(1, copies).unsqueeze(1), 0.0), batch.lengths)


@dataclass(frozen=True)
class TimeMasking:
    """Replaces neighbouring steps of each sequence by zero, see `FrequencyMasking`.

    Args:
        max_fraction: Of a sequence at most.
    """

    max_fraction: float

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        lengths = batch.lengths.unsqueeze(1).float().cpu()
        masked = _span(lengths, self.max_fraction, batch.values.shape[1], generator).to(batch.values.device)
        return Batch(batch.values.masked_fill(masked.unsqueeze(2), 0.0), batch.lengths)


def _span(sizes: Tensor, share: float, places: int, generator: Generator) -> Tensor:
    """Return True in a stretch of each row, `(row, place)`, given sizes `(row, 1)`."""
    width, start = torch.rand((2, len(sizes), 1), generator=generator)
    width = width * share * sizes
    start = start * (sizes - width)
    middle = torch.arange(places) + 0.5
    return (middle >= start) & (middle < start + width)


def _read_bands(values: Tensor, places: Tensor) -> Tensor:
    """Return frames read between bands, `(batch, time, size)`; places `(batch, band)` beyond the ends are the ends."""
    bands = places.shape[1]
    places = places.clamp(0, bands - 1)
    below = places.floor().clamp(max=max(bands - 2, 0))
    folded = values.unflatten(2, (-1, bands))
    index = below.long()[:, None, None].expand_as(folded)
    above = (index + 1).clamp(max=bands - 1)
    read = torch.lerp(folded.gather(3, index), folded.gather(3, above), (places - below)[:, None, None])
    return read.flatten(2)
