"""Transposed tables: each row is a channel, each column a moment."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from pandas.api import types

from seqae.data.signals.headers import without_units
from seqae.data.signals.long_tables import UNIT
from seqae.data.signals.names import default_names, quoted
from seqae.data.signals.tables import Table
from seqae.data.signals.timestamps import is_stamp

SAMPLE = 20  # headers that are looked at


def refuse_transposed(table: Table) -> None:
    """Raise if the columns of a table are moments.

    Raises:
        ValueError: The first column holds text and the headers of the others are time stamps.
    """
    _, *moments = _headers(table)
    if moments and _is_numbered(table):  # a text without a header: the moments stand in its first row
        moments = [str(column.iloc[0]) for column in list(table.columns.values())[1:]]
    heads = [header for header in moments if not UNIT.fullmatch(header.lower())][:SAMPLE]
    column = next(iter(table.columns.values()))
    if len(heads) > 1 and all(map(is_stamp, heads)) and _is_text(column):
        raise ValueError(
            f"each row is a channel, such as {quoted(column.iloc[-1])}, and each column a moment, such as "
            f"{quoted(heads[0])} "
            f"({table.where}). Expected a row for each moment. Say so: transposed=True"
        )


def upright(table: Table) -> Table:
    """Return a table with a row for each moment, from one with a row for each channel.

    The first column holds the names of the channels, a column "unit" may hold their units, and the other headers are
    the moments.

    Raises:
        ValueError: The first column does not name the channels, each by another name.
    """
    names, *moments = _headers(table)
    first, *others = table.columns.values()
    if not moments:
        raise ValueError(f"transposed=True, but one column only ({table.where}). Expected names, then moments")
    start = int(_is_numbered(table))
    if start:
        moments = [str(column.iloc[0]) for column in others]
    channels = [str(name).strip() for name in first.iloc[start:]]
    for row, name in enumerate(channels, start=start):
        if pd.isna(first.iloc[row]) or channels.count(name) > 1:
            raise ValueError(
                f"{'no name of a channel' if pd.isna(first.iloc[row]) else f'two channels are named {quoted(name)}'} "
                f"({table.locate(row)}). Expected another name in each row of column {quoted(names)}, as "
                f"transposed=True "
                "says. Correct it"
            )
    is_unit = [bool(UNIT.fullmatch(moment.lower())) for moment in moments]
    cells = np.array([column.iloc[start:].astype(object) for column, unit in zip(others, is_unit) if not unit])
    stamps = [moment for moment, unit in zip(moments, is_unit) if not unit]
    units = {plain: unit for plain, unit in without_units(channels) if unit}
    for column, unit in zip(others, is_unit):
        if unit:
            units |= dict(zip(channels, map(str, column.iloc[start:])))
    plain = [name for name, _ in without_units(channels)]
    columns = {"time": _stamps(stamps)} | {
        name: pd.Series(column, dtype=object).infer_objects() for name, column in zip(plain, cells.T)
    }
    headers = {"time": "time"} | dict(zip(plain, channels))
    place = [f"{table.where}, column {quoted(moment)}" for moment in stamps]
    return replace(table, columns=columns, headers=headers, units=units, locate=place.__getitem__)


def _headers(table: Table) -> list[str]:
    return [table.headers[name] for name in table.columns]


def _is_text(column: pd.Series) -> bool:
    return not types.is_numeric_dtype(column) and all(isinstance(each, str) for each in column.dropna())


def _is_numbered(table: Table) -> bool:
    names = tuple(table.columns)
    return names in (default_names(len(names)), ("time", *default_names(len(names) - 1)))


def _stamps(moments: list[str]) -> pd.Series:
    """The moments as text, or as numbers if all are."""
    column = pd.Series(moments)
    numbers = pd.to_numeric(column, errors="coerce")
    return column if numbers.isna().any() else numbers
