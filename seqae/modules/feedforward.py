"""Fully connected layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn


def mlp(sizes: Sequence[int]) -> nn.Sequential:
    """Return linear layers from `(batch, sizes[0])` over all sizes to `(batch, sizes[-1])`, with SiLU between them."""
    layers: list[nn.Module] = []
    for size, after in pairwise(sizes):
        layers += [nn.Linear(size, after), nn.SiLU()]
    return nn.Sequential(*layers[:-1])
