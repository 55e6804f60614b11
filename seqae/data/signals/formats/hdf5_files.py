"""HDF5 files: data sets of numbers, and frames that pandas wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from seqae._extras import require
from seqae.data.signals.formats.array_tables import parent_chosen, table_of_arrays
from seqae.data.signals.formats.pandas_hdf5 import frames_in, table_of_pandas
from seqae.data.signals.formats.signals import chosen, damage_named, refuse_bomb
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.tables import Table

_UNITS = ("units", "unit", "Units", "Unit")


def read_hdf5(path: Path, options: ReadingOptions) -> Table:
    """Return the table in an HDF5 file: data sets of equal length in a group, or a frame of pandas.

    Raises:
        ValueError: It is damaged, or holds no table or several, which `sheet` names.
    """
    with opened_hdf5(path) as file:
        with damage_named(path, "HDF5"):
            frames = frames_in(file)
            sets = {} if frames else numbers_in(file)
        if frames:
            sheet = None if options.sheet is None else options.sheet.strip("/")
            (name,) = chosen({key: () for key in frames}, path, replace(options, sheet=sheet))
            refuse_bomb(sum(each.nbytes for each in _members(frames[name])), path)
            return table_of_pandas(frames[name], path, options)
        return _table(sets, path, options)


@contextmanager
def opened_hdf5(path: Path) -> Iterator[Any]:
    """Open an HDF5 file.

    Raises:
        ValueError: It is damaged.
        MissingExtra: h5py is absent.
    """
    h5py = require("h5py", extra="hdf5", purpose=f"reading {path.suffix}")
    with damage_named(path, "HDF5"):
        file = h5py.File(path, "r")
    with file:
        yield file


def numbers_in(file: Any) -> dict[str, Any]:
    """Return the data sets of an HDF5 file that hold numbers or records, by their names; none that lie in other files.

    Links to other files are not followed.
    """
    found: dict[str, Any] = {}

    def visit(name: str, item: Any) -> None:
        is_set = hasattr(item, "dtype") and item.dtype.kind in "biufV"
        if is_set and item.shape and item.size and not item.is_virtual and not item.external:
            found[name] = item

    file.visititems(visit)
    return found


def _members(group: Any) -> list[Any]:
    return [item for item in group.values() if hasattr(item, "dtype")]


def _table(sets: Mapping[str, Any], path: Path, options: ReadingOptions) -> Table:
    parents: dict[str, dict[str, Any]] = {}
    for name, each in sets.items():
        parent, _, leaf = name.rpartition("/")
        parents.setdefault(parent, {})[leaf] = each
    sheet = None if options.sheet is None else options.sheet.strip("/") or "/"
    parent, inner = parent_chosen(parents, "/", path, replace(options, sheet=sheet))
    found = parents[parent]
    refuse_bomb(sum(each.nbytes for each in found.values()), path)
    with damage_named(path, "HDF5"):
        arrays = {name: each[()] for name, each in found.items()}
        units = {name: unit for name, each in found.items() if (unit := _unit(each))}
    return table_of_arrays(arrays, path, inner, units, f"{parent}/" if parent else "")


def _unit(dataset: Any) -> str:
    found = next((dataset.attrs[key] for key in _UNITS if key in dataset.attrs), "")
    return found.decode("utf-8", "replace") if isinstance(found, bytes) else str(found)
