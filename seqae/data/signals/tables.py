"""Tables of columns, and the recordings that they hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from seqae.data.arrays import refuse_inexact, refuse_infinite
from seqae.data.signals.cells import CellReader, Cells, whole_numbers
from seqae.data.signals.headers import named, without_units
from seqae.data.signals.names import as_tuple, match_channels, quoted, suggest
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.proposals import unread_message
from seqae.data.signals.time_columns import is_time_name, joined_stamps, joining_note, time_columns, with_clock
from seqae.data.signals.timestamps import TimeReader, is_dated, is_stamp


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
        entity: The machine that the table is of, or "".
        by: Columns that are known to tell machines apart.
        times: `(row,)` datetime64[ns] or float64 seconds, once they are separated from the channels.
        time_columns: The columns of these times: none, one, or the day and the time of day.
        day_first: Whether stamps such as 03/04/2024 in them have the day first; None if there are no such stamps.
        locate_cell: Returns the position of the cell in a column and a row; None if `locate` does for all columns.
    """

    columns: dict[str, pd.Series]
    headers: dict[str, str]
    units: dict[str, str]
    name: str
    locate: Callable[[int], str]
    warnings: tuple[str, ...] = ()
    entity: str = ""
    by: tuple[str, ...] = ()
    times: np.ndarray | None = None
    time_columns: tuple[str, ...] = ()
    day_first: bool | None = None
    locate_cell: Callable[[str, int], str] | None = None

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

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ())) if self.times is None else len(self.times)

    @property
    def where(self) -> str:
        """What the table is called in error messages."""
        return self.name or "frame"

    def plain(self, name: str) -> str:
        """Return a name without its unit, if it is the header of a column with a unit."""
        return self._plain_names.get(name, name)

    @cached_property
    def _plain_names(self) -> dict[str, str]:
        return {header: plain for plain, header in reversed(self.headers.items())}  # the first of equal headers

    def timed(self, options: ReadingOptions, time_reader: TimeReader) -> Table:
        """Return the table with its times separated from the other columns.

        Args:
            options: How the table is read.
            time_reader: Reads the time stamps.

        Raises:
            ValueError: The column of times is missing, or a stamp cannot be read; names the line.
        """
        others = {self.plain(name) for name in (*options.ignore, *options.by, *self.by, options.tag_column or "")}
        columns = {name: column for name, column in self.columns.items() if name not in others}
        wanted = tuple(map(self.plain, options.channels or ()))
        names = self._time_columns(columns, options.time_column, wanted)
        if not names:
            return self
        times = self._times({name: columns[name] for name in names}, time_reader)
        rest = {name: column for name, column in self.columns.items() if name not in names}
        joined = joining_note(names) if options.time_column is None else []
        notes = (*self.warnings, *joined, *time_reader.notes)
        first = time_reader.day_first
        return replace(self, columns=rest, times=times, time_columns=names, day_first=first, warnings=notes)

    def readings(self, options: ReadingOptions, time_reader: TimeReader) -> Readings:
        """Separate the times from the channels, and read both.

        Args:
            options: How the table is read.
            time_reader: Reads the time stamps.

        Raises:
            ValueError: A column is missing, or a value is no finite number; names the line.
        """
        return self.timed(options, time_reader).channels(options)

    def channels(self, options: ReadingOptions) -> Readings:
        """Return the readings in a table whose times are separated.

        Raises:
            ValueError: A column is missing, or a value is no finite number; names the line.
        """
        ignored = {self.plain(name) for name in options.ignore}
        names = tuple(name for name in self.columns if name not in ignored)
        wanted = names if options.channels is None else tuple(map(self.plain, options.channels))
        taken = match_channels(names, wanted, self.name)
        if not taken:
            raise ValueError(f"no channels besides the time ({self.where}). At least one is needed")
        values = self._values(taken, options)
        return Readings(values, self.times, wanted, taken, self.time_columns)

    def _values(self, names: Sequence[str], options: ReadingOptions) -> np.ndarray:
        """`(row, column)` float64 of some columns."""
        reader = CellReader.of(options)
        values = np.empty((len(self.columns[names[0]]), len(names)), order="F")  # each column in one piece
        unread: dict[str, Cells] = {}
        infinite: list[str] = []
        for index, name in enumerate(names):
            refuse_inexact(whole_numbers(self.columns[name]), name, partial(self._place, name))
            cells = reader.cells(self.columns[name])
            values[:, index] = cells.values
            if cells.unread.any():
                unread[name] = cells
            if np.isinf(cells.values).any():
                infinite.append(name)
        if unread:
            first = {name: self._place(name, int(np.argmax(cells.unread))) for name, cells in unread.items()}
            raise ValueError(unread_message(unread, self.columns, options, first))
        for name in infinite[:1]:
            refuse_infinite(values[:, [names.index(name)]], [name], partial(self._place, name))
        return values

    def _place(self, name: str, row: int) -> str:
        """Return the position of a cell for error messages."""
        return self.locate(row) if self.locate_cell is None else self.locate_cell(name, row)

    def _time_columns(
        self, columns: dict[str, pd.Series], time_column: str | Sequence[str] | None, channels: Sequence[str]
    ) -> tuple[str, ...]:
        """The columns that tell the time, and are no channels."""
        others = {name: columns[name] for name in columns if name not in channels}
        if time_column is None:
            return time_columns(others, self.name)
        names = tuple(self.plain(name) for name in as_tuple(time_column))
        if absent := [name for name in names if name not in columns]:
            raise ValueError(f"no column {quoted(absent[0])} ({self.where}){suggest(absent[0], columns)}")
        return with_clock(others, names[0]) if len(names) == 1 and names[0] in others else names

    def _times(self, stamps: dict[str, pd.Series], time_reader: TimeReader) -> np.ndarray:
        """`(row,)` datetime64[ns] or float64 seconds."""
        column = joined_stamps(stamps, time_reader.options.time_format, self.locate)
        return time_reader.read(column, self.units.get(next(iter(stamps)), ""), tuple(stamps), self.locate)


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
    """Make a table of a pandas or polars frame; an index of times or machines becomes columns.

    Raises:
        ValueError: The frame is empty, or two columns have one name.
    """
    if not isinstance(frame, pd.DataFrame):  # polars
        return Table.of([(column.name, pd.Series(column.to_numpy())) for column in frame.get_columns()], name, where)
    columns = [(_header(header), column.reset_index(drop=True)) for header, column in frame.items()]
    index, machines = frame.index, []
    for number in reversed(range(index.nlevels)):
        level = index.get_level_values(number)
        if _is_time(level):
            columns.insert(0, ("time" if level.name is None else str(level.name), pd.Series(level)))
        elif isinstance(level, pd.IntervalIndex):
            raise ValueError(
                f"the index of the frame holds intervals ({where or name or 'frame'}). Expected times. Give the start "
                "or the end of each: frame.index = frame.index.left"
            )
        elif _tells_apart(level):
            machines.append(("machine" if level.name is None else str(level.name), pd.Series(level)))
        elif index.nlevels > 1 and level.name is not None:
            columns.insert(0, (str(level.name), pd.Series(level)))
        elif _is_text(level) and len(columns) > 1 and all(is_stamp(header) for header, _ in columns[:20]):
            columns.insert(0, ("channel" if level.name is None else str(level.name), pd.Series(level)))  # transposed
    by = tuple(header for header, _ in reversed(machines))
    notes = [f"the index tells machines apart: by={list(by) if len(by) > 1 else by[0]!r}"] if by else []
    return replace(Table.of([*reversed(machines), *columns], name, where, warnings=notes), by=by)


def _locate(where: str, lines: np.ndarray | None, row: int) -> str:
    position = f"row {row}" if lines is None else f"line {lines[row]}"
    return f"{where}, {position}" if where else position


def _header(header: object) -> str:
    return " ".join(map(str, header)) if isinstance(header, tuple) else str(header)


def _is_time(level: pd.Index) -> bool:
    """Whether a level of an index holds times."""
    if is_dated(level) or getattr(level.dtype, "kind", "") == "m":  # also durations of Arrow
        return True
    called = level.name is not None and is_time_name(str(level.name))
    is_text = _is_text(level) or isinstance(level.dtype, pd.CategoricalDtype)
    return called or (is_text and len(level) > 0 and is_stamp(level[0]))


def _is_text(level: pd.Index) -> bool:
    return types.is_object_dtype(level) or types.is_string_dtype(level)


def _tells_apart(level: pd.Index) -> bool:
    """Whether a level that holds no times repeats a few texts, or numbers with a name that do not count the rows."""
    if 2 * level.nunique() > len(level):
        return False
    if _is_text(level) or isinstance(level.dtype, pd.CategoricalDtype):
        return True
    return level.name is not None and types.is_integer_dtype(level) and float(np.mean(np.diff(level) == 1)) < 0.5
