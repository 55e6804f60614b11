"""Features of mouths: principal components of two frames at a time, of shifted and mirrored copies."""

import torch
from torch import Tensor, nn

import seqae
from seqae.transforms import Compose, RandomHorizontalFlip, RandomTranslate, corruption_generator


def in_pairs(frames: Tensor) -> Tensor:
    """Return frames `(time, 1, height, width)` without their mean, two in a step: `(time // 2, 2, height, width)`."""
    moving = (frames - frames.mean(dim=0))[: len(frames) // 2 * 2]
    return moving.reshape(-1, 2, *moving.shape[2:])


def principal_components(steps: Tensor, count: int) -> seqae.TimeDistributed:
    """Return a layer that writes the first principal components of steps `(step, *size)`, `(batch, time, count)`.

    Components have deviation 1, the smallest ones less: noise is not amplified.
    """
    rows = steps.flatten(1)
    mean, layer = rows.mean(dim=0), nn.Linear(rows.shape[1], count)
    _, sizes, axes = torch.svd_lowrank(rows - mean, q=2 * count, niter=4)
    deviations = sizes[:count] / len(rows) ** 0.5
    with torch.no_grad():
        layer.weight.copy_(axes[:, :count].T / deviations.clamp(min=0.15 * float(deviations[0]))[:, None])
        layer.bias.copy_(-layer.weight @ mean)
    return seqae.TimeDistributed(nn.Sequential(nn.Flatten(), layer))


def shifted_views(embed: nn.Module, clips: list[Tensor], views: int, seed: int) -> list[Tensor]:
    """Return the components `(time, components)` of shifted and mirrored copies of clips."""
    change, codes = Compose((RandomTranslate(2, 3), RandomHorizontalFlip())), []
    with torch.no_grad():
        for view in range(views):
            for first in range(0, len(clips), 20):
                batch = seqae.Batch.of(clips[first : first + 20])
                codes += embed(change(batch, corruption_generator(seed, view, first))).unpad()
    return codes
