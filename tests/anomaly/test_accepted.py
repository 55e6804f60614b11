"""What of a deviation is accepted, and what stays."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from seqae.anomaly.accepted import AcceptedDeviations, fit_accepted


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


class QuietSurprise(SquaredSurprise):
    """As above, and a squared distance of less than 1 is evidence, too."""

    quiet = np.ones((1, 2))

    def evidence(self, distances: Tensor) -> Tensor:
        return (distances - 1).abs()


def distances(accepted: AcceptedDeviations, *rows: tuple[list[float], list[float]]) -> list[list[float]]:
    """Return the distances of windows, `(window, channel)`."""
    return accepted.distances(windows(*rows), torch.from_numpy(QuietSurprise.quiet))[0].tolist()


def test_what_remains_beside_an_accepted_deviation_is_not_quieter_than_usual():
    deviation = ([3.0, 4.0], [1.0, 0.0])
    accepted = fit_accepted(windows(deviation), QuietSurprise(), 0.0, 0.0, None)
    assert distances(accepted, deviation) == [[1, 1]]


@pytest.mark.parametrize("other", [[1.0, 0.0], [0.5, 0.0]], ids=["usual", "quiet"])
def test_one_of_the_channels_alone_is_not_what_was_accepted_of_both(other: list[float]):
    accepted = fit_accepted(windows(([3, 4], [3, 4])), QuietSurprise(), 0.0, 0.0, None)
    multiple = (25 + 3 * other[0]) / 50  # about half of the pattern is nearest, and far from the other channel
    remaining = [
        sum((own - multiple * part) ** 2 for own, part in zip(channel, (3, 4))) / (1 + multiple**2)
        for channel in ([3.0, 4.0], other)
    ]
    np.testing.assert_allclose(distances(accepted, ([3.0, 4.0], other)), [remaining])
    assert min(remaining) > 3


def test_windows_as_quiet_as_accepted_ones_count_as_usual_and_quieter_ones_do_not():
    quiet, quieter, loud = ([0.5, 0.0], [1.0, 0.0]), ([0.25, 0.0], [1.0, 0.0]), ([3.0, 4.0], [1.0, 0.0])
    accepted = fit_accepted(windows(quiet), QuietSurprise(), 0.0, 0.0, None)
    assert distances(accepted, quiet, quieter) == [[1, 1], [0.0625, 1]]
    more = fit_accepted(windows(loud), QuietSurprise(), 0.0, 0.0, accepted)
    assert distances(more, quiet, quieter) == [[1, 1], [0.0625, 1]], "what was accepted before stays so"


def test_a_span_that_is_as_usual_accepts_nothing():
    quiet = ([0.5, 0.0], [1.0, 0.0])
    accepted = fit_accepted(windows(quiet), QuietSurprise(), 2.0, 0.0, None)
    assert not len(accepted.patterns) and distances(accepted, quiet) == [[0.25, 1]]


def test_windows_are_compared_from_the_least_evidence_on_that_any_span_asked_for():
    loud = windows(([3.0, 4.0], [1.0, 0.0]))
    before = fit_accepted(loud, SquaredSurprise(), 0.0, 2.0, None)
    assert [fit_accepted(loud, SquaredSurprise(), 0.0, least, before).least for least in (1.0, 3.0)] == [1.0, 2.0]
