from dataclasses import replace

import numpy as np
import pytest
import torch

import seqae
from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.online.state import collect_state, fingerprint, restore_state


def fitted(rows: np.ndarray, **settings: object) -> AnomalyDetector:
    return AnomalyDetector(resolutions=(1, 3), window=6, **settings).fit(rows)


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(400, 2))


def test_a_fingerprint_survives_saving(rows: np.ndarray, tmp_path):
    detector = fitted(rows)
    assert fingerprint(seqae.load(seqae.save(detector, tmp_path / "detector"))) == fingerprint(detector)


def test_a_fingerprint_tells_detectors_apart(rows: np.ndarray):
    others = [fitted(rows[:300]), fitted(rows, merge_gap=3), fitted(rows, false_alarm_rate=0.02)]
    others += [fitted(rows).recalibrate(rows[:200]), fitted(rows), fitted(rows), fitted(rows)]
    others[-3].scorer_.resolutions[1].model.weight[0, 1] += 1e-9
    others[-2].scorer_.resolutions[0].residuals.factor[1, 0, 0] += 1e-9
    others[-1].scorer_ = replace(others[-1].scorer_, threshold=others[-1].threshold_ + 1e-9)
    assert len({fingerprint(each) for each in (fitted(rows), *others)}) == 8
    assert fingerprint(fitted(rows)) == fingerprint(fitted(rows))


def test_a_fingerprint_covers_tensors_that_no_module_holds():
    assert len({fingerprint([torch.tensor([1.0, last])]) for last in (2.0, 3.0)}) == 2


class Part:
    STATE = ("count", "level", "is_open", "rows")

    def __init__(self, count: int, level: float, is_open: bool, rows: np.ndarray):
        self.count, self.level, self.is_open, self.rows = count, level, is_open, rows


def test_a_state_is_restored_with_its_types():
    part = Part(3, 0.5, True, np.arange(6.0, dtype=np.float32).reshape(3, 2))
    empty = Part(0, 0.0, False, np.zeros((0, 2), dtype=np.float32))
    restore_state(collect_state({"a": part}), {"a": empty})
    assert (empty.count, empty.level, empty.is_open) == (3, 0.5, True)
    assert (type(empty.count), type(empty.is_open)) == (int, bool)
    assert empty.rows.dtype == np.float32
    np.testing.assert_array_equal(empty.rows, part.rows)
