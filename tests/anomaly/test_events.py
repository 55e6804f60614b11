import json
import os
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqae.anomaly.events import (
    ChannelContribution,
    Event,
    find_events,
    read_events_csv,
    read_events_json,
    runs,
    write_events_csv,
    write_events_json,
)

ALARMS = st.lists(st.sampled_from([0.0, 2.0, float("nan")]), min_size=1, max_size=80)
FINITE = st.floats(0, 1e300)
TIME = st.none() | st.just("2024-02-29T10:14:33.5") | st.just("12.5")
EVENTS = st.lists(
    st.builds(
        Event,
        start=st.integers(0, 10**9),
        stop=st.integers(0, 10**9),
        start_time=TIME,
        end_time=TIME,
        duration=FINITE,
        severity=FINITE,
        score=FINITE,
        peak=st.integers(0, 10**9),
        channels=st.lists(
            st.builds(ChannelContribution, st.text(st.characters(codec="utf-8")), FINITE),
            unique_by=lambda each: each.channel,
        ).map(tuple),
    ),
    max_size=3,
)
FORMATS = [(write_events_csv, read_events_csv), (write_events_json, read_events_json)]


def events_of(scores, **options):
    scores = np.array(scores, dtype=float)
    return find_events(scores, 1.0, scores[:, None], ["pressure"], **options)


@given(ALARMS, st.integers(0, 6))
@settings(deadline=None, max_examples=60)
def test_events_are_in_order_apart_and_cover_the_alarms_and_the_gaps_between_them(scores, merge_gap):
    alarms = [score == 2 for score in scores]
    rows = [row for row, alarm in enumerate(alarms) if alarm]
    expected = set(rows)
    for row, following in pairwise(rows):
        if following - row - 1 <= merge_gap:
            expected.update(range(row, following))
    events = events_of(scores, merge_gap=merge_gap)
    covered = [row for event in events for row in range(event.start, event.stop)]
    assert covered == sorted(expected)
    assert all(first.stop + merge_gap < second.start for first, second in pairwise(events))
    assert all(alarms[event.start] and alarms[event.stop - 1] for event in events)


@given(ALARMS, st.integers(1, 10))
@settings(deadline=None, max_examples=60)
def test_short_events_are_dropped_and_no_other(scores, min_rows):
    kept = events_of(scores, min_rows=min_rows)
    assert kept == [event for event in events_of(scores) if event.stop - event.start >= min_rows]


def test_a_score_at_the_threshold_is_normal():
    assert events_of([0, 1, 1, 0]) == []


def test_an_event_tells_its_peak_and_severity():
    (event,) = events_of([0, 2, 5, np.nan, 3, 0])
    assert (event.start, event.stop, event.peak, event.score, event.severity) == (1, 5, 2, 5.0, 5.0)
    assert (event.start_time, event.end_time, event.duration) == (None, None, 4.0)


@pytest.mark.parametrize("unit", ["ns", "us", "ms"])
def test_times_are_iso_and_the_last_row_lasts_a_sampling_period(unit):
    times = np.datetime64("2020-03-09T10:00:00", unit) + np.arange(6) * np.timedelta64(500, "ms")
    (event,) = events_of([0, 2, 2, 2, 0, 0], times=times)
    assert (event.start_time, event.end_time) == ("2020-03-09T10:00:00.5", "2020-03-09T10:00:01.5")
    assert event.duration == 1.5


def test_midnight_is_written_out():
    times = np.datetime64("2020-03-10", "ns") + np.arange(2) * np.timedelta64(1, "s")
    (event,) = events_of([2, 0], times=times)
    assert event.start_time == "2020-03-10T00:00:00"


def test_times_in_seconds_stay_seconds():
    (event,) = events_of([0, 2, 2, 0], times=np.array([10.0, 10.25, 10.5, 10.75]))
    assert (event.start_time, event.end_time, event.duration) == ("10.25", "10.5", 0.5)


