"""JSON files with one array or object: records, columns, and the forms in which pandas writes frames."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from seqae.data._files.text_files import json_value, read_text
from seqae.data.signals.formats.signals import chosen
from seqae.data.signals.json_lines import flat_members, table_of_json_lines
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.tables import Table
from seqae.data.signals.timestamps import is_stamp

_MATRIX = {"metric", "values"}  # of each series in the answer of Prometheus to a range query
_EPOCH = 10**11  # milliseconds since 1970: in the year 1973, and no number of a row

Columns = Mapping[str, Sequence[Any]]


def read_json(path: Path, options: ReadingOptions) -> Table:
    """Return the table in a JSON file: an array of records, an object of columns, or lines of objects.

    An object may hold the table as one of its members, which `sheet` names if there are several.

    Raises:
        ValueError: It is damaged, or holds no table.
    """
    text = read_text(path)
    try:
        content = json_value(text)
    except ValueError as error:
        if _is_object(text.lstrip().partition(b"\n")[0]):
            return table_of_json_lines(text, path.name)
        raise ValueError(f"not JSON ({path.name}: {error}). Expected an array of records, or columns") from error
    return _table(content, path, options)


def _is_object(line: bytes) -> bool:
    """Whether a line is an object by itself, as in JSON lines."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _table(content: Any, path: Path, options: ReadingOptions) -> Table:
    columns = _columns(content, path)
    if columns is None and isinstance(content, dict):
        found = {name: each for name, value in content.items() if (each := _columns(value, path)) is not None}
        if found:
            (name,) = chosen(found, path, options)
            columns = found[name]
        if not found and isinstance(content.get("data"), dict):  # as services wrap their answers
            return _table(content["data"], path, options)
    if columns is None:
        raise ValueError(
            f"no table ({path.name}). Expected an array of records, such as [{{'time': ..., 'pressure': 2.5}}], or an "
            "object of columns, such as {'pressure': [2.5]}. Write it so"
        )
    return Table.of([(name, pd.Series(list(values))) for name, values in columns.items()], path.name)


def _columns(content: Any, path: Path) -> Columns | None:
    """Return the columns in a value; None if it is no table."""
    if isinstance(content, list) and content and all(isinstance(record, dict) for record in content):
        if all(set(record) >= _MATRIX for record in content):
            return _of_matrix(content)
        records = [dict(flat_members(record)) for record in content]
        names = dict.fromkeys(name for record in records for name in record)
        return {name: [record.get(name) for record in records] for name in names}
    if not isinstance(content, dict) or not content:
        return None
    if set(content) <= {"columns", "index", "data"} and {"columns", "data"} <= set(content):
        return _split(content, path)
    if "schema" in content and "data" in content:
        return _columns(content["data"], path)
    if all(isinstance(column, list) for column in content.values()):
        return _of_lists(content, path)
    if all(isinstance(column, dict) for column in content.values()):
        return _of_indexed(content)
    return None


def _of_matrix(series: Sequence[Mapping[str, Any]]) -> Columns:
    """Return the result of a range query of Prometheus with one row for each value, and the labels that differ."""
    rows = [(each["metric"], time, value) for each in series for time, value in each["values"]]
    labels = dict.fromkeys(label for each in series for label in each["metric"])
    differing = [label for label in labels if len({each["metric"].get(label) for each in series}) > 1]
    columns = {label: [metric.get(label, "") for metric, _, _ in rows] for label in differing}
    return {"time": [time for _, time, _ in rows], **columns, "value": [float(value) for _, _, value in rows]}


def _split(content: Mapping[str, Any], path: Path) -> Columns:
    """Return the columns of a frame written by pandas as names, index and rows."""
    names, rows = content["columns"], content["data"]
    for number, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(names):
            raise ValueError(f"row {number} does not have {len(names)} values ({path.name}). Correct it")
    columns = {str(name): [row[position] for row in rows] for position, name in enumerate(names)}
    return _with_times(content.get("index", []), columns)


def _of_lists(content: Mapping[str, Any], path: Path) -> Columns | None:
    if any(isinstance(value, list | dict) for column in content.values() for value in column[:1]):
        return None
    lengths = {name: len(column) for name, column in content.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"columns of several lengths: {lengths} ({path.name}). Expected one value for each row")
    return content


def _of_indexed(content: Mapping[str, Any]) -> Columns | None:
    """Return columns that map a name of each row to its value, or rows that map that of each column to it."""
    columns = list(content.values())
    if any(isinstance(value, list | dict) for column in columns for value in list(column.values())[:1]):
        return None
    if _are_rows(list(content), [name for column in columns for name in column]):
        names = dict.fromkeys(name for record in columns for name in record)
        return _with_times(list(content), {name: [record.get(name) for record in columns] for name in names})
    rows = list(dict.fromkeys(row for column in columns for row in column))
    return _with_times(rows, {name: [column.get(row) for row in rows] for name, column in content.items()})


def _are_rows(outer: Sequence[str], inner: Sequence[str]) -> bool:
    """Whether the outer names are those of rows, numbers or time stamps, and the inner ones those of columns."""
    return all(map(_names_a_row, outer)) and not all(map(_names_a_row, inner))


def _names_a_row(name: str) -> bool:
    return name.isdecimal() or is_stamp(name)


def _with_times(index: Sequence[Any], columns: Columns) -> Columns:
    """Return columns with the names of the rows as times, if they are; pandas writes stamps as milliseconds."""
    if "time" in columns or not index:
        return columns
    if all(str(name).isdecimal() and int(name) > _EPOCH for name in index):
        return {"time": [int(name) for name in index], **columns}
    return {"time": index, **columns} if isinstance(index[0], str) and is_stamp(index[0]) else columns
