"""Splits by group."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqae.datasets.splits import group_split


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.integers(0, 5))
def test_a_group_is_on_one_side_and_nothing_is_lost(groups, seed):
    names = [f"time{number}_group{group}_x" for number, group in enumerate(groups)]
    numbers = list(range(len(groups)))
    try:
        parts = group_split(numbers, names, r"group\d", seed)
    except ValueError as error:
        assert "Give more items" in str(error)
        return
    assert sorted([*parts[0], *parts[1], *parts[2]]) == numbers
    assert all(parts)
    found = [{groups[number] for number in part} for part in parts]
    assert sum(map(len, found)) == len(set(groups))
    assert len(parts[2]) >= 0.25 * len(groups)
    assert len(parts[1]) >= 0.15 * len(groups)


def test_the_seed_alone_decides_and_names_without_a_place_stand_for_themselves():
    names = [f"{number:03}" for number in range(40)]
    first = group_split(names, names, r"group\d")
    assert first == group_split(names, names, r"group\d")
    assert first != group_split(names, names, r"group\d", seed=1)
    assert [len(part) for part in first] == [24, 6, 10]


def test_too_few_groups_are_refused():
    with pytest.raises(ValueError, match="1 items in 1 groups"):
        group_split([0], ["a"], "x")