def test_contributions_are_the_fractions_of_the_channel_scores_over_the_alarm_rows():
    scores = np.array([0.0, 3.0, 0.5, 3.0])
    channel_scores = np.array([[9.0, 9, 9, 9], [1, 4, np.nan, -1], [9, 9, 9, 9], [2, np.nan, 1, -1]])
    (event,) = find_events(scores, 1.0, channel_scores, ["a", "b", "c", "d"], merge_gap=1)
    assert event.channels == (
        ChannelContribution("b", 4 / 8),
        ChannelContribution("a", 3 / 8),
        ChannelContribution("c", 1 / 8),
        ChannelContribution("d", 0.0),
    )


@given(st.lists(st.lists(st.floats(), min_size=3, max_size=3), min_size=1))
@settings(deadline=None, max_examples=60)
def test_fractions_are_a_distribution_whatever_the_channel_scores(channel_scores):
    scores = np.full(len(channel_scores), 2.0)
    (event,) = find_events(scores, 1.0, np.array(channel_scores), ["a", "b", "c"])
    fractions = [each.fraction for each in event.channels]
    assert {each.channel for each in event.channels} == {"a", "b", "c"}
    assert all(fraction >= 0 for fraction in fractions)
    assert sum(fractions) == pytest.approx(1)
    assert fractions == sorted(fractions, reverse=True)


def test_infinite_scores_and_a_zero_threshold_give_numbers_that_json_can_hold():
    (event,) = find_events(np.array([0.0, np.inf]), 0.0, np.ones((2, 1)), ["a"])
    assert event.score == event.severity == sys.float_info.max


@pytest.mark.parametrize(("write", "read"), FORMATS)
@given(events=EVENTS)
@settings(deadline=None, max_examples=40)
def test_events_are_read_back_equal(tmp_path_factory, write, read, events):
    path = tmp_path_factory.mktemp("events") / "events"
    write(events, path)
    assert read(path) == events


def test_json_holds_plain_numbers(tmp_path):
    write_events_json(events_of([0, 2, 0]), tmp_path / "events.json")
    (record,) = json.loads((tmp_path / "events.json").read_text(), parse_constant=pytest.fail)
    assert record["channels"] == {"pressure": 1.0}


@pytest.mark.parametrize(("write", "read"), FORMATS)
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, write, read):
    old, path = events_of([0, 2, 0]), tmp_path / "events"
    write(old, path)

    def full_disk(descriptor):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="no space left"):
        write([], path)
    assert read(path) == old
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("read", "text"),
    [
        *[(read_events_json, text) for text in ("", "{", '{"start": 1}', '[{"start": 1}]', "[3]", "null", "[" * 9999)],
        (read_events_json, '[{"start": Infinity}]'),
        *[(read_events_csv, text) for text in ("start,stop\n1,2\n", "{}\n1\n", "channels\n3\n", "channels\n{}\n")],
    ],
)
def test_a_file_of_another_kind_is_named(tmp_path, read, text):
    path = tmp_path / "notes"
    path.write_text(text)
    with pytest.raises(ValueError, match="notes holds no events"):
        read(path)


def test_runs_that_are_near_are_one():
    flags = np.array([1, 1, 0, 1, 0, 0, 1], dtype=bool)
    assert runs(flags).tolist() == [[0, 2], [3, 4], [6, 7]]
    assert runs(flags, merge_gap=1).tolist() == [[0, 4], [6, 7]]
    assert runs(flags, merge_gap=2).tolist() == [[0, 7]]
    assert runs(np.zeros(3, dtype=bool)).shape == (0, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"threshold": float("nan")}, "threshold is nan"),
        ({"threshold": -1.0}, "threshold is -1"),
        ({"channel_scores": np.ones((3, 1))}, r"channel_scores have shape \(3, 1\) for 3 scores and 2 channels"),
        ({"channels": ["a", "a"]}, "channels share a name"),
        ({"times": np.arange(4.0)}, "4 times for 3 scores"),
    ],
)
def test_unusable_arguments_are_named(change, message):
    arguments = {"scores": np.ones(3), "threshold": 0.5, "channel_scores": np.ones((3, 2)), "channels": ["a", "b"]}
    with pytest.raises(ValueError, match=message):
        find_events(**arguments | change)


def test_no_event_spans_a_gap_in_time():
    scores = np.full(6, 2.0)
    events = find_events(scores, 1.0, scores[:, None], ["a"], merge_gap=3, segments=[slice(0, 2), slice(2, 6)])
    assert [(event.start, event.stop) for event in events] == [(0, 2), (2, 6)]
