"""What the bands of a recording are measured from, so that voices and microphones that differ look alike.

No one is the best for all: two of them side by side told digits of four speakers, each left out in turn, apart better.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Reference = Callable[[Tensor], Tensor]  # decibels (frame, band) in, those to measure from (band,) out


@dataclass(frozen=True)
class SpectralMean:
    """Each band is measured from its mean over the recording: what microphone and distance add goes."""

    def __call__(self, decibels: Tensor) -> Tensor:
        return decibels.mean(dim=0)


@dataclass(frozen=True)
class SpectralQuantile:
    """Each band is measured from a level that it rarely exceeds, which pauses do not change.

    Args:
        quantile: Of the frames that are weaker.
    """

    quantile: float = 0.9

    def __call__(self, decibels: Tensor) -> Tensor:
        return decibels.kthvalue(max(1, math.ceil(self.quantile * len(decibels))), dim=0).values


@dataclass(frozen=True)
class SpectralTilt:
    """All bands are measured from one straight line through the mean spectrum, so that its shape stays."""

    def __call__(self, decibels: Tensor) -> Tensor:
        mean = decibels.mean(dim=0)
        place = torch.linspace(-1, 1, len(mean))
        return mean.mean() + place * (mean @ place) / place.square().sum().clamp(min=1e-9)
