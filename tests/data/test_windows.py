import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from seqae.data.windows import means_around, over_windows, window_starts

sizes = st.tuples(st.integers(1, 90), st.integers(1, 40), st.integers(1, 50), st.integers(1, 20))


@given(sizes)
@settings(max_examples=200, deadline=None)
def test_every_row_is_covered_once_and_averages_undo_windows(sizes):
    rows, window, stride, batch_size = sizes
    stride = min(stride, window)
    values = np.random.default_rng(0).normal(size=(rows, 2)).astype(np.float32)
    found = list(over_windows(values, window, stride, lambda windows: 2 * windows, batch_size))
    assert [start for start, _ in found] == np.cumsum([0, *(len(part) for _, part in found)])[:-1].tolist()
    np.testing.assert_allclose(np.concatenate([part for _, part in found]), 2 * values, rtol=1e-5)


@given(sizes)
@settings(max_examples=100, deadline=None)
def test_averages_equal_a_plain_loop(sizes):
    rows, window, stride, batch_size = sizes
    stride = min(stride, window)
    values = np.random.default_rng(1).normal(size=(rows, 2)).astype(np.float32)
    wave = np.sin(np.arange(min(window, rows)))[None, :, None].astype(np.float32)
    total, count = np.zeros((rows, 2)), np.zeros((rows, 1))
    for start in window_starts(rows, window, stride):
        total[start : start + window] += wave[0] * values[start : start + window].sum()
        count[start : start + window] += 1
    found = over_windows(
        values, window, stride, lambda part: wave * part.sum(axis=(1, 2), keepdims=True) + 0 * part, batch_size
    )
    np.testing.assert_allclose(np.concatenate([part for _, part in found]), total / count, rtol=1e-3, atol=1e-4)


def test_the_last_window_ends_at_the_last_row():
    assert window_starts(10, 4, 4).tolist() == [0, 4, 6]
    assert window_starts(3, 5, 2).tolist() == [0]


def test_means_around_rows_are_those_of_the_nearest_whole_window():
    rows = np.arange(6.0)[:, None]
    assert means_around(rows, 3, 1)[:, 0].tolist() == [1, 1, 2, 3, 4, 4]
    assert means_around(rows, 3, 0)[:, 0].tolist() == [1, 1, 1, 2, 3, 4]
    assert means_around(rows, 9, 4)[:, 0].tolist() == [2.5] * 6
