"""What stands between steps and vectors: `embed` at an encoder, `head` at a decoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MissingValueEmbedding(nn.Module):
    """Zeros for missing values (NaN), and beside each value whether it is there.

    With readings scaled to mean zero, zero says nothing; the flag says that it says nothing.
    `(steps, channel)` becomes `(steps, 2 * channel)`.
    """

    def forward(self, steps: Tensor) -> Tensor:
        missing = steps.isnan()
        return torch.cat([steps.masked_fill(missing, 0.0), (~missing).to(steps.dtype)], dim=-1)
