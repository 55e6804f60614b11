"""An `embed` for readings with missing values."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MissingValueEmbedding(nn.Module):
    """Zeros for missing values (NaN), and beside each value a flag, 1 if it is present.

    Zero is the mean of a channel that is scaled; the flag distinguishes a missing value from one that is zero.
    """

    def forward(self, steps: Tensor) -> Tensor:
        """Return `(steps, 2 * channel)`, given readings `(steps, channel)`."""
        missing = steps.isnan()
        return torch.cat([steps.masked_fill(missing, 0.0), (~missing).to(steps.dtype)], dim=-1)
