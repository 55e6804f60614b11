"""Recognises the format of a CSV text, where its table lies and its decimal sign, from its first rows.

pandas parses the numbers. It would also take much that is wrong: one field too many in every row shifts all columns,
a cut last line is filled up, a semicolon file becomes one column. So the shape of the text is checked first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from seqae.data.signals.csv_body import CsvBody
from seqae.data.signals.csv_cells import MISSING, THOUSANDS, WITH_COMMA, WITH_POINT, is_value
from seqae.data.signals.csv_columns import (
    NumberSigns,
    parsed,
    refuse_other_signs,
    with_numbers,
    without_unit,
)
from seqae.data.signals.csv_layout import CsvLayout, layout_of
from seqae.data.signals.csv_rows import CsvRows
from seqae.data.signals.headers import without_units
from seqae.data.signals.names import as_tuple, default_names, quoted
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.tables import Table

SAMPLE = 100  # rows that are enough to recognise a format


class UncertainFormat(ValueError):  # noqa: N818 (more rows may resolve it)
    """The format cannot be recognised from these rows; more of them may show it."""


@dataclass(frozen=True, eq=False)
class CsvFormat:
    """The format of a CSV text, the same from its first to its last row.

    Attributes:
        layout: Where the table lies in the text.
        header: The name of each column; numbers if the text does not name them.
        signs: The signs in numbers.
        above: The lines of the header.
        options: How the table is read.
    """

    layout: CsvLayout
    header: tuple[str, ...]
    signs: NumberSigns
    above: tuple[bytes, ...]
    options: ReadingOptions

    @classmethod
    def of(
        cls, rows: CsvRows, options: ReadingOptions | None = None, delimiter: str | None = None, is_whole: bool = True
    ) -> CsvFormat:
        """Recognise the format from the first rows.

        Args:
            rows: The rows at the beginning of a text.
            options: How the table is read.
            delimiter: The character between fields, if it was told.
            is_whole: Whether no rows will follow.

        Raises:
            ValueError: The rows are of no known format.
            UncertainFormat: They may be of several.
        """
        options = options or ReadingOptions()
        if len(rows) == 0:
            raise UncertainFormat(f"no rows are left ({rows.name}). Expected a header, and rows of readings below it")
        if options.decimal not in (None, ".", ","):
            raise ValueError(f"decimal={options.decimal!r} is no decimal sign ({rows.name}). Expected decimal=','")
        marks = {str(mark).strip().casefold() for mark in (*options.missing, *options.states)}
        layout = layout_of(rows, delimiter, marks)
        if layout.first >= len(rows):
            where = rows.locate(layout.above[0] if layout.above else 0)
            raise UncertainFormat(f"a header and no rows ({where}). Expected rows of readings below it")
        if not (layout.has_values or is_whole or len(rows) >= SAMPLE):
            raise UncertainFormat(f"no row of readings yet ({rows.locate(len(rows) - 1)}). Expected numbers")
        body = rows.take(slice(layout.first, None))
        signs = NumberSigns(options.decimal or _decimal(body, layout.delimiter), is_told=options.decimal is not None)
        above = tuple(rows.bytes_of(row) for row in layout.above)
        return cls(layout, _names(layout, body, signs), signs, above, options)

    def refuse_skipped_header(self, skipped: Sequence[str]) -> None:
        """Refuse that the header was among the lines that were skipped.

        Raises:
            ValueError: One of them has a name for each column, and the rows have none.
        """
        for number, line in enumerate(skipped):
            is_row = line.strip() and line.count('"') % 2 == 0
            names = CsvRows.of(line.encode(), "").cells(0, self.layout.delimiter) if is_row else []
            if len(names) == self.layout.width > 1 and all(names) and not any(map(is_value, names)):
                raise ValueError(
                    f"skip_lines={len(skipped)} skips what looks like the header: {quoted(line)} (line {number + 1}). "
                    f"Expected the number of lines above it: skip_lines={number}"
                )

    def refined(self, rows: CsvRows) -> CsvFormat:
        """Return the format with the decimal sign of these rows, if none was known.

        Raises:
            UncertainFormat: They may have one or another.
        """
        if self.signs.decimal is not None:
            return self
        return replace(self, signs=NumberSigns(_decimal(rows, self.layout.delimiter)))

    def body(self, rows: CsvRows, is_first: bool = True, is_last: bool = True) -> CsvBody:
        """Return the rows of values, without what stands above, between and below them.

        Args:
            rows: All rows of a text, or some of them.
            is_first: Whether the text begins with them.
            is_last: Whether the text ends with them.

        Raises:
            ValueError: A row has another number of fields than the table; names the line.
        """
        values = rows.take(slice(self.layout.first if is_first else 0, None))
        return CsvBody(values, self.layout.delimiter, self.layout.width, is_first, is_last).cleaned(self.above)

    def table(self, body: CsvBody, warnings: Sequence[str] = ()) -> Table:
        """Return the table of some rows.

        Args:
            body: The rows of values.
            warnings: Remarks on the text.

        Raises:
            ValueError: There are quotes within a field, or numbers with other signs; names the line.
        """
        if len(body.rows) == 0:
            raise ValueError(f"a header and no rows ({body.rows.name}). Expected rows of readings below it")
        rows, columns, units = body.rows, self._columns(body), dict(zip(self.header, self.layout.units))
        for number, (name, column) in enumerate(columns):
            measured = body.is_first and body.is_last and not self._is_among(name, self._keys())
            values, unit = with_numbers(column, self.signs, has_units=measured)  # a part may have another unit
            if not self._is_left_out(name):
                refuse_other_signs(values, column, name, body, self.signs)
            columns[number] = (name, values)
            units[name] = units.get(name) or unit
        notes = (*warnings, *self.layout.notes, *body.notes)
        table = Table.of(columns, rows.name, lines=rows.lines, warnings=notes)
        told = {name: unit for name, header in table.headers.items() if (unit := units.get(header, ""))}
        return replace(table, units={**told, **table.units})

    def _columns(self, body: CsvBody) -> list[tuple[str, pd.Series]]:
        """Return the name and the cells of each column."""
        frame = parsed(body, self.signs)
        columns = [(name, column) for name, (_, column) in zip(self.header, frame.items())]
        if not self.layout.is_joined:
            return columns
        (name, day), (_, clock), *others = columns
        return [(name, day.astype(str) + " " + clock.astype(str)), *others]

    def _is_left_out(self, header: str) -> bool:
        """Whether a column is not to be read as a channel."""
        ignore, wanted = self.options.ignore, self.options.channels
        return self._is_among(header, ignore) or (wanted is not None and not self._is_among(header, wanted))

    def _keys(self) -> tuple[str, ...]:
        """The columns that are no channels, because they tell times, machines or channels."""
        told = (self.options.time_column or (), self.options.tag_column or (), self.options.by)
        return tuple(name for names in told for name in as_tuple(names))

    @staticmethod
    def _is_among(header: str, names: Sequence[str]) -> bool:
        return header in names or without_units([header])[0][0] in names


def _names(layout: CsvLayout, body: CsvRows, signs: NumberSigns) -> tuple[str, ...]:
    """The names of the columns; numbers if there is no header, but for the column of times."""
    if layout.names is not None:
        return layout.names
    first = body.cells(0, layout.delimiter)[0]
    number = WITH_COMMA if signs.decimal == "," else WITH_POINT
    if first in MISSING or number.fullmatch(first):
        return default_names(layout.width)
    return ("time", *default_names(layout.width - 1))


def _decimal(rows: CsvRows, delimiter: str) -> str | None:
    """The decimal sign, a comma only if that is certain; None if no number has one."""
    if delimiter == ",":
        return "."
    numbers = [(row, without_unit(cell)) for row in rows.with_commas(SAMPLE) for cell in rows.cells(row, delimiter)]
    commas = [(row, cell) for row, cell in numbers if WITH_COMMA.fullmatch(cell) and "," in cell]
    points = [(row, cell) for row, cell in numbers if WITH_POINT.fullmatch(cell) and "." in cell]
    if not commas:
        sample = (cell for row in range(min(len(rows), SAMPLE)) for cell in rows.cells(row, delimiter))
        return "." if any("." in cell and WITH_POINT.fullmatch(cell) for cell in sample) else None
    row, cell = commas[0]
    if points:
        raise ValueError(
            f"decimal commas and points: {quoted(cell)} and {quoted(points[0][1])} ({rows.locate(row)}). Use one of "
            f"them only, or "
            f"tell the decimal sign, if the other separates thousands: decimal='.'"
        )
    if all(THOUSANDS.fullmatch(cell) for _, cell in commas):
        raise UncertainFormat(
            f"{quoted(cell)} may be a fraction or thousands ({rows.locate(row)}). Tell the decimal sign: "
            f"decimal=',' for "
            "fractions, decimal='.' for thousands"
        )
    return ","
