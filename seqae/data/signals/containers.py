"""Readings in plain containers: dicts of columns or of machines, lists of rows, arrays of records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seqae.data.signals.names import format_names

if TYPE_CHECKING:
    import pandas as pd

    from seqae.data.signals.tables import Table


def is_columns(data: Mapping[Any, Any]) -> bool:
    """Whether a dict holds the columns of one table, and not a table or path for each machine.

    Raises:
        TypeError: It holds neither.
    """
    columns = [name for name, value in data.items() if _is_column(value)]
    single = [name for name, value in data.items() if value is None or isinstance(value, int | float | np.generic)]
    if single or not data:
        found = f"{single[0]!r} is a single value" if single else "nothing in it"
        raise TypeError(
            f"cannot read a dict ({found}). Expected columns, {{'temp': array, 'press': array}}, or machines, "
            "{'m1': frame, 'm2': frame}. Pass rows as a list of dicts"
        )
    if 0 < len(columns) < len(data):
        other = next(name for name in data if name not in columns)
        raise TypeError(
            f"cannot read a dict ({columns[0]!r} is a column, {other!r} a {type(data[other]).__name__}). Expected "
            "columns, one value for each row, or a frame, array (time, channel) or path for each machine"
        )
    return bool(columns)


def is_rows(data: object) -> bool:
    """Whether a list holds rows of a table: dicts of single values."""
    if not isinstance(data, list | tuple) or not data or not all(isinstance(row, Mapping) for row in data):
        return False
    plain = (str, int, float, np.generic, type(None))
    return all(isinstance(value, plain) or _is_moment(value) for row in data for value in row.values())


def table_of_columns(data: Mapping[Any, Any], where: str) -> Table:
    """Return the table with columns of a dict; pandas series with times are matched by these.

    Raises:
        ValueError: The columns are not of one length.
    """
    import pandas as pd

    from seqae.data.signals.tables import Table, table_of_frame

    prefix = f"{where}: " if where else ""
    if all(isinstance(value, pd.Series) for value in data.values()):
        return table_of_frame(_aligned(data, prefix), where=where)
    columns = [(str(name), _series(value)) for name, value in data.items()]
    name, first = columns[0]
    for other, column in columns:
        if len(column) != len(first):
            raise ValueError(
                f"{prefix}column {other!r} has {len(column)} values, column {name!r} {len(first)}. Expected one value "
                "for each row. Pass machines of one channel each as arrays (time, 1)"
            )
    return Table.of(columns, where=where)


def table_of_rows(rows: Sequence[Mapping[Any, Any]], where: str) -> Table:
    """Return the table with a list of rows; a value that a row lacks is missing."""
    import pandas as pd

    from seqae.data.signals.tables import Table

    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = [(str(name), pd.Series([row.get(name) for row in rows])) for name in names]
    return Table.of(columns, where=where)


def table_of_records(records: np.ndarray, where: str) -> Table:
    """Return the table with the fields of a structured array as columns.

    Raises:
        ValueError: The array has several dimensions, or a field holds several values.
    """
    names = records.dtype.names or ()
    nested = [name for name in names if records[name].ndim > records.ndim]
    if nested or records.ndim != 1:
        prefix = f"{where}: " if where else ""
        what = f"fields {format_names(nested)} of several values" if nested else f"shape {records.shape}"
        raise ValueError(f"{prefix}an array of records with {what}. Expected one value for each row and field")
    return table_of_columns({name: records[name] for name in names}, where)


def _is_column(value: Any) -> bool:
    if hasattr(value, "ndim"):
        return bool(value.ndim == 1)
    if hasattr(value, "to_numpy"):  # series of polars and columns of Arrow
        return not hasattr(value, "get_columns") and not hasattr(value, "column_names")
    plain = (str, int, float, np.generic, type(None))
    return isinstance(value, list | tuple | range) and all(isinstance(x, plain) or _is_moment(x) for x in value)


def _is_moment(value: object) -> bool:
    """Whether a value is a date or time stamp of any library."""
    return hasattr(value, "isoformat")


def _series(value: Any) -> pd.Series:
    import pandas as pd

    if hasattr(value, "detach"):  # a torch tensor
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ma.MaskedArray) and value.dtype.kind in "biuf":
        value = np.where(np.ma.getmaskarray(value), np.nan, value.data.astype(np.float64))
    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    if isinstance(value, np.ndarray):
        value = value.astype(str) if value.dtype.kind == "S" else value.astype(value.dtype.newbyteorder("="))
    return pd.Series(value)


def _aligned(data: Mapping[Any, pd.Series], prefix: str) -> pd.DataFrame:
    """The series side by side, in rows of the same index."""
    import pandas as pd

    named = {str(name): series for name, series in data.items()}
    indexes = [series.index for series in data.values()]
    if all(index.equals(indexes[0]) for index in indexes):
        return pd.DataFrame(named)
    if not all(isinstance(index, pd.DatetimeIndex) and index.is_unique for index in indexes):
        raise ValueError(
            f"{prefix}series with different indexes: {format_names(named)}. Expected the same rows in each, or times "
            "that are there once. Pass a frame for each machine, or reset_index(drop=True)"
        )
    return pd.concat(named, axis=1).sort_index()
