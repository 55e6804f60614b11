"""BSData: photographs of ball screws with polygons around their pits, as its repository holds them.

Schlagenhauf et al. 2021, https://arxiv.org/abs/2103.13003; https://github.com/2Obe/BSData.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from seqae._extras import require
from seqae._files import read_file, reason
from seqae.data._files.text_files import json_value
from seqae.data.images.files import read_pixels
from seqae.datasets.masks import MaskedImage

Polygon = list[tuple[float, float]]


def read_bsdata(
    data_root: str | Path, patch_size: int = 128, max_width: int = 1130, seed: int = 0
) -> list[MaskedImage]:
    """Return patches of the annotated photographs, with a mask that is 1 on pits and 0 elsewhere, sorted by name.

    Of each photograph there is a patch around every pit, up to a quarter of its size off the middle, and one without
    pits. A photograph that is no larger than a patch is a patch. Photographs without annotations are left out.

    Args:
        data_root: A clone of the repository, `data/NAME.jpg` beside `label/NAME.json` (labelme), or the folder that
            holds it as `BSData`.
        patch_size: Height and width of a patch in pixels.
        max_width: Wider photographs are first made smaller, to this width in pixels.
        seed: Seed of the positions of the patches.

    Raises:
        FileNotFoundError: There are no annotations, or the photograph of one is missing.
        ValueError: An annotation is not what labelme writes, or a photograph is no image; names the file.
        MissingExtra: Pillow is not installed.
    """
    root = Path(data_root)
    folder = root / "BSData" if (root / "BSData").is_dir() else root
    labels = sorted((folder / "label").glob("*.json"))
    if not labels:
        raise FileNotFoundError(
            f"no annotations in {folder}. Expected label/NAME.json beside data/NAME.jpg: clone "
            "https://github.com/2Obe/BSData and give the folder of the clone"
        )
    random = np.random.default_rng(seed)
    patches: list[MaskedImage] = []
    for label in labels:
        photograph = folder / "data" / f"{label.stem}.jpg"
        if not photograph.is_file():
            raise FileNotFoundError(f"the photograph of {label} is missing. Expected {photograph}")
        pixels = torch.from_numpy(read_pixels(read_file(photograph), str(photograph)))
        pixels, polygons = _at_most(max_width, pixels, _polygons(label))
        patches += _patches(label.stem, pixels, polygons, patch_size, random)
    return patches


def _polygons(label: Path) -> list[Polygon]:
    """Return the corners `(x, y)` of each pit in pixels, from the upper left of the photograph."""
    try:
        shapes = json_value(read_file(label))["shapes"]
        polygons = [[(float(x), float(y)) for x, y in shape["points"]] for shape in shapes]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{label} is no annotation of labelme ({reason(error)}). Expected shapes with points"
        ) from error
    if short := next((polygon for polygon in polygons if len(polygon) < 3), None):
        raise ValueError(f"a polygon with {len(short)} corners in {label}. Expected at least 3")
    return polygons


def _at_most(max_width: int, pixels: Tensor, polygons: list[Polygon]) -> tuple[Tensor, list[Polygon]]:
    """Return a photograph `(channel, height, width)` and its polygons, made smaller if it is too wide."""
    height, width = pixels.shape[1:]
    if width <= max_width:
        return pixels, polygons
    scale = max_width / width
    size = (max(1, round(height * scale)), max_width)
    smaller = F.interpolate(pixels[None].float(), size, mode="bilinear", antialias=True)[0]
    scaled = [[(x * scale, y * scale) for x, y in polygon] for polygon in polygons]
    return smaller.round().clamp(0, 255).to(torch.uint8), scaled


def _patches(
    name: str, pixels: Tensor, polygons: list[Polygon], size: int, random: np.random.Generator
) -> list[MaskedImage]:
    height, width = pixels.shape[1:]
    mask = _mask(polygons, height, width)
    if max(height, width) <= size:
        return [MaskedImage(f"{name}.jpg", pixels, mask)]
    corners = [_around(polygon, size, random) for polygon in polygons]
    corners = [(_inside(top, height, size), _inside(left, width, size)) for top, left in corners]
    cut = [(slice(top, top + size), slice(left, left + size)) for top, left in corners + _clean(mask, size, random)]
    return [
        MaskedImage(f"{name}_{number}.jpg", pixels[:, rows, columns].clone(), mask[rows, columns].clone())
        for number, (rows, columns) in enumerate(cut)
    ]


def _mask(polygons: Sequence[Polygon], height: int, width: int) -> Tensor:
    """Return 1 in polygons and on their edges, `(height, width)`, 0 elsewhere."""
    pillow = require("PIL.Image", extra="images", purpose="masks from polygons")
    drawing = require("PIL.ImageDraw", extra="images", purpose="masks from polygons")
    image = pillow.new("L", (width, height))
    for polygon in polygons:
        drawing.Draw(image).polygon(polygon, fill=1, outline=1)
    return torch.from_numpy(np.array(image, dtype=np.int64))


def _around(polygon: Polygon, size: int, random: np.random.Generator) -> tuple[int, int]:
    """Return the upper left corner of a patch around the middle of a polygon, moved at random."""
    x, y = np.array(polygon).mean(axis=0)
    down, right = random.integers(-(size // 4), size // 4 + 1, size=2)
    return round(y) - size // 2 + int(down), round(x) - size // 2 + int(right)


def _inside(start: int, length: int, size: int) -> int:
    return max(0, min(start, length - size))


def _clean(mask: Tensor, size: int, random: np.random.Generator, tries: int = 100) -> list[tuple[int, int]]:
    """Return the upper left corner of a patch without pits, or None if random tries find no such position."""
    height, width = (max(0, length - size) for length in mask.shape)
    for _ in range(tries):
        top, left = int(random.integers(height + 1)), int(random.integers(width + 1))
        if not mask[top : top + size, left : left + size].any():
            return [(top, left)]
    return []
