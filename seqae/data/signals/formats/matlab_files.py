"""Files of MATLAB: .mat up to version 7 by scipy, of version 7.3 by h5py."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seqae._extras import require
from seqae._files import open_file, read_file
from seqae.data._files.archives import max_unpacked
from seqae.data.signals.formats.array_tables import is_readable, parent_chosen, table_of_arrays
from seqae.data.signals.formats.hdf5_files import numbers_in, opened_hdf5
from seqae.data.signals.formats.signals import damage_named, refuse_bomb
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.tables import Table

_HDF5 = b"\x89HDF"
_HEADER = 128  # bytes before the first element of version 5
_COMPRESSED = 15  # type of an element
_CHUNK = 2**16


def read_matlab(path: Path, options: ReadingOptions) -> Table:
    """Return the table in a .mat file: variables of equal length, or the fields of a structure.

    Raises:
        ValueError: It is damaged, or holds no table or several; names the variables.
    """
    with open_file(path) as file:
        head = file.read(1024)
    if any(head.startswith(_HDF5, start) for start in (0, 512)):
        return _read_hdf5(path, options)
    io = require("scipy.io", extra="tables", purpose="reading .mat")
    with damage_named(path, "MATLAB"):
        size = sum(_unpacked_sizes(read_file(path), max_unpacked(path.stat().st_size)))
    refuse_bomb(size, path)
    with damage_named(path, "MATLAB"):
        variables = io.loadmat(path, squeeze_me=True, appendmat=False, verify_compressed_data_integrity=True)
    found = {name: value for name, value in variables.items() if not name.startswith("__")}
    arrays = dict(_flattened(found))
    opaque = [name for name, value in found.items() if type(value).__name__ == "MatlabOpaque"]
    if opaque and not any(array.dtype.kind in "biuf" for array in arrays.values()):
        raise ValueError(
            f"{opaque[0]!r} is an object of MATLAB ({path.name}), such as a timetable. Expected arrays. Save them: "
            "values = table.Variables; save('run.mat', 'values')"
        )
    return _table(arrays, path, options)


def _read_hdf5(path: Path, options: ReadingOptions) -> Table:
    """Read version 7.3, whose matrices are stored by columns."""
    with opened_hdf5(path) as file:
        with damage_named(path, "MATLAB"):
            found = {name.replace("/", "."): each for name, each in numbers_in(file).items() if _is_numeric(name, each)}
        refuse_bomb(sum(each.nbytes for each in found.values()), path)
        with damage_named(path, "MATLAB"):
            arrays = {name: np.squeeze(each[()].T) for name, each in found.items()}
    return _table(arrays, path, options)


def _is_numeric(name: str, dataset: Any) -> bool:
    """Whether a data set is an array, and no text, reference or empty array, which hold numbers as well."""
    kind = bytes(dataset.attrs.get("MATLAB_class", b"double"))
    return not name.startswith("#") and kind not in (b"char", b"cell") and not dataset.attrs.get("MATLAB_empty", 0)


def _table(arrays: Mapping[str, np.ndarray], path: Path, options: ReadingOptions) -> Table:
    """Return the table that variables make, or the fields of a structure and of the structures in it."""
    parents: dict[str, dict[str, np.ndarray]] = {}
    for name, array in arrays.items():
        parent, _, field = name.partition(".") if "." in name else ("", "", name)
        parents.setdefault(parent, {})[field] = array
    rich = {parent: found for parent, found in parents.items() if any(map(is_readable, found.values()))}
    parents = rich or parents
    parent, inner = parent_chosen(parents, ".", path, options)
    return table_of_arrays(parents[parent], path, inner, prefix=f"{parent}." if parent else "")


def _flattened(variables: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Yield the arrays among variables, those within structures too, by names such as "run.pressure"."""
    for name, value in variables.items():
        array = np.asarray(value)
        if array.dtype.names is not None and array.size == 1:
            record = array.reshape(-1)[0]
            yield from _flattened({field: record[field] for field in array.dtype.names}, f"{prefix}{name}.")
        elif array.dtype == object and array.size == 1 and not isinstance(array.item(), str):
            yield from _flattened({name: array.item()}, prefix)
        else:
            yield f"{prefix}{name}", array


def _unpacked_sizes(data: bytes, largest: int) -> Iterator[int]:
    """Yield how many bytes each variable of a file of version 5 unpacks to, at most a little more than `largest`."""
    order = "<" if data[126:128] == b"IM" else ">"
    at = _HEADER
    while at + 8 <= len(data):
        kind, length = struct.unpack_from(f"{order}II", data, at)
        at += 8
        if kind == _COMPRESSED:
            unpacker, rest, size = zlib.decompressobj(), data[at : at + length], 0
            while rest and size <= largest:
                size += len(unpacker.decompress(rest, _CHUNK))
                rest = unpacker.unconsumed_tail
            yield size
        at += length
