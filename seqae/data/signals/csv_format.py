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
from seqae.data.signals.csv_columns import NumberSigns, other_decimal, parsed, with_numbers
from seqae.data.signals.csv_layout import CsvLayout, layout_of
from seqae.data.signals.csv_rows import CsvRows
from seqae.data.signals.headers import without_units
from seqae.data.signals.names import default_names
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
            names = CsvRows.of(line.encode(), "").cells(0, self.layout.delimiter) if line.count('"') % 2 == 0 else []
            if len(names) == self.layout.width > 1 and all(names) and not any(map(is_value, names)):
                raise ValueError(
                    f"skip_lines={len(skipped)} skips what looks like the header: {line!r} (line {number + 1}). "
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
        rows, columns, units = body.rows, self._columns(body.rows), dict(zip(self.header, self.layout.units))
        for number, (name, column) in enumerate(columns):
            values, unit = with_numbers(column, self.signs)
            if not self._is_left_out(name) and (other := other_decimal(values, column, self.signs)):
                row = int(values.map(lambda value: isinstance(value, str)).to_numpy().argmax())
                raise ValueError(
                    f"column {name!r} holds {column[row]!r} ({rows.locate(row)}): other signs than in other numbers, "
                    f"between thousands or for decimals. Tell the decimal sign: decimal={other!r}"
                )
            columns[number] = (name, values)
            units[name] = units.get(name) or unit
        notes = (*warnings, *self.layout.notes, *body.notes)
        table = Table.of(columns, rows.name, lines=rows.lines, warnings=notes)
        told = {name: unit for name, header in table.headers.items() if (unit := units.get(header, ""))}
        return replace(table, units={**told, **table.units})

    def _columns(self, rows: CsvRows) -> list[tuple[str, pd.Series]]:
        """Return the name and the cells of each column."""
        frame = parsed(rows, self.layout.delimiter, self.layout.width, self.signs)
        columns = [(name, column) for name, (_, column) in zip(self.header, frame.items())]
        if not self.layout.is_joined:
            return columns
        (name, day), (_, clock), *others = columns
        return [(name, day.astype(str) + " " + clock.astype(str)), *others]

    def _is_left_out(self, header: str) -> bool:
        """Whether a column is not to be read as a channel."""
        names = {header, without_units([header])[0][0]}
        wanted = self.options.channels
        return bool(names & set(self.options.ignore)) or (wanted is not None and not names & set(wanted))


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
    numbers = [(row, cell) for row in rows.with_commas(SAMPLE) for cell in rows.cells(row, delimiter)]
    commas = [(row, cell) for row, cell in numbers if WITH_COMMA.fullmatch(cell) and "," in cell]
    points = [(row, cell) for row, cell in numbers if WITH_POINT.fullmatch(cell) and "." in cell]
    if not commas:
        sample = (cell for row in range(min(len(rows), SAMPLE)) for cell in rows.cells(row, delimiter))
        return "." if any("." in cell and WITH_POINT.fullmatch(cell) for cell in sample) else None
    row, cell = commas[0]
    if points:
        raise ValueError(
            f"decimal commas and points: {cell!r} and {points[0][1]!r} ({rows.locate(row)}). Use one of them only, or "
            f"tell the decimal sign, if the other separates thousands: decimal='.'"
        )
    if all(THOUSANDS.fullmatch(cell) for _, cell in commas):
        raise UncertainFormat(
            f"{cell!r} may be a fraction or thousands ({rows.locate(row)}). Tell the decimal sign: decimal=',' for "
            "fractions, decimal='.' for thousands"
        )
    return ","
