"""Dropout with cheap random numbers."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class FastDropout(nn.Module):
    """Sets values to zero at random while training and scales up the others, as `nn.Dropout` does.

    Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html. One random byte decides on each value, so
    that probabilities are multiples of 1/256: on a CPU the random numbers of torch take most of dropout's time.

    Args:
        p: Probability with which a value is set to zero.

    Raises:
        ValueError: `p` is no probability below 1.
    """

    def __init__(self, p: float = 0.5):
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"a dropout probability of {p}. Expected one from 0 up to, but not, 1")
        self.p = p

    def forward(self, values: Tensor) -> Tensor:
        """Return values of the same shape, any `(*shape)`."""
        dropped = min(round(256 * self.p), 255)
        if not self.training or not dropped:
            return values
        draws = torch.empty(-(-values.numel() // 8), dtype=torch.int64, device=values.device)
        drawn_bytes = draws.random_(-(2**63), None).view(torch.uint8)[: values.numel()].view(values.shape)
        return values * (drawn_bytes >= dropped).to(values.dtype).mul_(256 / (256 - dropped))
