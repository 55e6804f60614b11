"""Events found at a few false ones, compared with a threshold lowered one score after the other."""

import numpy as np
import pytest

from seqae.evaluation import event_overlaps, event_scores, events_at, merge_alarms


def naive_runs(flags, merge_gap):
    found = []
    for row in np.flatnonzero(flags):
        if found and row - found[-1][-1] - 1 <= merge_gap:
            found[-1][-1] = row
        else:
            found.append([row, row])
    return [range(first, last + 1) for first, last in found]


def naive_events_at(labels, scores, false_events, merge_gap, most_false_alarms):
    found, needed = 0, np.inf
    for threshold in sorted(set(scores), reverse=True):
        alarms = naive_runs(scores >= threshold, merge_gap)
        if sum(not any(labels[row] for row in run) for run in alarms) > false_events:
            break
        if (scores[~labels] >= threshold).mean() > most_false_alarms:
            break
        now_found = sum(any(scores[row] >= threshold for row in event) for event in naive_runs(labels, 0))
        found, needed = now_found, threshold if now_found > found else needed
    return found, needed


@pytest.mark.parametrize("seed", range(60))
def test_it_is_what_lowering_the_threshold_score_by_score_finds(seed):
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(2, 80))
    labels = np.repeat(rng.random(rows) < 0.3, rng.integers(1, 4, rows))[:rows]
    labels[[0, -1] if seed % 2 else [-1, 0]] = [True, False]
    scores = rng.integers(0, 1 + int(rng.integers(1, 40)), rows).astype(float)  # with ties
    scores += labels * rng.integers(0, 10)
    budget, gap = int(rng.integers(0, 4)), int(rng.integers(0, 15))
    most = [0.0, 0.1, 1.0][seed % 3]
    result = events_at(labels, scores, budget, gap, most)
    assert (result.found, result.threshold) == naive_events_at(labels, scores, budget, gap, most)
    assert result.events == len(naive_runs(labels, 0))
    assert result.false_alarm_rate == (scores[~labels] >= result.threshold).mean()


def test_a_gap_longer_than_the_recording_merges_all_alarms():
    labels, scores = [1, 0, 0, 0, 0, 0], [5, 0, 0, 4, 0, 6]
    assert events_at(labels, scores, false_events=0, merge_gap=2).found == 0
    result = events_at(labels, scores, false_events=1, merge_gap=100)
    assert (result.found, result.threshold) == (1, 5)


def test_a_false_event_ends_the_search_even_if_lower_thresholds_would_merge_it_with_a_true_one():
    labels, scores = [0, 0, 0, 1, 1], [9, 5, 5, 5, 7]
    assert events_at(labels, scores, false_events=0, merge_gap=0).found == 0
    assert events_at(labels, scores, false_events=1, merge_gap=0).found == 1


def test_without_a_threshold_that_is_allowed_nothing_is_found():
    result = events_at([0, 1], [2, 1], false_events=0, merge_gap=0)
    assert (result.found, result.events, result.threshold, result.false_alarm_rate) == (0, 1, np.inf, 0)


def test_an_alarm_that_never_ends_is_told_and_can_be_ruled_out_by_the_rate_of_false_alarms():
    result = events_at([0, 1, 0, 1], np.ones(4), false_events=0)
    assert (result.found, result.false_alarm_rate) == (2, 1)
    assert events_at([0, 1, 0, 1], np.ones(4), false_events=0, most_false_alarms=0.9).found == 0


def test_scores_that_are_the_labels_find_all_without_a_false_alarm():
    result = events_at([0, 1, 1, 0, 1], [0, 1, 1, 0, 1])
    assert (result.found, result.events, result.threshold, result.false_alarm_rate) == (2, 2, 1, 0)


def test_the_order_of_the_rows_decides_and_not_the_size_of_scores():
    rng = np.random.default_rng(0)
    labels, scores = rng.random(300) < 0.05, rng.normal(size=300)
    first, other = events_at(labels, scores), events_at(labels, np.exp(3 * scores))
    assert (first.found, first.false_alarm_rate) == (other.found, other.false_alarm_rate)
    assert other.threshold == pytest.approx(np.exp(3 * first.threshold))


@pytest.mark.parametrize("numbers", [{"false_events": -1}, {"merge_gap": -1}, {"most_false_alarms": -0.1}])
def test_negative_numbers_are_refused(numbers):
    with pytest.raises(ValueError, match="Give numbers of 0 or more"):
        events_at([0, 1], [0, 1], **numbers)


def test_labels_of_one_class_are_refused():
    with pytest.raises(ValueError, match="need anomalous rows too"):
        events_at([0, 0], [0, 1])


@pytest.mark.parametrize("gap", [0, 1, 3])
def test_alarms_are_merged_as_they_are_for_events(gap):
    alarms = np.random.default_rng(gap).random(60) < 0.2
    expected = np.zeros(60, dtype=bool)
    for run in naive_runs(alarms, gap):
        expected[list(run)] = True
    before = alarms.copy()
    np.testing.assert_array_equal(merge_alarms(alarms, gap), expected)
    np.testing.assert_array_equal(alarms, before)


def test_overlap_is_intersection_over_union_with_the_best_run():
    labels = np.array([0, 1, 1, 1, 1, 0, 1, 1, 0, 1])
    alarms = np.array([1, 1, 0, 1, 1, 0, 1, 1, 0, 0])
    np.testing.assert_allclose(event_overlaps(labels, alarms), [2 / 4, 1, 0])
    assert (event_overlaps(labels, alarms) > 0).sum() == event_scores(labels, alarms).found


def test_without_an_alarm_nothing_overlaps():
    np.testing.assert_array_equal(event_overlaps([0, 1, 0, 1], np.zeros(4)), [0, 0])
