"""Headers of tables: names and units."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pandas as pd
from pandas.api import types

from seqae.data.signals.names import quoted
from seqae.data.signals.timestamps import is_dated, is_stamp
from seqae.data.signals.units import is_unit

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
            raise ValueError(f"two columns are named {quoted(header)} ({where}). Rename or remove one of them")
    return kept, left_out


def without_units(headers: list[str]) -> list[tuple[str, str]]:
    """Return name and unit ("" if there is none) of each header; brackets that distinguish two columns stay."""
    split = [_name_and_unit(header) for header in headers]
    counts = Counter(name for name, _ in split)
    return [
        (name, unit) if name != header and counts[name] == 1 else (header, "")
        for (name, unit), header in zip(split, headers)
    ]


def _name_and_unit(header: str) -> tuple[str, str]:
    """The name and the unit in a header, the header and "" if it has none."""
    if (match := UNIT.fullmatch(header)) is None:
        return header, ""
    name, unit = match["name"], match["square"] or match["round"]
    if ":" not in unit:
        return name, unit
    before, _, last = name.rpartition(", ")  # "Temp, °C (LGR S/N: 123, SEN S/N: 456)"
    return (before, last) if before and is_unit(last) else (name, "")


def _superfluous(column: pd.Series) -> str:
    """Why a column without a name can be left out, or ""."""
    if column.isna().all():
        return "no values"
    counted = types.is_integer_dtype(column) and np.array_equal(column, np.arange(len(column)) + column.iloc[0])
    return "counts the rows" if counted else ""
