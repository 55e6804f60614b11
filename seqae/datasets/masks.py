"""Images with masks, the class of each pixel, of any sizes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from seqae.batch import moved, on_host, to_device
from seqae.datasets.sequences import MapDataset

UNKNOWN = -1  # in a mask: the class of this pixel is unknown, or there is no pixel


@dataclass(frozen=True, eq=False)
class MaskedImage:
    """An image with the class of each pixel.

    Attributes:
        name: The name of its file, with the folders above it.
        pixels: Bytes, `(channel, height, width)`.
        mask: The index of each pixel's class, `(height, width)`, int64; 0 is the background, -1 is unknown.
    """

    name: str
    pixels: Tensor
    mask: Tensor

    def smaller(self, factor: int) -> MaskedImage:
        """Return the image with one pixel for each square of `factor` x `factor`: its mean, the class at its middle.

        Rows and columns that fill no square are cut off.

        Raises:
            ValueError: The image is smaller than one square.
        """
        height, width = (size // factor * factor for size in self.mask.shape)
        if not height or not width:
            raise ValueError(
                f"{self.name} has {tuple(self.mask.shape)} pixels, too few to be made {factor} times smaller"
            )
        squares = self.pixels[:, :height, :width].unfold(1, factor, factor).unfold(2, factor, factor)
        middle = slice(factor // 2, None, factor)
        pixels = squares.float().mean(dim=(3, 4)).round().to(torch.uint8)
        return replace(self, pixels=pixels, mask=self.mask[:height, :width][middle, middle])


@dataclass(eq=False)  # not frozen: see Batch
class MaskedBatch:
    """Images of any sizes in the upper left corners of a common size, with masks.

    Attributes:
        images: Values from 0 to 1, `(images, channel, height, width)`; pixels beyond an image's size are never read.
        masks: Indices of classes, `(images, height, width)`, int64; -1 where unknown and beyond the image.
        sizes: Height and width of each image, `(images, 2)`.
        indices: The index of each image in its dataset, `(images,)`.
    """

    images: Tensor
    masks: Tensor
    sizes: Tensor
    indices: Tensor

    @classmethod
    def of(cls, items: Iterable[tuple[Tensor, Tensor, int | Tensor]]) -> MaskedBatch:
        """Return a batch of images `(channel, height, width)`, masks `(height, width)` and indices in their dataset.

        It is the collate function for a DataLoader.
        """
        images, masks, indices = zip(*items)
        sizes = torch.tensor([mask.shape for mask in masks])
        height, width = sizes.amax(dim=0).tolist()
        padded = images[0].new_zeros(len(images), len(images[0]), height, width)
        classes = padded.new_full((len(images), height, width), UNKNOWN, dtype=torch.int64)
        for row, (image, mask) in enumerate(zip(images, masks)):
            padded[row, :, : mask.shape[0], : mask.shape[1]] = image
            classes[row, : mask.shape[0], : mask.shape[1]] = mask
        return cls(padded, classes, sizes, torch.tensor([int(index) for index in indices]))

    def __len__(self) -> int:
        return len(self.images)

    @property
    def lengths(self) -> Tensor:
        """The number of steps of each image, `(images,)`, all of them 1."""
        return torch.ones_like(self.indices)

    @property
    def is_unpadded(self) -> bool:
        """Whether all images have the same size."""
        sizes = on_host(self.sizes)
        return bool((sizes == sizes.new_tensor(self.masks.shape[1:])).all())

    def to(self, device: torch.device | str) -> MaskedBatch:
        """Return the same batch on a device."""
        sizes, indices = (to_device(each, device) for each in (self.sizes, self.indices))
        return MaskedBatch(moved(self.images, device), moved(self.masks, device), sizes, indices)

    def pin_memory(self) -> MaskedBatch:
        """Return the same batch in memory from which a GPU copies while it computes."""
        return MaskedBatch(*(each.pin_memory() for each in (self.images, self.masks, self.sizes, self.indices)))

    def unpad(self) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Return each image `(channel, height, width)` with its mask `(height, width)` and its index `()`."""
        rows = zip(self.images, self.masks, self.indices, on_host(self.sizes).tolist())
        return [(image[:, :height, :width], mask[:height, :width], at) for image, mask, at, (height, width) in rows]


class MaskedImageDataset(MapDataset):
    """Images with masks, of any sizes.

    Args:
        examples: The images with their masks.

    Raises:
        ValueError: There are no images.
    """

    def __init__(self, examples: Sequence[MaskedImage]):
        if not examples:
            raise ValueError("no images (an empty list). A dataset needs at least one")
        self.examples = list(examples)

    @property
    def lengths(self) -> np.ndarray:
        """The number of pixels of each image, `(images,)`: a `LengthBucketSampler` puts similar sizes together."""
        return np.array([example.mask.numel() for example in self.examples])

    def batch(self, indices: Sequence[int] | np.ndarray) -> MaskedBatch:
        """Return the images at `indices`, `(images, channel, height, width)`, and masks `(images, height, width)`."""
        chosen = [self.examples[index] for index in indices]
        images = [example.pixels.float() / 255 for example in chosen]
        return MaskedBatch.of(zip(images, (example.mask for example in chosen), indices))
