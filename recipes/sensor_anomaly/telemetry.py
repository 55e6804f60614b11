"""Data that seqae carries: its own recordings, see `data/README.md`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np


def telemetry() -> Path:
    """Return the folder with the telemetry of a small service: normal.csv.gz, faults.csv.gz, labels.json."""
    package = Path(__file__).parents[2]
    for folder in (package / "_data" / "telemetry", package.parent / "data" / "telemetry"):
        if (folder / "labels.json").exists():
            return folder
    raise FileNotFoundError(f"no embedded telemetry in {package} or beside it. Install seqae again")


def labels_of(path: str | Path, times: np.ndarray | None, rows: int) -> np.ndarray:
    """Return True in labelled stretches, `(row,)`.

    Args:
        path: JSON, a list of objects with `start` and `end`: time stamps if the rows have times, else numbers
            of rows; both ends are meant.
        times: `(row,)`, the time of each row.
        rows: How many rows there are.
    """
    places = np.arange(rows) if times is None else times
    labels = np.zeros(rows, dtype=bool)
    for number, stretch in enumerate(json.loads(Path(path).read_text(encoding="utf-8"))):
        try:
            start, end = (_place(stretch[edge], places) for edge in ("start", "end"))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"stretch {number} has no start and end to match the rows ({path}: {error!r})") from error
        labels |= (places >= start) & (places <= end)
    return labels


def _place(edge: str | float, places: np.ndarray) -> np.datetime64 | float:
    if places.dtype.kind != "M":
        return float(edge)
    # numpy knows no zones: an offset of zero is dropped, others are not times of these rows.
    return np.datetime64(str(edge).removesuffix("Z").removesuffix("+00:00"))
