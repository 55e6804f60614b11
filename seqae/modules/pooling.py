"""Pooling: from a batch of vectors `(batch, time, size)` to one vector per sequence."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from seqae.batch import Batch

_MOST_SEGMENTS = 2**16


def last_step(batch: Batch) -> Tensor:
    """Return the last vector of each sequence, `(batch, size)`."""
    return batch.values[torch.arange(batch.values.shape[0], device=batch.values.device), batch.lengths - 1]


def mean_over_time(batch: Batch) -> Tensor:
    """Return the mean vector of each sequence, `(batch, size)`."""
    return batch.mask_padding().values.sum(dim=1) / batch.lengths.unsqueeze(1)


def max_over_time(batch: Batch) -> Tensor:
    """Return the maximum over time of each component of the vectors, `(batch, size)`."""
    if batch.is_unpadded:
        return batch.values.amax(dim=1)
    lowest = torch.finfo(batch.values.dtype).min
    return torch.where(batch.mask.unsqueeze(-1), batch.values, lowest).amax(dim=1)


@dataclass(frozen=True)
class SegmentMeanPooling:
    """The mean vector of each of several segments of a sequence.

    The segments are equally long but for rounding to whole steps. Neighbouring segments may overlap in one step, so
    that a sequence may have fewer steps than segments.

    Attributes:
        num_segments: Segments of each sequence.

    Raises:
        ValueError: `num_segments` is below 1, or above 65,536.
    """

    num_segments: int

    def __post_init__(self) -> None:
        if not 1 <= self.num_segments <= _MOST_SEGMENTS:
            raise ValueError(
                f"{self.num_segments} segments. Give 1 to {_MOST_SEGMENTS}, each of which is a part of a code"
            )

    def __call__(self, batch: Batch) -> Tensor:
        """Return the means, segment after segment, `(batch, num_segments * size)`."""
        lengths = batch.lengths.unsqueeze(1)
        edges = torch.arange(self.num_segments + 1, device=lengths.device) * lengths
        begin, end = edges[:, :-1] // self.num_segments, -(-edges[:, 1:] // self.num_segments)
        sums = F.pad(batch.mask_padding().values, (0, 0, 1, 0)).cumsum(dim=1)
        rows = torch.arange(batch.values.shape[0], device=lengths.device).unsqueeze(1)
        return ((sums[rows, end] - sums[rows, begin]) / (end - begin).unsqueeze(2)).flatten(1)
