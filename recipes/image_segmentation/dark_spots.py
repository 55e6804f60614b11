"""Dark spots in images, found without learning: what a segmentation has to beat."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from seqae.datasets.masks import MaskedImage
from seqae.evaluation.masks import confusion

_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
_RADII = (0, 1, 2)


@dataclass(frozen=True)
class DarkSpots:
    """Pixels that are darker than their surroundings are of class 1, but for specks; gaps are filled.

    Attributes:
        share: How much darker than the mean of their surroundings, which reach a quarter of the image to each side.
        radius: Specks and gaps of up to twice as many pixels across do not count.
    """

    share: float
    radius: int

    @classmethod
    def fitted(cls, examples: Sequence[MaskedImage]) -> DarkSpots:
        """Choose the numbers that find the masks of these images best, by F1 over all pixels."""
        lights = [_light(example.pixels / 255) for example in examples]
        truth = [example.mask for example in examples]
        choices = [cls(share, radius) for share, radius in itertools.product(_SHARES, _RADII)]
        return max(choices, key=lambda chosen: confusion([chosen._spots(light) for light in lights], truth).f1)

    def __call__(self, images: Sequence[Tensor]) -> list[Tensor]:
        """Return the class of each pixel, `(height, width)`, of images `(channel, height, width)` from 0 to 1."""
        return [self._spots(_light(image)) for image in images]

    def _spots(self, light: Tensor) -> Tensor:
        """Return what is dark, opened and closed (Serra 1982, Image Analysis and Mathematical Morphology)."""
        dark = (light < 1 - self.share).float()
        opened = self._grown(1 - self._grown(1 - dark))
        closed = 1 - self._grown(1 - self._grown(opened))
        return closed[0].long()

    def _grown(self, spots: Tensor) -> Tensor:
        return F.max_pool2d(spots, 2 * self.radius + 1, stride=1, padding=self.radius)


def _light(image: Tensor) -> Tensor:
    """Return how bright each pixel is in comparison with its surroundings, `(1, height, width)`."""
    grey = image.mean(dim=0, keepdim=True)
    reach = max(grey.shape) // 4
    down = F.avg_pool2d(grey, (2 * reach + 1, 1), 1, (reach, 0), count_include_pad=False)
    around = F.avg_pool2d(down, (1, 2 * reach + 1), 1, (0, reach), count_include_pad=False)
    return grey / around.clamp(min=torch.finfo(grey.dtype).tiny)
