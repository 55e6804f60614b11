"""Rows that come one by one, beside the same rows as a whole recording."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Sequence
from itertools import cycle, pairwise, repeat
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generators import readings
from seqae.anomaly.detection import Detection
from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.online.detector import OnlineDetector, StreamUpdate
from seqae.anomaly.online.drift import find_drift
from seqae.anomaly.online.intake import WARMUP_ROWS
from seqae.anomaly.window_models import MovingAverage, Recurrent
from seqae.data.signals.recordings import Recording

CHANNELS = ("flow", "pressure", "still")


def every_10_seconds(rows: int) -> np.ndarray:
    return np.datetime64("2024-03-01T08:00", "ns") + np.arange(rows) * np.timedelta64(10, "s")


def faulty(rows: int = 1500) -> np.ndarray:
    """Rows with a shift, a standstill, missing values, a row that is missing, and a channel that is."""
    values = readings(rows, seed=1)
    values[200:230, 1] += 90
    values[700:740, 0] = values[699, 0]
    values[900:950, 0] = values[400] = np.nan
    values[rows - 60 :, 1] = np.nan
    return values


def fitted(**given_settings: object) -> AnomalyDetector:
    return AnomalyDetector(**given_settings).fit(Recording(readings(1500, seed=0), CHANNELS))


@pytest.fixture(scope="module")
def detector() -> AnomalyDetector:
    return fitted()


@pytest.fixture(scope="module")
def small() -> AnomalyDetector:
    """A detector of short windows, so that a recording of few rows has rows of every kind."""
    return fitted(window=4, resolutions=(1, 3), merge_gap=3)


def pushed(
    online: OnlineDetector, values: np.ndarray, times: np.ndarray | None, sizes: Iterator[int]
) -> Iterator[StreamUpdate]:
    """Push rows in blocks of these sizes."""
    start = 0
    while start < len(values):
        rows = slice(start, start + next(sizes))
        yield online.push(values[rows], None if times is None else times[rows])
        start = rows.stop


def joined(found: Sequence[StreamUpdate], name: str) -> np.ndarray:
    return np.concatenate([getattr(each, name) for each in found])


def assert_same(found: Sequence[StreamUpdate], whole: Detection, drift: Sequence[object]) -> None:
    for name in ("scores", "channel_scores"):
        np.testing.assert_allclose(joined(found, name), getattr(whole, name), rtol=1e-6, atol=1e-6, err_msg=name)
    np.testing.assert_array_equal(joined(found, "scores") > whole.threshold, whole.alarms)
    events = [event for each in found for event in each.events]
    assert [(event.start, event.stop, event.peak, event.start_time, event.end_time) for event in events] == [
        (event.start, event.stop, event.peak, event.start_time, event.end_time) for event in whole.events
    ]
    for event, other in zip(events, whole.events):
        assert event.duration == pytest.approx(other.duration)
        assert event.severity == pytest.approx(other.severity, rel=1e-6)
        fractions = {each.channel: each.fraction for each in other.channels}
        assert {each.channel: each.fraction for each in event.channels} == pytest.approx(fractions, abs=1e-6)
    assert sorted(str(each) for update in found for each in update.drifts) == sorted(map(str, drift))


def assert_as_whole(found: Sequence[StreamUpdate], detector: AnomalyDetector, recording: Recording) -> Detection:
    (whole,) = detector.detect(recording)
    assert_same(found, whole, find_drift(recording, whole.alarms, detector.scorer_))
    return whole


# The same as in a whole recording


@pytest.mark.parametrize("sizes", [(3, 1), (7, 1, 40), (100_000,)])
def test_rows_are_scored_as_in_a_whole_recording(sizes: tuple[int, ...], detector: AnomalyDetector):
    values, online = faulty(), OnlineDetector(detector)
    found = [*pushed(online, values, None, cycle(sizes)), online.finish()]
    assert len(assert_as_whole(found, detector, Recording(values, CHANNELS)).events) > 1


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.data())
def test_so_they_are_however_they_are_cut(small: AnomalyDetector, tmp_path: Path, data: st.DataObject):
    rows = data.draw(st.integers(1, 90))
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    values, times = readings(rows, seed=2), every_10_seconds(rows)
    values[rows // 3 : rows // 2, 1] += 60
    values[random.random(values.shape) < 0.1] = np.nan
    for gap in data.draw(st.lists(st.integers(WARMUP_ROWS, 90), max_size=3)):
        times[gap:] += np.timedelta64(1, "h")
    edges = sorted({0, rows, *data.draw(st.lists(st.integers(0, rows), max_size=12))})
    saved_at = data.draw(st.sampled_from(edges))
    online, found = OnlineDetector(small, period=10.0, batch_rows=data.draw(st.sampled_from([1, 1, 5]))), []
    for start, stop in pairwise(edges):
        if start == saved_at:
            online.save(tmp_path)
            online = OnlineDetector(small, 10.0, online.batch_rows).load(tmp_path)
        found.append(online.push(values[start:stop], times[start:stop]))
    found.append(online.finish())
    recording = Recording(values, CHANNELS, times)
    assert_as_whole(found, small, recording)
    at_once = OnlineDetector(small, period=10.0)
    whole = [at_once.push(values, times), at_once.finish()]
    for name in ("provisional_scores", "provisional_times", "times"):
        np.testing.assert_allclose(
            *(joined(each, name).astype(float) for each in (found, whole)), rtol=1e-6, atol=1e-6, err_msg=name
        )
    assert [(a.row, a.detected_at, a.channel) for each in found for a in each.alerts] == [
        (a.row, a.detected_at, a.channel) for each in whole for a in each.alerts
    ]


@pytest.mark.parametrize("kind", ["dates", "seconds"])
def test_so_they_are_around_gaps_in_time_and_when_time_goes_back(kind: str, detector: AnomalyDetector):
    values, times = faulty(), every_10_seconds(1500)
    times[215:] += np.timedelta64(1, "h")
    times[220:] += np.timedelta64(40, "s")
    times[740:] -= np.timedelta64(2, "h")
    times[1400:] -= np.timedelta64(10, "s")
    if kind == "seconds":
        times = (times - times[0]) / np.timedelta64(1, "s")
    online = OnlineDetector(detector)
    found = [*pushed(online, values, times, cycle([1, 30, 5])), online.finish()]
    whole = assert_as_whole(found, detector, Recording(values, CHANNELS, times))
    assert len(whole.recording.segments()) == 5
    np.testing.assert_array_equal(joined(found, "times"), times)


@pytest.mark.parametrize(
    "given_settings",
    [
        {"resolutions": (1,)},
        {"resolutions": (2, 3), "window": 5},
        {"merge_gap": 0, "min_rows": 3},
        {"resolutions": (1, 2, 4), "window": 6, "model": MovingAverage()},
    ],
)
def test_so_they_are_with_any_settings(given_settings: dict[str, object]):
    found_by, values = fitted(**given_settings), faulty(960)
    online = OnlineDetector(found_by, batch_rows=3)
    found = [*pushed(online, values, None, cycle([1, 50])), online.finish()]
    assert_as_whole(found, found_by, Recording(values, CHANNELS))


def test_so_they_are_by_a_network_but_for_its_single_precision():
    found_by, values = fitted(model=Recurrent(), resolutions=(1,), window=8, epochs=0), readings(300, seed=1)
    online = OnlineDetector(found_by)
    found = [*pushed(online, values, None, cycle([1, 50])), online.finish()]
    np.testing.assert_allclose(joined(found, "scores"), found_by.score_samples(values), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("rows", [1, 5, 15, 16, 17, WARMUP_ROWS, 63, 64, 65])
def test_so_are_the_rows_of_a_short_recording(rows: int, detector: AnomalyDetector):
    values, times = readings(rows, seed=1), every_10_seconds(rows)
    online = OnlineDetector(detector)
    found = [*pushed(online, values, times, repeat(1)), online.finish()]
    assert_as_whole(found, detector, Recording(values, CHANNELS, times))


def test_after_the_end_of_a_recording_another_one_may_begin(detector: AnomalyDetector):
    online, values = OnlineDetector(detector), faulty()
    first = [online.push(values), online.finish()]
    again = [online.push(values), online.finish()]
    np.testing.assert_array_equal(joined(first, "scores"), joined(again, "scores"))
    assert again[0].first_final_row == 0


# When it is known


def test_a_row_is_final_when_the_stated_number_of_rows_has_come(detector: AnomalyDetector):
    online, values = OnlineDetector(detector), readings(200, seed=1)
    assert online.delay == (16 - 1) + (64 - 1)
    for row in range(200):
        found = online.push(values[row])
        assert found.first_final_row + len(found.scores) == max(row + 1 - online.delay, 0)


@pytest.mark.parametrize("row", [15, 16, 62, 63, 64, 100])
def test_the_provisional_score_is_that_of_a_row_without_later_ones(row: int, detector: AnomalyDetector):
    values, scorer = readings(200, seed=1), detector.scorer_
    values[60:63, 1] += 40
    found = OnlineDetector(detector).push(values).provisional_scores
    assert len(found) == 200
    assert np.isnan(found[:15]).all()
    filled = torch.from_numpy(scorer.fill(scorer.scaler.transform(values[: row + 1])))
    evidence = scorer.localization.of_rows(
        scorer.window_evidence(filled, torch.zeros_like(filled, dtype=torch.bool))
    ).sum(dim=1)
    assert found[row] == pytest.approx(scorer.latest_calibration.scores(evidence)[-1].item(), rel=1e-6)


def test_provisional_scores_raise_about_as_many_alarms_in_normal_rows_as_final_ones(detector: AnomalyDetector):
    online = OnlineDetector(detector)
    found = [online.push(readings(5000, seed=2)), online.finish()]
    assert 0 < (joined(found, "provisional_scores") > detector.threshold_).mean() < 0.03


def test_an_alert_comes_with_the_row_and_names_the_channel(detector: AnomalyDetector):
    values = readings(800, seed=3)
    values[600:660, 1] += 200
    online, alerts = OnlineDetector(detector), []
    for row, each in enumerate(values):
        for alert in online.push(each).alerts:
            assert alert.detected_at == row
            alerts.append(alert)
    (found,) = [alert for alert in alerts if 590 < alert.detected_at < 700]
    assert (found.row, found.detected_at, found.channel, found.time) == (600, 600, "pressure", None)
    assert found.score > detector.threshold_


def test_every_event_has_an_alert(detector: AnomalyDetector):
    values, online = faulty(), OnlineDetector(detector)
    found = [*pushed(online, values, None, cycle([1, 70])), online.finish()]
    rows = np.array([alert.row for each in found for alert in each.alerts])
    events = [event for each in found for event in each.events]
    reach = detector.scorer_.localization.reach + detector.merge_gap
    assert len(rows) >= 2
    for event in events:
        assert ((rows >= event.start - reach) & (rows < event.stop)).any()


def test_a_row_without_any_value_spoils_no_later_one(detector: AnomalyDetector):
    values = readings(900, seed=1)
    spoiled = values.copy()
    spoiled[300] = np.nan
    clean, found = (OnlineDetector(detector).push(rows) for rows in (values, spoiled))
    assert np.isnan(found.scores[300])
    assert np.isfinite(np.delete(found.scores, 300)).all()
    np.testing.assert_allclose(found.scores[380:], clean.scores[380:], rtol=1e-6)


def test_memory_does_not_grow_with_the_rows(detector: AnomalyDetector):
    online, values = OnlineDetector(detector), readings(500, seed=1)
    times = every_10_seconds(500)

    def run(blocks: int) -> int:
        for _ in range(blocks):
            online.push(values, times)  # time goes back each time: another segment
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    early = run(10)
    late = run(50)
    tracemalloc.stop()
    assert online.rows == 30_000
    assert late < early + 30_000


# The state


@pytest.mark.parametrize("stop", [10, WARMUP_ROWS + 3, 216, 905, 1450])
def test_who_goes_on_from_a_saved_state_finds_the_same_to_the_bit(stop: int, detector: AnomalyDetector, tmp_path: Path):
    values, times = faulty(), every_10_seconds(1500)
    times[905:] += np.timedelta64(1, "h")
    online = OnlineDetector(detector)
    before = list(pushed(online, values[:stop], times[:stop], repeat(13)))
    online.save(tmp_path / "state")
    gone_on = OnlineDetector(detector).load(tmp_path / "state")
    assert gone_on.rows == stop
    ends = [
        [*before, *pushed(each, values[stop:], times[stop:], repeat(17)), each.finish()] for each in (online, gone_on)
    ]
    for name in ("scores", "channel_scores", "provisional_scores", "times"):
        np.testing.assert_array_equal(*(joined(end, name) for end in ends), err_msg=name)
    for name in ("events", "alerts"):
        expected, found = ([item for each in end for item in getattr(each, name)] for end in ends)
        assert found == expected != []
    assert_as_whole(ends[1], detector, Recording(values, CHANNELS, times))


@pytest.mark.parametrize("tick", ["1s", "3s"])
def test_so_does_who_goes_on_after_every_row(tick: str, small: AnomalyDetector, tmp_path: Path):
    values = readings(200, seed=1)
    for spike in (60, 71, 84, 100, 119):
        values[spike : spike + 2, 1] += 60
    times = (np.datetime64("2024-03-01T08:00", "ns") + np.arange(200) * np.timedelta64(1, "s")).astype(f"M8[{tick}]")
    times = times.astype("M8[ns]")
    ends = []
    for is_saved in (False, True):
        online, found = OnlineDetector(small), []
        for row in range(200):
            found.append(online.push(values[row], times[row]))
            if is_saved:
                online.save(tmp_path)
                online = OnlineDetector(small).load(tmp_path)
        ends.append([*found, online.finish()])
    for name in ("scores", "channel_scores", "provisional_scores", "times"):
        np.testing.assert_array_equal(*(joined(end, name) for end in ends), err_msg=name)
    for name in ("events", "alerts", "drifts"):
        expected, found = ([item for each in end for item in getattr(each, name)] for end in ends)
        assert found == expected
    assert joined(ends[0], "scores").shape == (200,) and any(each.events for each in ends[0])


def test_a_state_is_that_of_its_detector(detector: AnomalyDetector, tmp_path: Path):
    OnlineDetector(detector).save(tmp_path)
    with pytest.raises(ValueError, match=r"stream.safetensors belongs to another detector. Give that detector"):
        OnlineDetector(fitted(false_alarm_rate=0.2)).load(tmp_path)


def test_a_damaged_state_is_refused(detector: AnomalyDetector, tmp_path: Path):
    online = OnlineDetector(detector)
    online.push(readings(100, seed=1))
    path = online.save(tmp_path)
    whole = path.read_bytes()
    for place in np.linspace(0, len(whole) - 1, 40).astype(int):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(ValueError, match=r"stream.safetensors .*(Delete it|another detector|Install)"):
            OnlineDetector(detector).load(tmp_path)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="Delete it to start again"):
        OnlineDetector(detector).load(tmp_path)
    with pytest.raises(FileNotFoundError, match="holds no state of a stream"):
        OnlineDetector(detector).load(tmp_path / "elsewhere")


# Errors


@pytest.mark.parametrize(
    ("rows", "times", "message"),
    [
        (
            [[1.0, 2.0]],
            None,
            r"2 values \(row 3\). Give one for each of 3 channels, in this order: flow, pressure, still",
        ),
        ([[1.0, np.inf, 2.0]], None, r"channel 'pressure' is infinite \(row 3\)"),
        ([[1.0, 2.0, 3.0]], [7.0], r"seconds after no times \(row 3\). Keep to one of them"),
        ([[1.0, 2.0, 3.0]], [7.0, 8.0], r"times of float64 and shape \(2,\) for 1 rows \(row 3\)"),
        ([[1.0, 2.0, 3.0]], [np.nan], "row 3 has no time"),
        ([["a", "b", "c"]], None, "'a' is not a number"),
    ],
)
def test_rows_that_cannot_be_used_are_refused_and_leave_no_trace(
    rows: object, times: object, message: str, detector: AnomalyDetector
):
    values = readings(300, seed=1)
    online = OnlineDetector(detector)
    found = [online.push(values[:3])]
    with pytest.raises(ValueError, match=message):
        online.push(rows, times)
    found += [online.push(values[3:]), online.finish()]
    np.testing.assert_allclose(joined(found, "scores"), detector.score_samples(values), rtol=1e-6)


def test_what_makes_no_sense_is_refused(detector: AnomalyDetector):
    with pytest.raises(ValueError, match=r"is not fitted. Call fit\(normal\) first"):
        OnlineDetector(AnomalyDetector())
    with pytest.raises(ValueError, match=r"a period of 0 s. Give the seconds"):
        OnlineDetector(detector, period=0)
    with pytest.raises(ValueError, match=r"batch_rows is 0. Give 1 or more"):
        OnlineDetector(detector, batch_rows=0)
