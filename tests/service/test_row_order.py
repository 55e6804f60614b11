"""Rows go on in the order of time, whichever pieces they come in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqae.anomaly.online.intake import WARMUP_ROWS
from seqae.service.row_order import RESTART_ROWS, OrderedRows, RowOrder


def pushed(order: RowOrder, moments: list[float], size: int, finish: bool = True) -> list[OrderedRows]:
    found = []
    for start in range(0, len(moments), size):
        times = np.array(moments[start : start + size], dtype=np.float64)
        found.append(order.push(times[:, None], times, np.arange(start, start + len(times))))
    return [*found, order.finish()] if finish else found


def moments_of(found: list[OrderedRows], name: str = "rows") -> list[float]:
    rows = [row for each in found for row in getattr(each, name)]
    return [row[0].moment if name == "late" else row.moment for row in rows]


def steady(count: int, start: float = 0.0) -> list[float]:
    return [start + row for row in range(count)]


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=100),
    st.integers(1, 40),
    st.integers(0, 8),
)
def test_every_row_goes_on_in_order_or_is_reported_however_it_comes(delays: list[int], size: int, depth: int):
    moments = [float(row) for row in np.argsort(np.arange(len(delays)) + np.array(delays) + 0.5, kind="stable")]
    found = pushed(RowOrder(1, depth), moments, size)
    went_on, late = moments_of(found), moments_of(found, "late")
    assert went_on == sorted(went_on)
    assert sorted(went_on + late) == sorted(moments)
    assert went_on == moments_of(pushed(RowOrder(1, depth), moments, len(moments)))
    displaced = max(sum(other > each for other in moments[:place]) for place, each in enumerate(moments))
    if displaced <= depth:
        assert late == []


def test_late_rows_are_told_from_a_clock_that_was_set_back():
    late = [*steady(50), 20.0, 21.0, *steady(50, 50)]
    found = pushed(RowOrder(1), late, 7)
    assert moments_of(found) == steady(100) and moments_of(found, "late") == [20, 21]
    set_back = [*steady(50, 100), *steady(RESTART_ROWS, 20)]
    for depth in (0, 5):
        found = pushed(RowOrder(1, depth), set_back, 7)
        assert moments_of(found) == set_back and moments_of(found, "restarts") == [20]


def test_one_stamp_from_the_future_costs_no_more_than_a_new_run():
    moments = [*steady(50), 1e9, *steady(60, 50)]
    found = pushed(RowOrder(1), moments, 1)
    assert moments_of(found) == moments and moments_of(found, "restarts") == [50]


def test_a_row_that_comes_twice_goes_on_once_unless_the_clock_is_coarse():
    twice = [*steady(40), 39.0, *steady(10, 40)]
    found = pushed(RowOrder(1), twice, 3)
    assert moments_of(found) == steady(50) and moments_of(found, "repeated") == [39]
    coarse = [float(row // 4) for row in range(80)]
    assert moments_of(pushed(RowOrder(1), coarse, 3)) == coarse
    assert moments_of(pushed(RowOrder(1, may_repeat=True), twice, 3)) == sorted(twice)


@pytest.mark.parametrize("depth", [0, 5])
@pytest.mark.parametrize("stop", [1, WARMUP_ROWS - 1, WARMUP_ROWS, 47])
@pytest.mark.parametrize("again", ["from the start", "from the middle", "only new"])
def test_rows_that_come_again_after_a_restart_are_skipped(depth: int, stop: int, again: str):
    moments = [float(row // 4) for row in range(80)]  # a coarse clock: rows are known by their number at a time, too
    before = RowOrder(1, depth)
    first = pushed(before, moments[:stop], 5, finish=False)
    after = RowOrder(1, depth)
    after.restore(before.state())
    start = {"from the start": 0, "from the middle": stop // 8 * 4, "only new": stop}[again]
    found = pushed(after, moments[start:], 5)
    if again == "only new" and stop % 4:
        return  # without the rows of the same time before them, they are taken for these
    assert moments_of([*first, *found]) == moments
    assert after.skipped == stop - start


def test_a_row_that_passes_by_itself_is_one_row_of_its_time_after_a_restart():
    before, after = RowOrder(1), RowOrder(1)
    pushed(before, [float(row // 4) for row in range(40)], 5, finish=False)
    assert before.passes(np.array([10.0])) and not before.passes(np.array([9.0]))
    before.go_on(np.array([10.0]))
    after.restore(before.state())
    assert moments_of(pushed(after, [10, 10, 10, 11], 4)) == [10, 10, 11] and after.skipped == 1


def test_the_state_of_another_order_is_refused():
    order = RowOrder(1, 5)
    pushed(order, steady(40), 5, finish=False)
    state = order.state()
    RowOrder(1, 5).restore(state)
    held, dates = state["held values"], np.zeros(5, dtype="M8[ns]")
    changes = {"numbers": np.zeros(2), "latest": np.zeros(2), "held values": held[:-1], "held times": dates}
    for name, array in changes.items():
        with pytest.raises(ValueError, match="Delete it to start again"):
            RowOrder(1, 5).restore(state | {name: array})
        with pytest.raises(ValueError, match="Delete it to start again"):
            RowOrder(1, 5).restore({key: value for key, value in state.items() if key != name})


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.integers(-40, 3), min_size=1, max_size=90),
    depth=st.integers(0, 5),
    may_repeat=st.booleans(),
    size=st.integers(1, 40),
)
def test_any_state_that_rows_lead_to_is_gone_on_from(steps: list[int], depth: int, may_repeat: bool, size: int):
    order = RowOrder(1, depth, may_repeat=may_repeat)
    pushed(order, np.cumsum(np.maximum(steps, -2)).astype(float).tolist(), size, finish=False)
    state, after = order.state(), RowOrder(1, depth)
    after.restore(state)
    for name, array in after.state().items():
        np.testing.assert_array_equal(array, state[name], err_msg=name)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("numbers", lambda each: each * -1),
        ("numbers", lambda each: each + np.array([0, 7, 0])),
        ("numbers", lambda each: each * [1, 1, 0]),  # not begun, though rows went on
        ("latest", lambda each: each[:0]),
        ("latest", lambda each: each * np.nan),
        ("latest", lambda each: each + 100),  # after the rows that are held
        ("held times", lambda each: each[::-1]),
        ("held values", lambda each: each + np.inf),
        ("held values", lambda each: each.astype("M8[ns]")),
        ("doubtful times", lambda each: each + 100),
    ],
)
def test_a_state_that_no_rows_lead_to_is_refused(name: str, change: Callable[[np.ndarray], np.ndarray]):
    order = RowOrder(1, 5)
    pushed(order, [*steady(40), 3.0, 4.5], 5, finish=False)
    state = order.state()
    assert len(state["held times"]) == 5 and len(state["doubtful times"]) == 2
    with pytest.raises(ValueError, match="Delete it to start again"):
        RowOrder(1, 5).restore(state | {name: change(state[name])})
