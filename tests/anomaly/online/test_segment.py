import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seqae.anomaly.localization import Localization


def random_evidence(rows: int, lengths: tuple[int, ...], seed: int) -> list[Tensor | None]:
    """Evidence in three channels at each resolution, two thirds of it zero."""
    random = np.random.default_rng(seed)
    evidence: list[Tensor | None] = []
    for length in lengths:
        windows = random.exponential(size=(max(rows - length + 1, 0), 3)) * (random.random((3,)) < 0.7)
        windows *= random.random((len(windows), 1)) < 0.6
        evidence.append(torch.from_numpy(windows) if len(windows) else None)
    return evidence


@settings(max_examples=60, deadline=None)
@given(st.integers(3, 40), st.sampled_from([(3,), (3, 5), (3, 6, 12)]), st.integers(0, 2**32 - 1))
def test_of_each_last_row_it_says_what_it_says_of_the_rows_up_to_it(rows: int, lengths: tuple[int, ...], seed: int):
    localization, evidence = Localization(lengths), random_evidence(rows, lengths, seed)
    found = localization.of_last_rows(evidence)
    assert len(found) == rows - 2
    for stop in range(3, rows + 1):
        known = [
            None if each is None or stop < length else each[: stop - length + 1]
            for each, length in zip(evidence, lengths)
        ]
        torch.testing.assert_close(found[stop - 3].sum(), localization.of_rows(known)[-1].sum())
    for first in range(rows - 2):
        torch.testing.assert_close(localization.of_last_rows(evidence, first), found[first:])


@settings(max_examples=60, deadline=None)
@given(st.integers(30, 60), st.sampled_from([(3,), (3, 5), (3, 6, 12)]), st.integers(0, 2**32 - 1))
def test_rows_further_away_than_its_reach_change_nothing(rows: int, lengths: tuple[int, ...], seed: int):
    localization, evidence = Localization(lengths), random_evidence(rows, lengths, seed)
    whole, reach = localization.of_rows(evidence), localization.reach
    row = rows // 2
    first, stop = max(row - reach, 0), min(row + reach + 1, rows)
    near = [each[first : stop - length + 1] for each, length in zip(evidence, lengths) if each is not None]
    torch.testing.assert_close(localization.of_rows(near)[row - first], whole[row])
