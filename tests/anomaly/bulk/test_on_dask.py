"""A data set that the workers of a Dask cluster score: processes of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import seqae
from generators import readings
from seqae.anomaly.bulk.dataset import score_dataset
from seqae.anomaly.bulk.on_dask import score_on_dask

distributed = pytest.importorskip("distributed")
ROWS = 10_000  # several blocks: the first rows are not all
# A worker that has scored its first rows says so by a file, and does not go on before there is another one.
WAIT_AT_WORK = """
import os, pathlib, time
from seqae.anomaly.bulk.spool import Spool

def dask_setup(worker):
    folder, append = pathlib.Path({folder!r}), Spool.append

    def append_and_wait(spool, update):
        append(spool, update)
        if spool.size:
            (folder / f"{{os.getpid()}}.works").touch()
            while not (folder / "go-on").exists():
                time.sleep(0.02)

    Spool.append = append_and_wait
"""


@pytest.fixture(autouse=True)
def small_steps():
    """Blocks are as large as in the processes of the workers."""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen]]]:
    """The address of a scheduler, and two worker processes, which answer to this machine alone and wait at work."""
    preload = tmp_path / "wait_at_work.py"
    preload.write_text(WAIT_AT_WORK.format(folder=str(tmp_path)))
    environment = os.environ | {"PYTHONPATH": str(Path(seqae.__file__).parents[1])}
    settings = {"n_workers": 0, "host": "127.0.0.1", "dashboard_address": None, "silence_logs": 50}
    with distributed.LocalCluster(**settings) as scheduler, distributed.Client(scheduler) as client:
        words = [scheduler.scheduler_address, "--no-nanny", "--nthreads", "1", "--host", "127.0.0.1", "--no-dashboard"]
        command = [sys.executable, "-m", "distributed.cli.dask_worker", *words, "--local-directory", str(tmp_path)]
        command += ["--preload", str(preload)]
        workers = [
            subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for _ in range(2)
        ]
        try:
            client.wait_for_workers(2, timeout=300)
            yield scheduler.scheduler_address, workers
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two machines, one for each worker."""
    for seed, name in enumerate(("m1", "m2")):
        rows = pd.DataFrame(readings(ROWS, seed=seed), columns=["flow", "pressure", "still"])
        folder = tmp_path / "data" / f"machine={name}"
        folder.mkdir(parents=True)
        rows.to_parquet(folder / "a.parquet", index=False)
    return tmp_path / "data"


def kill_at_work(workers: list[subprocess.Popen], folder: Path) -> None:
    """Kill the worker that is the first to have scored some rows, and let the other one go on."""
    while not (at_work := list(folder.glob("*.works"))):
        time.sleep(0.02)
    (worker,) = (each for each in workers if each.pid == int(at_work[0].stem))
    worker.kill()
    worker.wait()
    (folder / "go-on").touch()


def test_a_worker_that_is_killed_at_work_loses_nothing(cluster, data, detector, tmp_path):
    address, workers = cluster
    model, out = seqae.save(detector, tmp_path / "model"), tmp_path / "out"
    reports: list[tuple[int, int]] = []
    threading.Thread(target=kill_at_work, args=(workers, tmp_path), daemon=True).start()
    summaries = score_on_dask(model, data, out, address, lambda *report: reports.append(report), by="machine")
    assert {worker.poll() for worker in workers} == {-signal.SIGKILL, None}
    assert reports[0] == (0, 2 * ROWS) and reports[-1] == (2 * ROWS, 2 * ROWS)
    assert summaries == score_dataset(detector, data, tmp_path / "alone", by="machine")
    files = [
        path.relative_to(out) for path in out.rglob("*.*") if path.name not in ("manifest.json",) and path.is_file()
    ]
    assert len(files) == 5
    for file in files:
        assert (out / file).read_bytes() == (tmp_path / "alone" / file).read_bytes()
    found = pd.read_parquet(out / "scores" / "entity=m2" / "part-0.parquet")
    np.testing.assert_allclose(found.score, detector.score_samples(readings(ROWS, seed=1)), rtol=1e-6, atol=1e-6)
