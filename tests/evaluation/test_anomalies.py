import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from seqae.evaluation.anomalies import (
    auc_pr,
    auc_roc,
    event_scores,
    row_scores,
    sliding_window_length,
    vus_pr,
    vus_roc,
)

BORDERS = [(0, 20), (280, 300)]
NEIGHBOURS = [(50, 60), (61, 70), (85, 90), (300, 340)]
SINGLE_ROWS = [(row, row + 1) for row in range(10, 250, 9)]
FINE = 10**6

# Computed by an independent implementation that agrees with the TSB-AD package to 4e-16.
BENCHMARK = [
    # seed, rows, events, levels, window, VUS-PR, VUS-ROC
    (1, 400, [(100, 130)], FINE, 20, 0.617313000128607, 0.902110198034516),
    (2, 300, BORDERS, FINE, 31, 0.7805140989436468, 0.9245305621830264),
    (3, 500, NEIGHBOURS, FINE, 40, 0.7577362348977768, 0.9216085605853982),
    (4, 350, [(40, 60), (200, 201)], 8, 25, 0.4696894627850699, 0.8989262636700031),
    (5, 200, [(3, 4), (90, 100), (110, 115), (198, 199)], FINE, 300, 0.9463274020618024, 0.990238318023843),
    (6, 260, SINGLE_ROWS, 20, 12, 0.8727100501779952, 0.9644396015420983),
    (7, 220, [(30, 200)], 4, 0, 0.9419084300386822, 0.8671764705882353),
]


def generated(seed, rows, events, levels):
    """Labels, and scores that are higher by 0.5 in events; few levels make ties. The same on every machine."""
    state, uniform = seed, []
    for _ in range(rows):
        state = (1103515245 * state + 12345) % 2**31
        uniform.append(state / 2**31)
    labels = np.zeros(rows, dtype=int)
    for start, stop in events:
        labels[start:stop] = 1
    return labels, np.floor((np.array(uniform) + 0.5 * labels) * levels) / levels


