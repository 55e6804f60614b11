"""Segmentation masks below the images that they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from seqae.report.figures.images import image_rows_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

    from seqae.datasets.masks import MaskedImage


def masks_figure(
    examples: Sequence[MaskedImage],
    predictions: Sequence[Tensor],
    num_classes: int = 2,
    max_images: int = 10,
    title: str = "",
) -> Figure:
    """Draw images, their masks, and the predicted masks. Black is the background, white the last class.

    Args:
        examples: The images; those of the first one's size are drawn, and only those with a class beside the
            background if there are such.
        predictions: A predicted mask for each image, (height, width) integers, -1 where unknown.
        num_classes: The number of classes of pixels.
        max_images: The largest number of images, taken evenly from first to last.
        title: The title of the picture.
    """
    size = examples[0].mask.shape
    same_size = [index for index, each in enumerate(examples) if each.mask.shape == size]
    candidates = [index for index in same_size if (examples[index].mask > 0).any()] or same_size
    positions = np.unique(np.linspace(0, len(candidates) - 1, max_images).astype(int))
    chosen = [candidates[position] for position in positions]
    channels = len(examples[0].pixels)

    def as_grey(masks: Sequence[Tensor]) -> np.ndarray:
        grey = np.stack([masks[index].clamp(min=0).numpy() for index in chosen]) / (num_classes - 1)
        return np.repeat(grey[:, None], channels, axis=1)

    images = np.stack([examples[index].pixels.numpy() for index in chosen]) / 255
    masks = as_grey([each.mask for each in examples])
    return image_rows_figure({"image": images, "target": masks, "prediction": as_grey(predictions)}, title)
