"""Augmentations of spectrograms, frames of audio `(batch, time, size)`: other voices, masked bands, masked time.

They are used like those in `seqae.transforms.corruptions`, and keep lengths. A frame may hold several copies of its
bands one after the other, for example with their slopes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from seqae.batch import Batch
from seqae.transforms.checks import FiniteSettings


@dataclass(frozen=True)
class VTLP(FiniteSettings):
    """Shifts and stretches the bands of each sequence of frames, as if a smaller or larger person spoke.

    Vocal tract length perturbation (Jaitly & Hinton 2013), https://www.cs.toronto.edu/~hinton/absps/perturb.pdf.

    Args:
        max_warp: The largest shift in bands; the lowest and highest bands move by up to half of it more.
        bands: The number of bands of a frame, without copies.
    """

    max_warp: float
    bands: int

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        """Return the warped batch.

        Raises:
            ValueError: Frames are no copies of so many bands.
        """
        _count_copies(batch, self.bands)
        shift, stretch = 2 * torch.rand((2, len(batch), 1), generator=generator) - 1
        band = torch.arange(self.bands)
        warped = band + self.max_warp * (shift + 0.5 * stretch * (2 * band / max(self.bands - 1, 1) - 1))
        return Batch(_read_bands(batch.values, warped.to(batch.values)), batch.lengths)


@dataclass(frozen=True)
class FrequencyMasking(FiniteSettings):
    """Replaces neighbouring bands of each sequence by 0, the mean of normalised bands.

    SpecAugment, Park et al. 2019, https://arxiv.org/abs/1904.08779.

    Args:
        max_width: The largest number of bands that are replaced.
        bands: The number of bands of a frame, without copies.
    """

    max_width: int
    bands: int

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        """Return the masked batch.

        Raises:
            ValueError: Frames are no copies of so many bands.
        """
        copies = _count_copies(batch, self.bands)
        size = torch.full((len(batch), 1), float(self.bands))
        masked = _random_span(size, self.max_width / self.bands, self.bands, generator).to(batch.values.device)
        return Batch(batch.values.masked_fill(masked.repeat(1, copies).unsqueeze(1), 0.0), batch.lengths)


@dataclass(frozen=True)
class TimeMasking(FiniteSettings):
    """Replaces neighbouring steps of each sequence by 0, see `FrequencyMasking`.

    Args:
        max_fraction: The largest fraction of a sequence that is replaced.
    """

    max_fraction: float

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        """Return the masked batch."""
        lengths = batch.lengths.unsqueeze(1).float().cpu()
        masked = _random_span(lengths, self.max_fraction, batch.values.shape[1], generator).to(batch.values.device)
        return Batch(batch.values.masked_fill(masked.unsqueeze(2), 0.0), batch.lengths)


def _count_copies(batch: Batch, bands: int) -> int:
    """Return how many copies of its bands a frame holds.

    Raises:
        ValueError: It is none, of so many bands.
    """
    size = batch.values.shape[2]
    if bands < 1 or size % bands:
        raise ValueError(f"frames have {size} values, and bands is {bands}. Give the bands of a frame, without copies")
    return size // bands


def _random_span(sizes: Tensor, fraction: float, count: int, generator: Generator) -> Tensor:
    """Return True in a random span of each row, `(row, count)`.

    Args:
        sizes: The number of positions of each row that the span may cover, `(row, 1)`.
        fraction: The largest fraction of these.
        count: The number of positions of a row.
        generator: The random numbers.
    """
    width, start = torch.rand((2, len(sizes), 1), generator=generator)
    width = width * fraction * sizes
    start = start * (sizes - width)
    middle = torch.arange(count) + 0.5
    return (middle >= start) & (middle < start + width)


def _read_bands(values: Tensor, positions: Tensor) -> Tensor:
    """Interpolate between bands, `(batch, time, size)`; positions `(batch, band)` beyond the ends are the ends."""
    bands = positions.shape[1]
    positions = positions.clamp(0, bands - 1)
    below = positions.floor().clamp(max=max(bands - 2, 0))
    folded = values.unflatten(2, (-1, bands))
    index = below.long()[:, None, None].expand_as(folded)
    above = (index + 1).clamp(max=bands - 1)
    read = torch.lerp(folded.gather(3, index), folded.gather(3, above), (positions - below)[:, None, None])
    return read.flatten(2)
