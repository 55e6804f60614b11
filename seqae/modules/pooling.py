"""From a batch of vectors `(batch, time, size)` to one vector per sequence, `(batch, size)`."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from seqae.batch import Batch


def last_step(batch: Batch) -> Tensor:
    """Return each sequence's last vector, `(batch, size)`."""
    return batch.values[torch.arange(len(batch), device=batch.values.device), batch.lengths - 1]


def mean_over_time(batch: Batch) -> Tensor:
    """Return the mean vector of each sequence, `(batch, size)`."""
    return batch.mask_padding().values.sum(dim=1) / batch.lengths.unsqueeze(1)


def max_over_time(batch: Batch) -> Tensor:
    """Return the largest value of each sequence in each place of the vector, `(batch, size)`."""
    if batch.is_unpadded:
        return batch.values.amax(dim=1)
    lowest = torch.finfo(batch.values.dtype).min
    return torch.where(batch.mask.unsqueeze(-1), batch.values, lowest).amax(dim=1)


@dataclass(frozen=True)
class SegmentMeanPooling:
    """Gives the mean vector in each part of a sequence, one part after the other, `(batch, parts * size)`.

    Parts are equally long and begin and end with whole steps, so that neighbours may share one, and a sequence may be
    shorter than there are parts.

    Attributes:
        num_segments: Of each sequence.
    """

    num_segments: int

    def __call__(self, batch: Batch) -> Tensor:
        lengths = batch.lengths.unsqueeze(1)
        edges = torch.arange(self.num_segments + 1, device=lengths.device) * lengths
        begin, end = edges[:, :-1] // self.num_segments, -(-edges[:, 1:] // self.num_segments)
        sums = F.pad(batch.mask_padding().values, (0, 0, 1, 0)).cumsum(dim=1)
        rows = torch.arange(len(batch), device=lengths.device).unsqueeze(1)
        return ((sums[rows, end] - sums[rows, begin]) / (end - begin).unsqueeze(2)).flatten(1)
