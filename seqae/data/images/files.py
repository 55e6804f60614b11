"""Image files, read by Pillow: images as bytes, masks as class indices."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from seqae._extras import require

if TYPE_CHECKING:
    from PIL.Image import Image

_DAMAGE = (OSError, SyntaxError, ValueError, LookupError, TypeError)  # as Pillow reports a damaged file
_WITH_PREVIEWS = "MPO"  # whose further images are previews of the first one
_BITS_PER_SAMPLE = 258  # a tag of TIFF
_CHANNELS = {"1": "L", "L": "L", "P": "RGB", "RGB": "RGB"}  # the mode to which each mode of Pillow is converted


def read_pixels(content: bytes, name: str) -> np.ndarray:
    """Return an image, `(channel, height, width)` uint8: one channel if it is grey, else red, green, blue.

    16 bits a pixel are rounded to 8, and a camera held upright is honoured. Alpha that hides nothing is dropped.

    Args:
        content: The content of the file.
        name: The name of the file, for error messages.

    Raises:
        ValueError: It is no image or several, is damaged, transparent, or of an unknown mode.
    """
    return _pixels(_single(content, name), name)


def read_pages(content: bytes, name: str) -> Iterator[np.ndarray]:
    """Yield all images in a file, such as the pages of a TIFF, as `read_pixels` returns one."""
    first = _opened(content, name)
    for number in range(1 if first.format == _WITH_PREVIEWS else _count(first, name)):
        yield _pixels(_opened(content, name, number), f"{name}, page {number}")


def _pixels(image: Image, name: str) -> np.ndarray:
    white, image = _white(image), _upright(image)
    if image.mode.startswith("I;16"):
        return np.rint(np.asarray(image) * (255 / white)).astype(np.uint8)[None]
    if image.has_transparency_data:
        image = _opaque(image, name)
    if image.mode not in _CHANNELS:
        raise ValueError(f"an image of the kind {image.mode} ({name}). Expected grey or RGB. Convert it")
    array = np.array(image.convert(_CHANNELS[image.mode]))
    return array[None] if array.ndim == 2 else np.ascontiguousarray(array.transpose(2, 0, 1))


def read_mask(content: bytes, name: str, values: Sequence[int], unknown: int | None = None) -> np.ndarray:
    """Return the class of each pixel, `(height, width)` int64, -1 where unknown.

    Args:
        content: The content of the file.
        name: The name of the file, for error messages.
        values: The value in the file of each class, in order, see `seqae.data.images.masks.read_masked_images`.
        unknown: The value of pixels of unknown class.

    Raises:
        ValueError: It is no image or several, or there are other values in it.
    """
    image = _upright(_single(content, name))
    if image.mode not in ("1", "L", "P", "I", "I;16"):
        raise ValueError(
            f"a mask of the kind {image.mode} ({name}). Expected one number a pixel: grey or with a palette. Convert it"
        )
    pixels = np.asarray(image.convert("L") if image.mode == "1" else image).astype(np.int64)
    classes = np.full(pixels.shape, len(values), dtype=np.int64)
    for index, value in enumerate(values):
        classes[pixels == value] = index
    if unknown is not None:
        classes[pixels == unknown] = -1
    if (strange := pixels[classes == len(values)]).size:
        found = ", ".join(map(str, np.unique(strange)[:5]))
        raise ValueError(
            f"the value {found} in a mask ({name}). Expected {', '.join(map(str, values))}: the values of the classes. "
            "Name all of them, for example values=(0, 1, 2); save masks as PNG, since JPEG changes values"
        )
    return classes


def _white(image: Image) -> int:
    """Return the largest value that a pixel can have: a TIFF of 12 bits is opened as one of 16."""
    bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, (16,))
    return 2 ** min(bits if isinstance(bits, tuple) else (bits,)) - 1


def _opened(content: bytes, name: str, page: int = 0) -> Image:
    pillow = require("PIL.Image", extra="images", purpose="reading images")
    try:
        image = pillow.open(io.BytesIO(content))
        image.seek(page)
        image.load()
    except pillow.UnidentifiedImageError:
        raise ValueError(f"not an image ({name}). Expected PNG, JPEG or the like. Get it again, or drop it") from None
    except (*_DAMAGE, pillow.DecompressionBombError) as error:
        raise ValueError(f"a damaged image ({name}: {error}). Get it again, or drop it") from error
    return image


def _count(image: Image, name: str) -> int:
    """Return the number of images in a file."""
    try:
        return getattr(image, "n_frames", 1)
    except _DAMAGE as error:
        raise ValueError(f"a damaged image ({name}: {error!r}). Get it again, or drop it") from error


def _single(content: bytes, name: str) -> Image:
    """Open the only image in a file."""
    image = _opened(content, name)
    count = _count(image, name)
    if count > 1 and image.format != _WITH_PREVIEWS:
        raise ValueError(f"{count} images in one file ({name}). Expected one. Read them as a video: read_video(path)")
    return image


def _upright(image: Image) -> Image:
    from PIL.ImageOps import exif_transpose

    return exif_transpose(image)


def _opaque(image: Image, name: str) -> Image:
    """Return the image without its alpha."""
    converted = image.convert("RGBA")
    if (lowest := int(np.asarray(converted.getchannel("A")).min())) < 255:
        raise ValueError(
            f"a transparent image ({name}, alpha down to {lowest}). Expected alpha of 255 everywhere. "
            "Put it on a background"
        )
    return converted.convert("L" if image.mode == "LA" else "RGB")
