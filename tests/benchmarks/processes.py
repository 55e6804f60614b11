"""How much sooner two processes are done than one: training by torchrun, scoring on Dask. Prints one table.

    OMP_NUM_THREADS=1 python tests/benchmarks/processes.py [--quick] [--only training]

Each process computes with one thread, and all need a core of their own: times are of the clock, so that nothing else
should run meanwhile. One process and two take turns, and medians are compared: a machine that others share is not
equally quick all the time. torchrun starts it with a folder.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import ExitStack
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import lightning
import numpy as np
import torch
from contestants import CHANNELS, ROWS, STEPS, task

import seqae

MACHINES, FILE_ROWS = 8, 400_000
TURNS = 5
Speed = tuple[float, float]  # units a second of one process, and of two


def training(quick: bool) -> Speed:
    """Return windows a second in epochs over the same windows, with as many windows in a step of all processes."""
    rates: dict[int, list[float]] = {1: [], 2: []}
    for count in (1, 2) * TURNS:
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}", __file__]
        with tempfile.TemporaryDirectory() as folder:
            command += ["--trains", folder, *(["--quick"] if quick else [])]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            seconds = max(float(path.read_text()) for path in Path(folder).glob("*.seconds"))
        rates[count].append(windows(quick) / seconds)
    return statistics.median(rates[1]), statistics.median(rates[2])


def windows(quick: bool) -> int:
    return (8 if quick else 40) * ROWS


def train(folder: Path, quick: bool) -> None:
    """Be one of the processes: train for an epoch that warms up and for one that counts."""
    seqae.configure_runtime(threads=1)
    torch.manual_seed(0)
    sequences = seqae.SequenceDataset(list(torch.randn(windows(quick), STEPS, CHANNELS)))
    loader = seqae.make_loader(sequences, ROWS // int(os.environ["WORLD_SIZE"]))
    training_task, clock = task(), Clock()
    seqae.fit(training_task, loader, epochs=2, progress=False, callbacks=[clock], accelerator="cpu")
    (folder / f"{os.environ['RANK']}.seconds").write_text(str(clock.seconds))


class Clock(lightning.Callback):
    """The seconds of the epoch that came last."""

    def on_train_epoch_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        self.begun = time.perf_counter()

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        self.seconds = time.perf_counter() - self.begun


def scoring(quick: bool) -> Speed:
    """Return values a second of a data set of some machines, by one worker and by two."""
    from seqae.anomaly.bulk.on_dask import score_on_dask

    rows = FILE_ROWS // (8 if quick else 1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        random = np.random.default_rng(0)
        write(folder / "data", rows, random)
        waves = np.sin(np.arange(4000)[:, None] / (10 + 3 * np.arange(CHANNELS)))
        normal = waves + 0.1 * random.standard_normal(waves.shape)
        seqae.save(seqae.AnomalyDetector().fit(normal), folder / "model")
        rates: dict[int, list[float]] = {1: [], 2: []}
        for turn, count in enumerate((1, 2) * TURNS):
            with ExitStack() as cluster:
                address = workers(count, folder, cluster)
                begun = time.perf_counter()
                score_on_dask(folder / "model", folder / "data", folder / f"scores{turn}", address)
                rates[count].append(MACHINES * rows * CHANNELS / (time.perf_counter() - begun))
    return statistics.median(rates[1]), statistics.median(rates[2])


def write(folder: Path, rows: int, random: np.random.Generator) -> None:
    """Write a table for each machine, Parquet."""
    import pandas as pd

    folder.mkdir()
    for machine in range(MACHINES):
        waves = np.sin(np.arange(rows)[:, None] / (10 + 3 * np.arange(CHANNELS)))
        frame = pd.DataFrame(waves + 0.1 * random.standard_normal(waves.shape), columns=list(map(str, range(CHANNELS))))
        frame.to_parquet(folder / f"{machine}.parquet", row_group_size=2**16)


def workers(count: int, folder: Path, cluster: ExitStack) -> str:
    """Start a scheduler and worker processes that have imported what they need; return the address."""
    import distributed

    settings = {"processes": True, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
    found = cluster.enter_context(
        distributed.LocalCluster(n_workers=count, host="127.0.0.1", local_directory=str(folder), **settings)
    )
    client = cluster.enter_context(distributed.Client(found))
    client.run(warm_up)
    return found.scheduler_address


def warm_up() -> None:
    """Import what scoring needs, and build the kernels."""
    import pyarrow.parquet  # noqa: F401

    from seqae.anomaly.bulk import on_dask  # noqa: F401

    rows = np.random.default_rng(0).standard_normal((2000, 2))
    seqae.AnomalyDetector(window=4).fit(rows).score_samples(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="less work")
    parser.add_argument("--only", choices=["training", "scoring"], nargs="+", default=["training", "scoring"])
    parser.add_argument("--trains", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    if arguments.trains:
        train(arguments.trains, arguments.quick)
        return
    for name in arguments.only:
        one, two = {"training": training, "scoring": scoring}[name](arguments.quick)
        print(f"{name:10}{two / one:6.2f} x   {two:.3g} a second by two processes, {one:.3g} by one", flush=True)


if __name__ == "__main__":
    main()
