"""Detection in rows that come at irregular moments."""

import tempfile
import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter

import seqae
from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.online.detector import OnlineDetector
from seqae.data.signals.recordings import Recording
from seqae.evaluation import detection_rates
from seqae.evaluation.injection_rates import format_rates

pytestmark = pytest.mark.filterwarnings("ignore:rows come at irregular moments:UserWarning")


def log_of_changes(seconds: int, seed: int, channels: int = 30, offset: int = -1, apart: int = -1) -> Recording:
    """Return readings that were stored when they changed by more than a deadband, in minutes 50 to 60 with a fault.

    Args:
        seconds: How long the log is.
        seed: For what drives the machine.
        channels: How many there are.
        offset: The channel that has an offset in those minutes, or -1.
        apart: The channel that goes its own way in them, or -1.
    """
    random, plant = np.random.default_rng(seed), np.random.default_rng(0)
    loads = lfilter([1], [1, -0.998], random.normal(size=(seconds + 3000, 4)), axis=0)[3000:] * np.sqrt(1 - 0.998**2)
    loads[:, 0] += np.sin(2 * np.pi * np.arange(seconds) / 900)
    values = loads @ plant.normal(size=(4, channels)) + random.normal(scale=0.02, size=(seconds, channels))
    fault = slice(3000, 3600)
    if offset >= 0:
        values[fault, offset] += 3
    if apart >= 0:
        values[fault, apart] = values[fault, apart][::-1] + np.sin(np.arange(600) / 40)
    stored, latest = np.full(values.shape, np.nan), np.full(channels, np.inf)
    for row, reading in enumerate(values):
        changed = np.abs(reading - latest) > 0.15
        stored[row, changed] = latest[changed] = reading[changed]
    kept = ~np.isnan(stored).all(axis=1)
    times = np.flatnonzero(kept) + random.uniform(0, 0.9, kept.sum())
    names = tuple(f"tag {number}" for number in range(channels))
    return Recording(stored[kept] * 10 + 50, names, times)


@cache
def detector_of_changes() -> AnomalyDetector:
    with pytest.warns(UserWarning, match="last value of each channel held"):
        return AnomalyDetector().fit(log_of_changes(3 * 3600, seed=1))


@pytest.mark.parametrize(
    ("seed", "fault"), [(2, {"offset": 4}), (3, {"offset": 17}), (4, {"apart": 9}), (5, {"apart": 22})]
)
def test_a_fault_in_a_log_of_changes_of_thirty_channels_is_found(seed, fault):
    detector, log = detector_of_changes(), log_of_changes(4800, seed, **fault)
    (detection,) = detector.detect(log)
    during = (log.times >= 2990) & (log.times < 3630)
    found = [event for event in detection.events if during[event.start : event.stop].any()]
    worst = max(found, key=lambda event: event.score)
    assert worst.channels[0].channel == f"tag {next(iter(fault.values()))}"
    assert detection.alarms[during].mean() > 0.5
    assert detection.alarms[~during].mean() < 0.05


def random_moments(rows: int, seed: int, fault: slice = slice(0, 0)) -> pd.DataFrame:
    """Return a slow wave, read after 1 to 3 s or, in a fifth of the cases, after minutes; with an offset in a fault."""
    random = np.random.default_rng(seed)
    steps = np.where(random.random(rows) < 0.2, random.exponential(300, rows), 1 + random.exponential(1, rows))
    seconds = np.cumsum(steps)
    values = np.sin(seconds / 2000) + random.normal(0, 0.05, rows)
    values[fault] += 1
    return pd.DataFrame({"time": pd.Timestamp("2024-01-01") + pd.to_timedelta(seconds, unit="s"), "v": values})


@cache
def detector_of_moments() -> AnomalyDetector:
    return AnomalyDetector().fit(random_moments(3000, seed=1))


def test_an_offset_in_rows_at_random_moments_is_found_with_few_false_alarms():
    found, alarms = 0, []
    for seed in range(2, 8):
        (detection,) = detector_of_moments().detect(random_moments(1000, seed, slice(500, 560)))
        found += any(event.start < 560 and event.stop > 500 for event in detection.events)
        alarms.append(np.concatenate([detection.alarms[:480], detection.alarms[580:]]).mean())
    assert found == 6
    assert np.mean(alarms) < 0.03