@st.composite
def labelled(draw):
    """Labels of both kinds, and as many small numbers, many of them equal."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    labels = rng.random(draw(st.integers(2, 60))) < rng.random()
    assume(labels.any() and not labels.all())
    return labels, rng.integers(-3, 4, len(labels))


@pytest.mark.parametrize(("seed", "rows", "events", "levels", "window", "pr", "roc"), BENCHMARK)
def test_volumes_are_those_of_the_benchmark(seed, rows, events, levels, window, pr, roc):
    labels, scores = generated(seed, rows, events, levels)
    assert vus_pr(labels, scores, window) == pytest.approx(pr, abs=1e-9)
    assert vus_roc(labels, scores, window) == pytest.approx(roc, abs=1e-9)


@given(labelled(), st.integers(0, 30))
@settings(deadline=None, max_examples=40)
def test_volumes_of_a_perfect_score_are_one(case, window):
    labels, _ = case
    assert vus_pr(labels, labels, window) == pytest.approx(1)
    assert vus_roc(labels, labels, window) == pytest.approx(1)


def test_volume_of_a_constant_score_is_the_fraction_of_widened_anomalies():
    labels, _ = generated(1, 400, [(100, 130)], FINE)
    scores, window = np.full(400, 3.7), 20
    fractions = [
        (30 + 2 * sum(np.sqrt(1 - distance / margin) for distance in range(1, margin // 2 + 1))) / 400
        for margin in range(window + 1)
    ]
    assert vus_pr(labels, scores, window) == pytest.approx(np.mean(fractions))
    assert vus_pr(labels, scores, 0) == pytest.approx(30 / 400)
    assert vus_roc(labels, scores, 0) == pytest.approx(0.5)


@given(labelled(), st.integers(0, 20))
@settings(deadline=None, max_examples=40)
def test_volumes_depend_only_on_the_order_of_scores(case, window):
    labels, scores = case
    assert vus_pr(labels, scores, window) == vus_pr(labels, np.exp(scores), window)
    assert vus_roc(labels, scores, window) == vus_roc(labels, np.exp(scores), window)


def test_volumes_forgive_an_alarm_that_comes_a_little_late():
    labels, _ = generated(1, 400, [(100, 130)], FINE)
    late = np.roll(labels, 8)
    assert vus_pr(labels, late, 60) > auc_pr(labels, late) + 0.1


@given(labelled())
@settings(deadline=None, max_examples=40)
def test_areas_are_those_of_scikit_learn(case):
    metrics = pytest.importorskip("sklearn.metrics")
    labels, scores = case
    assert auc_pr(labels, scores) == pytest.approx(metrics.average_precision_score(labels, scores))
    assert auc_roc(labels, scores) == pytest.approx(metrics.roc_auc_score(labels, scores))


@pytest.mark.parametrize("period", [7, 25, 144])
def test_window_length_is_the_period(period):
    series = np.sin(2 * np.pi * np.arange(5000) / period) + 0.2 * np.cos(np.arange(5000) ** 2)
    assert abs(sliding_window_length(series) - period) <= 1


@pytest.mark.parametrize("series", [np.full(500, 2.5), np.arange(500), [1, 2, 1]], ids=["constant", "ramp", "short"])
def test_window_length_without_period_is_the_benchmarks_default(series):
    assert sliding_window_length(series) == 125


def test_row_scores_count_rows():
    labels = [0, 0, 1, 1, 1, 1, 0, 0, 0, 0]
    alarms = [0, 1, 0, 1, 1, 1, 1, 0, 0, 0]
    scores = row_scores(labels, alarms)
    assert scores.precision == 3 / 5
    assert scores.recall == 3 / 4
    assert scores.f1 == pytest.approx(2 / 3)
    assert scores.false_alarm_rate == pytest.approx(2 / 6)
    assert scores.missed_alarm_rate == 1 / 4


def test_event_scores_count_runs():
    #         late by 1     on time, from before   missed     two alarms, 0 and 3 late
    labels = [0, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 1]
    alarms = [0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 1]
    scores = event_scores(labels, alarms)
    assert (scores.events, scores.found, scores.false_alarms) == (4, 3, 1)
    assert scores.precision == 4 / 5
    assert scores.recall == 3 / 4
    assert scores.f1 == pytest.approx(2 * 0.8 * 0.75 / 1.55)
    assert scores.mean_delay == pytest.approx(1 / 3)
    assert scores.median_delay == 0


def test_a_single_alarm_does_not_find_all_rows_of_its_event():
    labels = np.r_[np.zeros(50), np.ones(50)]
    alarms = np.zeros(100)
    alarms[75] = 1
    assert row_scores(labels, alarms).recall == 1 / 50
    assert event_scores(labels, alarms).recall == 1
    assert event_scores(labels, alarms).mean_delay == 25


def test_without_alarms_nothing_is_found():
    rows, events = row_scores([0, 1, 1], [0, 0, 0]), event_scores([0, 1, 1], [0, 0, 0])
    assert (rows.precision, rows.recall, rows.f1, rows.missed_alarm_rate) == (0, 0, 0, 1)
    assert (events.precision, events.recall, events.f1, events.false_alarms) == (0, 0, 0, 0)
    assert np.isnan(events.mean_delay)


@given(labelled())
@settings(deadline=None, max_examples=40)
def test_swapping_labels_and_alarms_swaps_precision_and_recall(case):
    labels, alarms = case[0], case[1] > 0
    assume(alarms.any() and not alarms.all())
    for scores in row_scores, event_scores:
        there, back = scores(labels, alarms), scores(alarms, labels)
        assert (there.precision, there.recall) == (back.recall, back.precision)


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 1], [0.5, 0.5, 0.5], "2 labels for 3 scores"),
        ([0, 1, 0], [0.5, np.nan, 0.5], "scores are NaN in 1 rows .first: row 1."),
        ([0, 2, 0], [0.5, 0.5, 0.5], "labels hold 2 .row 1."),
        ([0, 0, 0], [0.5, 0.5, 0.5], "all 3 rows are labelled normal"),
        ([1, 1, 1], [0.5, 0.5, 0.5], "all 3 rows are labelled anomalous"),
        ([], [], "scores have shape"),
        ([0, 1], [[0.5, 0.5]], "scores have shape"),
    ],
)
@pytest.mark.parametrize("metric", [auc_pr, auc_roc, lambda *case: vus_pr(*case, 5), lambda *case: vus_roc(*case, 5)])
def test_unusable_labels_and_scores_are_named(metric, labels, scores, message):
    with pytest.raises(ValueError, match=message):
        metric(labels, scores)


@pytest.mark.parametrize("metric", [row_scores, event_scores])
def test_unusable_alarms_are_named(metric):
    with pytest.raises(ValueError, match=r"alarms hold 0\.7 \(row 2\)"):
        metric([0, 1, 1], [0, 1, 0.7])
    with pytest.raises(ValueError, match="all 2 rows are labelled normal"):
        metric([0, 0], [0, 1])


def test_a_negative_window_is_named():
    with pytest.raises(ValueError, match="window is -1"):
        vus_pr([0, 1], [0, 1], -1)


def test_an_alarm_that_was_on_before_an_event_is_told_apart():
    labels = np.array([0, 0, 1, 1, 0, 0, 1, 1, 0, 1])
    alarms = np.array([0, 1, 1, 1, 0, 0, 1, 0, 0, 0])  # on before the first, with the second, never in the third
    scores = event_scores(labels, alarms)
    assert (scores.events, scores.found, scores.already_on) == (3, 2, 1)
    assert event_scores(labels, np.ones(10, dtype=int)).already_on == 3


def test_an_event_at_the_first_row_has_no_row_before():
    assert event_scores(np.array([1, 0, 0]), np.array([1, 0, 1])).already_on == 0
