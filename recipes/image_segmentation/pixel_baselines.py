"""Baselines for segmentation: dark spots; or the class of a pixel by its place, or by its place and brightness."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from dark_spots import DarkSpots
from sklearn.ensemble import HistGradientBoostingClassifier
from torch import Tensor

from seqae.datasets import MaskedImage

_PIXELS = 100_000  # to learn from, drawn at random


def fitted_baselines(
    examples: Sequence[MaskedImage], outputs: int, seed: int
) -> dict[str, Callable[[list[Tensor]], list[Tensor]]]:
    """Return functions by name from images `(channel, height, width)`, from 0 to 1, to the classes of their pixels.

    Args:
        examples: Images to learn from.
        outputs: 1 for a class beside the background, else the number of classes.
        seed: Seed of the pixels to learn from.
    """
    if outputs == 1:
        return {"dark spots": DarkSpots.fitted(examples)}
    by_pixel = PixelClassifier(examples, seed)
    return {"brightness and place of a pixel": by_pixel, "the usual class at a place": UsualClass(examples)}


class PixelClassifier:
    """Boosted trees that read a pixel's row and column, as fractions, and its brightness, also as part of the mean."""

    def __init__(self, examples: Sequence[MaskedImage], seed: int = 0):
        rows = np.concatenate([_features(example.pixels / 255) for example in examples])
        classes = np.concatenate([example.mask.flatten().numpy() for example in examples])
        known = np.random.default_rng(seed).permutation(np.flatnonzero(classes >= 0))[:_PIXELS]
        self._trees = HistGradientBoostingClassifier(random_state=seed).fit(rows[known], classes[known])

    def __call__(self, images: Sequence[Tensor]) -> list[Tensor]:
        """Return the class of each pixel, `(height, width)`, of images `(channel, height, width)` from 0 to 1."""
        return [torch.from_numpy(self._trees.predict(_features(image))).view(image.shape[1:]) for image in images]


class UsualClass:
    """The most frequent class at each place of the first example's size."""

    def __init__(self, examples: Sequence[MaskedImage]):
        self._height, self._width = size = examples[0].mask.shape
        masks = [_resized(example.mask, *size) for example in examples]
        counts = torch.stack(
            [sum((mask == n).long() for mask in masks) for n in range(1 + max(m.max() for m in masks))]
        )
        self._mask = counts.argmax(dim=0)

    def __call__(self, images: Sequence[Tensor]) -> list[Tensor]:
        """Return the class of each pixel, `(height, width)`, of images `(channel, height, width)`."""
        return [_resized(self._mask, *image.shape[1:]) for image in images]


def _resized(mask: Tensor, height: int, width: int) -> Tensor:
    rows, columns = (torch.arange(new) * old // new for new, old in zip((height, width), mask.shape))
    return mask[rows][:, columns]


def _features(image: Tensor) -> np.ndarray:
    """Return the features of each pixel, `(pixel, feature)`."""
    grey = image.mean(dim=0)
    down, across = np.mgrid[0 : 1 : grey.shape[0] * 1j, 0 : 1 : grey.shape[1] * 1j]
    relative = grey / grey.mean().clamp(min=1e-6)
    return np.stack([down, across, grey.numpy(), relative.numpy()], axis=-1).reshape(-1, 4)
