"""Images of one's own: those in a folder, scaled to one size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from seqae._files import only_files, read_file
from seqae.data._files.endings import IMAGES
from seqae.data.images.files import read_pixels
from seqae.datasets.images import ImageDataset


def read_image_folder(folder: str | Path, size: int = 28) -> tuple[ImageDataset, ImageDataset]:
    """Return the images in a folder and below it, grey and scaled to one size, for training and for the test.

    Every fifth image, sorted by path, is for the test. If the images lie in several folders, these are their classes.

    Args:
        folder: The folder.
        size: Height and width in pixels to scale to.

    Raises:
        FileNotFoundError: There are fewer than five images.
        ValueError: A file is no image, or is damaged; names it.
    """
    below = (path for path in sorted(Path(folder).rglob("*")) if path.suffix.lower() in IMAGES)
    paths = only_files(path for path in below if not path.name.startswith("."))
    if len(paths) < 5:
        raise FileNotFoundError(
            f"{len(paths)} images in {str(folder)!r} or below. Expected five or more, with names that end in "
            f"{', '.join(IMAGES)}"
        )
    pixels = torch.stack([_grey(read_pixels(read_file(path), str(path)), size) for path in paths])
    parents = sorted({path.parent for path in paths})
    classes = np.array([parents.index(path.parent) for path in paths]) if len(parents) > 1 else None
    images = ImageDataset.of(pixels, classes)
    is_test = np.arange(len(images)) % 5 == 4
    return images.subset(np.flatnonzero(~is_test)), images.subset(np.flatnonzero(is_test))


def _grey(pixels: np.ndarray, size: int) -> Tensor:
    """Return an image `(channel, height, width)` uint8 as `(1, size, size)` uint8."""
    grey = torch.from_numpy(pixels).float().mean(dim=0, keepdim=True)
    scaled = F.interpolate(grey[None], (size, size), mode="bilinear", antialias=True, align_corners=False)
    return scaled[0].round().clamp(0, 255).to(torch.uint8)
