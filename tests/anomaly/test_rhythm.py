"""What repeats itself each day or week."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

import seqae
from seqae.anomaly.online.detector import OnlineDetector
from seqae.anomaly.rhythm import Rhythm, fit_rhythm, local_seconds
from seqae.data.signals.recordings import Recording

START = np.datetime64("2024-01-03T00:00", "ns")


def clock(days: float, minutes: int = 60, start: np.datetime64 = START) -> np.ndarray:
    return start + np.arange(int(days * 1440 / minutes)) * np.timedelta64(minutes, "m")


def load(times: np.ndarray, seed: int = 0, entity: str = "") -> Recording:
    """Return the load of a plant, less at night and on two days of the week, and a temperature that follows the day."""
    hours = (times - np.datetime64(0, "h")) / np.timedelta64(1, "h")
    at_work = np.where((hours / 24 + 3) % 7 < 5, 1.0, 0.3)
    day = np.sin(2 * np.pi * (hours / 24 - 0.25))
    values = np.stack([20 + 10 * at_work * (1.5 + day), 15 + 3 * day], axis=1)
    noise = np.random.default_rng(seed).normal(0, [1.0, 0.5], values.shape)
    return Recording(values + noise, ("load", "temp"), times, entity=entity)


@pytest.fixture(scope="module")
def detector() -> seqae.AnomalyDetector:
    return seqae.AnomalyDetector().fit(load(clock(56)))


def with_sunday(recording: Recording, day: int) -> Recording:
    """Return a recording in which a day is as the Sunday before it."""
    values = np.array(recording.values)
    back = {0: 3, 1: 4, 5: 1, 6: 2}[day % 7]  # days since the last Sunday; day 0 is a Wednesday
    values[24 * day : 24 * day + 24] = values[24 * (day - back) : 24 * (day - back) + 24]
    return replace(recording, values=values)


def test_a_working_day_that_looks_like_a_sunday_is_found(detector):
    later = load(clock(28, start=START + np.timedelta64(56, "D")), seed=1)
    rows = slice(24 * 14, 24 * 15)
    usual, abnormal = detector.predict(later), detector.predict(with_sunday(later, 14))
    assert usual.mean() <= 2 * detector.false_alarm_rate
    assert abnormal[rows].mean() > 0.3 > usual[rows].mean()
    without = seqae.AnomalyDetector(calendar=False).fit(load(clock(56)))
    assert without.predict(with_sunday(later, 14))[rows].mean() < 0.1


def test_what_is_expected_is_near_the_truth_and_each_channel_has_its_own_rhythm(detector):
    rhythm = detector.scorer_.rhythm
    days = rhythm.expected.reshape(7, 24, 2)
    assert np.ptp(days[:, :, 1], axis=0).max() == 0 < np.ptp(days[:, :, 0], axis=0).min()
    times = clock(7, start=START + np.timedelta64(70, "D"))
    silent = load(times).values - np.random.default_rng(0).normal(0, [1.0, 0.5], (len(times), 2))
    found = detector.scorer_.in_data_units(np.zeros((len(times), 2)), times)
    np.testing.assert_allclose(found, silent, atol=1.5)
    between = detector.scorer_.in_data_units(np.zeros((1, 2)), times[:1] + np.timedelta64(30, "m"))
    np.testing.assert_allclose(between[0], (found[0] + found[1]) / 2)


@pytest.mark.parametrize("days", [2.9, 4, 21])
def test_rows_without_a_rhythm_get_none(days):
    times, random = clock(days, 20), np.random.default_rng(int(days))
    noise = random.standard_normal((len(times), 5))
    rows = np.stack(
        [
            noise[:, 0],
            noise[:, 1].cumsum(),
            np.linspace(0, 9, len(times)) + 0.1 * noise[:, 2],
            np.exp(2 * noise[:, 3]),
            np.sin(np.arange(len(times)) / 7) + 0.1 * noise[:, 4],
        ],
        axis=1,
    )
    rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    assert fit_rhythm([rows], [times], 1200, "UTC") is None
    daily = np.sin(2 * np.pi * np.arange(len(times)) / 72)[:, None] + 0.3 * noise[:, :1]
    assert (fit_rhythm([daily], [times], 1200, "UTC") is not None) == (days >= 3)
    assert fit_rhythm([daily], [np.arange(len(times), dtype=float)], 1200, "UTC") is None
    assert fit_rhythm([daily], [None], 1200, "UTC") is None


def test_scores_are_the_same_with_and_without_a_calendar_where_there_is_no_rhythm():
    times, random = clock(10, 10), np.random.default_rng(3)
    rows = Recording(random.standard_normal((len(times), 2)), ("a", "b"), times)
    found, without = (seqae.AnomalyDetector(calendar=each).fit(rows) for each in (True, False))
    assert found.scorer_.rhythm is None
    np.testing.assert_array_equal(found.score_samples(rows), without.score_samples(rows))


def test_a_day_that_went_wrong_does_not_move_what_is_expected(detector):
    recording = load(clock(56))
    values = np.array(recording.values)
    values[24 * 20 : 24 * 21] += 50
    spoiled = seqae.AnomalyDetector().fit(replace(recording, values=values))
    found, expected = (each.scorer_.in_data_units(np.zeros((168, 2)), clock(7)) for each in (spoiled, detector))
    np.testing.assert_allclose(found, expected, atol=2.5)


def test_few_days_do_not_promise_too_much():
    detector = seqae.AnomalyDetector().fit(load(clock(4, 5)))
    assert detector.scorer_.rhythm is not None
    rates = [detector.predict(load(clock(2, 5, START + np.timedelta64(7, "D")), seed)).mean() for seed in range(1, 5)]
    assert np.mean(rates) < 2 * detector.false_alarm_rate


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"])
def test_local_clocks_are_those_of_pandas(zone):
    times = np.datetime64("2023-01-01", "ns") + np.arange(0, 2 * 366 * 24 * 4) * np.timedelta64(15, "m")
    local = pd.DatetimeIndex(times).tz_localize("UTC").tz_convert(zone).tz_localize(None).to_numpy()
    np.testing.assert_array_equal(local_seconds(times, zone), (local - np.datetime64(0, "s")) / np.timedelta64(1, "s"))
    np.testing.assert_array_equal(local_seconds(times, "+01:00"), local_seconds(times, "UTC"))


def test_the_rhythm_follows_the_local_clock():
    local = pd.date_range("2024-01-03", periods=24 * 140, freq="h", tz="Europe/Berlin")  # summer time begins within
    recording = load(local.tz_localize(None).to_numpy().astype("datetime64[ns]"))
    frame = pd.DataFrame(recording.values, columns=list(recording.channels)).assign(
        time=local.tz_convert("UTC").tz_localize(None)
    )
    detector = seqae.AnomalyDetector().fit(frame[:1700], time_column="time", time_zone=None)
    assert detector.scorer_.rhythm.time_zone == "UTC"
    frame["time"] = local.tz_localize(None)
    unique = frame[~frame["time"].duplicated()]
    detector = seqae.AnomalyDetector().fit(unique[:1700], time_column="time", time_zone="Europe/Berlin")
    assert detector.scorer_.rhythm.time_zone == "Europe/Berlin"
    assert detector.predict(unique[2300:]).mean() < 0.02


def test_rows_one_after_the_other_get_the_results_of_the_whole_and_need_dates(detector):
    recording = with_sunday(load(clock(28, start=START + np.timedelta64(56, "D")), seed=1), 14)
    (whole,) = detector.detect(recording)
    online, updates = OnlineDetector(detector), []
    with pytest.raises(ValueError, match=r"these rows have no dates.*calendar=False"):
        online.push(recording.values[:5])
    for start, stop in pairwise([0, 1, 300, 672]):
        updates.append(online.push(recording.values[start:stop], recording.times[start:stop]))
    updates.append(online.finish())
    np.testing.assert_array_equal(np.concatenate([each.scores for each in updates]), whole.scores)
    assert [event for each in updates for event in each.events] == whole.events
    assert [drift for each in updates for drift in each.drifts] == detector.drift(recording)
    with pytest.raises(ValueError, match="these rows have no dates"):
        detector.detect(recording.values)


def test_rows_are_reconstructed_with_their_rhythm(detector):
    recording = load(clock(14, start=START + np.timedelta64(56, "D")), seed=2)
    left = recording.values - detector.reconstruct(recording)
    assert (left.std(axis=0) < [1.5, 0.75]).all()


def test_a_detector_with_a_rhythm_is_saved_and_not_written_as_a_graph(detector, tmp_path):
    recording = load(clock(14), seed=2)
    loaded = seqae.load(seqae.save(detector, tmp_path))
    np.testing.assert_array_equal(loaded.score_samples(recording), detector.score_samples(recording))
    with pytest.raises(ValueError, match=r"rhythm of the day.*calendar=False"):
        detector.to_onnx(tmp_path / "detector.onnx")


def test_a_shifted_level_is_recalibrated_under_the_rhythm(detector):
    def shifted(recording: Recording) -> Recording:
        return replace(recording, values=recording.values + 30.0)

    again = detector.recalibrate(shifted(load(clock(10), seed=3)))
    assert again.predict(shifted(load(clock(14), seed=4))).mean() < 0.03
    assert isinstance(again.scorer_.rhythm, Rhythm)


def test_a_new_machine_of_a_fleet_is_calibrated_by_hours_that_are_no_whole_day():
    def machine(number: int, days: float, seed: int) -> Recording:
        recording = load(clock(days, 30, START + np.timedelta64(8, "h")), seed, f"m{number}")
        return replace(recording, values=recording.values * (1 + number) + 100 * number)

    fleet = seqae.AnomalyDetector().fit([machine(number, 28, number) for number in range(3)])
    assert fleet.scorer_.rhythm is not None
    known = fleet.recalibrate(machine(5, 5.4, seed=7))
    assert known.scorer_.machines["m5"].scaler.scale_ == pytest.approx(6 * np.array([1.0, 0.5]), rel=0.4)
    assert known.predict(machine(5, 14, seed=8)).mean() < 0.05


def test_faults_are_injected_into_rows_that_keep_their_dates(detector):
    table = seqae.evaluation.detection_rates(detector, load(clock(40), seed=5), kinds=["offset"], sizes=[6], repeats=2)
    assert table["found"].tolist() == [1.0]
