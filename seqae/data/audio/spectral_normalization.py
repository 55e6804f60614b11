"""References that are subtracted from the bands of a recording, so that voices and microphones that differ look alike.

None is the best for all data: two together classified digits of four speakers, each left out in turn, better.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Reference = Callable[[Tensor], Tensor]  # maps decibels (time, band) to the spectrum (band,) to subtract


@dataclass(frozen=True)
class SpectralMean:
    """The mean of each band over the recording: removes the effect of microphone and distance."""

    def __call__(self, decibels: Tensor) -> Tensor:
        """Return the reference, `(band,)`, of decibels `(time, band)`."""
        return decibels.mean(dim=0)


@dataclass(frozen=True)
class SpectralQuantile:
    """A level of each band that it rarely exceeds, which pauses do not change.

    Args:
        quantile: The fraction of the frames that are weaker.

    Raises:
        ValueError: `quantile` is no fraction.
    """

    quantile: float = 0.9

    def __post_init__(self) -> None:
        if not 0 <= self.quantile <= 1:
            raise ValueError(f"quantile is {self.quantile}. Give a fraction of the frames, from 0 to 1")

    def __call__(self, decibels: Tensor) -> Tensor:
        """Return the reference, `(band,)`, of decibels `(time, band)`."""
        return decibels.kthvalue(max(1, math.ceil(self.quantile * len(decibels))), dim=0).values


@dataclass(frozen=True)
class SpectralTilt:
    """A straight line through the mean spectrum, so that the shape of the spectrum stays."""

    def __call__(self, decibels: Tensor) -> Tensor:
        """Return the reference, `(band,)`, of decibels `(time, band)`."""
        mean = decibels.mean(dim=0)
        position = torch.linspace(-1, 1, len(mean))
        return mean.mean() + position * (mean @ position) / position.square().sum().clamp(min=1e-9)
