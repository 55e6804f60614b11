"""Images with masks, the class of each pixel, read from folders or zip files."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

import torch

from seqae._files import only_files, read_file
from seqae.data._files.archives import member_of
from seqae.data.images.files import read_mask, read_pixels
from seqae.datasets.masks import MaskedImage

Reader = Callable[[], bytes]


def read_masked_images(
    path: str | Path,
    values: Sequence[int] = (0, 255),
    unknown: int | None = None,
    images: str = "image",
    masks: str = "mask",
) -> list[MaskedImage]:
    """Return the images in a folder or a zip file with their masks, sorted by name.

    `A/image/NAME.jpg` belongs to `A/mask/NAME.png`, for any folder A and any file extension.

    Args:
        path: The folder or the zip file.
        values: The values of the classes in the files of masks, in the order of the classes: the brightness of grey
            pixels, the index of pixels with a palette. Masks of one bit have 0 and 255.
        unknown: The value of pixels whose class is unknown.
        images: The name of folders of images.
        masks: The name of folders of masks.

    Raises:
        FileNotFoundError: There are no images, or one of them has no mask.
        ValueError: A file is no image, has other values or another size than expected; names it.
    """
    files = _files(Path(path))
    mask_of = {_key(file): file for file in files if file.parent.name == masks}
    pairs = [(file, mask_of.pop(_key(file), None)) for file in files if file.parent.name == images]
    if not pairs:
        raise FileNotFoundError(f"no images in {path}. Expected {images}/NAME.jpg beside {masks}/NAME.png, or the like")
    if mask_of:
        raise FileNotFoundError(
            f"the mask {next(iter(mask_of.values()))} has no image (in {path}). Add it, or drop the mask"
        )
    found = []
    for image, mask in pairs:
        if mask is None:
            raise FileNotFoundError(f"the image {image} has no mask (in {path}). Add it, or drop the image")
        found.append(_read(image, mask, files, values, unknown, path))
    for each in found:
        if len(each.pixels) != len(found[0].pixels):
            raise ValueError(
                f"{each.name} has {len(each.pixels)} channels, {found[0].name} {len(found[0].pixels)} (in {path}). "
                "Expected images of one kind, all grey or all in colour"
            )
    return found


def _files(path: Path) -> dict[PurePosixPath, Reader]:
    """Return a function that reads each file, by its path below the folder or in the zip file, sorted."""
    found: dict[PurePosixPath, Reader]
    if path.is_dir():
        below = only_files(file for file in path.rglob("*") if not file.name.startswith("."))
        found = {PurePosixPath(file.relative_to(path)): partial(read_file, file) for file in below}
    elif path.exists() and zipfile.is_zipfile(data := io.BytesIO(read_file(path))):
        packed = zipfile.ZipFile(data)
        found = {PurePosixPath(name): _member_reader(packed, name) for name in packed.namelist()}
    else:
        raise FileNotFoundError(f"no folder or zip file {str(path)!r}. Check the path")
    return dict(sorted((file, read) for file, read in found.items() if not file.name.startswith(".")))


def _member_reader(packed: zipfile.ZipFile, name: str) -> Reader:
    return lambda: member_of(packed, name)


def _key(file: PurePosixPath) -> PurePosixPath:
    """Return the common part of the paths of an image and its mask: A/NAME of A/image/NAME.jpg."""
    return file.parent.parent / file.stem


def _read(
    image: PurePosixPath,
    mask: PurePosixPath,
    files: dict[PurePosixPath, Reader],
    values: Sequence[int],
    unknown: int | None,
    path: str | Path,
) -> MaskedImage:
    pixels = read_pixels(files[image](), f"{image} in {path}")
    classes = read_mask(files[mask](), f"{mask} in {path}", values, unknown)
    if pixels.shape[1:] != classes.shape:
        (height, width), (mask_height, mask_width) = pixels.shape[1:], classes.shape
        raise ValueError(
            f"the mask {mask} has {mask_height} x {mask_width} pixels, its image {height} x {width} (in {path}). "
            "Expected the same size. Cut or scale one of them"
        )
    return MaskedImage(str(image), torch.from_numpy(pixels), torch.from_numpy(classes))
