"""From evidence in windows to evidence in rows: what a window says is attributed to the rows that are off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from seqae.anomaly.localization_kernel import Weights, localized
from seqae.anomaly.windows import largest_in_windows, least_lately, least_over_windows, mean_over_windows

COARSE_WEIGHT = 0.5  # of a coarser resolution beside the finest one
LEAST_WEIGHT = 3.0  # of the least window beside the mean one, where evidence is divided among the channels
LASTING_WEIGHT = 0.03  # of what a channel has had all the time before, beside what it has more


@dataclass(frozen=True)
class Localization:
    """Attributes the evidence in windows to rows and channels.

    A row has as much evidence as the least of the windows that cover it: beside a fault, some window is without it. A
    long window says again what short ones within it say better. So only what exceeds the largest fine evidence in its
    rows counts, which leaves no echo of a short fault in the rows around it.

    The channels share it by the windows that cover the row, as far as they have more evidence than in all of the rows
    before: a channel that has been off for long is not the one that goes wrong now.

    Attributes:
        lengths: The number of rows that a window covers, for each resolution, finest first.
    """

    lengths: tuple[int, ...]

    @property
    def reach(self) -> int:
        """How many rows on either side the evidence of a row depends on."""
        return self.lengths[0] - 1 + self.rows_before

    @property
    def rows_before(self) -> int:
        """With how many rows before it the channels of a row are compared."""
        return max((length - 1 for length in self.lengths[1:]), default=0)

    def of_rows(self, evidence: Sequence[Tensor | None]) -> Tensor:
        """Return the evidence in rows, `(row, channel)`.

        Args:
            evidence: `(window, channel)` for each resolution; None where there are fewer rows than a window covers.
        """
        finest = evidence[0]
        assert finest is not None
        weights = Weights(COARSE_WEIGHT, LEAST_WEIGHT, LASTING_WEIGHT)
        known, lengths = zip(
            *((values, length) for values, length in zip(evidence, self.lengths) if values is not None)
        )
        if (found := localized(known, lengths, self.rows_before, weights)) is not None:
            return found
        total = fine = _least(finest, self.lengths[0], self.rows_before)
        fine_sum = fine.sum(dim=1, keepdim=True)
        for values, length in zip(evidence[1:], self.lengths[1:]):
            if values is not None:
                sums = values.sum(dim=1, keepdim=True)
                unexplained = (sums - largest_in_windows(fine_sum, length)).clamp(min=0)
                total = total + COARSE_WEIGHT * _least(values * (unexplained / _nonzero(sums)), length)
        return total

    def of_last_rows(self, evidence: Sequence[Tensor | None], first: int = 0) -> Tensor:
        """Return what `of_rows` would say of the last row of each window if no row followed, `(window, channel)`.

        The sum over channels is the same; they share it by the latest windows alone. One window of each resolution ends
        there. Of the rows in the coarser one, those in the finest one have at most the evidence of the finest; all
        windows around the rows before are known.

        Args:
            evidence: As for `of_rows`.
            first: The first window at the finest resolution whose last row is meant.
        """
        finest = evidence[0]
        assert finest is not None
        sums = finest.sum(dim=1, keepdim=True)
        total = finest[first:]
        fine_sum = least_over_windows(sums, self.lengths[0])[: len(sums)]
        for values, length in zip(evidence[1:], self.lengths[1:]):
            if values is not None:
                skipped = max(first - (length - self.lengths[0]), 0)  # windows that end before the rows that are meant
                values, before = values[skipped:], fine_sum[skipped:]
                explained = torch.maximum(
                    largest_in_windows(before, length - self.lengths[0] + 1), sums[len(sums) - len(values) :]
                )
                own = values.sum(dim=1, keepdim=True)
                coarse = values * ((own - explained).clamp(min=0) / _nonzero(own))
                total = total + COARSE_WEIGHT * F.pad(coarse, (0, 0, len(total) - len(coarse), 0))
        return total


def _least(evidence: Tensor, length: int, rows_before: int = 0) -> Tensor:
    """Return the evidence of the least window that covers each row, divided among the channels, `(row, channel)`.

    Args:
        evidence: `(window, channel)`.
        length: The number of rows in a window.
        rows_before: With how many rows before it the channels of a row are compared.
    """
    total = least_over_windows(evidence.sum(dim=1, keepdim=True), length)
    parts = mean_over_windows(evidence, length) + LEAST_WEIGHT * least_over_windows(evidence, length)
    if rows_before:
        parts = parts - (1 - LASTING_WEIGHT) * least_lately(parts, rows_before)
    return total * parts / _nonzero(parts.sum(dim=1, keepdim=True))


def _nonzero(values: Tensor) -> Tensor:
    return values.clamp(min=torch.finfo(torch.float64).tiny)
