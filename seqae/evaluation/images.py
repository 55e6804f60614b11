"""Metrics between images and targets, arrays `(images, channel, height, width)` from 0 to 1: one value an image."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

_CHUNK = 500  # images that are compared at a time, so that memory stays small


def squared_distance(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the squared error summed over the pixels, `(images,)`.

    As in Hinton & Salakhutdinov 2006, https://doi.org/10.1126/science.1127647.

    Args:
        prediction: Images `(images, channel, height, width)`.
        target: Images of the same shape.
    """
    return np.square(prediction.astype(np.float64) - target).reshape(len(target), -1).sum(axis=1)


def image_cross_entropy(prediction: np.ndarray, target: np.ndarray, eps: float = 1e-7) -> np.ndarray:
    """Return the mean binary cross-entropy in nats per pixel, `(images,)`.

    Args:
        prediction: Probabilities of white, `(images, channel, height, width)`.
        target: Values from 0 to 1, the same shape.
        eps: Probabilities are clipped to `eps..1 - eps`: a wrong 0 or 1 would cost infinitely much.
    """
    probability = prediction.astype(np.float64).clip(eps, 1 - eps)
    nats = -(target * np.log(probability) + (1 - target) * np.log1p(-probability))
    return nats.reshape(len(target), -1).mean(axis=1)


def psnr(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the peak signal-to-noise ratio in decibels, `(images,)`: 10 more for a tenth of the squared error.

    Args:
        prediction: `(images, channel, height, width)` from 0 to 1.
        target: Images of the same shape.
    """
    pixels = target[0].size
    return -10 * np.log10(np.maximum(squared_distance(prediction, target) / pixels, 1e-12))


def ssim(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the structural similarity, `(images,)`: 1 for the same image.

    Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861: Gaussian windows of 11 x 11 pixels with deviation 1.5,
    those within the image; for smaller images, windows as large as fit.

    Args:
        prediction: `(images, channel, height, width)` from 0 to 1.
        target: Images of the same shape.
    """
    starts = range(0, len(target), _CHUNK)
    return np.concatenate([_ssim(prediction[at : at + _CHUNK], target[at : at + _CHUNK]) for at in starts])


def _ssim(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    one, other = (torch.from_numpy(np.asarray(images, dtype=np.float64)) for images in (prediction, target))
    side = min(11, *one.shape[2:])
    window = torch.exp(-((torch.arange(side, dtype=torch.float64) - (side - 1) / 2) ** 2) / (2 * 1.5**2))
    window = (window / window.sum()).reshape(1, 1, side, 1)

    def blurred(images: torch.Tensor) -> torch.Tensor:
        maps = F.conv2d(F.conv2d(images.flatten(0, 1).unsqueeze(1), window), window.mT)
        return maps.unflatten(0, images.shape[:2]).squeeze(2)

    mean, other_mean = blurred(one), blurred(other)
    variance, other_variance = blurred(one * one) - mean**2, blurred(other * other) - other_mean**2
    covariance = blurred(one * other) - mean * other_mean
    luminance = (2 * mean * other_mean + 0.01**2) / (mean**2 + other_mean**2 + 0.01**2)
    structure = (2 * covariance + 0.03**2) / (variance + other_variance + 0.03**2)
    return (luminance * structure).flatten(start_dim=1).mean(dim=1).numpy()
