"""Ways to clean images that learn nothing. Arrays `(image, channel, height, width)`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def median_filter(images: np.ndarray, side: int = 3) -> np.ndarray:
    """Return the median of the square of pixels around each pixel; the edge is repeated outwards."""
    return _in_parts(images, lambda part: torch.stack(list(_around(part, side // 2))).median(dim=0).values)


def non_local_means(images: np.ndarray, noise: float, side: int = 3, reach: int = 5) -> np.ndarray:
    """Return for each pixel the mean of pixels near it, each as heavy as the patch around it is like its own.

    Buades et al. 2005, https://doi.org/10.1109/CVPR.2005.38.

    Args:
        images: The images.
        noise: Standard deviation of the noise: patches that differ by less count as the same.
        side: Of a patch in pixels.
        reach: How far away pixels are looked for.
    """
    return _in_parts(images, lambda part: _non_local_means(part, noise, side, reach))


def _non_local_means(pixels: Tensor, noise: float, side: int, reach: int) -> Tensor:
    total, weights = torch.zeros_like(pixels), torch.zeros_like(pixels)
    for other in _around(pixels, reach):
        difference = (other - pixels).square().mean(dim=1, keepdim=True)
        distance = torch.stack(list(_around(difference, side // 2))).mean(dim=0)
        weight = torch.exp(-(distance - 2 * noise**2).clamp(min=0) / noise**2)
        total += weight * other
        weights += weight
    return total / weights


def _in_parts(images: np.ndarray, clean: Callable[[Tensor], Tensor]) -> np.ndarray:
    """Clean a few hundred images at a time: memory stays small."""
    parts = torch.from_numpy(np.asarray(images)).split(250)
    return torch.cat([clean(part) for part in parts]).numpy()


def _around(images: Tensor, reach: int) -> Iterator[Tensor]:
    """Yield the images moved by up to so many pixels, in all directions; the edge is repeated outwards."""
    height, width = images.shape[2:]
    framed = F.pad(images, [reach] * 4, mode="replicate")
    for down, right in itertools.product(range(2 * reach + 1), repeat=2):
        yield framed[:, :, down : down + height, right : right + width]
