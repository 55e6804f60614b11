"""Heartbeats in the UCR archive's layout, and scores of beats that no model has seen."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from heartbeats import read_beats, synthetic_beats
from sensor_heartbeats import cross_fit, evaluate


def test_normal_training_beats_and_all_test_beats_are_read_with_their_kinds(tmp_path):
    (tmp_path / "ECG5000_TRAIN.ts").write_text("@problemName ECG5000\n@data\n1,2,3:1\n4,5,6:2\n7,8,9:1\n")
    (tmp_path / "ECG5000_TEST.ts").write_text("@problemName ECG5000\n@data\n0,0,1:4\n0,1,0:1\n")
    normal, beats, kinds = read_beats(str(tmp_path))
    assert normal[..., 0].tolist() == [[1, 2, 3], [7, 8, 9]]
    assert beats[..., 0].tolist() == [[0, 0, 1], [0, 1, 0]]
    assert kinds.tolist() == ["supraventricular", "normal"]


def test_synthetic_training_beats_are_normal():
    normal, beats, kinds = synthetic_beats()
    assert len(normal) == 200 and len(beats) == len(kinds) == 600
    assert set(kinds) == {"normal", "late", "turned over"}
    usual = normal.mean(axis=0)
    away = np.square(beats - usual).mean(axis=(1, 2))
    assert np.square(normal - usual).mean() < away[kinds != "normal"].min()


def test_scores_of_normal_beats_come_from_models_that_have_not_seen_them():
    normal, beats = np.arange(20.0).reshape(20, 1, 1), np.arange(100.0, 103).reshape(3, 1, 1)

    def is_known(train: np.ndarray, seed: int):
        return lambda rows: np.isin(rows[:, 0, 0], train[:, 0, 0]) + 0.1 * seed

    held_out, scores = cross_fit(is_known, normal, beats, seed=2)
    assert held_out.max() < 1.5 and len(held_out) == 20  # five seeds from 10 on, and none is known
    np.testing.assert_allclose(scores, 0.1 * np.mean([10, 11, 12, 13, 14]))


def test_the_threshold_comes_from_held_out_beats_alone():
    held_out = np.linspace(0, 1, 100)
    truth = np.array([False] * 50 + [True] * 50)
    found = evaluate(held_out, np.where(truth, 2.0, 0.5), truth, 0.02)
    assert found == {"AUROC": 1.0, "AP": 1.0, "balanced": 1.0, "false alarms": 0.0}
