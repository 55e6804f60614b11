"""What of a deviation is accepted, and what stays."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from seqae.anomaly.accepted import fit_accepted


class SquaredSurprise:
    """Two channels, in each of which a squared distance of up to 1 is usual; what is more is evidence."""

    usual = np.ones((1, 2))
    quiet = np.zeros((1, 2))

    def surprise(self, distances: Tensor) -> Tensor:
        return distances

    def evidence(self, distances: Tensor) -> Tensor:
        return (distances - 1).clamp(min=0)


def windows(*rows: tuple[list[float], list[float]]) -> Tensor:
    """Return the courses of two channels in each window, `(kind, channel, window, time)`."""
    return torch.tensor(rows, dtype=torch.float64).transpose(0, 1)[None]


def test_a_channel_that_is_as_usual_is_no_part_of_what_is_accepted():
    accepted = fit_accepted(windows(([3, 4], [0.6, 0])), SquaredSurprise(), 0.0, 0.0, None)
    assert accepted.patterns.tolist() == [[[[3, 4], [0, 0]]]]
    (distance,) = accepted.distances(windows(([3, 4], [2, 0])), torch.from_numpy(SquaredSurprise.quiet))[0]
    assert distance.tolist() == [0, 4], "what the other channel does meanwhile counts in full"


def test_as_few_deviations_are_kept_as_make_all_windows_usual():
    smaller, larger, other = ([3, 4], [0, 0]), ([3.3, 4.4], [0, 0]), ([0, 0], [5, 0])
    accepted = fit_accepted(windows(smaller, larger, other), SquaredSurprise(), 0.0, 0.0, None)
    assert sorted(accepted.patterns.tolist()) == sorted([[list(map(list, larger))], [list(map(list, other))]])
    more = fit_accepted(windows(([0, 0], [0, 5])), SquaredSurprise(), 0.0, 0.0, accepted)
    assert len(more.patterns) == 3 and np.array_equal(more.patterns[:2], accepted.patterns)
