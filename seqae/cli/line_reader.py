"""Rows that come bit by bit as CSV or JSON lines, read by the same rules as whole files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import accumulate

import numpy as np

from seqae.data._files.text_files import text_of
from seqae.data.signals.csv_format import SAMPLE, CsvFormat, UncertainFormat
from seqae.data.signals.csv_rows import CsvRows
from seqae.data.signals.json_lines import table_of_json_lines
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.tables import Readings, Table
from seqae.data.signals.timestamps import TimeReader

Block = tuple[np.ndarray, np.ndarray | None]
_MAX_ROW = 2**20  # bytes; in a longer row a quotation mark was not closed


class LineReader:
    """Reads rows from chunks of text: CSV, or JSON lines if the first line begins with a brace.

    Delimiter, decimal sign and columns are found from the first rows, as for a file; rows wait until they are known.

    Args:
        options: How the table is read; the channels are the columns to read, in this order.
        remembered: Options of another table of the same machine, which hold where they apply and none is given.
        name: The name of the text in error messages.
    """

    def __init__(self, options: ReadingOptions, remembered: ReadingOptions | None = None, name: str = "standard input"):
        self.options = options
        self.remembered = remembered
        self.name = name
        self._time_reader = TimeReader(self.options)
        self._line = 1  # the number of the line that comes next
        self._waiting = b""  # rows whose format is not known yet
        self._is_json: bool | None = None
        self._format: CsvFormat | None = None
        self._first: Readings | None = None  # the first rows, whose columns hold for all rows

    def blocks(self, chunks: Iterable[bytes]) -> Iterator[Block]:
        """Yield the complete rows in each chunk of text: values `(row, channel)` float64 and times `(row,)`.

        Times are datetime64[ns] or float64 seconds; None if there are no times.

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

    def _read(self, text: bytes, is_last: bool = False) -> Iterator[Block]:
        """Yield the rows in a text; if one of them cannot be read, first those before it, half by half."""
        try:
            readings = self._readings(self._waiting + text, is_last)
        except ValueError:
            if not (middle := self._middle(text)):
                raise
            yield from self._read(text[:middle])
            yield from self._read(text[middle:], is_last)
            return
        if readings is not None:
            yield readings.values, readings.times

    def _middle(self, text: bytes) -> int:
        """Return where the second half of some rows begins; 0 if there is one row only."""
        lines = text.rstrip().split(b"\n")
        ends = list(accumulate(len(line) + 1 for line in lines[:-1]))
        whole = [end for end in ends if self._is_json or text.count(b'"', 0, end) % 2 == 0]
        return whole[len(whole) // 2] if whole else 0

    def _readings(self, text: bytes, is_last: bool) -> Readings | None:
        """Return the readings in whole rows; None if there are none, or if the format is not known yet."""
        checked = text_of(text, self.name, self._line)
        format = self._format
        if not checked.strip():
            readings = None
        elif self._is_json:
            readings = self._taken(self._json_table(checked))
        else:
            rows = CsvRows.of(checked, self.name, self._line)
            try:
                format = CsvFormat.of(rows) if format is None else format.refined(rows)
            except UncertainFormat:
                if len(rows) >= SAMPLE or (is_last and len(rows) > 1):
                    raise
                self._waiting = text
                return None
            first = int(format.has_header and self._format is None)
            readings = self._taken(Table.of(format.columns(rows, first), self.name, lines=rows.lines[first:]))
        self._format, self._first, self._waiting = format, self._first or readings, b""
        self._line += text.count(b"\n")
        return readings

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
            return table.readings(self.options, self._time_reader)
        used = {*self._first.columns, *self._first.time_columns}
        others = tuple(name for name in table.columns if name not in used)
        options = replace(self.options, time_column=self._first.time_columns or None, ignore=others)
        return table.readings(options, self._time_reader)
