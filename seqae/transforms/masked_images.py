"""Changes to images that leave the class of what is seen as it is; the mask goes along.

What happens to an image is a function of the seed, the epoch and the number of the image: neither its batch nor a
resumed run changes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from seqae.datasets.masks import UNKNOWN, MaskedBatch

Change = Callable[[Tensor, Tensor, np.random.Generator], tuple[Tensor, Tensor]]


def augment(batch: MaskedBatch, changes: Sequence[Change], seed: int, epoch: int) -> MaskedBatch:
    """Return the batch with each image and its mask changed in its own way."""
    images, masks = [], []
    for image, mask, (height, width), number in zip(
        batch.images, batch.masks, batch.sizes.tolist(), batch.numbers.tolist()
    ):
        random = np.random.default_rng((seed, epoch, number))
        image, mask = image[:, :height, :width], mask[:height, :width]
        for change in changes:
            image, mask = change(image, mask, random)
        images.append(image)
        masks.append(mask)
    return MaskedBatch.of(images, masks, batch.numbers)


def random_flip(image: Tensor, mask: Tensor, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Turn the image `(channel, height, width)` over, by one chance in two along each side."""
    sides = [side for side, turn in zip((-2, -1), random.integers(0, 2, 2)) if turn]
    return image.flip(sides), mask.flip(sides)


def random_rotation(image: Tensor, mask: Tensor, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Turn the image by 0, 90, 180 or 270 degrees."""
    quarters = int(random.integers(0, 4))
    return image.rot90(quarters, (-2, -1)), mask.rot90(quarters, (-2, -1))


@dataclass(frozen=True)
class RandomBrightness:
    """Makes an image brighter or darker: all pixels times a number, which is 1 - `share` to 1 + `share`."""

    max_change: float = 0.2

    def __call__(self, image: Tensor, mask: Tensor, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        return (image * random.uniform(1 - self.max_change, 1 + self.max_change)).clamp(0, 1), mask


@dataclass(frozen=True)
class RandomShift:
    """Moves an image by up to `pixels` up or down and to a side; the edge fills the gap, its class is unknown."""

    max_shift: int = 4

    def __call__(self, image: Tensor, mask: Tensor, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        height, width = mask.shape
        down, right = random.integers(0, 2 * self.max_shift + 1, 2)
        rows, columns = slice(down, down + height), slice(right, right + width)
        frame = [self.max_shift] * 4
        framed = F.pad(image.unsqueeze(0), frame, mode="replicate")[0]
        return framed[:, rows, columns], F.pad(mask, frame, value=UNKNOWN)[rows, columns]
