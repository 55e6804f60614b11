"""Layers that stand on each other: each reads a batch and writes a batch.

A recurrence (`LSTM`, `GRU`) and `Convolutions` are such layers already; `TimeDistributed` makes one of any layers of torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from seqae.batch import Batch
from seqae.modules.encoders import Encoder
from seqae.modules.pooling import last_step


class TimeDistributed(nn.Module):
    """Layers that read each step by itself, such as fully connected ones, or convolutions of an image.

    Args:
        layers: From steps `(steps, *step)` to steps; padding never reaches them.
    """

    def __init__(self, layers: nn.Module):
        super().__init__()
        self.layers = layers

    def forward(self, batch: Batch) -> Batch:
        return batch.map(self.layers)


class StackedEncoder(Encoder):
    """Layers one after the other, then one vector per sequence.

    Args:
        layers: From a batch to a batch each; the last one writes vectors `(batch, time, code_size)`.
        code_size: Length of a code.
        pool: From vectors to the code, see `seqae.modules.pooling`; an image has one step, which is its last.
    """

    def __init__(self, layers: Sequence[nn.Module], code_size: int, pool: Callable[[Batch], Tensor] = last_step):
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.code_size = code_size
        self.pool = pool

    def forward(self, batch: Batch) -> Tensor:
        return self.pool(self.layers(batch))
