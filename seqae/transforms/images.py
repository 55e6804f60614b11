"""Images turned, sheared, scaled and moved a little, for tasks that change what a model reads while it trains."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from seqae.batch import Batch


@dataclass(frozen=True)
class RandomAffine:
    """Changes each image, a sequence of one step `(channel, height, width)`, by an affine map of its own.

    It is a corruption, see `seqae.transforms.corruptions`. What comes in from outside of an image is 0.

    Args:
        turn: Largest angle in radians.
        scale: Largest share by which height and width grow or shrink, each for itself.
        shear: Largest shear.
        shift: Largest way up or down and to a side, a share of half of the image.
    """

    turn: float = 0.25
    scale: float = 0.25
    shear: float = 0.3
    shift: float = 0.125

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        images = batch.values[:, 0]
        grid = F.affine_grid(self._maps(len(batch), generator).to(images), images.shape, align_corners=False)
        return Batch(F.grid_sample(images, grid, align_corners=False).unsqueeze(1), batch.lengths)

    def _maps(self, count: int, generator: Generator) -> Tensor:
        """Return affine maps `(image, 2, 3)` in units of half an image."""
        angle, shear, wide, high, right, down = 2 * torch.rand(6, count, generator=generator) - 1
        cosine, sine = (self.turn * angle).cos(), (self.turn * angle).sin()
        wide, high = 1 + self.scale * wide, 1 + self.scale * high
        across = torch.stack([cosine * wide, self.shear * shear - sine * high, self.shift * right], dim=1)
        upward = torch.stack([sine * wide, cosine * high, self.shift * down], dim=1)
        return torch.stack([across, upward], dim=1)
