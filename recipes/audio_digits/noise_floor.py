"""Adds background noise to recordings, as in a louder room."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor


@dataclass(frozen=True)
class NoiseFloor:
    """Adds steady noise to a recording, given decibels `(frame, band)`.

    A classifier trained on each word in several noises recognises it in another noise: multi-style training
    (Lippmann et al. 1987, https://doi.org/10.1109/ICASSP.1987.1169544).

    Attributes:
        below: Decibels below the loudest value of the recording.
        tilt: Decibels more in the highest band, and fewer in the lowest.
    """

    below: float
    tilt: float = 0.0

    def __call__(self, decibels: Tensor, generator: Generator) -> Tensor:
        level = decibels.max() - self.below + self.tilt * torch.linspace(-1, 1, decibels.shape[1])
        # The power of noise at a frequency is that of two normal numbers, which has this distribution.
        power = -torch.log1p(-torch.rand(decibels.shape, generator=generator))
        return 10 * (10 ** (decibels / 10) + power * 10 ** (level / 10)).log10()
