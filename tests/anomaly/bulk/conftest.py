"""Data sets of several machines, written in the ways in which people lay them out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from generators import readings
from seqae.anomaly.bulk import entity, job, source
from seqae.anomaly.bulk.dataset import score_dataset
from seqae.anomaly.detector import AnomalyDetector
from seqae.data.signals.recordings import Recording

CHANNELS = ("flow", "pressure", "still")
MACHINES = ("m1", "m2", "m/3", "m4")
START = pd.Timestamp("2024-03-01T08:00")


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch):
    """Few rows make several blocks, reads and checkpoints."""
    monkeypatch.setattr(entity, "BLOCK_ROWS", 60)
    monkeypatch.setattr(job, "CHECKPOINT_ROWS", 120)
    monkeypatch.setattr(source, "READ_ROWS", 70)


@pytest.fixture(scope="session")
def detector() -> AnomalyDetector:
    normal = Recording(readings(1500, seed=0), CHANNELS)
    return AnomalyDetector(window=4, resolutions=(1, 3), merge_gap=3).fit(normal)


@pytest.fixture(scope="session")
def machines() -> pd.DataFrame:
    """The rows of machines of different length, each in the order of time; with faults and missing values."""
    tables = []
    for number, name in enumerate(MACHINES):
        rows = 160 + 40 * number
        values = readings(rows, seed=number + 1)
        values[50:60, 1] += 90
        values[75:80, 0] = values[100] = np.nan
        times = START + np.arange(rows) * pd.Timedelta("10s")
        times = np.where(np.arange(rows) < 130, times, times + pd.Timedelta("1h"))
        tables.append(pd.DataFrame({"machine": name, "time": times} | dict(zip(CHANNELS, values.T))))
    return pd.concat(tables, ignore_index=True)


def by_folders(rows: pd.DataFrame, folder: Path) -> None:
    pq.write_to_dataset(pa.Table.from_pandas(rows, preserve_index=False), folder, partition_cols=["machine"])


def one_after_the_other(rows: pd.DataFrame, folder: Path) -> None:
    folder.mkdir()
    rows.to_parquet(folder / "all.parquet", row_group_size=90, index=False)


def mixed(rows: pd.DataFrame, folder: Path) -> None:
    """Rows in the order of time, in files whose names are in another order."""
    folder.mkdir()
    ordered = rows.sort_values(["time", "machine"], kind="stable", ignore_index=True)
    for number in range(4):
        part = ordered.iloc[number * 250 : (number + 1) * 250]
        part.to_parquet(folder / f"part-{9 - number}.parquet", row_group_size=100, index=False)


LAYOUTS = {"by folders": by_folders, "one after the other": one_after_the_other, "mixed": mixed}


@pytest.fixture(scope="session")
def layouts(machines: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same rows in each layout, by its name."""
    root = tmp_path_factory.mktemp("layouts")
    for name, write in LAYOUTS.items():
        write(machines, root / name)
    return {name: root / name for name in LAYOUTS}


@pytest.fixture(scope="session")
def whole(detector: AnomalyDetector, layouts: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of all rows, computed at once."""
    out = tmp_path_factory.mktemp("whole") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entity, "BLOCK_ROWS", 60)
        score_dataset(detector, layouts["by folders"], out, by="machine")
    return out


@pytest.fixture
def scored() -> Callable[[Path], pd.DataFrame]:
    """Reads the scores in a folder of results, sorted by machine and row."""

    def read(folder: Path) -> pd.DataFrame:
        frame = pq.read_table(folder / "scores").to_pandas()
        return frame.astype({"entity": str}).sort_values(["entity", "row"], ignore_index=True)

    return read
