import numpy as np
import pytest

from seqae.anomaly.events import find_events
from seqae.data.signals.recordings import Recording
from seqae.report.summary import (
    alarm_rows,
    best_methods,
    comparison_sentence,
    headline,
    largest_departure,
    most_severe,
)


def searched(*alarms: tuple[int, int, float], rows: int = 100, times: np.ndarray | None = None):
    scores = np.zeros(rows)
    for start, stop, score in alarms:
        scores[start:stop] = score
    channel_scores = np.stack([scores, 3 * scores], axis=1)
    recording = Recording(channel_scores, ("flow", "speed"), times)
    return recording, find_events(scores, 1.0, channel_scores, ("flow", "speed"), times, merge_gap=0)


def labelled(*faults: tuple[int, int], rows: int = 100) -> np.ndarray:
    labels = np.zeros(rows, dtype=bool)
    for start, stop in faults:
        labels[start:stop] = True
    return labels


def test_the_headline_counts_faults_false_alarms_and_delay():
    recording, events = searched((14, 18, 2), (40, 42, 2), (60, 61, 2), times=np.arange(100.0))
    sentence = headline(recording, events, labelled((10, 20), (36, 45), (80, 90)))
    assert sentence == "2 of 3 faults found, 1 false alarm, first alarm 4 s after the start on average"


def test_the_headline_speaks_of_rows_if_there_are_no_times():
    recording, events = searched((12, 18, 2), (40, 45, 2))
    assert headline(recording, events, labelled((11, 20))).endswith("first alarm 1 row after the start on average")


def test_the_headline_admits_that_nothing_was_found():
    recording, events = searched()
    assert headline(recording, events, labelled((3, 5))) == "0 of 1 fault found, no false alarm"
    assert headline(recording, events) == "No alarm in 100 rows"


@pytest.mark.parametrize("labels", [None, np.zeros(100, bool), np.ones(100, bool)])
def test_without_faults_to_compare_with_the_headline_counts_alarms(labels):
    recording, events = searched((10, 12, 2), (50, 51, 5))
    expected = "2 alarms in 100 rows, 3.0 % of the rows; the most severe at row 50, mostly speed"
    assert headline(recording, events, labels) == expected


def test_the_most_severe_events_come_in_the_order_of_time():
    _, events = searched((10, 12, 5), (30, 31, 2), (50, 51, 9))
    assert [event.start for event in most_severe(events, 2)] == [10, 50]
    assert alarm_rows(events, 100).sum() == 4


def test_the_largest_departure_is_counted_in_deviations_of_the_channel_among_severe_events():
    recording, events = searched((10, 12, 5), (30, 31, 2), (50, 51, 9))
    reconstruction = recording.values.copy()
    reconstruction[10:12] += [2, 3]
    reconstruction[30] += 9
    event, channel = largest_departure(recording, reconstruction, events, most=2)
    assert (event.start, channel) == (10, 1)  # "speed" moves and contributes three times as much as "flow"
    event, channel = largest_departure(recording, reconstruction, events)
    assert event.start == 30
    assert largest_departure(recording, reconstruction, []) is None


def test_a_departure_of_a_single_row_counts_for_nothing_and_of_channels_with_a_small_part_for_little():
    scores = np.zeros((100, 4))
    scores[10:20] = [4, 3, 2, 0.1]
    recording = Recording(np.random.default_rng(0).normal(size=(100, 4)), ("a", "b", "c", "d"))
    events = find_events(scores.sum(axis=1), 1.0, scores, recording.channels)
    reconstruction = recording.values.copy()
    reconstruction[10:20] += [0.0, 1, 0, 9]
    reconstruction[15, 2] += 50
    assert largest_departure(recording, reconstruction, events) == (events[0], 1)


def test_a_channel_whose_reconstruction_goes_astray_does_not_depart_from_it():
    recording, events = searched((10, 20, 5))
    reconstruction = np.zeros((100, 2))  # of both, as if there were no fault
    assert largest_departure(recording, reconstruction, events) == (events[0], 1)
    reconstruction[10:20, 1] = -40.0  # "speed" is never below 0
    assert largest_departure(recording, reconstruction, events) == (events[0], 0)


@pytest.mark.parametrize("stop", [80, 100])
def test_a_channel_that_is_never_where_it_should_be_departs_from_its_reconstruction(stop: int):
    _, events = searched((0, stop, 5))
    values = np.random.default_rng(0).normal(size=(100, 2))
    values[:, 1] += 50
    recording = Recording(values, ("flow", "speed"))
    assert largest_departure(recording, np.zeros((100, 2)), events) == (events[0], 1)


def test_missing_values_and_constant_channels_depart_from_nothing():
    recording, events = searched((10, 12, 5), (30, 31, 2))
    values = recording.values.copy()
    values[:, 0], values[30, 1] = 7, np.nan
    assert largest_departure(Recording(values, ("flow", "speed")), np.zeros((100, 2)), events)[0].start == 10


def test_the_second_column_decides_which_is_best():
    results = [{"method": "ours", "AUC": 0.7, "seconds": 9}, {"method": "PCA", "AUC": 0.8, "seconds": 1}]
    assert best_methods(results) == [1]
    assert comparison_sentence(results) == "Best AUC: PCA with 0.800; ours 0.700."


def test_equal_methods_are_all_best_and_missing_numbers_never():
    tied = [{"method": "a", "AUC": 0.5}, {"method": "b", "AUC": None}, {"method": "c", "AUC": 0.5}]
    assert best_methods(tied) == [0, 2]
    assert comparison_sentence(tied) == "Best AUC: a and c with 0.500; b \u2013."
    assert best_methods([{"method": "a", "AUC": float("nan")}]) == []
    assert comparison_sentence([{"method": "a"}, {"method": "b"}]) == ""
    assert comparison_sentence(tied[:1]) == ""
