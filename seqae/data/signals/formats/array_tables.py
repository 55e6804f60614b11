"""Named arrays as tables: those in files of numpy, MATLAB and HDF5."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from seqae.data._files.array_files import read_npy, read_npz
from seqae.data.signals.formats.signals import Signals, chosen
from seqae.data.signals.names import default_names, format_names, suggest
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.tables import Table

_READABLE = "biufmM"  # kinds of dtypes: numbers, durations, time stamps
_UNNAMED = "arr_0"  # what numpy calls an array that was given no name

Columns = dict[str, np.ndarray]


def read_numpy_array(path: Path, options: ReadingOptions) -> Table:
    """Return the table in a .npy file: `(time, channel)`, `(time,)`, or records whose fields are the columns.

    Raises:
        ValueError: It is no such file, is damaged, or holds something else.
    """
    return table_of_arrays({_UNNAMED: np.asarray(read_npy(path))}, path, options)


def read_numpy_arrays(path: Path, options: ReadingOptions) -> Table:
    """Return the table in a .npz file, see `table_of_arrays`.

    Raises:
        ValueError: It is no such file, is damaged, or holds no table or several.
    """
    return table_of_arrays(read_npz(path), path, options)


def table_of_arrays(
    arrays: Mapping[str, np.ndarray],
    path: Path,
    options: ReadingOptions,
    units: Mapping[str, str] | None = None,
    prefix: str = "",
) -> Table:
    """Return the table that named arrays make.

    Arrays of one dimension and of equal length are its columns, and the fields of an array of records are. An array of
    two dimensions is a table with numbered columns, beside arrays of one dimension that are as long. Single numbers
    and texts are left out.

    Args:
        arrays: The arrays.
        path: Their file.
        options: How it is read; `sheet` is the name of an array in the table that is meant.
        units: Maps the names of arrays that have a unit to it.
        prefix: What stands before the names in error messages: the group that the arrays are of.

    Raises:
        ValueError: There is no array of numbers, or they make several tables; names the arrays.
    """
    kept = {name: array for name, array in arrays.items() if not _reason(array)}
    if not kept or (options.sheet in arrays and options.sheet not in kept):
        shown = {name: array for name, array in arrays.items() if name == options.sheet} or arrays
        found = "; ".join(f"{name!r}: {_reason(array)}" for name, array in list(shown.items())[:10]) or "nothing"
        raise ValueError(f"{found} ({path.name}). Expected numbers, (time, channel) or (time,)")
    groups = _groups(kept)
    if options.sheet is not None and options.sheet in kept:
        holding = [name for name, columns in groups.items() if options.sheet in columns]
        (table,) = [options.sheet] if options.sheet in groups else holding[:1]
    else:
        (found,) = chosen({f"{prefix}{name}": columns for name, columns in groups.items()}, path, options)
        table = found.removeprefix(prefix)
    left_out = [name for name in arrays if name not in kept]
    notes = (f"left out, because no columns of numbers: {format_names(left_out)}",) if left_out else ()
    units = {name: unit for name, unit in (units or {}).items() if name in groups[table]}
    return Signals(groups[table], units=units, warnings=notes).table(path)


def parent_chosen(
    parents: Mapping[str, Collection[str]], separator: str, path: Path, options: ReadingOptions
) -> tuple[str, ReadingOptions]:
    """Return the name of the group of arrays that is meant, and the options for the arrays in it.

    Args:
        parents: The names of the arrays in each group; those that are in none are in the group "".
        separator: What stands between the name of a group and that of an array in it.
        path: The file.
        options: How it is read; `sheet` is a group, or an array in it.

    Raises:
        ValueError: There is no such group, or several and none is named.
    """
    arrays = {
        f"{parent}{separator}{name}" if parent else name: (parent, name)
        for parent, names in parents.items()
        for name in names
    }
    for parent in parents:
        if options.sheet == (parent or separator):
            return parent, replace(options, sheet=None)
    if options.sheet in arrays:
        parent, name = arrays[options.sheet]
        return parent, replace(options, sheet=name)
    if options.sheet is not None:
        raise ValueError(
            f"no {options.sheet!r} ({path.name}){suggest(options.sheet, [*filter(None, parents), *arrays])}"
        )
    (found,) = chosen({parent or separator: names for parent, names in parents.items()}, path, options)
    return found if found in parents else "", options


def is_readable(array: np.ndarray) -> bool:
    """Whether an array can be columns of a table."""
    return not _reason(array)


def _reason(array: np.ndarray) -> str:
    """Why an array cannot be columns, or ""."""
    if array.dtype.names is not None:
        kinds = {array.dtype[name].kind for name in array.dtype.names}
        return "" if array.ndim == 1 and array.size and kinds & set(_READABLE) else f"records {array.shape}"
    if array.dtype.kind not in _READABLE:
        return f"an array of {array.dtype}"
    if array.ndim == 0:
        return "a single number"
    return "" if array.ndim <= 2 and array.size else f"an array of shape {array.shape}"


def _groups(arrays: Mapping[str, np.ndarray]) -> dict[str, Columns]:
    """Return the columns of each table, by the name of an array in it."""
    lengths: dict[int, dict[str, np.ndarray]] = {}
    for name, array in arrays.items():
        lengths.setdefault(len(array), {})[name] = array
    if (
        list(arrays) == [_UNNAMED]
        and len(arrays[_UNNAMED]) == arrays[_UNNAMED].size
        and not arrays[_UNNAMED].dtype.names
    ):
        return {_UNNAMED: {"0": arrays[_UNNAMED].reshape(-1)}}
    groups = {}
    for together in lengths.values():
        fields = {name: array.dtype.names for name, array in together.items() if array.dtype.names is not None}
        wide = [name for name, array in together.items() if array.ndim == 2 and array.shape[1] > 1]
        flat = {name: array.reshape(-1) for name, array in together.items() if name not in (*fields, *wide)}
        if flat and not wide:
            groups[next(name for name in together if name not in fields)] = flat
        for name, names in fields.items():
            groups[name] = {field: _texts(together[name][field]) for field in names}
        for name in wide:
            numbers = default_names(together[name].shape[1])
            keys = [f"{name}_{number}" for number in numbers] if flat else numbers
            groups[name] = {**flat, **dict(zip(keys, together[name].T))}
    return groups


def _texts(column: np.ndarray) -> np.ndarray:
    """Return a column with text as str."""
    return np.char.decode(column, "latin-1").astype(object) if column.dtype.kind == "S" else column
