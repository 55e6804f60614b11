"""The readings in one part of a table after the other, read by the same options and from the same columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from seqae.data.signals.machines import Machines, refuse_mixed_machines
from seqae.data.signals.names import refuse_more_channels, suggest
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.tables import Readings, Table, table_of_frame
from seqae.data.signals.timestamps import TimeReader

FILE = "file"  # in place of a column: each file is one machine
_WHOLE_TABLE = ("tag_column", "value_column", "transposed", "resample", "sort")  # need more than the rows at hand
_DEFAULT = ReadingOptions()


class RowReader:
    """Reads the readings in parts of a table, from the columns in which they were found in the first part.

    Args:
        first: The first rows, with all columns.
        options: How the table is read.
        remembered: Options that hold where none is given and where they apply, as for `read_recordings`.
        channels: The channels to read, in this order; those of the first rows if None.
        known: Other names that options may call columns by, such as those of folders.
        where: The name of the file in error messages.

    Attributes:
        options: All options that hold.
        columns: The headers of the columns that are read.
        channels: The names of the channels.
        units: The unit of each channel that has one.

    Raises:
        ValueError: The options need the whole table at once, or the first rows cannot be read.
    """

    def __init__(
        self,
        first: pd.DataFrame,
        options: ReadingOptions,
        remembered: ReadingOptions | None = None,
        channels: Sequence[str] | None = None,
        known: Sequence[str] = (),
        where: str = "",
    ):
        names = {*map(str, first.columns), *known}
        self.options = options if remembered is None else options.completed(remembered, names)
        if channels is not None:
            self.options = replace(self.options, channels=tuple(channels))
        _refuse_whole_tables(self.options)
        for name in options.ignore:
            if name not in names:
                raise ValueError(f"no column {name!r} to ignore{suggest(name, names)}")
        self._reader = TimeReader(self.options)
        others = [name for name in (*self.options.by, *self.options.ignore) if name in first.columns]
        self._part = replace(self.options, ignore=(), by=())
        table = table_of_frame(first.drop(columns=others), where=where)
        timed = table.timed(self._part, TimeReader(self.options))
        if not self.options.by:
            refuse_mixed_machines(timed, self._part)
        if channels is not None and (remembered is None or remembered.channels is None):
            refuse_more_channels(list(timed.columns), channels, len(timed), where)
        found = timed.channels(self._part)
        self.columns = [table.headers[name] for name in (*found.time_columns, *found.columns)]
        self.channels = found.channels
        sources = zip(found.channels, found.columns)
        self.units = {channel: table.units[name] for channel, name in sources if name in table.units}
        stamps = tuple(table.headers[name] for name in found.time_columns)
        time_column = stamps if len(stamps) > 1 else next(iter(stamps), None)
        self._part = replace(self._part, channels=self.channels, time_column=time_column)

    @property
    def day_first(self) -> bool | None:
        """Whether stamps such as 03/04/2024 had the day first in the rows so far; None if there are none."""
        return self._reader.day_first

    def read(self, frame: pd.DataFrame, where: str, first: int = 0) -> Readings:
        """Return the readings in the next rows.

        Args:
            frame: The rows, with the columns that are read; others are left out.
            where: The name of the file in error messages.
            first: The number of the first row, for error messages.

        Raises:
            ValueError: A column is missing, or a value is no finite number; names the row.
        """
        for name in self.columns:
            if name not in frame.columns:
                raise ValueError(f"no column {name!r} ({where}), which other files have{suggest(name, frame.columns)}")
        table = table_of_frame(frame[self.columns], where=where)
        located = replace(table, locate=lambda row: f"{where}, row {first + row}")
        return located.readings(self._part, self._reader)


def entity_codes(columns: Sequence[pd.Series], where: str, first: int = 0) -> Machines:
    """Return the machine of each row by the columns that tell them apart.

    Args:
        columns: These columns, one at least.
        where: The name of the file in error messages.
        first: The number of the first row, for error messages.

    Raises:
        ValueError: A row belongs to none.
    """
    table = Table.of([(str(column.name), column) for column in columns], where)
    located = replace(table, locate=lambda row: f"{where}, row {first + row}")
    return Machines.of(located, ReadingOptions(by=tuple(str(column.name) for column in columns)))


def _refuse_whole_tables(options: ReadingOptions) -> None:
    for name in _WHOLE_TABLE:
        value = getattr(options, name)
        if value not in (getattr(_DEFAULT, name), "none"):
            raise ValueError(
                f"{name}={value!r} needs the whole table at once, and rows are read in one pass. Write the table as it "
                "should be read first, with a column for each channel and a row for each moment, in the order of time"
            )
