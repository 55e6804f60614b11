"""NetCDF files: version 3 by scipy, version 4 by h5netcdf; the variables along one dimension make a table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seqae._extras import require
from seqae._files import open_file
from seqae.data.signals.formats.signals import Signals, chosen, damage_named, refuse_bomb
from seqae.data.signals.names import format_names
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.tables import Table

_SINCE = re.compile(r"\s*(?P<unit>[a-z]+)\s+since\s+(?P<start>\S.*?)\s*", re.IGNORECASE)
_SECONDS = {"microsecond": 1e-6, "millisecond": 1e-3, "second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0}
_SHORT = {
    "us": 1e-6,
    "ms": 1e-3,
    "msec": 1e-3,
    "s": 1.0,
    "sec": 1.0,
    "min": 60.0,
    "h": 3600.0,
    "hr": 3600.0,
    "d": 86400.0,
}
_CALENDARS = ("standard", "gregorian", "proleptic_gregorian")  # those of days as they are
_EXACT = 1e6  # times are exact to this fraction of a second: more is not in a float of days


@dataclass(frozen=True, eq=False)
class Variable:
    """A variable of a NetCDF file.

    Attributes:
        dimensions: The names of its dimensions.
        size: How many bytes its values take.
        attributes: What the file says about it.
        read: Returns its values, packed as in the file.
    """

    dimensions: tuple[str, ...]
    size: int
    attributes: Mapping[str, Any]
    read: Callable[[], np.ndarray]

    @property
    def units(self) -> str:
        """What the file says that its values count, or ""."""
        return _text(self.attributes.get("units", ""))

    @property
    def is_time(self) -> bool:
        """Whether the values are times since a moment."""
        return len(self.dimensions) == 1 and bool(_SINCE.fullmatch(self.units))


def read_netcdf(path: Path, options: ReadingOptions) -> Table:
    """Return the table in a NetCDF file: the variables along one dimension, which `sheet` names if there are several.

    A variable of two dimensions is a column for each value of the other one.

    Raises:
        ValueError: It is damaged, or holds no variables of numbers, or along several dimensions.
    """
    with _opened(path) as variables:
        tables = _tables(variables)
        (rows,) = chosen(tables, path, options)
        found = {name: variables[name] for name in tables[rows]}
        refuse_bomb(sum(each.size for each in found.values()), path)
        with damage_named(path, "NetCDF"):
            values = {name: _unpacked(each) for name, each in found.items()}
    clock = next((name for name, each in found.items() if each.is_time), None)
    times, notes = (None, []) if clock is None else _times(values.pop(clock), found[clock])
    columns, units = {}, {}
    for name, array in values.items():
        for key, column in _columns(name, array, found[name].dimensions.index(rows)):
            columns[key], units[key] = column, found[name].units
    if left_out := [name for name in variables if name not in found]:
        notes.append(f"left out, because not along the dimension {rows!r}: {format_names(left_out)}")
    return Signals(columns, times, units, tuple(notes)).table(path)


@contextmanager
def _opened(path: Path) -> Iterator[dict[str, Variable]]:
    """Open a file of either version; yield the variables of numbers in it."""
    with open_file(path) as head:
        is_classic = head.read(3) == b"CDF"
    if is_classic:
        io = require("scipy.io", extra="hdf5", purpose="reading NetCDF")
        with damage_named(path, "NetCDF"):
            file = io.netcdf_file(path, mmap=False)
    else:
        h5netcdf = require("h5netcdf", extra="hdf5", purpose="reading NetCDF")
        with damage_named(path, "NetCDF"):
            file = h5netcdf.File(path, "r")
    with file:
        with damage_named(path, "NetCDF"):
            found = {
                str(name): _classic(each) if is_classic else _variable(each) for name, each in file.variables.items()
            }
        yield {name: each for name, each in found.items() if each is not None}


def _classic(variable: Any) -> Variable | None:
    if variable.data.dtype.kind not in "biuf" or variable.data.size == 0:
        return None
    attributes = vars(variable)["_attributes"]
    return Variable(tuple(variable.dimensions), variable.data.nbytes, dict(attributes), lambda: variable.data.copy())


def _variable(variable: Any) -> Variable | None:
    if variable.dtype.kind not in "biuf" or 0 in variable.shape:
        return None
    size = int(np.prod(variable.shape)) * variable.dtype.itemsize
    return Variable(tuple(variable.dimensions), size, dict(variable.attrs), lambda: variable[...])


def _tables(variables: Mapping[str, Variable]) -> dict[str, list[str]]:
    """Return the names of the variables along each dimension; an axis without variables along it is no table."""
    clocks = {each.dimensions[0] for each in variables.values() if each.is_time}
    tables: dict[str, list[str]] = {}
    for name, each in variables.items():
        if len(each.dimensions) in (1, 2):
            rows = next((dimension for dimension in each.dimensions if dimension in clocks), each.dimensions[0])
            tables.setdefault(rows, []).append(name)
    return {rows: names for rows, names in tables.items() if any(name != rows for name in names)}


def _unpacked(variable: Variable) -> np.ndarray:
    """Return values as they were measured: scaled, and NaN where the file marks them as missing."""
    packed, told = variable.read(), variable.attributes
    marks = [np.asarray(told[name]).ravel() for name in ("_FillValue", "missing_value") if name in told]
    missing = np.isin(packed, np.concatenate(marks)) if marks else np.zeros(packed.shape, bool)
    if "scale_factor" in told or "add_offset" in told:
        packed = packed * _number(told.get("scale_factor", 1.0)) + _number(told.get("add_offset", 0.0))
    return np.where(missing, np.nan, packed) if missing.any() else packed


def _number(value: Any) -> float:
    return float(np.asarray(value).ravel()[0])


def _times(values: np.ndarray, variable: Variable) -> tuple[np.ndarray, list[str]]:
    """Return datetime64[ns], or float seconds if the calendar or the start is none of this world; and why."""
    told = _SINCE.fullmatch(variable.units)
    assert told is not None
    unit = told["unit"].lower()
    second = _SHORT.get(unit) or _SECONDS.get(unit.removesuffix("s")) or 1.0
    calendar = _text(variable.attributes.get("calendar", "standard")).lower()
    start = pd.to_datetime(told["start"], errors="coerce", utc=True)
    if calendar not in _CALENDARS or start is pd.NaT:
        return values * second, [f"times are seconds: {variable.units!r} in the calendar {calendar!r} is no date"]
    if values.dtype.kind in "iu" and second >= 1:
        steps = values.astype(np.int64) * round(second) * 10**9
    else:
        steps = np.rint(np.nan_to_num(values.astype(np.float64)) * second * _EXACT).astype(np.int64) * round(
            1e9 / _EXACT
        )
    times = start.tz_localize(None).to_datetime64().astype("M8[ns]") + steps.astype("m8[ns]")
    return np.where(np.isnan(values), np.datetime64("NaT", "ns"), times), []


def _columns(name: str, array: np.ndarray, axis: int) -> list[tuple[str, np.ndarray]]:
    if array.ndim == 1:
        return [(name, array)]
    return [(f"{name}_{number}", column) for number, column in enumerate(array if axis == 1 else array.T)]


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
