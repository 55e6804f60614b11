import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seqae.anomaly.online.row_buffer import SPARE_ROWS, RowBuffer


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 120)), max_size=12), st.integers(0, 5))
def test_it_holds_what_was_added_and_not_dropped_and_never_changes_what_it_has_shown(steps: list, first: int):
    expected, number = np.arange(2.0 * first).reshape(first, 2), first
    buffer, shown = RowBuffer(expected), []
    for added, dropped in steps:
        new = np.arange(2.0 * number, 2.0 * (number + added)).reshape(added, 2)
        number += added
        buffer.append(new)
        buffer.drop(dropped)
        expected = np.concatenate([expected, new])[dropped:]
        shown.append((buffer.rows, expected))
        assert len(buffer) == len(expected)
        assert buffer.address == buffer.rows.ctypes.data or not len(expected)
    for rows, at_the_time in shown:
        np.testing.assert_array_equal(rows, at_the_time)


def test_its_memory_is_bounded_by_what_it_holds():
    buffer = RowBuffer(np.zeros((0, 3)))
    for _ in range(5000):
        buffer.append(np.ones((1, 3)))
        buffer.drop(len(buffer) - 10)
        assert len(buffer.rows.base) <= 2 * 11 + SPARE_ROWS


def test_rows_of_someone_else_are_not_written_to():
    given_rows = np.zeros((10, 2))
    buffer = RowBuffer(given_rows[:4])
    buffer.append(np.ones((2, 2)))
    assert not given_rows.any() and len(buffer) == 6
