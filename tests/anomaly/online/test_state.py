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


class Timed:
    STATE = ("times", "totals", "level")

    def __init__(self) -> None:
        self.times, self.totals, self.level = np.zeros(0, dtype=np.int64), np.zeros(2), 0.0


SECONDS, DATES = np.zeros(3), np.zeros(3, dtype="M8[ns]")


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("a.times", None),
        ("a.times", np.zeros((3, 1))),
        ("a.times", np.zeros(3, dtype=bool)),
        ("a.times", SECONDS),  # where those of the other part are dates
        ("a.totals", np.zeros(3)),
        ("a.totals", np.zeros(2, dtype=np.float32)),
        ("a.level", np.zeros(0)),
        ("a.level", np.array([np.nan])),
    ],
)
def test_a_state_of_other_shapes_or_types_is_refused(name: str, array: np.ndarray | None):
    state = {f"{part}.{key}": value for part in "ab" for key, value in
             {"times": DATES, "totals": np.ones(2), "level": np.array([0.5])}.items()}  # fmt: skip
    parts = {"a": Timed(), "b": Timed()}
    restore_state(state, parts)
    assert parts["a"].level == 0.5 and parts["b"].times.dtype == "M8[ns]"
    changed = {key: array if key == name else value for key, value in state.items() if key != name or array is not None}
    with pytest.raises(ValueError, match=r"is none of this detector\. Delete it to start again"):
        restore_state(changed, {"a": Timed(), "b": Timed()})
