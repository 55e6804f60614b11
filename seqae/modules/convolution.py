"""Convolutions over time of padded batches."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

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
            StepConvolution(size, after, kernel_size, dilation=2**depth) for depth, (size, after) in enumerate(pairs)
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
            written = F.silu(convolution(F.pad(batch.values, (0, 0, before, reach - before))))
            batch = Batch(written + shortcut(batch.values), batch.lengths)
        return batch


class StepConvolution(nn.Conv1d):
    """A convolution of vectors as they lie in a batch.

    They are images of one row, for which torch has convolutions that read the channels last: without transposing them
    it takes half the time.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return `(batch, time, out_channels)`, given `(batch, time, in_channels)`."""
        row, kernel = input.transpose(1, 2).unsqueeze(2), self.weight.unsqueeze(2)
        return F.conv2d(row, kernel, self.bias, dilation=(1, *self.dilation)).squeeze(2).transpose(1, 2)
