"""From a batch of vectors `(batch, time, size)` to one vector per sequence, `(batch, size)`."""

from __future__ import annotations

import torch
from torch import Tensor

from seqae.batch import Batch


def last_step(batch: Batch) -> Tensor:
    """Return each sequence's last vector, `(batch, size)`."""
    return batch.values[torch.arange(len(batch), device=batch.values.device), batch.lengths - 1]


def mean_over_time(batch: Batch) -> Tensor:
    """Return the mean vector of each sequence, `(batch, size)`."""
    return batch.zero_padded().values.sum(dim=1) / batch.lengths.unsqueeze(1)


def max_over_time(batch: Batch) -> Tensor:
    """Return the largest value of each sequence in each place of the vector, `(batch, size)`."""
    if batch.is_full:
        return batch.values.amax(dim=1)
    lowest = torch.finfo(batch.values.dtype).min
    return torch.where(batch.mask.unsqueeze(-1), batch.values, lowest).amax(dim=1)
