"""Images of one's own: those in a folder, scaled to one size, or normal ones and others to be judged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from seqae._files import read_file
from seqae.data._files.endings import IMAGES
from seqae.data._files.own_folders import every_fifth, normal_and_new, own_files
from seqae.data.images.files import read_pages
from seqae.datasets.images import ImageDataset
from seqae.datasets.masks import UNKNOWN, MaskedImage

_LAYOUT = "ten images or more, FOLDER/NAME.png or, in folders that are their classes, FOLDER/CLASS/NAME.png"
_CLASSES = "a folder for each of two classes or more, with five images or more in each: FOLDER/CLASS/NAME.png"
_NORMAL = "FOLDER/normal with five images or more, and FOLDER/new with those to be judged"


def read_image_folder(
    folder: str | Path, size: int = 28, with_classes: bool = False
) -> tuple[ImageDataset, ImageDataset]:
    """Return the images in a folder and below it, grey and scaled to one size, for training and for the test.

    If the images lie in several folders, these are their classes. Each page of a TIFF is an image. Every fifth file of
    a class, sorted by path, is for the test; where a class has less than five, as a stack of many pages, every fifth
    image.

    Args:
        folder: The folder.
        size: Height and width in pixels to scale to.
        with_classes: Whether the images must have classes.

    Raises:
        FileNotFoundError: There are fewer than ten images, or fewer than two classes of five where they are needed.
        ValueError: A file is no image, or is damaged; names it.
    """
    paths = own_files(folder, IMAGES, _CLASSES if with_classes else _LAYOUT)
    pages = [[_grey(page, size) for page in read_pages(read_file(path), str(path))] for path in paths]
    parents = sorted({path.parent for path in paths})
    names = tuple(str(parent.relative_to(folder)) if parent != Path(folder) else parent.name for parent in parents)
    file_of = np.repeat(np.arange(len(paths)), [len(each) for each in pages])
    classes = np.array([parents.index(path.parent) for path in paths])
    _check_enough(classes[file_of], folder, names, with_classes)
    labels = classes[file_of] if len(parents) > 1 else None
    images = ImageDataset.of(
        torch.stack([page for each in pages for page in each]), labels, names if labels is not None else ()
    )
    few = np.bincount(classes).min() < 5
    is_test = every_fifth(classes[file_of]) if few else every_fifth(classes)[file_of]
    return images.subset(np.flatnonzero(~is_test)), images.subset(np.flatnonzero(is_test))


def read_normal_and_new_images(folder: str | Path) -> list[MaskedImage]:
    """Return the images in `FOLDER/normal` and in `FOLDER/new`, of one size: normal ones, then those to be judged.

    The mask of a normal one is all zero, and of a new one unknown.

    Args:
        folder: The folder above both, which are searched with all below them. Each page of a TIFF is an image.

    Raises:
        FileNotFoundError: There are no new images, or fewer than five normal ones.
        ValueError: A file is no image or damaged, or has another size than the first; names it.
    """
    found: list[MaskedImage] = []
    for value, paths in zip((0, UNKNOWN), normal_and_new(folder, IMAGES, _NORMAL)):
        for path in paths:
            for number, page in enumerate(read_pages(read_file(path), str(path))):
                name = str(path.relative_to(folder)) + (f", page {number}" if number else "")
                pixels = torch.from_numpy(page)
                if found and pixels.shape != found[0].pixels.shape:
                    (*_, height, width), (*_, first_height, first_width) = pixels.shape, found[0].pixels.shape
                    raise ValueError(
                        f"{len(pixels)} x {height} x {width} pixels ({path}), and {len(found[0].pixels)} x "
                        f"{first_height} x {first_width} of {found[0].name}. Expected images of one size, all grey or "
                        "all in colour. Scale or convert them"
                    )
                found.append(MaskedImage(name, pixels, torch.full(pixels.shape[1:], value)))
    return found


def _check_enough(labels: np.ndarray, folder: str | Path, names: tuple[str, ...], with_classes: bool) -> None:
    counts = np.bincount(labels)
    if with_classes and (len(counts) < 2 or counts.min() < 5):
        least = int(counts.argmin())
        raise FileNotFoundError(
            f"{len(counts)} classes in {str(folder)!r}, with {counts[least]} images in {names[least]!r}. Expected "
            f"{_CLASSES}"
        )
    if len(labels) < 10:
        raise FileNotFoundError(f"{len(labels)} images in {str(folder)!r} or below. Expected {_LAYOUT}")


def _grey(pixels: np.ndarray, size: int) -> Tensor:
    """Return an image `(channel, height, width)` uint8 as `(1, size, size)` uint8."""
    grey = torch.from_numpy(pixels).float().mean(dim=0, keepdim=True)
    scaled = F.interpolate(grey[None], (size, size), mode="bilinear", antialias=True, align_corners=False)
    return scaled[0].round().clamp(0, 255).to(torch.uint8)
