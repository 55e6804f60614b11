"""How rows of a text are read, as the first of them show, and the rows."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from seqae.data._files.text_files import text_of
from seqae.data.signals.cells import NUMBER, CellReader
from seqae.data.signals.csv_format import SAMPLE, CsvFormat, UncertainFormat
from seqae.data.signals.csv_rows import CsvRows
from seqae.data.signals.json_lines import table_of_json_lines
from seqae.data.signals.layout import LaidOut
from seqae.data.signals.machines import Machines
from seqae.data.signals.names import match_channels, quoted, refuse_more_channels
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.table_text import TableText
from seqae.data.signals.tables import Readings, Table
from seqae.data.signals.time_columns import must_rise
from seqae.data.signals.time_texts import AmbiguousStamps
from seqae.data.signals.timestamps import TimeReader
from seqae.service.quick_rows import QuickRows
from seqae.service.row_block import RowBlock


class UnusableTable(ValueError):  # noqa: N818 (it is about the table, whatever its rows hold)
    """The first rows show that these are not the rows to read: channels are missing, or machines are mixed."""


class UnreadableLine(ValueError):  # noqa: N818
    """A line cannot be read, though others may.

    Args:
        message: What is wrong with the first such line.
        reason: One word for it.
        lines: What is wrong with each line by its number, if that is known of all.
    """

    def __init__(self, message: str, reason: str, lines: Mapping[int, str] | None = None):
        super().__init__(message)
        self.reason = reason
        self.lines = lines or {}


@dataclass(frozen=True, eq=False)
class RowFormat:
    """How rows are read: what the rows so far have shown holds for all that come.

    Attributes:
        name: The name of the text in error messages.
        options: How the table is read; the channels are the columns to read, in this order.
        time_reader: Reads the time stamps, and knows how they are written.
        remembered: Options of another table of the same machine, which hold where they apply and none is given.
        csv: The format of CSV; None if it is not known yet, or for JSON lines.
        first: The first rows, from whose columns all are read.
        kinds: How the values of a channel's column are written, see `_kind`, once one was seen.
    """

    name: str
    options: ReadingOptions
    time_reader: TimeReader
    remembered: ReadingOptions | None = None
    csv: CsvFormat | None = None
    first: Readings | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, options: ReadingOptions, remembered: ReadingOptions | None, name: str) -> RowFormat:
        """Return what is known before a row has come.

        Raises:
            ValueError: An option turns or sorts a whole table.
        """
        refuse_options_of_whole_tables(options, name)
        # What names no column helps to find the columns, too.
        options = options if remembered is None else options.completed(remembered, ())
        return cls(name, options, TimeReader(options), remembered)

    def read(self, text: bytes, line: int, is_json: bool, is_last: bool) -> tuple[list[RowBlock], RowFormat] | None:
        """Return the rows of each machine in a text, and what is known after them; None if more rows have to tell.

        Args:
            text: Whole rows.
            line: The number of the line that it begins with.
            is_json: Whether these are JSON lines.
            is_last: Whether no more rows will come.

        Raises:
            UnreadableLine: One of them cannot be read.
            UncertainFormat, UnusableTable, AmbiguousStamps: All are not to be read in this way.
        """
        if self._quick is not None and (blocks := self._quick.read(text, line, is_last)) is not None:
            return blocks, self
        with _reason("text"):
            checked = text_of(text, self.name, line)
        if not is_last and not is_json and self.csv is None and text.count(b"\n") <= self.options.skip_lines:
            return None
        if not checked.strip():
            return [], self
        if is_json:
            with _reason("format"):
                return self._taken(self._json_table(checked, line), _lines_of_json(checked, line), is_last)
        with _reason("format"):
            rows, delimiter = self._rows(checked, line)
            try:
                csv = self.csv.refined(rows) if self.csv else CsvFormat.of(rows, self.options, delimiter, is_last)
            except UncertainFormat:
                if len(rows) >= SAMPLE or (is_last and len(rows) > 1):
                    raise
                return None
            body = csv.body(rows, is_first=self.csv is None, is_last=is_last)
            known = replace(self, csv=csv)
            return known._taken(csv.table(body), body.rows.lines, is_last) if len(body.rows) else ([], known)

    @cached_property
    def _quick(self) -> QuickRows | None:
        """What reads few rows at once, as soon as the format is known."""
        return QuickRows.of(self.options, self.first, self.kinds, self.time_reader, self.csv)

    def _rows(self, text: bytes, line: int) -> tuple[CsvRows, str | None]:
        """Return the rows of a text without the lines that are to be left out, and the delimiter if it was told."""
        options = self.options if self.csv is None else replace(self.options, skip_lines=0)
        told = TableText(text, self.name, line).without_lines(options)
        separated, delimiter = told.separated(options.separator)
        return CsvRows.of(separated.data, self.name, separated.first_line), delimiter

    def _json_table(self, text: bytes, line: int) -> Table:
        """Return a table that has all columns, as long as the first rows have some of the channels."""
        table = table_of_json_lines(text, self.name, line)
        channels = self.options.channels or ()
        wanted = channels if self.first is None else (*self.first.columns, *self.first.time_columns)
        absent = [name for name in wanted if name not in table.names]
        if not absent or (self.first is None and len(absent) == len(wanted)):
            return table
        return table_of_json_lines(text, self.name, line, absent)

    def _taken(self, table: Table, lines: np.ndarray, is_last: bool) -> tuple[list[RowBlock], RowFormat] | None:
        """Return the rows in a table, from the columns from which the first rows were read."""
        known = replace(self, time_reader=copy.deepcopy(self.time_reader))  # it stays as it was if rows are unreadable
        if self.first is None:
            known = known._completed(table)
            options = known.options
        else:
            used = {*self.first.columns, *self.first.time_columns}
            others = tuple(name for name in table.columns if name not in used)
            options = replace(self.options, time_column=self.first.time_columns or None, ignore=others)
        with _reason("time"):
            timed = table.timed(options, known.time_reader)
        if self.first is None and not is_last and _may_be_timed(timed, options):
            return None
        if self.first is None and self.csv is not None:
            _refuse_missing_channels(timed, options)
        with _reason("values"):
            try:
                readings = timed.channels(options)
            except ValueError as error:
                raise UnreadableLine(str(error), "values", _bad_values(timed, options, lines)) from error
            seen = {name: _kind(timed.columns[name], self.csv is not None) for name in readings.columns}
            self._refuse_other_kinds(timed, seen)
        if self.first is None and len(table) >= SAMPLE:  # of fewer rows it would be a guess
            _refuse_layout(table, options)
        with _reason("machine"):
            blocks = known._of_machines(table, readings, lines, timed.warnings)
        kinds = {name: kind for name, kind in seen.items() if kind} | dict(self.kinds)
        return blocks, replace(known, first=self.first or readings, kinds=kinds)

    def _refuse_other_kinds(self, table: Table, kinds: Mapping[str, str]) -> None:
        """Refuse values that are written in another way than those before, as they are in a whole file.

        Raises:
            ValueError: There are numbers, numbers within quotes, or true and false where rows before had others.
        """
        for name, kind in kinds.items():
            if kind and kind != self.kinds.get(name, kind):
                column, before = table.columns[name], self.kinds[name]
                row = int(np.argmax(column.notna()))
                raise ValueError(
                    f"column {name!r} holds {kind}: {str(column.iloc[row])!r} ({table.locate(row)}), where rows before "
                    f"hold {before}. Write all values in one way"
                )

    def _completed(self, table: Table) -> RowFormat:
        """Return what is known when the columns of the first rows are."""
        if self.remembered is None:
            return self
        options = self.options.completed(self.remembered, table.names)
        refuse_options_of_whole_tables(options, self.name)
        return replace(self, options=options, time_reader=TimeReader(options))

    def _of_machines(
        self, table: Table, readings: Readings, lines: np.ndarray, notes: tuple[str, ...]
    ) -> list[RowBlock]:
        """Return the rows of each machine."""
        by = tuple(name for name in self.options.by if name != "file")
        machines = Machines.of(table, replace(self.options, by=by))
        return [
            RowBlock(
                readings.values[rows],
                None if readings.times is None else readings.times[rows],
                entity or self.options.entity,
                lines[rows],
                notes if number == 0 else (),
            )
            for number, (entity, rows) in enumerate(zip(machines.names, machines.rows()))
        ]


def refuse_options_of_whole_tables(options: ReadingOptions, name: str) -> None:
    """Raise a ValueError if an option turns or sorts a whole table, which rows that come one by one do not make."""
    default = ReadingOptions()
    for option in ("tag_column", "value_column", "transposed", "sheet", "sort"):
        value = getattr(options, option)
        if value != getattr(default, option):
            raise UnusableTable(
                f"{option}={value!r} is for whole tables, and these rows come one by one ({name}). Expected a column "
                f"for each channel, and rows in the order of time. Leave {option}=... out, or save the rows and score "
                "the file"
            )


@contextmanager
def _reason(reason: str) -> Iterator[None]:
    """Give errors about a line a word for what is wrong with it; the inner one counts."""
    try:
        yield
    except (UncertainFormat, UnusableTable, AmbiguousStamps, UnreadableLine):
        raise
    except ValueError as error:
        raise UnreadableLine(str(error), reason) from error


def _bad_values(table: Table, options: ReadingOptions, lines: np.ndarray) -> dict[int, str]:
    """Return what is wrong in each line that has a value which is no finite number, by its number."""
    reader, found = CellReader.of(options), dict[int, str]()
    for name in {table.plain(each) for each in options.channels or ()} & table.columns.keys():
        cells = reader.cells(table.columns[name])
        for row in np.flatnonzero(cells.unread | np.isinf(cells.values)).tolist():
            value = table.columns[name].iloc[row]
            what = f"holds text: {quoted(value)}" if isinstance(value, str) else f"holds {value!r}"
            found[int(lines[row])] = (
                f"column {name!r} {what} ({table.locate(row)}). A channel holds numbers. Correct it, or, if it marks a "
                f"missing value, say so: missing=[{quoted(str(value))}]"
            )
    return found


def _refuse_missing_channels(table: Table, options: ReadingOptions) -> None:
    """Refuse a table whose header lacks channels; of JSON lines, the next one may have them."""
    ignored = {table.plain(name) for name in options.ignore}
    names = tuple(name for name in table.columns if name not in ignored)
    try:
        match_channels(
            names, names if options.channels is None else tuple(map(table.plain, options.channels)), table.name
        )
        refuse_more_channels(names, options.channels or names, 0, table.name)
    except ValueError as error:
        raise UnusableTable(str(error)) from error


def _may_be_timed(table: Table, options: ReadingOptions) -> bool:
    """Whether a column may turn out to count the time: its name says so, and rows have yet to show that it rises."""
    if table.time_columns or len(table) >= SAMPLE:
        return False
    used = {table.plain(name) for name in (*options.ignore, *options.by, *(options.channels or ()))}
    return any(
        must_rise(name) and pd.api.types.is_numeric_dtype(column) and column.nunique() < 2
        for name, column in table.columns.items()
        if name not in used
    )


def _refuse_layout(table: Table, options: ReadingOptions) -> None:
    """Refuse rows that can be read, and must not be as those of one machine."""
    try:
        LaidOut.of(table, options)
    except ValueError as error:
        raise UnusableTable(str(error)) from error


def _kind(column: pd.Series, is_csv: bool) -> str:
    """Return how the values of a column are written; "" if there are none, or words alone.

    Args:
        column: The values.
        is_csv: Whether true and false are words, as in CSV; in JSON they are numbers.
    """
    if pd.api.types.is_numeric_dtype(column.dtype):
        is_boolean = is_csv and pd.api.types.is_bool_dtype(column.dtype)
        return "" if column.isna().all() else "true or false" if is_boolean else "numbers"
    values = column.dropna().tolist()
    if any(isinstance(value, str) and NUMBER.fullmatch(value.strip()) for value in values):
        return "text"
    others = [value for value in values if not isinstance(value, str)]
    return "" if not others else "true or false" if is_csv and isinstance(others[0], bool) else "numbers"


def _lines_of_json(text: bytes, first: int) -> np.ndarray:
    """Return the number of each line that is not blank, `(row,)`."""
    lines = text.split(b"\n")
    return np.array([number for number, line in enumerate(lines, start=first) if line.strip()], dtype=np.int64)
