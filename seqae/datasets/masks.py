"""Images with masks: the class of each pixel, read from folders or zip files, and batches of them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from torch import Tensor

from seqae.data._files.archives import member_of
from seqae.data.images.files import read_mask, read_pixels

UNKNOWN = -1  # in a mask: nobody knows the class of this pixel, or there is no pixel


@dataclass(frozen=True, eq=False)
class MaskedImage:
    """An image with the class of each pixel.

    Attributes:
        name: Of its file, with the folders above it.
        pixels: Bytes, `(channel, height, width)`.
        mask: Numbers of classes, `(height, width)`; 0 is the background, -1 is unknown.
    """

    name: str
    pixels: Tensor
    mask: Tensor

    def smaller(self, times: int) -> MaskedImage:
        """Return the image with each square of `times` x `times` pixels made one: their mean, the class at its middle.

        Rows and columns that fill no square are cut off.
        """
        height, width = (size // times * times for size in self.mask.shape)
        if not height or not width:
            raise ValueError(
                f"{self.name} has {tuple(self.mask.shape)} pixels, too few to be made {times} times smaller"
            )
        squares = self.pixels[:, :height, :width].unfold(1, times, times).unfold(2, times, times)
        middle = slice(times // 2, None, times)
        pixels = squares.float().mean(dim=(3, 4)).round().to(torch.uint8)
        return replace(self, pixels=pixels, mask=self.mask[:height, :width][middle, middle])


def read_masked_images(
    place: str | Path,
    values: Sequence[int] = (0, 255),
    unknown: int | None = None,
    images: str = "image",
    masks: str = "mask",
) -> list[MaskedImage]:
    """Return the images in a folder or a zip file with their masks, sorted by name.

    `A/image/NAME.jpg` belongs to `A/mask/NAME.png`, for any folder A and any ending.

    Args:
        place: The folder or the zip file.
        values: In the files of masks, in the order of the classes: of grey pixels their brightness, of pixels with a
            palette their number in it. Masks of one bit have 0 and 255.
        unknown: The value of pixels whose class nobody knows.
        images: The name of folders of images.
        masks: The name of folders of masks.

    Raises:
        FileNotFoundError: There are no images, or one of them has no mask.
        ValueError: A file is no image, has other values or another size than expected; names it.
    """
    files = _files(Path(place))
    named = {_key(path, masks): path for path in files if path.parent.name == masks}
    pairs = [(path, named.pop(_key(path, images), None)) for path in files if path.parent.name == images]
    if not pairs:
        raise FileNotFoundError(
            f"no images in {place}. Expected {images}/NAME.jpg beside {masks}/NAME.png, or the like"
        )
    if named:
        raise FileNotFoundError(
            f"the mask {next(iter(named.values()))} has no image (in {place}). Add it, or drop the mask"
        )
    found = [_read(image, mask, files, values, unknown, place) for image, mask in pairs]
    for each in found:
        if len(each.pixels) != len(found[0].pixels):
            raise ValueError(
                f"{each.name} has {len(each.pixels)} channels, {found[0].name} {len(found[0].pixels)} (in {place}). "
                "Expected images of one kind, all grey or all in colour"
            )
    return found


@dataclass(frozen=True, eq=False)
class MaskedBatch:
    """Images of any sizes in the upper left corners of a common size, with masks.

    Attributes:
        images: From 0 to 1, `(image, channel, height, width)`; what stands beyond an image's size is never read.
        masks: Numbers of classes, `(image, height, width)`, -1 where unknown and beyond the image.
        sizes: `(image, 2)`, height and width of each image.
        numbers: `(image,)`, which images of the source these are.
    """

    images: Tensor
    masks: Tensor
    sizes: Tensor
    numbers: Tensor

    @classmethod
    def of(cls, images: Sequence[Tensor], masks: Sequence[Tensor], numbers: Sequence[int] | np.ndarray) -> MaskedBatch:
        """Put images `(channel, height, width)` and their masks `(height, width)` together."""
        sizes = torch.tensor([mask.shape for mask in masks])
        height, width = sizes.amax(dim=0).tolist()
        framed = images[0].new_zeros(len(images), len(images[0]), height, width)
        classes = torch.full((len(images), height, width), UNKNOWN)
        for place, (image, mask) in enumerate(zip(images, masks)):
            framed[place, :, : mask.shape[0], : mask.shape[1]] = image
            classes[place, : mask.shape[0], : mask.shape[1]] = mask
        return cls(framed, classes, sizes, torch.as_tensor(numbers))

    def __len__(self) -> int:
        return len(self.images)

    @property
    def lengths(self) -> Tensor:
        """`(image,)`, all of them 1: an image is a sequence of one step."""
        return torch.ones_like(self.numbers)

    @property
    def is_unpadded(self) -> bool:
        """Whether all images have the same size."""
        return bool((self.sizes == self.sizes.new_tensor(self.masks.shape[1:])).all())

    def to(self, device: torch.device | str) -> MaskedBatch:
        return MaskedBatch(*(tensor.to(device) for tensor in (self.images, self.masks, self.sizes, self.numbers)))


class MaskedImageDataset:
    """A source of batches.

    Args:
        examples: Images with masks, of any sizes.
    """

    def __init__(self, examples: Sequence[MaskedImage]):
        if not examples:
            raise ValueError("no images (an empty list). A source needs at least one")
        self.examples = list(examples)

    @property
    def lengths(self) -> np.ndarray:
        """`(image,)`, the number of pixels: a `LengthBucketSampler` then puts images of similar size together."""
        return np.array([example.mask.numel() for example in self.examples])

    def batch(self, indices: np.ndarray) -> MaskedBatch:
        chosen = [self.examples[number] for number in indices]
        images = [example.pixels.float() / 255 for example in chosen]
        return MaskedBatch.of(images, [example.mask for example in chosen], indices)


def _files(place: Path) -> dict[PurePosixPath, Callable[[], bytes]]:
    """Return how to read each file, by its path below the place, sorted."""
    if place.is_dir():
        found = {path.relative_to(place): path.read_bytes for path in place.rglob("*") if path.is_file()}
    elif zipfile.is_zipfile(place):
        packed = zipfile.ZipFile(io.BytesIO(place.read_bytes()))
        found = {PurePosixPath(name): lambda name=name: member_of(packed, name) for name in packed.namelist()}
    else:
        raise FileNotFoundError(f"no folder or zip file {str(place)!r}. Check the path")
    paths = {PurePosixPath(path): read for path, read in found.items() if not path.name.startswith(".")}
    return dict(sorted(paths.items()))


def _key(path: PurePosixPath, folder: str) -> PurePosixPath:
    """What an image and its mask have in common."""
    assert path.parent.name == folder, path
    return path.parent.parent / path.stem


def _read(
    image: PurePosixPath,
    mask: PurePosixPath | None,
    files: dict[PurePosixPath, Callable[[], bytes]],
    values: Sequence[int],
    unknown: int | None,
    place: str | Path,
) -> MaskedImage:
    if mask is None:
        raise FileNotFoundError(f"the image {image} has no mask (in {place}). Add it, or drop the image")
    pixels = read_pixels(files[image](), f"{image} in {place}")
    classes = read_mask(files[mask](), f"{mask} in {place}", values, unknown)
    if pixels.shape[1:] != classes.shape:
        (height, width), (mask_height, mask_width) = pixels.shape[1:], classes.shape
        raise ValueError(
            f"the mask {mask} has {mask_height} x {mask_width} pixels, its image {height} x {width} (in {place}). "
            "Expected the same size. Cut or scale one of them"
        )
    return MaskedImage(str(image), torch.from_numpy(pixels), torch.from_numpy(classes))
