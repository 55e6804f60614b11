"""Synthetic surfaces with defects, to try recipes without data."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from seqae.datasets.masks import MaskedImage


def synthetic_surfaces(count: int, size: int = 128, seed: int = 0) -> list[MaskedImage]:
    """Return images of brushed metal, every second one with pits, and their masks.

    A pit is dark and rough. There are also smooth shadows, which are as dark and no defects. Names contain the
    location, one of eight, each with its own light and colour.

    Args:
        count: The number of images.
        size: Height and width in pixels.
        seed: Seed of the surfaces.
    """
    random = np.random.default_rng(seed)
    looks = random.uniform([0.35, 0.3, 0.2, -0.3], [0.8, 0.7, 0.6, 0.3], (8, 4))  # red, green, blue, slope of light
    return [_surface(number, size, looks[number // 2 % 8], random) for number in range(count)]


def _surface(number: int, size: int, look: np.ndarray, random: np.random.Generator) -> MaskedImage:
    noise = torch.from_numpy(random.normal(size=(4, size, size))).float()
    brushed = F.avg_pool2d(noise[:1], (1, 9), stride=1, padding=(0, 4))
    light = 1 + look[3] * torch.linspace(-1, 1, size).unsqueeze(1) + 0.25 * brushed[0]
    depth = _blot(noise[1], 4)
    pits = depth > (0.75 * depth.max() if number % 2 else torch.inf)
    shadow = 1 - 0.5 * torch.sigmoid(6 * (_blot(noise[2], 8) - 1.5))
    rough = torch.where(pits, 0.45 + 0.15 * noise[3], 1.0)
    image = torch.from_numpy(look[:3, None, None]).float() * light * shadow * rough
    name = f"place{number // 2 % 8}_{number:04}.png"
    return MaskedImage(name, (255 * image.clamp(0, 1)).to(torch.uint8), pits.long())


def _blot(noise: Tensor, width: int) -> Tensor:
    """Return noise `(height, width)` smoothed twice, with variance one."""
    for _ in range(2):
        noise = F.avg_pool2d(noise[None], 2 * width + 1, stride=1, padding=width)[0]
    return noise / noise.std()
