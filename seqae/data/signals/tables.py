"""Tables of columns, and the recordings that they hold."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from seqae.data.arrays import are_real, refuse_infinite
from seqae.data.signals.headers import named, without_units
from seqae.data.signals.names import as_tuple, format_names, match_channels, suggest
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.recordings import Recording
from seqae.data.signals.time_columns import is_time_name, joined_stamps, joining_note, time_columns, with_clock
from seqae.data.signals.timestamps import TimeReader, is_stamp, refuse_disorder
from seqae.data.signals.warnings import data_warnings


@dataclass(frozen=True, eq=False)
class Table:
    """Named columns of a file or frame.

    Attributes:
        columns: Maps the name, which is the header without its unit, to the values.
        headers: Maps the name to the header as it was.
        units: Maps the name to the unit, for headers such as "pressure [bar]".
        name: The name of the file, or "".
        locate: Returns the position of a row for error messages: "run.csv, line 17".
        warnings: Remarkable facts noticed while reading.
    """

    columns: dict[str, pd.Series]
    headers: dict[str, str]
    units: dict[str, str]
    name: str
    locate: Callable[[int], str]
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        columns: Iterable[tuple[str, pd.Series]],
        name: str = "",
        where: str = "",
        lines: np.ndarray | None = None,
        warnings: Sequence[str] = (),
    ) -> Table:
        """Take columns with their headers.

        Args:
            columns: Header and values of each, from left to right; a column without a name may be the row number.
            name: The name of the file, or "".
            where: The name of the recording, if it has no file.
            lines: `(row,)`, the line of each row in its file; None if rows are counted instead.
            warnings: Remarkable facts noticed while reading.
        """
        where = name or where
        columns = [(header.strip(), column) for header, column in columns]
        if not columns or len(columns[0][1]) == 0:
            raise ValueError(f"no rows or no columns ({where or 'frame'}). A recording has at least one of each")
        kept, left_out = named(columns, where or "frame")
        split = without_units([header for header, _ in kept])
        return cls(
            columns={plain: column for (plain, _), (_, column) in zip(split, kept)},
            headers={plain: header for (plain, _), (header, _) in zip(split, kept)},
            units={plain: unit for plain, unit in split if unit},
            name=name,
            locate=partial(_locate, where, lines),
            warnings=(*warnings, *left_out),
        )

    @property
    def names(self) -> set[str]:
        """Every name that a column may be called by."""
        return {*self.headers, *self.headers.values()}

    def recordings(self, options: ReadingOptions) -> list[Recording]:
        """Separate the times from the channels, and read both: a recording for each machine."""
        time_reader = TimeReader(options)
        found = self.readings(options, time_reader)
        if found.times is not None:
            refuse_disorder(found.times, found.time_columns[0], self.locate)
        joined = joining_note(found.time_columns) if options.time_column is None else []
        notes = [*self.warnings, *joined, *time_reader.notes]
        notes += data_warnings(found.values, found.channels, found.times)
        used = {*found.columns, *found.time_columns, *map(self._plain, options.ignore)}
        if left_out := [name for name in self.columns if name not in used]:
            notes.append(f"left out, because not among the channels: {format_names(left_out)}")
        sources = zip(found.channels, found.columns)
        units = {name: self.units[source] for name, source in sources if source in self.units}
        return [Recording(found.values, found.channels, found.times, units, self.name, warnings=tuple(notes))]

    def readings(self, options: ReadingOptions, time_reader: TimeReader) -> Readings:
        """Separate the times from the channels, and read both.

        Args:
            options: How the table is read.
            time_reader: Reads the time stamps.

        Raises:
            ValueError: A column is missing, or a value is no finite number; names the line.
        """
        channels = options.channels
        ignored = {self._plain(name) for name in options.ignore}
        columns = {name: column for name, column in self.columns.items() if name not in ignored}
        wanted = None if channels is None else tuple(self._plain(name) for name in channels)
        time_columns = self._time_columns(columns, options.time_column, wanted or ())
        stamps = {name: columns.pop(name) for name in time_columns}
        names = tuple(columns) if wanted is None else wanted
        taken = match_channels(tuple(columns), names, self.name)
        if not taken:
            raise ValueError(f"no channels besides the time ({self.name or 'frame'}). At least one is needed")
        times = None if not stamps else self._times(stamps, time_reader)
        values = np.empty((len(columns[taken[0]]), len(taken)))
        for index, name in enumerate(taken):
            values[:, index] = self._numbers(name, columns[name])
        refuse_infinite(values, taken, self.locate)
        return Readings(values, times, names, taken, time_columns)

    def _plain(self, name: str) -> str:
        """Return a name without its unit, if it is the header of a column with a unit."""
        return next((plain for plain, header in self.headers.items() if header == name), name)

    def _time_columns(
        self, columns: dict[str, pd.Series], time_column: str | Sequence[str] | None, channels: Sequence[str]
    ) -> tuple[str, ...]:
        """The columns that tell the time, and are no channels."""
        others = {name: columns[name] for name in columns if name not in channels}
        if time_column is None:
            return time_columns(others, self.name)
        names = tuple(self._plain(name) for name in as_tuple(time_column))
        if absent := [name for name in names if name not in columns]:
            raise ValueError(f"no column {absent[0]!r} ({self.name or 'frame'}){suggest(absent[0], columns)}")
        return with_clock(others, names[0]) if len(names) == 1 and names[0] in others else names

    def _times(self, stamps: dict[str, pd.Series], time_reader: TimeReader) -> np.ndarray:
        """`(row,)` datetime64[ns] or float64 seconds."""
        column = joined_stamps(stamps, time_reader.options.time_format, self.locate)
        return time_reader.read(column, self.units.get(next(iter(stamps)), ""), tuple(stamps), self.locate)

    def _numbers(self, name: str, column: pd.Series) -> np.ndarray:
        """`(row,)` float64."""
        if types.is_numeric_dtype(column) and not types.is_complex_dtype(column):
            return column.to_numpy(dtype=np.float64, na_value=np.nan)
        remedy = f"A channel holds numbers. Correct it, or leave the column out: ignore=[{name!r}]"
        if isinstance(column.dtype, pd.CategoricalDtype):
            raise ValueError(f"column {name!r} holds categories ({self.name or 'frame'}). {remedy}")
        items = column.astype(object).where(column.notna(), None).to_numpy()
        if not (real := are_real(items)).all():
            row = int(np.argmin(real))
            kind = "text" if isinstance(items[row], str) else f"a {type(items[row]).__name__}"
            raise ValueError(f"column {name!r} holds {kind}: {reprlib.repr(items[row])} ({self.locate(row)}). {remedy}")
        return items.astype(np.float64)


@dataclass(frozen=True, eq=False)
class Readings:
    """The readings in a table.

    Attributes:
        values: `(row, channel)` float64, NaN where a value is missing.
        times: `(row,)` datetime64[ns] or float64 seconds; None if there is no column of times.
        channels: The name of each channel.
        columns: The column of the table that each channel is read from.
        time_columns: The columns of times: none, one, or the day and the time of day.
    """

    values: np.ndarray
    times: np.ndarray | None
    channels: tuple[str, ...]
    columns: tuple[str, ...]
    time_columns: tuple[str, ...]


def table_of_frame(frame: Any, name: str = "", where: str = "") -> Table:
    """Make a table of a pandas or polars frame; an index of times becomes a column."""
    if not isinstance(frame, pd.DataFrame):  # polars
        return Table.of([(column.name, pd.Series(column.to_numpy())) for column in frame.get_columns()], name, where)
    columns = [(str(header), column.reset_index(drop=True)) for header, column in frame.items()]
    index = frame.index
    timed = isinstance(index, (pd.DatetimeIndex, pd.PeriodIndex, pd.TimedeltaIndex))
    called = index.name is not None and is_time_name(str(index.name))
    text = types.is_object_dtype(index) or types.is_string_dtype(index)
    if timed or called or (text and len(index) > 0 and is_stamp(index[0])):
        columns.insert(0, ("time" if index.name is None else str(index.name), pd.Series(index)))
    return Table.of(columns, name, where)


def _locate(where: str, lines: np.ndarray | None, row: int) -> str:
    position = f"row {row}" if lines is None else f"line {lines[row]}"
    return f"{where}, {position}" if where else position
