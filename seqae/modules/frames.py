"""Frames of films, `(frame, channel, height, width)`: `embed` and `head` for recurrences over them.

Units leak, since a recurrence moves what reaches the head: all units of a thin layer of plain ReLU can be off at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from seqae.modules.images import ChannelsLast, Crop, shrunk


def frame_embed(size: tuple[int, int, int], channels: Sequence[int], vector: int) -> nn.Sequential:
    """Return an embed: convolutions that halve height and width, and one vector for each frame.

    From frames `(frame, *size)` to `(frame, vector)`. Strides in place of pooling (Springenberg et al. 2014,
    https://arxiv.org/abs/1412.6806), which would compute three of four values for nothing.

    Args:
        size: Channels, height and width of a frame.
        channels: Maps that each layer writes.
        vector: Length of the vector.
    """
    rows, columns = shrunk(*size[1:], len(channels))
    layers: list[nn.Module] = []
    for before, after in pairwise([size[0], *channels]):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.LeakyReLU(0.1)]
    flat = nn.Linear(channels[-1] * rows * columns, vector)
    return nn.Sequential(ChannelsLast(nn.Sequential(*layers)), nn.Flatten(), flat)


def frame_head(vector: int, channels: Sequence[int], size: tuple[int, int, int], start: float = 0.0) -> nn.Sequential:
    """Return a head, the mirror of `frame_embed`: transposed convolutions that double height and width.

    From vectors `(frame, vector)` to logits or values `(frame, *size)`.

    Args:
        vector: Length of the vector.
        channels: Maps that each layer reads, the mirror of those of the embed.
        size: Channels, height and width of a frame.
        start: What is written before anything is learnt. Give the mean, or its logit: dark frames take long to find.
    """
    rows, columns = shrunk(*size[1:], len(channels))
    layers: list[nn.Module] = []
    for before, after in pairwise([*channels, size[0]]):
        layers += [nn.ConvTranspose2d(before, after, 4, stride=2, padding=1), nn.LeakyReLU(0.1)]
    nn.init.constant_(layers[-2].bias, start)
    spread = nn.Linear(vector, channels[0] * rows * columns)
    unflatten = nn.Unflatten(1, (channels[0], rows, columns))
    return nn.Sequential(
        spread, nn.LeakyReLU(0.1), unflatten, ChannelsLast(nn.Sequential(*layers[:-1])), Crop(*size[1:])
    )
