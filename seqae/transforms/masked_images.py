"""Random transforms of images that leave the classes of their pixels as they are; the mask is transformed with them.

The transform of an image depends on the seed, the epoch and the index of the image alone: neither its batch nor a
resumed run changes it. A transform takes an image `(channel, height, width)`, its mask `(height, width)` and a
generator, and returns both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from seqae.batch import on_host
from seqae.datasets.masks import UNKNOWN, MaskedBatch
from seqae.transforms.checks import FiniteSettings

MaskTransform = Callable[[Tensor, Tensor, np.random.Generator], tuple[Tensor, Tensor]]


def augment(batch: MaskedBatch, transforms: Sequence[MaskTransform], seed: int, epoch: int) -> MaskedBatch:
    """Return the batch with each image and its mask transformed at random, independently of the others.

    Args:
        batch: The images, `(images, channel, height, width)`, and masks `(images, height, width)`.
        transforms: The transforms of each image and its mask, in order.
        seed: Seed of the random numbers.
        epoch: The epoch, which changes them, too.
    """
    images, masks = [], []
    sizes, indices = on_host(batch.sizes).tolist(), on_host(batch.indices).tolist()
    for image, mask, (height, width), index in zip(batch.images, batch.masks, sizes, indices):
        random = np.random.default_rng((seed, epoch, index))
        image, mask = image[:, :height, :width], mask[:height, :width]
        for transform in transforms:
            image, mask = transform(image, mask, random)
        images.append(image)
        masks.append(mask)
    return MaskedBatch.of(zip(images, masks, indices))


def random_flip(image: Tensor, mask: Tensor, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Mirror an image `(channel, height, width)` and its mask `(height, width)`, each axis with probability 0.5."""
    sides = [side for side, flip in zip((-2, -1), random.integers(0, 2, 2)) if flip]
    return image.flip(sides), mask.flip(sides)


def random_rotation(image: Tensor, mask: Tensor, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Rotate an image `(channel, height, width)` and its mask `(height, width)` by 0, 90, 180 or 270 degrees."""
    quarters = int(random.integers(0, 4))
    return image.rot90(quarters, (-2, -1)), mask.rot90(quarters, (-2, -1))


@dataclass(frozen=True)
class RandomBrightness(FiniteSettings):
    """Multiplies all pixels of an image by one factor, and clamps them to 0..1.

    Args:
        max_change: Factors are from `1 - max_change` to `1 + max_change`.
    """

    max_change: float = 0.2

    def __call__(self, image: Tensor, mask: Tensor, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return the brighter or darker image, and the mask as it is."""
        return (image * random.uniform(1 - self.max_change, 1 + self.max_change)).clamp(0, 1), mask


@dataclass(frozen=True)
class RandomShift(FiniteSettings):
    """Shifts an image; the edge fills the gap, whose class is unknown.

    Args:
        max_shift: The largest shift up or down and to a side, in pixels.
    """

    max_shift: int = 4

    def __call__(self, image: Tensor, mask: Tensor, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return the shifted image and mask.

        Raises:
            ValueError: The shift may be larger than the image.
        """
        height, width = mask.shape
        if not 0 <= self.max_shift <= max(height, width):
            raise ValueError(
                f"max_shift is {self.max_shift}, and an image has {height} x {width} pixels. Shift it less"
            )
        down, right = random.integers(0, 2 * self.max_shift + 1, 2)
        rows, columns = slice(down, down + height), slice(right, right + width)
        padding = [self.max_shift] * 4
        padded = F.pad(image.unsqueeze(0), padding, mode="replicate")[0]
        return padded[:, rows, columns], F.pad(mask, padding, value=UNKNOWN)[rows, columns]
