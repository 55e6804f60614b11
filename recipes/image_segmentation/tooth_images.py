"""Generated images in the style of X-rays of teeth, with a class for each pixel."""

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from seqae.datasets import MaskedImage

CLASSES = ("background", "bone", "tooth", "filling", "caries")
PLACES = 16  # patients, each with an exposure and a jaw of its own


def tooth_images(count: int, size: int = 64, seed: int = 0) -> list[MaskedImage]:
    """Return grey images of three teeth in bone, some with fillings and caries, and their masks.

    Brightness alone tells few pixels: bone is as bright as the root of a tooth, caries as dark as what lies behind it,
    and every place has another exposure. Names contain the place.

    Args:
        count: The number of images.
        size: Height and width in pixels.
        seed: Seed of the images.
    """
    random = np.random.default_rng(seed)
    places = random.uniform([0.6, 0.0, 0.5, 0.9], [1.0, 0.15, 0.62, 1.15], (PLACES, 4))  # gain, haze, crest, width
    return [_tooth_image(number, size, places[number % PLACES], random) for number in range(count)]


def _tooth_image(number: int, size: int, place: np.ndarray, random: np.random.Generator) -> MaskedImage:
    gain, haze, crest, width = place
    down, across = np.mgrid[0 : 1 : size * 1j, 0 : 1 : size * 1j]
    mask, light = np.zeros((size, size), dtype=np.int64), np.full((size, size), 0.15)
    bone = down > crest + 0.03 * np.sin(9 * across + random.uniform(0, 6))
    structure = gaussian_filter(random.normal(size=(size, size)), 1.5)
    mask[bone], light[bone] = 1, 0.5 + 0.06 * structure[bone] / structure.std()
    for middle in (0.17, 0.5, 0.83):
        x, y = across - middle - random.uniform(-0.03, 0.03), down - random.uniform(-0.04, 0.04)
        depth = (x / (0.13 * width)) ** 2 + ((y - 0.36) / 0.2) ** 2  # 1 on the edge of the crown
        tooth = (depth < 1) | ((np.abs(x) < 0.1 * width * (0.95 - y) / 0.5) & (y > 0.42) & (y < 0.9))
        mask[tooth], light[tooth] = 2, np.where((depth < 1) & (depth > 0.55) & (y < 0.45), 0.78, 0.55)[tooth]
        if random.random() < 0.5:
            turn, reach = random.uniform(-0.05, 0.05), random.uniform(0.04, 0.07)
            filling = tooth & (((x - turn) / reach) ** 2 + ((y - 0.25) / (0.8 * reach)) ** 2 < 1)
            mask[filling], light[filling] = 3, 0.97
        if random.random() < 0.5:
            side, height = random.choice([-0.1, 0.1]) * width, random.uniform(0.3, 0.42)
            hole = tooth & (((x - side) / 0.05) ** 2 + ((y - height) / 0.06) ** 2 < 1)
            mask[hole], light[hole] = 4, 0.25
    light = gain * gaussian_filter(light, 0.6) + haze + 0.03 * random.normal(size=light.shape)
    pixels = torch.from_numpy((255 * light.clip(0, 1)).astype(np.uint8))[None]
    return MaskedImage(f"place{number % PLACES:02}_{number:04}.png", pixels, torch.from_numpy(mask))
