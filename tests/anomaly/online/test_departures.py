"""Channels that leave their normal range for good: one departure, in a whole recording and in a stream."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generators import autoregressive
from seqae.anomaly.detection import Detection
from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.events import Event, find_events
from seqae.anomaly.online.departures import other_channels
from seqae.anomaly.online.detector import OnlineDetector, StreamUpdate
from seqae.data.signals.recordings import Recording

CHANNELS = ("flow", "pressure", "speed")
FIRST = 1000  # the first row that is not normal


@pytest.fixture(scope="module")
def detector() -> AnomalyDetector:
    return AnomalyDetector(window=8).fit(Recording(autoregressive(3000, 0, alike=0.8), CHANNELS))


def drifting(size: float, over: int, rows: int = 5000, channel: int = 0) -> np.ndarray:
    """Normal rows, but for a channel that drifts away by this many deviations over so many rows, and stays there."""
    values = autoregressive(rows, 1, alike=0.8)
    values[:, channel] += size * np.clip((np.arange(rows) - FIRST) / over, 0, 1)
    return values


def detected(detector: AnomalyDetector, values: np.ndarray) -> Detection:
    (detection,) = detector.detect(Recording(values, CHANNELS))
    return detection


def departures(detection: Detection) -> list[Event]:
    return [event for event in detection.events if event.departed]


def without_departures(detection: Detection) -> list[Event]:
    """Return the events as they would be if nothing was known of drift."""
    return find_events(
        detection.scores, detection.threshold, detection.channel_scores, CHANNELS, merge_gap=detection.merge_gap
    )


def test_normal_rows_have_events_alone(detector: AnomalyDetector):
    detection = detected(detector, autoregressive(5000, 1, alike=0.8))
    assert detection.events == without_departures(detection) != []
    assert not detection.departed.any()


@pytest.mark.parametrize("size", [5, 10])
def test_slow_drift_is_one_departure_to_the_end_and_hardly_more_events(size: int, detector: AnomalyDetector):
    detection, normal = detected(detector, drifting(size, 2500)), detected(detector, autoregressive(5000, 1, alike=0.8))
    (departure,) = departures(detection)
    assert departure.departed == ("flow",) and departure.stop == 5000 and departure.start < 3000
    assert departure.channels[0].channel == "flow"
    assert departure.announcement.startswith(f"flow left the normal range at row {departure.start};")
    assert len(detection.events) - 1 <= 2 * len(normal.events)
    np.testing.assert_array_equal(np.flatnonzero(detection.departed), np.arange(departure.start, 5000))


@pytest.mark.parametrize("channels", [[0], [0, 2]])
def test_an_abrupt_fault_that_lasts_is_one_departure_from_its_first_row(channels: list[int], detector: AnomalyDetector):
    values = autoregressive(4000, 1, alike=0.8)
    values[FIRST:, channels] += 6
    detection = detected(detector, values)
    (departure,) = departures(detection)
    assert abs(departure.start - FIRST) <= 2 and departure.stop == 4000
    assert departure.departed == tuple(CHANNELS[channel] for channel in channels)
    assert max(event.duration for event in detection.events if not event.departed) < 50


def test_a_fault_of_another_channel_meanwhile_is_an_event_of_its_own(detector: AnomalyDetector):
    values = drifting(6, 1500)
    values[3500:3600, 2] += 6
    detection = detected(detector, values)
    (fault,) = [event for event in detection.events if not event.departed and event.stop - event.start > 50]
    assert (abs(fault.start - 3500) <= 2, abs(fault.stop - 3600) <= 2, len(departures(detection))) == (True, True, 1)


def test_a_departure_ends_when_the_channel_is_back_and_a_short_fault_is_none(detector: AnomalyDetector):
    values = autoregressive(5000, 1, alike=0.8)
    values[FIRST:2500, 0] += 6
    values[4000:4050, 0] += 6
    detection = detected(detector, values)
    (departure,) = departures(detection)
    assert (abs(departure.start - FIRST) <= 2, abs(departure.stop - 2500) <= 2) == (True, True)
    assert any(event.start <= 4001 and event.stop >= 4049 for event in detection.events)


def test_drift_that_raises_no_alarms_hides_no_fault(detector: AnomalyDetector):
    values = autoregressive(4000, 1, alike=0.8)
    values[500:, 0] += 0.8
    values[3000:3020, 0] += 6
    detection = detected(detector, values)
    assert [drift.channel for drift in detector.drift(values)] == ["flow"]
    (fault,) = [event for event in detection.events if event.start < 3020 and event.stop > 3000]
    assert fault.departed == ()


def test_a_departure_spans_gaps_in_time(detector: AnomalyDetector):
    values, times = drifting(8, 500), np.arange(5000.0)
    times[3000:] += 1000
    (detection,) = detector.detect(Recording(values, CHANNELS, times))
    (departure,) = departures(detection)
    assert departure.stop == 5000 and departure.duration == 5000 + 1000 - departure.start


def test_rows_are_scored_without_what_has_drifted(detector: AnomalyDetector):
    values = drifting(8, 500)
    scores, drifted = other_channels(Recording(values, CHANNELS), detector.scorer_)
    assert drifted[3000:, 0].all() and not drifted[:, 1:].any()
    first = int(np.argmax(drifted[:, 0]))
    assert np.isnan(scores[:first]).all()
    values[first:, 0] = np.nan
    np.testing.assert_allclose(scores[first:], detector.score_samples(values[first:]), rtol=1e-5, atol=1e-5)


# In a stream


def streamed(online: OnlineDetector, values: np.ndarray, cuts: list[int]) -> list[StreamUpdate]:
    edges = sorted({0, *cuts, len(values)})
    return [*(online.push(values[start:stop]) for start, stop in pairwise(edges)), online.finish()]


def spans(events: list[Event]) -> list[tuple[object, ...]]:
    ordered = sorted(events, key=lambda event: (event.start, event.stop))
    return [(event.start, event.stop, event.peak, event.duration, event.departed) for event in ordered]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_departures_of_a_stream_are_those_of_the_whole(detector: AnomalyDetector, tmp_path: Path, data: st.DataObject):
    rows = 2500
    values = drifting(
        data.draw(st.sampled_from([2.0, 5.0])), data.draw(st.sampled_from([1, 600])), rows, data.draw(st.integers(0, 2))
    )
    back = data.draw(st.integers(FIRST, rows))
    values[back:] = autoregressive(rows, 2, alike=0.8)[back:]
    values[1900:1940, 1] += 6
    times = np.arange(float(rows))
    for gap in data.draw(st.lists(st.integers(40, rows), max_size=2)):
        times[gap:] += 500
    edges = sorted({0, rows, *data.draw(st.lists(st.integers(0, rows), min_size=1, max_size=8))})
    saved_at = data.draw(st.sampled_from(edges))
    online, found = OnlineDetector(detector, period=1.0), []
    for start, stop in pairwise(edges):
        if start == saved_at:
            online.save(tmp_path)
            online = OnlineDetector(detector, period=1.0).load(tmp_path)
        found.append(online.push(values[start:stop], times[start:stop]))
    found.append(online.finish())
    (whole,) = detector.detect(Recording(values, CHANNELS, times))
    assert spans([event for each in found for event in each.events]) == spans(whole.events)
    at_once = OnlineDetector(detector, period=1.0)
    alerts = [[alert.row for each in run for alert in each.alerts] for run in (found, [at_once.push(values, times)])]
    assert alerts[0][: len(alerts[1])] == alerts[1]


def test_a_departure_raises_no_alerts_but_other_channels_do(detector: AnomalyDetector):
    values = drifting(6, 1500)
    values[3500:3600, 2] += 6
    found = streamed(OnlineDetector(detector), values, list(range(0, 5000, 50)))
    alerts = [alert for each in found for alert in each.alerts if alert.row > 2800]
    normal = streamed(OnlineDetector(detector), autoregressive(5000, 1, alike=0.8), [])
    assert any(abs(alert.row - 3500) < 3 for alert in alerts)
    assert len(alerts) <= 2 * sum(alert.row > 2800 for each in normal for alert in each.alerts) + 2
