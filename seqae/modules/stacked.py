"""Stacked layers, from a batch to a batch each.

`LSTM`, `GRU` and `Convolutions` are such layers; `TimeDistributed` turns any layers of torch into one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from seqae.batch import Batch
from seqae.modules.encoders import Encoder
from seqae.modules.pooling import last_step


class TimeDistributed(nn.Module):
    """Layers that are applied to each step separately, such as fully connected layers, or convolutions of images.

    Args:
        layers: Maps steps `(steps, *step)` to steps `(steps, *output)`; padding never reaches them.
    """

    def __init__(self, layers: nn.Module):
        super().__init__()
        self.layers = layers

    def forward(self, batch: Batch) -> Batch:
        """Return `(batch, time, *output)`, given `(batch, time, *step)`."""
        return batch.map(self.layers)


class StackedEncoder(Encoder):
    """Stacked layers, then pooling to one vector per sequence.

    Args:
        layers: Modules that map a batch to a batch; the last one writes vectors `(batch, time, code_size)`.
        code_size: Length of a code.
        pool: Maps vectors to the code, see `seqae.modules.pooling`; the default suits images, which have one step.
    """

    def __init__(self, layers: Sequence[nn.Module], code_size: int, pool: Callable[[Batch], Tensor] = last_step):
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.code_size = code_size
        self.pool = pool

    def forward(self, batch: Batch) -> Tensor:
        """Return the codes, `(batch, code_size)`, given steps `(batch, time, *step)`."""
        return self.pool(self.layers(batch))
