"""Rows that leave what a detector was calibrated on, and detectors that are calibrated anew."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

import seqae
from generators import autoregressive as readings
from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.drift import DriftChart, _longest_likely_run, _prediction_interval, student_quantile
from seqae.anomaly.online.drift import OnlineDrift
from seqae.data.signals.recordings import Recording

CHANNELS = ("flow", "pressure", "speed")


def every_second(rows: int) -> np.ndarray:
    return np.datetime64("2024-03-01T08:00", "ns") + np.arange(rows) * np.timedelta64(1, "s")


@pytest.fixture(scope="module")
def detector() -> AnomalyDetector:
    return AnomalyDetector().fit(Recording(readings(4000, seed=0), CHANNELS))


def shifted(rows: np.ndarray) -> np.ndarray:
    return rows + 1.5


def stretched(rows: np.ndarray) -> np.ndarray:
    return 10 + 2 * (rows - 10)


def thinned(rows: np.ndarray) -> np.ndarray:
    return np.where(np.arange(len(rows)) % 3 == 0, np.nan, rows)


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (shifted, "mean", r"channel 'pressure': mean 11\.\d+ since row 2000; calibrated for 9\.\d+ to 10\.\d+"),
        (
            stretched,
            "spread",
            r"channel 'pressure': standard deviation [12]\.\d+ since row 2000; calibrated for 0\.\d+ to 1\.\d+",
        ),
        (
            thinned,
            "missing",
            r"channel 'pressure': fraction of missing values 0.3\d* since row 2000; calibrated for 0 to",
        ),
    ],
)
def test_a_channel_that_changes_for_good_is_named_once_and_since_when(
    change: Callable, kind: str, message: str, detector: AnomalyDetector
):
    values = readings(4000, seed=1)
    assert detector.drift(values) == []
    values[2000:, 1] = change(values[2000:, 1])
    found = [drift for drift in detector.drift(values) if drift.kind != "alarms"]
    assert [(drift.kind, drift.channel, drift.row, drift.time) for drift in found] == [(kind, "pressure", 2000, None)]
    assert not found[0].low <= found[0].value <= found[0].high
    assert re.match(message, str(found[0]))


def test_a_channel_that_comes_and_goes_is_told_once_and_again_after_a_long_while(detector: AnomalyDetector):
    size = detector.scorer_.drift_chart.block_rows_
    values = readings(70 * size, seed=1)
    for block in (*range(4, 24, 4), 60):
        values[block * size : (block + 2) * size, 1] += 30
    values[30 * size : 32 * size, 1] -= 30
    levels = [drift for drift in detector.drift(values) if drift.kind == "mean"]
    assert [(drift.row // size, drift.value > 10) for drift in levels] == [(4, True), (30, False), (60, True)]


def test_a_channel_that_falls_silent_has_no_deviation_at_all(detector: AnomalyDetector):
    values = readings(4000, seed=1)
    values[2000:, 1] = 10
    (found,) = [drift for drift in detector.drift(values) if drift.kind == "spread"]
    assert found.value == 0 and str(found).startswith("channel 'pressure': standard deviation 0 since row 2000")


def test_what_passes_within_a_block_is_no_drift(detector: AnomalyDetector):
    values = readings(4000, seed=1)
    values[2020:2080, 1] += 30
    assert detector.drift(values) == []
    assert detector.events(values) != []


def test_alarms_in_block_after_block_are_told_once(detector: AnomalyDetector):
    size, most = detector.scorer_.drift_chart.block_rows_, detector.scorer_.drift_chart.max_alarm_run_
    alarms = np.zeros(size * (most + 20), dtype=bool)
    alarms[7 * size :: size] = True
    running = OnlineDrift(detector.scorer_)
    (found,) = running.observe_alarms(alarms, every_second(len(alarms)))
    assert (found.kind, found.row, found.time) == ("alarms", 7 * size, every_second(len(alarms))[7 * size])
    assert str(found).startswith(f"{most + 1} consecutive blocks of rows with an alarm since 2024")
    assert (
        OnlineDrift(detector.scorer_).observe_alarms(alarms[: size * (7 + most)], every_second(size * (7 + most))) == []
    )


@pytest.mark.parametrize("alike", [0.0, 0.5, 0.9])
def test_of_normal_rows_hardly_anything_is_reported(alike: float):
    reported = blocks = 0
    for seed in range(10):
        rows = readings(9000, seed, alike, channels=6) - 10
        chart = DriftChart().fit([rows[:3000]], [], np.full(6, 0.2))
        sides = [
            chart.sides(chart.statistics(rows[start : start + chart.block_rows_]))
            for start in range(3000, 9000, chart.block_rows_)
        ]
        reported += sum(((side != 0) & (side == before)).any() for before, side in pairwise(sides))
        blocks += len(sides)
    assert blocks == 400
    assert reported <= 2  # 0.4 are allowed on average


def test_an_interval_is_left_as_rarely_as_stated_though_neighbouring_blocks_are_alike():
    series = readings(13, seed=2, alike=0.9, channels=1000).T
    intervals = [_prediction_interval(each[:-1], 0.05) for each in series]
    outside = [abs(each[-1] - center) > half for each, (center, half) in zip(series, intervals)]
    assert 0.025 < np.mean(outside) <= 0.05


def test_quantiles_are_students():
    for freedom in (1, 3.7, 20):
        for tail in (0.1, 1e-3, 1e-5):
            assert student_quantile(tail, freedom) == pytest.approx(stats.t.isf(tail, freedom), rel=5e-3)


def test_a_run_of_alarms_is_as_likely_as_its_blocks_foretell():
    # Of 20 blocks 5 had an alarm: the next one has with 5.5 / 21, and if so, the one after it with 6.5 / 22.
    assert _longest_likely_run(5, 20, error_rate=5.5 / 21 + 1e-9) == 0
    assert _longest_likely_run(5, 20, error_rate=5.5 / 21 * 6.5 / 22 + 1e-9) == 1
    assert _longest_likely_run(5, 20, error_rate=1e-4) > _longest_likely_run(1, 20, error_rate=1e-4)


# Calibrated anew


def test_a_detector_calibrated_anew_takes_the_new_rows_for_normal_and_still_finds_faults(detector: AnomalyDetector):
    values = readings(6000, seed=2) + np.array([0, 3, 0])
    before = detector.score_samples(values)
    new = detector.recalibrate(values[:2000])
    assert detector.predict(values[2000:]).mean() > 0.5
    assert new.predict(values[2000:]).mean() < 0.02
    assert new.drift(values[2000:]) == []
    values[4000:4050, 1] += 8
    (event,) = [event for event in new.events(values) if event.stop > 4000 and event.start < 4050]
    assert event.top_channels(1)[0].channel == "pressure"
    np.testing.assert_array_equal(detector.score_samples(readings(6000, seed=2) + np.array([0, 3, 0])), before)


def test_it_keeps_the_models_and_what_it_was_not_told_of(detector: AnomalyDetector):
    values = readings(1000, seed=3) + np.array([0, 2, 0])
    values[:, 2] = np.nan
    new = detector.recalibrate([values[:400], values[400:]])
    assert [each.model for each in new.scorer_.resolutions] == [each.model for each in detector.scorer_.resolutions]
    assert new.scorer_.scaler.mean_[2] == detector.scorer_.scaler.mean_[2]
    np.testing.assert_array_equal(new.scorer_.scaler.scale_, detector.scorer_.scaler.scale_)
    np.testing.assert_array_equal(new.scorer_.scaler.mean_[0], detector.scorer_.scaler.mean_[0])
    np.testing.assert_allclose(new.scorer_.scaler.mean_[1], values[:, 1].mean())
    for own, before in zip(new.scorer_.resolutions, detector.scorer_.resolutions, strict=True):
        assert (own.surprise.scale >= before.surprise.scale).all()
        assert (own.surprise.usual >= before.surprise.usual).all()
    assert new.predict(values).mean() < 0.05


def test_it_is_saved_like_any_detector(detector: AnomalyDetector, tmp_path):
    values = readings(1000, seed=3) + 5
    new = detector.recalibrate(values)
    loaded = seqae.load(seqae.save(new, tmp_path / "new"))
    np.testing.assert_array_equal(loaded.score_samples(values), new.score_samples(values))
    np.testing.assert_array_equal(loaded.predict(values), new.predict(values))
    assert loaded.drift(values + 5) == new.drift(values + 5) != []


def test_too_few_rows_are_refused(detector: AnomalyDetector):
    with pytest.raises(ValueError, match=r"has 20 rows. Fitting windows of 16 rows needs three times that"):
        detector.recalibrate(readings(20, seed=0))
