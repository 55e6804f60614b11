"""Masks beside the images that they belong to."""

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
    examples: Sequence[MaskedImage], found: Sequence[Tensor], classes: int = 2, count: int = 10, title: str = ""
) -> Figure:
    """Draw images, their masks, and the masks that were found. Black is the background, white the last class.

    Args:
        examples: The images; those of the first one's size are drawn, not all background where there are such.
        found: Masks `(height, width)`, one for each.
        classes: Of pixels.
        count: Of images at most, evenly from first to last.
        title: What is seen.
    """
    size = examples[0].mask.shape
    alike = [number for number, each in enumerate(examples) if each.mask.shape == size]
    chosen = [number for number in alike if (examples[number].mask > 0).any()] or alike
    chosen = [chosen[place] for place in np.unique(np.linspace(0, len(chosen) - 1, count).astype(int))]
    channels = len(examples[0].pixels)

    def drawn(masks: Sequence[Tensor]) -> np.ndarray:
        grey = np.stack([masks[number].clamp(min=0).numpy() for number in chosen]) / (classes - 1)
        return np.repeat(grey[:, None], channels, axis=1)

    images = np.stack([examples[number].pixels.numpy() for number in chosen]) / 255
    return image_rows_figure(
        {"image": images, "truth": drawn([each.mask for each in examples]), "found": drawn(found)}, title
    )
