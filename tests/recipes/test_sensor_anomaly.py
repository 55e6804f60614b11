"""The table of the recipe on machine signals, and its faults in held-out normal rows."""

import numpy as np
import pandas as pd
import pytest
from comparison import evaluate, evaluate_baselines, numbers, rates_in_a_sentence, rates_on_injected_faults

import seqae

LABELS = np.isin(np.arange(100), [*range(20, 30), *range(60, 64)])


def recording(rows: int, seed: int) -> seqae.Recording:
    rng = np.random.default_rng(seed)
    values = np.sin(0.3 * np.arange(rows))[:, None] * [1.0, -2.0] + 0.2 * rng.normal(size=(rows, 2))
    return seqae.as_recordings(values)[0]


def test_a_row_of_the_table_tells_how_scores_rank_and_what_alarms_find():
    alarms = np.isin(np.arange(100), [0, *range(22, 25), *range(28, 32), 90])
    scores = np.where(alarms, 2.0, 0.0) + np.where(LABELS, 1.0, 0.0)
    row = evaluate("mine", np.where(np.arange(100) == 50, np.nan, scores), alarms, LABELS)
    assert (row["method"], row["faults found"], row["alarm on before"], row["false alarms"]) == ("mine", 1, 0, 2)
    assert row["delay [rows]"] == 2
    assert row["median IoU"] == pytest.approx(np.median([8 / 12, 0]))  # rows 22 to 31, as the gap is short
    assert row["false alarm rate"] == 4 / 86
    assert (row["events at 2 false"], row["other rows then in alarm"]) == (2, 4 / 86)


def test_without_labels_alarms_are_counted():
    alarms = np.isin(np.arange(100), [3, 5, 50])
    assert evaluate("mine", alarms * 1.0, alarms, None) == {
        "method": "mine",
        "fraction of rows in alarm": 0.03,
        "events": 2,
    }


def test_baselines_learn_from_all_recordings_and_alarm_at_the_rate_asked_for():
    normal, searched = [recording(300, 0), recording(300, 1)], recording(400, 2)
    found = {row["method"]: row for row in evaluate_baselines(normal, searched, None, 0.05)}
    assert found["constant"]["fraction of rows in alarm"] == 1
    for name in ("random", "squared z-score", "Mahalanobis distance", "VAR(8)"):
        assert 0 < found[name]["fraction of rows in alarm"] < 0.15, name


def test_undefined_numbers_and_words_are_left_out():
    rows = [{"method": "a", "delay": float("nan"), "found": 3}, {"method": "b", "text": "3 of 4", "rate": 0.5}]
    assert numbers(rows) == {"a: found": 3.0, "b: rate": 0.5}


def test_faults_are_injected_into_rows_that_the_detector_did_not_learn_from():
    class AlarmsWhereNew:
        """Remembers the rows that it learns from; alarms in all others."""

        def fit(self, normal):
            self.known = {row.tobytes() for each in normal for row in each.values}
            return self

        def detect(self, values):
            new = np.array([row.tobytes() not in self.known for row in values])
            return [type("Detection", (), {"events": [], "alarms": new})()]

    normal = [recording(300, 0), recording(1000, 1)]
    rates = rates_on_injected_faults(AlarmsWhereNew, normal, smoke=True)
    assert (rates["false_alarm_rate"] == 1).all() and (rates["found"] == 0).all()


def test_the_sentence_tells_each_kind_once():
    rates = pd.DataFrame({"kind": ["offset", "offset", "missing_cycle"], "size": [1, 3, np.nan], "found": [0, 0.75, 1]})
    assert rates_in_a_sentence(rates).endswith(": offset 75 %, missing cycle 100 %.")
