"""Readers of public benchmarks of anomalies in machine signals, in the layouts in which they are published.

SKAB (Katser and Kozitsin 2020, https://github.com/waico/SKAB), SMD (Su et al. 2019,
https://github.com/NetManAIOps/OmniAnomaly), SMAP and MSL (Hundman et al. 2018, https://arxiv.org/abs/1802.04431) and
TSB-AD (Liu and Paparrizos 2024, https://github.com/TheDatumOrg/TSB-AD).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import seqae
from seqae.data import read_npy

SKAB_TRAINING_ROWS = 400  # the first rows of each run, as on the leaderboard
SOURCES = {
    "skab": "the folder data of https://github.com/waico/SKAB (valve1, valve2, other, anomaly-free)",
    "smd": "the folder ServerMachineDataset of https://github.com/NetManAIOps/OmniAnomaly (train, test, ...)",
    "nasa": "data.zip of https://github.com/khundman/telemanom (train, test) and its labeled_anomalies.csv",
    "tsb-ad": "TSB-AD-U.zip and TSB-AD-M.zip of https://github.com/TheDatumOrg/TSB-AD",
}
RootCauses = tuple[tuple[slice, tuple[int, ...]], ...]


@dataclass(frozen=True, eq=False)
class Case:
    """One series of a benchmark.

    Attributes:
        name: The name of its file.
        group: The group that it is reported with.
        train: Rows to learn from.
        test: Rows to search.
        labels: `(row,)` bool for the rows to search, True where anomalous.
        root_causes: Faults whose channels are known: their rows, and the indices of the channels at fault.
        train_prefix: Number of rows at the start of `test` that are training rows; alarms there are not evaluated.
    """

    name: str
    group: str
    train: seqae.Recording
    test: seqae.Recording
    labels: np.ndarray
    root_causes: RootCauses = ()
    train_prefix: int = 0

    @property
    def rows_before_faults(self) -> slice:
        """The rows to search that come before the first anomaly."""
        faulty = np.flatnonzero(self.labels[self.train_prefix :])
        return slice(self.train_prefix, self.train_prefix + int(faulty[0]) if len(faulty) else len(self.test))


def read_benchmark(name: str, folder: str | Path) -> list[Case]:
    """Return the cases of a benchmark, sorted by group and name.

    Args:
        name: A key of `SOURCES`.
        folder: Searched with all below it.

    Raises:
        ValueError: There is no such benchmark.
        FileNotFoundError: The folder does not hold it; the message names its source.
    """
    if name not in SOURCES:
        raise ValueError(f"no benchmark {name!r}. Choose one of {', '.join(SOURCES)}")
    cases = _READERS[name](Path(folder))
    if not cases:
        raise FileNotFoundError(f"no {name} in {folder} or below. Download {SOURCES[name]}")
    return sorted(cases, key=lambda case: (case.group, case.name))


def synthetic_cases() -> list[Case]:
    """Return small synthetic cases: without a fault, with a fault in the first channel, and that channel alone."""
    random = np.random.default_rng(0)
    values = np.sin(np.arange(1200)[:, None] * [0.2, 0.3]) + 0.1 * random.normal(size=(1200, 2))
    labels = (np.arange(600) >= 300) & (np.arange(600) < 360)
    train, normal, faulty = map(_recording, (values[:600], values[600:], values[600:] + 2 * np.outer(labels, [1, 0])))
    cause = ((slice(300, 360), (0,)),)
    return [
        Case("normal", "anomaly-free", train, normal, np.zeros(600, dtype=bool)),
        Case("fault", "M-synthetic", train, faulty, labels, cause),
        Case(
            "channel", "U-synthetic", _recording(train.values[:, :1]), _recording(faulty.values[:, :1]), labels, cause
        ),
    ]


def _skab(folder: Path) -> list[Case]:
    groups = ("anomaly-free", "other", "valve1", "valve2")
    return [_skab_case(path) for group in groups for path in sorted(folder.rglob(f"{group}/*.csv*"))]


def _skab_case(path: Path) -> Case:
    frame = pd.read_csv(path, sep=";")
    labels = frame.pop("anomaly").to_numpy() == 1 if "anomaly" in frame else np.zeros(len(frame), dtype=bool)
    (run,) = seqae.as_recordings(frame.drop(columns="changepoint", errors="ignore"), time_column="datetime")
    cut = len(run) // 2 if path.parent.name == "anomaly-free" else SKAB_TRAINING_ROWS
    return Case(path.name.partition(".csv")[0], path.parent.name, run.rows(0, cut), run, labels, train_prefix=cut)


def _smd(folder: Path) -> list[Case]:
    return [_smd_case(path) for path in sorted(folder.rglob("train/machine-*.txt"))]


def _smd_case(path: Path) -> Case:
    home = path.parent.parent
    train, test = (np.loadtxt(home / part / path.name, delimiter=",", ndmin=2) for part in ("train", "test"))
    labels = np.loadtxt(home / "test_label" / path.name, ndmin=1)
    causes = _root_causes(home / "interpretation_label" / path.name)
    return Case(path.stem, "SMD", _recording(train), _recording(test), labels == 1, causes)


def _root_causes(path: Path) -> RootCauses:
    """Return faults and their channels from lines like "246-252:1,2,9"; channels are counted from 1.

    The rows are cut as by Tuli et al. 2022 (TranAD), https://arxiv.org/abs/2201.07284: from the first - 1 to the
    last - 2.
    """
    causes = []
    for line in path.read_text().split() if path.exists() else []:
        first, last, *channels = map(int, re.split("[-:,]", line))
        causes.append((slice(first - 1, max(last - 1, first)), tuple(channel - 1 for channel in channels)))
    return tuple(causes)


def _nasa(folder: Path) -> list[Case]:
    cases, faults = [], _nasa_faults(folder)
    for path in sorted(folder.rglob("test/[A-Z]-[0-9]*.npy")):
        train, test = read_npy(path.parents[1] / "train" / path.name), read_npy(path)
        labels = np.zeros(len(test), dtype=bool)
        for first, last in faults.get(path.stem, ()):
            labels[first : last + 1] = True
        cases.append(Case(path.stem, "NASA", _recording(train), _recording(test), labels))
    return cases


def _nasa_faults(folder: Path) -> dict[str, list[tuple[int, int]]]:
    """Return the first and the last row of each anomaly by the name of the channel."""
    faults: dict[str, list[tuple[int, int]]] = {}
    for path in sorted(folder.rglob("labeled_anomalies.csv")):
        for channel, ranges in pd.read_csv(path)[["chan_id", "anomaly_sequences"]].itertuples(index=False):
            faults.setdefault(channel, []).extend(json.loads(ranges))
    return faults


def _tsb_ad(folder: Path) -> list[Case]:
    return [_tsb_ad_case(path) for path in sorted(folder.rglob("*_tr_*_1st_*.csv"))]


def _tsb_ad_case(path: Path) -> Case:
    """Return a case that learns from the first rows and searches all of them."""
    frame = pd.read_csv(path)
    labels = frame.pop("Label").to_numpy() == 1
    values = frame.to_numpy(dtype=float)
    cut = int(path.stem.partition("_tr_")[2].partition("_")[0])
    track = "U" if values.shape[1] == 1 else "M"
    source = path.stem.split("_")[1]
    return Case(path.stem, f"{track}-{source}", _recording(values[:cut]), _recording(values), labels)


def _recording(values: np.ndarray) -> seqae.Recording:
    return seqae.as_recordings(values)[0]


_READERS: dict[str, Callable[[Path], list[Case]]] = {"skab": _skab, "smd": _smd, "nasa": _nasa, "tsb-ad": _tsb_ad}
