"""`seqae recalibrate`, and what the new detector says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import seqae
from seqae.anomaly.window_models import PCA


def readings(rows: int, seed: int, level: float = 0.0) -> pd.DataFrame:
    noise = np.random.default_rng(seed).normal(size=(rows, 2))
    return pd.DataFrame(noise + np.array([0, level]), columns=["flow", "pressure"])


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    detector = seqae.AnomalyDetector(PCA(), resolutions=(1,)).fit(readings(1000, seed=0))
    return seqae.save(detector, tmp_path_factory.mktemp("run") / "model")


def test_a_detector_with_new_thresholds_is_written(saved: Path, tmp_path: Path, command: Callable):
    readings(1000, seed=1, level=9).to_csv(tmp_path / "normal.csv", index=False)
    words = ("recalibrate", str(saved.parent), str(tmp_path / "normal.csv"), str(tmp_path / "new"))
    done = command(*words)
    assert (done.code, done.err) == (0, "")
    assert "1000 rows: 100.00% raised an alarm before, " in done.out
    assert f"wrote {tmp_path / 'new'}" in done.out
    assert seqae.load(tmp_path / "new").predict(readings(1000, seed=2, level=9)).mean() < 0.05
    again = command(*words)
    assert (again.code, again.err) == (
        2,
        f"error: {tmp_path / 'new'} holds a model already. Add --overwrite, or give another folder\n",
    )
    assert command(*words, "--overwrite").code == 0
    assert "absent.csv" in command(*words[:2], str(tmp_path / "absent.csv"), str(tmp_path / "other")).err
