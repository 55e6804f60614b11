"""Dark spots in images, found by a threshold and morphology: a baseline for segmentation."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from seqae.datasets import MaskedImage
from seqae.evaluation import confusion

_CONTRASTS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
_RADII = (0, 1, 2)


@dataclass(frozen=True)
class DarkSpots:
    """Pixels that are darker than their surroundings are of class 1; specks are removed and gaps filled.

    Attributes:
        contrast: How much darker, as a fraction of the mean of their surroundings, which reach a quarter of the image
            to each side.
        radius: Specks and gaps of up to twice as many pixels across do not count.
    """

    contrast: float
    radius: int

    @classmethod
    def fitted(cls, examples: Sequence[MaskedImage]) -> DarkSpots:
        """Choose the contrast and radius that find the masks of these images best, by F1 over all pixels."""
        brightness = [_relative_brightness(example.pixels / 255) for example in examples]
        truth = [example.mask for example in examples]
        choices = [cls(contrast, radius) for contrast, radius in itertools.product(_CONTRASTS, _RADII)]
        return max(choices, key=lambda choice: confusion([choice._mask(each) for each in brightness], truth).f1)

    def __call__(self, images: Sequence[Tensor]) -> list[Tensor]:
        """Return the class of each pixel, `(height, width)`, of images `(channel, height, width)` from 0 to 1."""
        return [self._mask(_relative_brightness(image)) for image in images]

    def _mask(self, brightness: Tensor) -> Tensor:
        """Return a mask of dark pixels, opened and closed (Serra 1982, Image Analysis and Mathematical Morphology)."""
        dark = (brightness < 1 - self.contrast).float()
        opened = self._dilated(1 - self._dilated(1 - dark))
        closed = 1 - self._dilated(1 - self._dilated(opened))
        return closed[0].long()

    def _dilated(self, mask: Tensor) -> Tensor:
        return F.max_pool2d(mask, 2 * self.radius + 1, stride=1, padding=self.radius)


def _relative_brightness(image: Tensor) -> Tensor:
    """Return the brightness of each pixel divided by that of its surroundings, `(1, height, width)`."""
    grey = image.mean(dim=0, keepdim=True)
    reach = max(grey.shape) // 4
    down = F.avg_pool2d(grey, (2 * reach + 1, 1), 1, (reach, 0), count_include_pad=False)
    around = F.avg_pool2d(down, (1, 2 * reach + 1), 1, (0, reach), count_include_pad=False)
    return grey / around.clamp(min=torch.finfo(grey.dtype).tiny)
