"""Rows that come bit by bit as CSV or JSON lines, read by the same rules as whole files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from seqae.data._files.text_files import text_of
from seqae.data.signals.csv_format import SAMPLE, CsvFormat, UncertainFormat
from seqae.data.signals.csv_rows import CsvRows
from seqae.data.signals.json_lines import table_of_json_lines
from seqae.data.signals.layout import LaidOut
from seqae.data.signals.machines import Machines
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.table_text import TableText
from seqae.data.signals.tables import Readings, Table
from seqae.data.signals.timestamps import TimeReader

_MAX_ROW = 2**20  # bytes; in a longer row a quotation mark was not closed


@dataclass(frozen=True, eq=False)
class RowBlock:
    """Rows that came together.

    Attributes:
        values: `(row, channel)` float64, NaN where a value is missing.
        times: `(row,)` datetime64[ns] or float64 seconds; None if there are no times.
        entity: The machine that they are of, "" if they name none.
    """

    values: np.ndarray
    times: np.ndarray | None
    entity: str = ""


class LineReader:
    """Reads rows from chunks of text: CSV, or JSON lines if the first line begins with a brace.

    Delimiter, decimal sign and columns are found from the first rows, as for a file; rows wait until they are known.

    Args:
        options: How the table is read; the channels are the columns to read, in this order.
        remembered: Options of another table of the same machine, which hold where they apply and none is given.
        name: The name of the text in error messages.
    """

    def __init__(self, options: ReadingOptions, remembered: ReadingOptions | None = None, name: str = "standard input"):
        refuse_options_of_whole_tables(options, name)
        # What names no column helps to find the columns, too.
        self.options = options if remembered is None else options.completed(remembered, ())
        self.remembered = remembered
        self.name = name
        self._time_reader = TimeReader(self.options)
        self._line = 1  # the number of the line that comes next
        self._waiting = b""  # rows whose format is not known yet
        self._is_json: bool | None = None
        self._format: CsvFormat | None = None
        self._first: Readings | None = None  # the first rows, whose columns hold for all rows

    def blocks(self, chunks: Iterable[bytes]) -> Iterator[RowBlock]:
        """Yield the complete rows in each chunk of text, those of each machine together.

        Raises:
            ValueError: A line cannot be read; those before it were yielded.
        """
        rest = b""
        for chunk in chunks:
            rest += chunk
            stop = self._complete(rest)
            rows, rest = rest[:stop], rest[stop:]
            if rows:
                yield from self._read(rows)
        yield from self._read(rest, is_last=True)

    def _complete(self, text: bytes) -> int:
        """Return how many bytes of the text are whole rows; a line end within quotes is not the end of a row of CSV."""
        stop = text.rfind(b"\n") + 1
        if self._is_json is None and text.strip():
            self._is_json = text.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")
        if self._is_json or len(text) > _MAX_ROW:
            return stop
        while stop and text.count(b'"', 0, stop) % 2:
            stop = text.rfind(b"\n", 0, stop - 1) + 1
        return stop

    def _read(self, text: bytes, is_last: bool = False) -> Iterator[RowBlock]:
        """Yield the rows in a text; if one of them cannot be read, first those before it, half by half."""
        try:
            blocks = self._blocks(self._waiting + text, is_last)
        except ValueError:
            if not (middle := self._middle(text)):
                raise
            yield from self._read(text[:middle])
            yield from self._read(text[middle:], is_last)
            return
        yield from blocks

    def _middle(self, text: bytes) -> int:
        """Return where the second half of some rows begins; 0 if there is one row only."""
        lines = text.rstrip().split(b"\n")
        ends = list(accumulate(len(line) + 1 for line in lines[:-1]))
        whole = [end for end in ends if self._is_json or text.count(b'"', 0, end) % 2 == 0]
        return whole[len(whole) // 2] if whole else 0

    def _blocks(self, text: bytes, is_last: bool) -> list[RowBlock]:
        """Return whole rows; none if there are none, or if the format is not known yet."""
        checked = text_of(text, self.name, self._line)
        format = self._format
        if not is_last and format is None and text.count(b"\n") <= self.options.skip_lines:
            self._waiting = text
            return []
        table: Table | None = None
        if not checked.strip():
            pass
        elif self._is_json:
            table = self._json_table(checked)
        else:
            rows, delimiter = self._rows(checked)
            try:
                format = format.refined(rows) if format else CsvFormat.of(rows, self.options, delimiter, is_last)
            except UncertainFormat:
                if len(rows) >= SAMPLE or (is_last and len(rows) > 1):
                    raise
                self._waiting = text
                return []
            body = format.body(rows, is_first=self._format is None, is_last=is_last)
            table = format.table(body) if len(body.rows) else None
        readings = None if table is None else self._taken(table)
        blocks = [] if table is None or readings is None else self._of_machines(table, readings)
        self._format, self._first, self._waiting = format, self._first or readings, b""
        self._line += text.count(b"\n")
        return blocks

    def _of_machines(self, table: Table, readings: Readings) -> list[RowBlock]:
        """Return the rows of each machine."""
        by = tuple(name for name in self.options.by if name != "file")
        machines = Machines.of(table, replace(self.options, by=by))
        return [
            RowBlock(
                readings.values[rows],
                None if readings.times is None else readings.times[rows],
                entity or self.options.entity,
            )
            for entity, rows in zip(machines.names, machines.rows())
        ]

    def _rows(self, text: bytes) -> tuple[CsvRows, str | None]:
        """Return the rows of a text without the lines that are to be left out, and the delimiter if it was told."""
        options = self.options if self._format is None else replace(self.options, skip_lines=0)
        told = TableText(text, self.name, self._line).without_lines(options)
        separated, delimiter = told.separated(options.separator)
        return CsvRows.of(separated.data, self.name, separated.first_line), delimiter

    def _json_table(self, text: bytes) -> Table:
        """Return a table that has all columns, as long as the first rows have some of the channels."""
        table = table_of_json_lines(text, self.name, self._line)
        channels = self.options.channels or ()
        wanted = channels if self._first is None else (*self._first.columns, *self._first.time_columns)
        absent = [name for name in wanted if name not in table.names]
        if not absent or (self._first is None and len(absent) == len(wanted)):
            return table
        return table_of_json_lines(text, self.name, self._line, absent)

    def _taken(self, table: Table) -> Readings:
        """Return the readings in a table, from the columns from which the first rows were read."""
        if self._first is None:
            if self.remembered is not None:
                self.options = self.options.completed(self.remembered, table.names)
                self._time_reader = TimeReader(self.options)
                refuse_options_of_whole_tables(self.options, self.name)
            if len(table) >= SAMPLE:  # of fewer rows it would be a guess
                LaidOut.of(table, self.options)  # refuses what must not be read as rows of one machine
            return table.readings(self.options, self._time_reader)
        used = {*self._first.columns, *self._first.time_columns}
        others = tuple(name for name in table.columns if name not in used)
        options = replace(self.options, time_column=self._first.time_columns or None, ignore=others)
        return table.readings(options, self._time_reader)


def refuse_options_of_whole_tables(options: ReadingOptions, name: str) -> None:
    """Raise a ValueError if an option turns or sorts a whole table, which rows that come one by one do not make."""
    default = ReadingOptions()
    for option in ("tag_column", "value_column", "transposed", "sheet", "sort"):
        value = getattr(options, option)
        if value != getattr(default, option):
            raise ValueError(
                f"{option}={value!r} is for whole tables, and these rows come one by one ({name}). Expected a column "
                f"for each channel, and rows in the order of time. Leave {option}=... out, or save the rows and score "
                "the file"
            )
