"""Irregular rows on a regular grid."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import seqae
from seqae.anomaly.online.resampling import OnlineResampler
from seqae.data.signals.durations import duration_of, round_duration, seconds_of
from seqae.data.signals.irregularity import irregularity, resampling_for
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.recordings import Recording
from seqae.data.signals.resampling import Resampling

NAN = np.nan
FILLS = st.sampled_from(["hold", "interpolate", "none"])


def recorded(seconds: object, *columns: object) -> Recording:
    return Recording(
        np.array(columns, dtype=float).T, tuple("abcdef"[: len(columns)]), np.asarray(seconds, dtype=float)
    )


@st.composite
def logs(draw: st.DrawFn) -> Recording:
    """Rows at any moments, some at the same one, with missing values."""
    rows = draw(st.integers(1, 25))
    steps = draw(st.lists(st.sampled_from([0, 0.3, 1, 2.5, 7, 90]), min_size=rows, max_size=rows))
    values = draw(hnp.arrays(np.float64, (rows, 2), elements=st.sampled_from([NAN, 0.0, 1.0, 2.0, -3.5])))
    return recorded(np.cumsum(steps) + 17, *values.T)


def dated(log: Recording) -> Recording:
    times = np.datetime64("1970-01-01", "ns") + (np.round(log.times, 6) * 1e9).astype("timedelta64[ns]")
    return Recording(log.values, log.channels, times)


@given(logs(), st.sampled_from(["hold", "none"]), st.sampled_from([2.0, 30.0]))
def test_a_moment_has_the_latest_reading_or_the_mean_of_those_since_the_one_before(log, fill, horizon):
    resampling = Resampling(1.0, fill, horizon, gap=30.0)
    own = np.ceil(np.round(log.times, 6)).astype(int)
    found = resampling.apply(log).recording
    for moment, values in zip(found.times.round().astype(int), found.values):
        for column, value in zip(log.values.T, values):
            known = [row for row in np.flatnonzero(~np.isnan(column)) if own[row] <= moment]
            if fill == "none":
                known = [row for row in known if own[row] == moment]
                wanted = np.mean(column[known]) if known else NAN
            else:
                wanted = column[known[-1]] if known and moment - own[known[-1]] <= horizon else NAN
            np.testing.assert_allclose(value, wanted)


@given(logs(), FILLS)
def test_every_row_is_in_the_first_moment_that_is_not_before_it_and_gaps_have_none(log, fill):
    resampled = Resampling(1.0, fill, 30.0, gap=30.0).apply(log)
    late = resampled.recording.times[resampled.steps] - log.times
    assert (late > -1e-6).all() and (late < 1).all()
    steps = np.diff(resampled.recording.times)
    assert ((np.abs(steps - 1) < 1e-6) | (steps > 30)).all()
    assert (np.diff(resampled.steps) >= 0).all()


@given(logs(), FILLS)
def test_dates_and_seconds_have_the_same_grid(log, fill):
    resampling = Resampling(0.5, fill, 10.0, gap=30.0)
    seconds, dates = resampling.apply(log), resampling.apply(dated(log))
    np.testing.assert_array_equal(seconds.steps, dates.steps)
    np.testing.assert_allclose(seconds.recording.values, dates.recording.values, atol=1e-9)


@given(logs(), FILLS, st.lists(st.integers(1, 6), min_size=25, max_size=25), st.booleans())
def test_rows_that_arrive_in_any_pieces_have_the_same_grid(log, fill, pieces, goes_back):
    if goes_back:
        log = Recording(np.tile(log.values, (2, 1)), log.channels, np.tile(log.times, 2))
    resampling = Resampling(1.0, fill, 8.0, gap=30.0)
    whole, online = resampling.apply(log).recording, OnlineResampler(resampling, log.channels)
    found, at = [], 0
    for size in pieces * 2:
        if at < len(log):
            found.append(online.push(log.values[at : at + size], log.times[at : at + size]))
            at += size
    found.append(online.finish())
    values, times = (np.concatenate(each) for each in zip(*found))
    np.testing.assert_array_equal(times, whole.times)
    np.testing.assert_array_equal(values, whole.values)


@given(logs(), st.integers(0, 25))
def test_the_grid_is_the_same_wherever_a_log_is_split(log, cut):
    resampling = Resampling(2.0, "hold", 30.0, gap=30.0)
    whole = set(np.round(resampling.apply(log).recording.times, 6))
    for part in (log.rows(0, cut), log.rows(cut)):
        assert set(np.round(resampling.apply(part).recording.times, 6)) <= whole


@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 40), st.just(2)), elements=st.floats(-9, 9)), FILLS)
def test_regular_rows_are_unchanged_at_their_own_period(values, fill):
    times = np.arange(5, 5 + len(values)) * 0.1
    resampled = Resampling(0.1, fill, 5.0, gap=5.0).apply(recorded(times, *values.T))
    np.testing.assert_allclose(resampled.recording.values, values, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(resampled.recording.times, times)
    np.testing.assert_array_equal(resampled.steps, np.arange(len(values)))


def test_interpolated_values_lie_on_the_line_between_readings_within_the_horizon():
    log = recorded([0.5, 2.5, 3.5, 13.5, 14], [0, 20, 30, 130, NAN], [5, NAN, NAN, NAN, NAN])
    found = Resampling(1.0, "interpolate", 5.0, gap=20.0).apply(log).recording.values
    np.testing.assert_allclose(found[:, 0], [5, 15, 25, 30, *[NAN] * 9, 130])  # alone, a reading is the moment's
    np.testing.assert_allclose(found[:, 1], [5, *[NAN] * 13])


def test_original_rows_of_steps_are_found_and_between_two_rows_it_is_the_earlier_one():
    resampled = Resampling(1.0, "hold", 60.0, gap=60.0).apply(recorded([0, 0.5, 1, 10, 11], [1, 2, 3, 4, 5]))
    assert resampled.steps.tolist() == [0, 1, 1, 10, 11]
    assert [resampled.rows_of(*each) for each in ((0, 1), (1, 2), (3, 6), (5, 11), (0, 12))] == [
        (0, 1), (1, 3), (2, 3), (3, 4), (0, 5),
    ]  # fmt: skip


def test_a_period_that_makes_far_too_many_rows_is_refused_with_one_that_does_not():
    with pytest.raises(ValueError, match=r"resample='1us' makes .* rows of 3.*resample='"):
        Resampling(1e-6, "hold", 60.0, gap=60.0).apply(recorded([0, 10, 20], [1, 2, 3]))


# Reading


def test_recordings_are_resampled_when_asked_for():
    frame = pd.DataFrame({"time": pd.to_datetime(["2024-01-01 00:00:03", "2024-01-01 00:00:47"]), "v": [1.0, 2.0]})
    (found,) = seqae.as_recordings(frame, resample="10s", horizon="5min")
    assert found.times.astype("datetime64[s]").astype(str).tolist()[::4] == [
        "2024-01-01T00:00:10",
        "2024-01-01T00:00:50",
    ]
    assert found.values[:, 0].tolist() == [1, 1, 1, 1, 2]
    (kept,) = seqae.as_recordings(frame, resample="none")
    assert len(kept) == 2


@pytest.mark.parametrize("wrong", ["10 parsec", "0s", "soon", "-3s"])
def test_a_period_that_is_no_duration_is_refused(wrong):
    with pytest.raises(ValueError, match=r"resample is .*resample='10s'"):
        seqae.as_recordings(pd.DataFrame({"time": [1.0, 2.0, 3.0], "v": [1, 2, 3]}), resample=wrong)


def test_rows_without_times_cannot_be_resampled():
    with pytest.raises(ValueError, match="needs times"):
        seqae.as_recordings(np.zeros((20, 2)), resample="10s")


@given(st.floats(1e-5, 1e9))
def test_durations_are_read_as_they_are_written(seconds):
    assert seconds_of(duration_of(seconds), "resample") == pytest.approx(seconds, rel=1e-9)
    assert round_duration(seconds) >= seconds * (1 - 1e-9)


# The choice


def regular(seed: int, rows: int = 600, **changes: object) -> Recording:
    random = np.random.default_rng(seed)
    times, values = np.arange(rows) * 1.0, random.normal(size=(rows, 2))
    if "jitter" in changes:
        times += random.uniform(-0.3, 0.3, rows)
    if "lost" in changes:
        kept = random.random(rows) > 0.15
        times, values = times[kept], values[kept]
    if "gaps" in changes:
        times += np.repeat(np.arange(6) * 5000, rows // 6)
    if "twice" in changes:
        times[5::50] = times[4::50]
    if "coarse" in changes:
        times = np.floor(times / 10)
    if "dead" in changes:
        values[100:, 1] = NAN
    if "missing" in changes:
        values[random.random(values.shape) < 0.3] = NAN
    return recorded(times, *values.T)


@pytest.mark.parametrize("change", ["none", "jitter", "lost", "gaps", "twice", "coarse", "dead", "missing"])
def test_regular_rows_stay_as_they_are(change):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert resampling_for([regular(seed, **{change: True}) for seed in range(3)], ReadingOptions(), 16) is None


def test_values_at_random_moments_of_a_smooth_signal_are_interpolated():
    times = np.cumsum(np.random.default_rng(0).exponential(10, 800))
    log = recorded(times, np.sin(times / 100), np.cos(times / 70))
    with pytest.warns(
        UserWarning, match=r"irregular moments: resampled to one row every 15s, interpolated.*resample='none'"
    ):
        chosen = resampling_for([log], ReadingOptions(), 16)
    assert chosen is not None and chosen.fill == "interpolate" and 5 <= chosen.period <= 20


def test_values_that_were_stored_when_they_changed_are_held():
    seconds = np.arange(20_000)
    walk = np.cumsum(np.random.default_rng(0).normal(size=len(seconds)))
    kept, last = [], np.inf
    for row, value in enumerate(walk):
        if abs(value - last) > 4:
            kept.append(row)
            last = value
    with pytest.warns(UserWarning, match="held for up to"):
        chosen = resampling_for([recorded(seconds[kept], walk[kept])], ReadingOptions(), 16)
    assert chosen is not None and chosen.fill == "hold"
    assert 10 <= chosen.period <= 60 < chosen.horizon


def test_slow_channels_in_a_regular_table_keep_its_period_and_are_held():
    values = np.random.default_rng(0).normal(size=(2, 1200))
    values[1][np.arange(1200) % 30 != 0] = NAN
    log = recorded(np.arange(1200) * 0.25, *values)
    assert "'b'" in irregularity([log], 16)
    with pytest.warns(UserWarning, match="rows of their own"):
        chosen = resampling_for([log], ReadingOptions(), 16)
    assert chosen is not None and (chosen.period, chosen.fill) == (0.25, "hold")
    assert chosen.horizon >= 7.5
    assert not np.isnan(chosen.apply(log).recording.values).any()


def test_what_options_say_is_not_chosen():
    times = np.cumsum(np.random.default_rng(0).exponential(10, 800))
    log = recorded(times, np.sin(times / 100))
    options = ReadingOptions(resample="20s", fill="hold", horizon="2min")
    assert resampling_for([log], options, 16) == Resampling(20.0, "hold", 120.0, 120.0)
    assert resampling_for([log], ReadingOptions(resample="none"), 16) is None


def test_a_machine_that_was_off_ends_a_segment():
    random = np.random.default_rng(0)
    steps = random.exponential(10, 800)
    steps[[200, 500]] = 8 * 3600
    times = np.cumsum(steps)
    with pytest.warns(UserWarning, match="irregular"):
        chosen = resampling_for([recorded(times, np.sin(times / 100))], ReadingOptions(), 16)
    found = chosen.apply(recorded(times, np.sin(times / 100))).recording
    assert len(found.segments()) == 3
    assert len(found) < 2000
