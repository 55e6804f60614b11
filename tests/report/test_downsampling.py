import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqae.report.downsampling import around, break_lines, compact, downsample_max, isolated, rows_to_draw


@given(st.integers(1, 3000), st.integers(8, 200), st.integers(0, 2**32 - 1))
def test_thinned_lines_keep_their_extremes_and_their_order(count, limit, seed):
    lines = np.random.default_rng(seed).normal(size=(count, 2))
    rows = rows_to_draw(lines, max_rows=limit)
    assert len(rows) <= limit
    assert np.all(np.diff(rows) > 0)
    assert np.array_equal(lines[rows].max(axis=0), lines.max(axis=0))
    assert np.array_equal(lines[rows].min(axis=0), lines.min(axis=0))


def test_every_segment_of_the_recording_keeps_its_own_extremes():
    line = np.random.default_rng(0).normal(size=(100_000, 1))
    drawn = np.full_like(line, np.nan)
    rows = rows_to_draw(line, max_rows=2000)
    drawn[rows] = line[rows]
    for start in range(0, 100_000, 1000):
        segment = slice(start, start + 1000)
        assert np.nanmax(drawn[segment]) == line[segment].max()
        assert np.nanmin(drawn[segment]) == line[segment].min()


def test_windows_are_drawn_row_by_row():
    rows = rows_to_draw(np.zeros((100_000, 1)), windows=[slice(500, 700), slice(99_990, 100_000)], max_rows=1000)
    assert set(range(500, 700)) | set(range(99_990, 100_000)) <= set(rows.tolist())
    assert len(rows) < 2000


def test_very_many_windows_do_not_make_the_picture_endless():
    windows = [slice(start, start + 60) for start in range(0, 90_000, 9)]
    assert len(rows_to_draw(np.random.default_rng(0).normal(size=(100_000, 2)), windows, max_rows=400)) <= 2400


def test_gaps_stay_gaps():
    line = np.ones((10_000, 1))
    line[4000:6000] = np.nan
    rows = rows_to_draw(line, max_rows=100)
    missing = np.isnan(line[rows, 0])
    assert missing.any()
    assert rows[missing].min() < 4300
    assert rows[missing].max() > 5700


def test_short_lines_are_drawn_whole():
    assert rows_to_draw(np.full((10, 1), np.nan), max_rows=10).tolist() == list(range(10))


def test_lines_are_broken_between_the_drawn_rows_around_a_cut():
    broken = break_lines(np.array([0, 5, 9]), [0, 3, 4, 9, 12], {"x": np.array([0.0, 5.0, 9.0])})
    assert np.array_equal(broken["x"], [0, np.nan, 5, np.nan, 9], equal_nan=True)


def test_only_values_between_missing_ones_are_isolated():
    nan = np.nan
    assert np.flatnonzero(isolated(np.array([1, nan, 2, nan, nan, 3, 4, nan, 5]))).tolist() == [0, 2, 8]


@pytest.mark.parametrize(
    ("start", "stop", "window"), [(100, 200, (0, 300)), (500, 503, (470, 533)), (990, 1000, (960, 1000))]
)
def test_the_surroundings_stay_within_the_recording(start, stop, window):
    assert around(start, stop, 1000) == slice(*window)


def test_a_downsampled_picture_holds_the_largest_value_of_each_interval():
    values = np.random.default_rng(0).normal(size=(1000, 2))
    samples, left, right = downsample_max(values, np.arange(1000.0), 1.0, max_intervals=100)
    assert (left, right) == (-0.5, 999.5)
    assert np.array_equal(samples, values.reshape(100, 10, 2).max(axis=1))


def test_a_downsampled_picture_of_few_rows_is_those_rows():
    values = np.random.default_rng(0).normal(size=(7, 3))
    assert np.array_equal(downsample_max(values, np.arange(7.0), 1.0)[0], values)


def test_a_pause_is_missing_in_a_downsampled_picture_but_jitter_is_not():
    positions = np.concatenate([np.arange(50.0), np.arange(150.0, 200.0)])
    positions += np.random.default_rng(0).uniform(-0.4, 0.4, 100)
    samples, left, right = downsample_max(np.ones((100, 1)), positions, 1.0)
    centres = left + (np.arange(len(samples)) + 0.5) * (right - left) / len(samples)
    pause = (centres > 52) & (centres < 148)
    assert np.isnan(samples[pause]).all()
    assert not np.isnan(samples[(centres < 49) | (centres > 151)]).any()


def test_small_changes_on_a_large_offset_keep_all_digits():
    values = 1e9 + np.sin(np.arange(100.0))
    assert compact(values).dtype == np.float64
    assert compact(values - 1e9).dtype == np.float32
    assert compact(np.full(3, np.nan)).dtype == np.float32
    assert np.array_equal(compact(np.array([0.0, 1e300])), [0.0, 1e300])
