"""How far images are from the truth: arrays `(image, channel, height, width)` from 0 to 1, one number an image."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

_PART = 500  # images that are compared at a time: memory stays small


def squared_distance(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the squared error summed over the pixels, `(image,)`, as in Hinton & Salakhutdinov 2006."""
    return np.square(prediction.astype(np.float64) - target).reshape(len(target), -1).sum(axis=1)


def image_cross_entropy(prediction: np.ndarray, target: np.ndarray, least: float = 1e-7) -> np.ndarray:
    """Return the mean nats per pixel of probabilities, `(image,)`.

    Args:
        prediction: Probabilities of white.
        target: 0 or 1, or between.
        least: What is nearer to 0 or 1 is taken as this far from it: a wrong certainty would cost infinitely much.
    """
    chance = prediction.astype(np.float64).clip(least, 1 - least)
    nats = -(target * np.log(chance) + (1 - target) * np.log1p(-chance))
    return nats.reshape(len(target), -1).mean(axis=1)


def psnr(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the peak signal-to-noise ratio in decibels, `(image,)`: 10 more for a tenth of the squared error."""
    pixels = target[0].size
    return -10 * np.log10(np.maximum(squared_distance(prediction, target) / pixels, 1e-12))


def ssim(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the structural similarity, `(image,)`: 1 for the same image.

    Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861: Gaussian windows of 11 x 11 pixels with deviation 1.5,
    those that lie in the image; of smaller images, windows as large as fit.
    """
    parts = range(0, len(target), _PART)
    return np.concatenate([_similarity(prediction[at : at + _PART], target[at : at + _PART]) for at in parts])


def _similarity(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    one, other = (torch.from_numpy(np.asarray(images, dtype=np.float64)) for images in (found, truth))
    side = min(11, *one.shape[2:])
    bell = torch.exp(-((torch.arange(side, dtype=torch.float64) - (side - 1) / 2) ** 2) / (2 * 1.5**2))
    bell = (bell / bell.sum()).reshape(1, 1, side, 1)

    def blurred(images: torch.Tensor) -> torch.Tensor:
        maps = F.conv2d(F.conv2d(images.flatten(0, 1).unsqueeze(1), bell), bell.mT)
        return maps.unflatten(0, images.shape[:2]).squeeze(2)

    mean, other_mean = blurred(one), blurred(other)
    spread, other_spread = blurred(one * one) - mean**2, blurred(other * other) - other_mean**2
    common = blurred(one * other) - mean * other_mean
    light = (2 * mean * other_mean + 0.01**2) / (mean**2 + other_mean**2 + 0.01**2)
    structure = (2 * common + 0.03**2) / (spread + other_spread + 0.03**2)
    return (light * structure).flatten(start_dim=1).mean(dim=1).numpy()
