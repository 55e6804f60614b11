"""Frames that pandas wrote into HDF5 files, read without pandas' own reader, which unpickles what it finds there."""

from __future__ import annotations

import pickletools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seqae.data.signals.formats.signals import damage_named
from seqae.data.signals.names import format_names
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.tables import Table, table_of_frame

_KINDS = ("frame", "series", "frame_table", "appendable_frame", "series_table")
_PICKLED_NONE = "N."  # how PyTables writes that there is no name


def frames_in(file: Any) -> dict[str, Any]:
    """Return the groups of an HDF5 file that hold frames of pandas, by their names."""
    found: dict[str, Any] = {}

    def visit(name: str, item: Any) -> None:
        if _text(item.attrs.get("pandas_type", b"")) in _KINDS:
            found[name] = item

    file.visititems(visit)
    return found


def table_of_pandas(group: Any, path: Path, options: ReadingOptions) -> Table:
    """Return the table in a group that pandas wrote.

    Raises:
        ValueError: It is damaged, has several indexes, or holds objects of Python in columns that are not ignored.
    """
    if any(_text(value) == "multi" for key, value in group.attrs.items() if key.endswith("_variety")):
        raise ValueError(f"a frame with several indexes ({path.name}). Save it after frame.reset_index()")
    with damage_named(path, "HDF5"):
        frame, pickled = _of_rows(group["table"]) if "table" in group else _of_blocks(group)
    if kept := [name for name in pickled if name not in options.ignore]:
        raise ValueError(
            f"{format_names(kept)} hold objects of Python ({path.name}), which may run code and are not read. Save "
            f"them as numbers, or leave them out: ignore={kept}"
        )
    return table_of_frame(frame, path.name)


def _of_blocks(group: Any) -> tuple[pd.DataFrame, list[str]]:
    """Return a frame stored by columns of one type, and the names of those that are pickled."""
    if "values" in group:
        index = _index(group["index"])
        name = _text(group.attrs.get("name", _PICKLED_NONE))
        return pd.DataFrame({"0" if name == _PICKLED_NONE else name: _values(group["values"])}, index=index), []
    index = _index(group["axis1"])
    columns: dict[str, Any] = {}
    pickled: list[str] = []
    for number in range(int(group.attrs["nblocks"])):
        names, block = _names(group[f"block{number}_items"]), group[f"block{number}_values"]
        if block.dtype.kind == "O":
            pickled += names
            columns |= {name: [None] * len(index) for name in names}
        else:
            values = _values(block)
            columns |= {name: values[:, position] for position, name in enumerate(names)}
    order = _names(group["axis0"])
    return pd.DataFrame({name: columns[name] for name in order}, index=index), pickled


def _of_rows(table: Any) -> tuple[pd.DataFrame, list[str]]:
    """Return a frame stored row by row, and the names of its columns that are pickled, of which there are none."""
    rows = table[()]
    columns: dict[str, Any] = {}
    for field in rows.dtype.names:
        kind = _text(table.attrs.get(f"{field}_kind", b""))
        values = rows[field]
        if field == "index":
            columns[field] = _dated(values, kind)
            continue
        if values.dtype.kind == "S":
            values = np.char.decode(values, "utf-8").astype(object)
        values = _dated(values, _text(table.attrs.get(f"{field}_dtype", b"")))
        names = [field] if values.ndim == 1 else _pickled_texts(kind)
        columns |= dict(zip(names, values.reshape(len(rows), -1).T, strict=True))
    index = columns.pop("index")
    return pd.DataFrame(columns, index=pd.Index(index)), []


def _pickled_texts(pickled: str) -> list[str]:
    """Return the texts in a pickled list of texts; its instructions are read, but not followed."""
    found = pickletools.genops(pickled.encode("utf-8"))
    return [
        str(argument) for operation, argument, _ in found if "UNICODE" in operation.name or "STRING" in operation.name
    ]


def _index(dataset: Any) -> pd.Index:
    name = _text(dataset.attrs.get("name", _PICKLED_NONE))
    values = (
        _names(dataset) if dataset.dtype.kind == "S" else _dated(dataset[()], _text(dataset.attrs.get("kind", b"")))
    )
    return pd.Index(values, name=None if name == _PICKLED_NONE else name)


def _values(dataset: Any) -> np.ndarray:
    return _dated(dataset[()], _text(dataset.attrs.get("value_type", b"")))


def _dated(values: np.ndarray, kind: str) -> np.ndarray:
    """Return values as time stamps or durations if they are of this kind, such as "datetime64[us]"."""
    if not kind.startswith(("datetime64", "timedelta64")):
        return values
    unit = kind.partition("[")[2].partition("]")[0].partition(",")[0] or "ns"
    return values.astype("i8").view(f"{'M' if kind.startswith('d') else 'm'}8[{unit}]")


def _names(dataset: Any) -> list[str]:
    return [_text(name) for name in dataset[()].tolist()]


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
