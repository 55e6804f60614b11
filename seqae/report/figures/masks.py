"""Segmentation masks below the images that they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from seqae._extras import require
from seqae.report.figures.fonts import with_readable_text
from seqae.report.figures.images import image_rows_figure
from seqae.report.figures.style import matplotlib

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

    from seqae.datasets.masks import MaskedImage


def masks_figure(
    examples: Sequence[MaskedImage],
    predictions: Sequence[Tensor],
    class_names: Sequence[str] = ("background", "foreground"),
    max_images: int = 10,
    title: str = "",
) -> Figure:
    """Draw images, their masks, and the predicted masks.

    Black is the background, and white the other class; of several classes, each has a colour and a name in the legend,
    the later the lighter.

    Args:
        examples: The images; those of the first one's size are drawn, and only those with a class beside the
            background if there are such.
        predictions: A predicted mask for each image, (height, width) integers, -1 where unknown.
        class_names: The name of each class, the background first.
        max_images: The largest number of images, taken evenly from first to last.
        title: The title of the picture.
    """
    size = examples[0].mask.shape
    same_size = [index for index, each in enumerate(examples) if each.mask.shape == size]
    candidates = [index for index in same_size if (examples[index].mask > 0).any()] or same_size
    positions = np.unique(np.linspace(0, len(candidates) - 1, max_images).astype(int))
    chosen = [candidates[position] for position in positions]
    shades = _colours(len(class_names))

    def coloured(masks: Sequence[Tensor]) -> np.ndarray:
        return np.stack([shades[masks[index].clamp(min=0).numpy()] for index in chosen]).transpose(0, 3, 1, 2)

    images = np.stack([np.broadcast_to(examples[index].pixels.numpy(), (3, *size)) for index in chosen]) / 255
    masks = coloured([each.mask for each in examples])
    figure = image_rows_figure({"image": images, "target": masks, "prediction": coloured(predictions)}, title)
    if len(class_names) > 2:
        patch = require("matplotlib.patches", extra="report", purpose="drawing pictures").Patch
        handles = [patch(facecolor=shade, edgecolor="black", label=name) for shade, name in zip(shades, class_names)]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(class_names), frameon=False)
    return with_readable_text(figure)


def _colours(count: int) -> np.ndarray:
    """Return a colour for each class, (class, 3): black and white, or colours from dark to light, also in grey."""
    if count == 2:
        return np.array([[0.0] * 3, [1.0] * 3])
    return np.array([[0.0] * 3, *(matplotlib().colormaps["plasma"](np.linspace(0.25, 1, count - 1))[:, :3])])
