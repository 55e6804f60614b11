"""Dropout that does not wait for random numbers."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class FastDropout(nn.Module):
    """Sets a share of all numbers to zero while training and makes up for it with the others, as `nn.Dropout` does.

    Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html. A random byte decides on each number, so
    that shares are multiples of 1/256; on a CPU torch spends most of a small model's dropout on better random numbers.

    Args:
        p: Of the numbers.
    """

    def __init__(self, p: float = 0.5):
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"a share of {p} to be dropped. Expected one from 0 up to, but not, 1")
        self.p = p

    def forward(self, values: Tensor) -> Tensor:
        """Return values of the same shape."""
        dropped = min(round(256 * self.p), 255)
        if not self.training or not dropped:
            return values
        draws = torch.empty(-(-values.numel() // 8), dtype=torch.int64, device=values.device)
        coins = draws.random_(-(2**63), None).view(torch.uint8)[: values.numel()].view(values.shape)
        return values * (coins >= dropped).to(values.dtype).mul_(256 / (256 - dropped))
