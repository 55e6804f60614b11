"""Positions of steps as features, counted from both ends of a sequence, and its length."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def positional_features(lengths: Tensor, time: int, frequencies: int) -> Tensor:
    """Return sines and cosines of the positions from the start and from the end, `(batch, time, 4 * frequencies)`.

    Their periods are 4, 8, 16, ... steps (Vaswani et al. 2017, https://arxiv.org/abs/1706.03762).

    Args:
        lengths: The number of steps of each sequence, `(batch,)`.
        time: The number of steps of the longest sequence.
        frequencies: The number of periods.
    """
    steps = torch.arange(time, device=lengths.device)
    to_end = lengths.unsqueeze(1) - 1 - steps
    return torch.cat([_waves(steps.expand_as(to_end), frequencies), _waves(to_end, frequencies)], dim=-1)


def with_log_length(vectors: Tensor, lengths: Tensor) -> Tensor:
    """Return vectors `(batch, size)` with the logarithm of each sequence's length `(batch,)`, `(batch, size + 1)`.

    A pooled vector holds little of the length, which a decoder that tells it needs.
    """
    return torch.cat([vectors, lengths.to(vectors.dtype).log().unsqueeze(1)], dim=1)


def _waves(steps: Tensor, frequencies: int) -> Tensor:
    periods = 4.0 * 2.0 ** torch.arange(frequencies, device=steps.device)
    angles = 2 * math.pi * steps.unsqueeze(-1) / periods
    return torch.cat([angles.sin(), angles.cos()], dim=-1)
