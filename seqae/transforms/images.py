"""Images rotated, sheared, scaled and shifted a little."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from seqae.batch import Batch
from seqae.transforms.checks import FiniteSettings


@dataclass(frozen=True)
class RandomAffine(FiniteSettings):
    """Applies a random affine map to each image, a sequence of one step `(channel, height, width)`.

    It is used like a corruption, see `seqae.transforms.corruptions`. Pixels from outside of the image are 0.

    Args:
        turn: The largest angle in radians.
        scale: The largest fraction by which height and width grow or shrink, independently.
        shear: The largest shear.
        shift: The largest shift up or down and to a side, as a fraction of half the image.
    """

    turn: float = 0.25
    scale: float = 0.25
    shear: float = 0.3
    shift: float = 0.125

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        """Return the mapped images, `(batch, 1, channel, height, width)`."""
        images = batch.values[:, 0]
        grid = F.affine_grid(self._maps(len(batch), generator).to(images), list(images.shape), align_corners=False)
        return Batch(F.grid_sample(images, grid, align_corners=False).unsqueeze(1), batch.lengths)

    def _maps(self, count: int, generator: Generator) -> Tensor:
        """Return affine maps `(count, 2, 3)` in units of half an image."""
        angle, shear, wide, high, right, down = 2 * torch.rand(6, count, generator=generator) - 1
        cosine, sine = (self.turn * angle).cos(), (self.turn * angle).sin()
        wide, high = 1 + self.scale * wide, 1 + self.scale * high
        across = torch.stack([cosine * wide, self.shear * shear - sine * high, self.shift * right], dim=1)
        upward = torch.stack([sine * wide, cosine * high, self.shift * down], dim=1)
        return torch.stack([across, upward], dim=1)
