"""Headers of tables: names, units, and the column of times."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pandas as pd
from pandas.api import types

from seqae.data.signals.timestamps import is_dated, is_stamp

TIME_NAMES = {"time", "times", "timestamp", "timestamps", "datetime", "date", "ts", "t", "epoch", "unixtime", "utc"}
UNIT = re.compile(r"(?P<name>.*\S)(?:\s*\[(?P<square>[^\]]+)\]|\s+\((?P<round>[^)]+)\))")
UNNAMED = re.compile(r"(Unnamed: \d+)?")  # the names that pandas gives to columns without one


def named(columns: list[tuple[str, pd.Series]], where: str) -> tuple[list[tuple[str, pd.Series]], list[str]]:
    """Return the columns that have a name or are times, and notes on those left out.

    Raises:
        ValueError: Two columns have one name, or a column of readings has none.
    """
    kept, left_out = [], []
    for number, (header, column) in enumerate(columns):
        if not UNNAMED.fullmatch(header):
            kept.append((header, column))
        elif reason := _superfluous(column):
            left_out.append(f"column {number + 1} has no name and {reason}: left out")
        elif number == 0 and (is_dated(column) or is_stamp(column.iloc[0])):
            kept.append(("time", column))
        else:
            raise ValueError(f"column {number + 1} has no name ({where}). Name it in the header")
    for header, count in Counter(header for header, _ in kept).items():
        if count > 1:
            raise ValueError(f"two columns are named {header!r} ({where}). Rename or remove one of them")
    return kept, left_out


def without_units(headers: list[str]) -> list[tuple[str, str]]:
    """Return name and unit ("" if there is none) of each header; brackets that distinguish two columns stay."""
    matches = [UNIT.fullmatch(header) for header in headers]
    plain = [match["name"] if match else header for match, header in zip(matches, headers)]
    counts = Counter(plain)
    return [
        (name, match["square"] or match["round"]) if match and counts[name] == 1 else (header, "")
        for name, match, header in zip(plain, matches, headers)
    ]


def time_names(columns: dict[str, pd.Series]) -> Iterator[str]:
    """Return the columns that may be times, the likeliest first."""
    called = [name for name in columns if is_time_name(name)]
    yield from (name for name in called if not types.is_numeric_dtype(columns[name]))
    yield from (name for name, column in columns.items() if is_dated(column))
    yield from (name for name in called if simplified(name) not in ("t", "ts") or _rises(columns[name]))
    first = next(iter(columns), None)
    if first is not None and not types.is_numeric_dtype(columns[first]) and is_stamp(columns[first].iloc[0]):
        yield first


def is_time_name(name: str) -> bool:
    """Whether a name is one for a column of times."""
    return simplified(name) in TIME_NAMES


def simplified(name: str) -> str:
    """A name in lower case without separators of words: "Time Stamp" is "timestamp"."""
    return re.sub(r"[\s_-]", "", name.lower())


def _superfluous(column: pd.Series) -> str:
    """Why a column without a name can be left out, or ""."""
    if column.isna().all():
        return "no values"
    counted = types.is_integer_dtype(column) and np.array_equal(column, np.arange(len(column)) + column.iloc[0])
    return "counts the rows" if counted else ""


def _rises(column: pd.Series) -> bool:
    """Whether the values of a column "t" are times, and not temperatures."""
    steps = np.diff(column.to_numpy(dtype=np.float64, na_value=np.nan))
    return bool(np.mean(steps >= 0) > 0.9 and np.any(steps > 0)) if len(steps) else False