def test_results_are_about_the_rows_as_they_came():
    detector, frame = detector_of_moments(), random_moments(1000, 2, slice(500, 560))
    (detection,) = detector.detect(frame)
    assert detection.scores.shape == detector.score_samples(frame).shape == detector.predict(frame).shape == (1000,)
    assert detector.reconstruct(frame).shape == detection.channel_scores.shape == (1000, 1)
    np.testing.assert_array_equal(detection.reconstruction, detector.reconstruct(frame))
    np.testing.assert_allclose(np.nansum(detection.channel_scores, axis=1), detection.scores, rtol=1e-5)
    assert len(detection.frame()) == 1000
    times = frame["time"].to_numpy()
    for event in detection.events:
        assert event.start <= event.peak < event.stop <= 1000
        assert np.datetime64(event.start_time) == times[event.start]
        assert np.datetime64(event.end_time) == times[event.stop - 1]
        has_own_rows = event.stop - event.start > 1  # else it may lie between two rows
        assert not has_own_rows or (detection.alarms[event.start] and detection.alarms[event.stop - 1])
    assert len(detection.on_grid.scores) != 1000


@pytest.mark.parametrize("fill", ["hold", "interpolate"])
def test_a_stream_has_the_results_of_the_grid(fill: str):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        detector = AnomalyDetector().fit(random_moments(2000, 1), resample="1min", fill=fill)
    frame = random_moments(400, 2, slice(200, 260))
    (log,) = seqae.as_recordings(pd.concat([frame, frame.iloc[:100]]))  # the clock is set back
    on_grid = detector.detect(log)[0].on_grid
    online, updates, random, row = OnlineDetector(detector), [], np.random.default_rng(0), 0
    while row < len(log):
        stop = row + int(random.integers(1, 40))
        updates.append(online.push(log.values[row:stop], log.times[row:stop]))
        row = stop
        with tempfile.TemporaryDirectory() as folder:
            online.save(folder)
            online = OnlineDetector(detector).load(folder)
        assert online.rows == min(row, len(log))
    updates.append(online.finish())
    np.testing.assert_array_equal(np.concatenate([each.scores for each in updates]), on_grid.scores)
    np.testing.assert_array_equal(np.concatenate([each.times for each in updates]), on_grid.recording.times)
    assert [event for each in updates for event in each.events] == on_grid.events


def test_the_grid_is_kept_with_the_detector(tmp_path):
    detector, frame = detector_of_moments(), random_moments(300, 3)
    seqae.save(detector, tmp_path / "model")
    loaded = seqae.load(tmp_path / "model")
    assert loaded.resampling_ == detector.resampling_
    assert (loaded.reading_.resample, loaded.reading_.fill) == ("1min", "interpolate")
    np.testing.assert_array_equal(loaded.score_samples(frame), detector.score_samples(frame))


def test_faults_are_injected_into_the_grid():
    rates = detection_rates(detector_of_moments(), random_moments(1500, 4), kinds=["offset"], sizes=[9], repeats=4)
    assert rates["found"].mean() == 1, format_rates(rates)


def test_rows_are_kept_as_they_are_when_told_and_the_error_names_a_period_that_works():
    frame = random_moments(1500, 1)
    with pytest.raises(ValueError, match=r"longest segment.*resample='1min'"):
        AnomalyDetector().fit(frame, resample="none")
    assert AnomalyDetector().fit(frame, resample="1min").score_samples(frame).shape == (1500,)


def test_drift_names_the_original_row():
    frame = random_moments(1000, 5)
    frame.loc[400:, "v"] += 3
    drifts = AnomalyDetector.drift(detector_of_moments(), frame)
    assert any(drift.kind == "mean" and 250 <= drift.row <= 500 for drift in drifts)


def test_regular_rows_have_no_grid():
    rows = np.random.default_rng(0).normal(size=(500, 2))
    frame = pd.DataFrame(rows, columns=["a", "b"]).assign(time=pd.date_range("2024-01-01", periods=500, freq="s"))
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*resampled")
        detector = AnomalyDetector().fit(frame)
    assert detector.resampling_ is None and detector.detect(frame)[0].on_grid is None
    np.testing.assert_array_equal(detector.score_samples(frame), AnomalyDetector().fit(rows).score_samples(rows))


def test_channels_with_rows_of_their_own_are_told_once():
    values, times = (
        np.full((600, 2), np.nan),
        np.datetime64("2024-03-01", "ns") + np.arange(600) * np.timedelta64(1, "s"),
    )
    values[:, 0] = np.sin(np.arange(600) / 9)
    values[::5, 1] = np.cos(np.arange(0, 600, 5) / 9)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        report = AnomalyDetector().fit(Recording(values, ("a", "b"), times)).report_
    messages = [str(each.message) for each in caught]
    assert sum("rows of their own" in message for message in messages) == 1
    assert not any("mostly empty" in message for message in (*messages, *report.warnings))
