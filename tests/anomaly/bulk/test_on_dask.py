"""A data set that the workers of a Dask cluster score: processes of this machine."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import seqae
from generators import readings
from seqae.anomaly.bulk import entity
from seqae.anomaly.bulk.dataset import score_dataset
from seqae.anomaly.bulk.on_dask import score_on_dask

distributed = pytest.importorskip("distributed")
ROWS = 40_000


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two processes that answer to this machine alone."""
    monkeypatch.setenv("PYTHONPATH", str(Path(seqae.__file__).parents[1]))
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address=None,
        local_directory=str(tmp_path / "dask"),
        silence_logs=50,
    ) as cluster:
        yield cluster


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two machines with so many rows that a worker can be met at work."""
    for seed, name in enumerate(("m1", "m2")):
        rows = pd.DataFrame(readings(ROWS, seed=seed), columns=["flow", "pressure", "still"])
        folder = tmp_path / "data" / f"machine={name}"
        folder.mkdir(parents=True)
        rows.to_parquet(folder / "a.parquet", index=False)
    return tmp_path / "data"


def killed_at_work(cluster: Any, out: Path, was_at_work: list[bool]) -> Callable[[], None]:
    """Return a function that kills a worker when both have scored some rows, and notes whether they were at work."""

    def kill() -> None:
        end = time.monotonic() + 60
        while len(list(out.rglob("*.arrows"))) < 2 and time.monotonic() < end:
            time.sleep(0.002)
        os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)
        was_at_work.append(not list(out.glob("events/*.json")))

    return kill


def test_a_worker_that_is_killed_at_work_loses_nothing(cluster, data, detector, monkeypatch, tmp_path):
    monkeypatch.setattr(entity, "BLOCK_ROWS", 4096)  # as in the processes of the workers
    model, out = seqae.save(detector, tmp_path / "model"), tmp_path / "out"
    was_at_work: list[bool] = []
    reports: list[tuple[int, int]] = []
    killer = threading.Thread(target=killed_at_work(cluster, out, was_at_work))
    killer.start()
    summaries = score_on_dask(
        model, data, out, cluster.scheduler_address, lambda *report: reports.append(report), by="machine"
    )
    killer.join()
    assert was_at_work == [True]
    assert reports[0] == (0, 2 * ROWS) and reports[-1] == (2 * ROWS, 2 * ROWS)
    assert summaries == score_dataset(detector, data, tmp_path / "alone", by="machine")
    files = [path.relative_to(out) for path in out.rglob("*.*") if path.name not in ("manifest.json",) and path.is_file()]
    assert len(files) == 5
    for file in files:
        assert (out / file).read_bytes() == (tmp_path / "alone" / file).read_bytes()
    found = pd.read_parquet(out / "scores" / "entity=m2" / "part-0.parquet")
    np.testing.assert_allclose(
        found.score, detector.score_samples(readings(ROWS, seed=1)), rtol=1e-6, atol=1e-6
    )
