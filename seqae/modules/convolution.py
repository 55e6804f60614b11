"""Convolutions over time of padded batches."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from torch import nn

from seqae.batch import Batch


class Convolutions(nn.Module):
    """Dilated convolutions over time with residual connections; the length stays.

    Bai et al. 2018, https://arxiv.org/abs/1803.01271. The padding is zeroed before each layer, since
    each one writes into it.

    Args:
        input_size: Length of the vector read at each step.
        channels: Length of the vector written by each layer; layer i is dilated by 2**i.
        kernel_size: Steps that a layer reads for each step that it writes.
        causal: Whether a layer reads no later steps.
    """

    def __init__(self, input_size: int, channels: Sequence[int], kernel_size: int = 3, causal: bool = False):
        super().__init__()
        self.input_size = input_size
        self.channels = tuple(channels)
        self.kernel_size = kernel_size
        self.causal = causal
        sizes = [input_size, *self.channels]
        pairs = list(pairwise(sizes))
        self.convolutions = nn.ModuleList(
            nn.Conv1d(size, after, kernel_size, dilation=2**depth) for depth, (size, after) in enumerate(pairs)
        )
        self.shortcuts = nn.ModuleList(
            nn.Identity() if size == after else nn.Linear(size, after) for size, after in pairs
        )

    @property
    def output_size(self) -> int:
        """Length of the vector written at each step."""
        return self.channels[-1]

    def forward(self, batch: Batch) -> Batch:
        """Return vectors `(batch, time, output_size)` given `(batch, time, input_size)`."""
        for depth, (convolution, shortcut) in enumerate(zip(self.convolutions, self.shortcuts)):
            batch = batch.mask_padding()
            reach = 2**depth * (self.kernel_size - 1)
            before = reach if self.causal else reach // 2
            padded = F.pad(batch.values.transpose(1, 2), (before, reach - before))
            written = F.silu(convolution(padded)).transpose(1, 2)
            batch = Batch(written + shortcut(batch.values), batch.lengths)
        return batch
