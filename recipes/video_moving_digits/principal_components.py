"""Principal components of single frames: a linear code of a video, as many numbers for each frame."""

from collections.abc import Callable

import torch
from torch import Tensor

from seqae.data import MovingMNIST
from seqae.datasets import SequenceDataset


def principal_components(videos: SequenceDataset | MovingMNIST, count: int) -> Callable[[Tensor], Tensor]:
    """Return a function that reconstructs frames `(..., channel, height, width)` by their principal components.

    Args:
        videos: Videos `(time, channel, height, width)` from 0 to 1, the first 600 of which are learnt from.
        count: The number of components of a frame, the largest first.
    """
    pixels = torch.cat([videos[index] for index in range(min(len(videos), 600))]).flatten(1)
    mean = pixels.mean(dim=0)
    axes = torch.linalg.svd(pixels - mean, full_matrices=False).Vh[:count].T  # in seconds, too, if there are few frames

    def reconstruct(others: Tensor) -> Tensor:
        found = mean + (others.flatten(-3) - mean) @ axes @ axes.T
        return found.clamp(0, 1).view_as(others)

    return reconstruct
