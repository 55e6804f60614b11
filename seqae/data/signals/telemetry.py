"""The recordings that seqae carries, see `data/README.md`, and labels of rows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from seqae._files import read_file, reason


def telemetry_folder() -> Path:
    """Return the folder with the telemetry of a small service: normal.csv.gz, faults.csv.gz, labels.json."""
    package = Path(__file__).parents[2]  # relative to this file, not to a recipe, which may be copied anywhere
    for folder in (package / "_data" / "telemetry", package.parent / "data" / "telemetry"):
        if (folder / "labels.json").exists():
            return folder
    raise FileNotFoundError(f"no embedded telemetry in {package} or beside it. Install seqae again")


def read_labels(path: str | Path, times: np.ndarray | None, rows: int) -> np.ndarray:
    """Return True in labelled segments, `(row,)`.

    Args:
        path: JSON, a list of objects with `start` and `end`: time stamps if the rows have times, else row indices
            of rows; both ends are included.
        times: `(row,)`, the time of each row.
        rows: The number of rows.

    Raises:
        ValueError: A segment lacks a start or an end, or they do not match the rows; the message names it.
    """
    positions = np.arange(rows) if times is None else times
    labels = np.zeros(rows, dtype=bool)
    try:
        segments = json.loads(read_file(path))
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"not JSON ({path}: {reason(error)}). Expected a list of objects with start and end"
        ) from error
    for number, segment in enumerate(segments):
        try:
            start, end = (_position(segment[edge], positions) for edge in ("start", "end"))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"segment {number} has no start and end to match the rows ({path}: {reason(error)})"
            ) from error
        labels |= (positions >= start) & (positions <= end)
    return labels


def _position(edge: str | float, positions: np.ndarray) -> np.datetime64 | float:
    if positions.dtype.kind != "M":
        return float(edge)
    # numpy has no time zones: an offset of zero is dropped, others are not times of these rows.
    return np.datetime64(str(edge).removesuffix("Z").removesuffix("+00:00"))
