"""Still images in memory: a dataset of sequences of one step `(channel, height, width)`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from seqae.batch import Batch
from seqae.datasets.sequences import Dataset, MapDataset


def to_float(pixels: Tensor) -> Tensor:
    """Return bytes of any shape as float32 from 0 to 1."""
    return pixels.to(torch.float32).div_(255)


def binarize(pixels: Tensor) -> Tensor:
    """Return 1 for bytes from 128 on (above one half), 0 for others, float32 of the same shape."""
    return (pixels >= 128).to(torch.float32)


def sample_binary(pixels: Tensor) -> Tensor:
    """Return 1 with probability `byte / 255`, else 0, float32 of the same shape: another image each time it is read.

    Dynamic binarisation, see Burda et al. 2015, https://arxiv.org/abs/1509.00519. Draws from torch's global generator.
    """
    return (torch.rand(pixels.shape) * 255 < pixels).to(torch.float32)


@dataclass(frozen=True, eq=False)
class ImageDataset(MapDataset):
    """Images of one size. To other parts of seqae they are a list of sequences `(1, channel, height, width)`.

    Attributes:
        pixels: Bytes, `(images, channel, height, width)`; a quarter of the memory of float32.
        labels: The index of each image's class, `(images,)`, int64; None if it is unknown.
        class_names: The names of the classes, in the order of their indices; empty if they have none.
        values: Maps bytes to the input of a model: `to_float`, `binarize`, `sample_binary` or your own function.
    """

    pixels: Tensor
    labels: np.ndarray | None = None
    values: Callable[[Tensor], Tensor] = to_float
    class_names: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, pixels: np.ndarray | Tensor, labels: np.ndarray | None = None, class_names: Sequence[str] = ()
    ) -> ImageDataset:
        """Return a dataset of an array `(images, height, width)` or `(images, channel, height, width)`.

        Args:
            pixels: `(image, height, width)` or `(image, channel, height, width)`; uint8, uint16, bool, or floats from 0
                to 1.
            labels: The index of each image's class, `(images,)`.
            class_names: The names of the classes, in the order of their indices.

        Raises:
            ValueError: The array has another shape or other values, or there is not one label for each image.
        """
        array = np.asarray(pixels)
        array = array[:, None] if array.ndim == 3 else array
        if array.ndim != 4 or 0 in array.shape:
            raise ValueError(
                f"images in an array of shape {np.shape(pixels)}. Expected (image, height, width) or "
                "(image, channel, height, width), none of them 0"
            )
        if array.shape[1] > 4 and array.shape[3] <= 4:
            raise ValueError(
                f"images in an array of shape {array.shape}: the channels come last. Expected (image, channel, height, "
                "width). Write images.transpose(0, 3, 1, 2)"
            )
        if labels is not None and np.shape(labels) != (len(array),):
            raise ValueError(f"labels of shape {np.shape(labels)} for {len(array)} images. Give one to each")
        classes = None if labels is None else np.asarray(labels, dtype=np.int64)
        return cls(torch.from_numpy(np.array(_as_bytes(array))), classes, class_names=tuple(class_names))

    @property
    def lengths(self) -> np.ndarray:
        """The number of steps of each image, `(images,)`, all of them 1."""
        return np.ones(len(self.pixels), dtype=np.int64)

    @property
    def size(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        channels, height, width = self.pixels.shape[1:]
        return channels, height, width

    @property
    def label_names(self) -> np.ndarray | None:
        """The name of each image's class, `(images,)`, its index where classes have no names; None if it is unknown."""
        return np.array(self.class_names)[self.labels] if self.labels is not None and self.class_names else self.labels

    def batch(self, indices: np.ndarray) -> Batch:
        """Return the images at `indices` as one batch, `(batch, 1, channel, height, width)`."""
        chosen = self.pixels[torch.from_numpy(np.array(indices))]
        return Batch.full(self.values(chosen).unsqueeze(1))

    def array(self) -> np.ndarray:
        """Return the values of all pixels, `(images, channel * height * width)`, for methods that read vectors."""
        return self.values(self.pixels).flatten(start_dim=1).numpy()

    def with_transform(self, values: Callable[[Tensor], Tensor]) -> ImageDataset:
        """Return the same images with other values, for example `images.with_transform(binarize)`.

        Args:
            values: Returns float32 values for bytes `(images, channel, height, width)`, in the same shape.
        """
        return replace(self, values=values)

    def materialize(self) -> ImageDataset:
        """Return the images with the values, from 0 to 1, that they have now: fixes those of `sample_binary`."""
        return replace(self, pixels=(self.values(self.pixels) * 255).to(torch.uint8), values=to_float)

    def subset(self, indices: np.ndarray) -> ImageDataset:
        """Return the images at `indices`, `(batch,)`, as a dataset."""
        labels = None if self.labels is None else self.labels[indices]
        return replace(self, pixels=self.pixels[torch.from_numpy(np.array(indices))], labels=labels)

    def split(self, held_out: int, seed: int = 0) -> tuple[ImageDataset, ImageDataset]:
        """Return two datasets: all images but `held_out` of them, drawn at random, and these.

        Raises:
            ValueError: `held_out` is not between 1 and the number of images minus 1.
        """
        if not 0 < held_out < len(self):
            raise ValueError(f"{held_out} of {len(self)} images to hold out. Ask for at least 1, and leave some")
        order = np.random.default_rng(seed).permutation(len(self))
        return self.subset(order[held_out:]), self.subset(order[:held_out])


class ShiftedImages(MapDataset):
    """Images that are shifted by a few pixels each time they are read; the edge fills the gap.

    The shifts are a function of the seed and the indices of the batch, so that a resumed run sees the same.

    Args:
        dataset: The images as they are.
        pixels: The largest shift in pixels, up or down and to a side.
        seed: Seed of the shifts.
    """

    def __init__(self, dataset: Dataset[Batch], pixels: int = 1, seed: int = 0):
        self.dataset = dataset
        self.pixels = pixels
        self.seed = seed

    @property
    def lengths(self) -> np.ndarray:
        """The number of steps of each image, `(images,)`."""
        return self.dataset.lengths

    def batch(self, indices: np.ndarray) -> Batch:
        """Return the images at `indices`, shifted, `(batch, 1, channel, height, width)`."""
        batch = self.dataset.batch(indices)
        random = np.random.default_rng((self.seed, *map(int, indices)))
        down, right = torch.from_numpy(random.integers(0, 2 * self.pixels + 1, (2, len(indices))))
        height, width = batch.values.shape[-2:]
        padded = F.pad(batch.values.squeeze(1), [self.pixels] * 4, mode="replicate")
        views = padded.unfold(2, height, 1).unfold(3, width, 1)  # (image, channel, down, right, height, width)
        shifted = views[torch.arange(len(indices)), :, down, right]
        return Batch(shifted.unsqueeze(1), batch.lengths)


def _as_bytes(array: np.ndarray) -> np.ndarray:
    """Return images as uint8, of the same shape."""
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array * np.uint8(255)
    if array.dtype == np.uint16:
        return (array // 257).astype(np.uint8)
    if array.dtype.kind != "f":
        raise ValueError(f"images of type {array.dtype}. Expected uint8, uint16, bool, or floats from 0 to 1")
    if not (array.min() >= 0 and array.max() <= 1):  # false for NaN, too
        raise ValueError(
            f"pixels from {array.min():g} to {array.max():g}. Floats go from 0 to 1. Divide, or give bytes"
        )
    return np.rint(array * 255).astype(np.uint8)
