from collections import deque

import numpy as np
import pytest

import seqae
from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.mahalanobis import Mahalanobis
from seqae.anomaly.online.state import collect_state, fingerprint, restore_state
from seqae.anomaly.window_models import PCA


def fitted(rows: np.ndarray, **settings: object) -> AnomalyDetector:
    return AnomalyDetector(PCA(), resolutions=(1, 3), distance=Mahalanobis(), **settings).fit(rows)


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(400, 2))


def test_a_fingerprint_survives_saving(rows: np.ndarray, tmp_path):
    detector = fitted(rows)
    assert fingerprint(seqae.load(seqae.save(detector, tmp_path / "detector"))) == fingerprint(detector)


def test_a_fingerprint_tells_detectors_apart(rows: np.ndarray):
    others = [fitted(rows[:300]), fitted(rows, merge_gap=3), fitted(rows, false_alarm_rate=0.02)]
    others += [fitted(rows).recalibrate(rows[:200]), fitted(rows)]
    others[-1].scorer_.error_scaler.distances_[1].mean_[0] += 1e-9
    assert len({fingerprint(each) for each in (fitted(rows), *others)}) == 6
    assert fingerprint(fitted(rows)) == fingerprint(fitted(rows))


class Part:
    STATE = ("count", "level", "rows", "queue")

    def __init__(self, count: int, level: float, rows: np.ndarray, queue: deque):
        self.count, self.level, self.rows, self.queue = count, level, rows, queue


def test_a_state_is_restored_with_its_types():
    part = Part(3, 0.5, np.arange(6.0, dtype=np.float32).reshape(3, 2), deque([4, 5]))
    empty = Part(0, 0.0, np.zeros((0, 2), dtype=np.float32), deque())
    restore_state(collect_state({"a": part}), {"a": empty})
    assert (empty.count, empty.level, empty.queue) == (3, 0.5, deque([4, 5]))
    assert type(empty.count) is int
    assert empty.rows.dtype == np.float32
    np.testing.assert_array_equal(empty.rows, part.rows)
