"""Recognises the format of a CSV text, delimiter, decimal sign and header, from its first rows.

pandas parses the numbers. It would also take much that is wrong: one field too many in every row shifts all columns,
a cut last line is filled up, a semicolon file becomes one column. So the shape of the text is checked first.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from seqae.data.signals.csv_rows import CsvRows
from seqae.data.signals.names import default_names
from seqae.data.signals.timestamps import is_stamp

DELIMITERS = "\t;|,"  # the comma last: it may be the decimal sign of a file with another delimiter
MISSING = ["", "NaN", "nan", "NAN", "NA", "N/A", "n/a", "#N/A", "null", "NULL", "None", "none", "-", "?"]
NUMBER = r"[+-]?(\d+{0}?\d*|{0}\d+)([eE][+-]?\d+)?"
WITH_POINT = re.compile(NUMBER.format(r"\."))
WITH_COMMA = re.compile(NUMBER.format(","))
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
SAMPLE = 100  # rows from which delimiter and decimal sign are found


class UncertainFormat(ValueError):  # noqa: N818 (more rows may resolve it)
    """The format cannot be recognised from these rows; more of them may show it."""


@dataclass(frozen=True)
class CsvFormat:
    """The format of a CSV text, the same from its first to its last row.

    Attributes:
        delimiter: The character between the fields of a row.
        header: The name of each column; numbers if the text does not name them.
        has_header: Whether the first row names the columns.
        decimal: The decimal sign; None while no number had one.
    """

    delimiter: str
    header: tuple[str, ...]
    has_header: bool
    decimal: str | None = None

    @classmethod
    def of(cls, rows: CsvRows) -> CsvFormat:
        """Recognise the format from the first rows.

        Raises:
            ValueError: The rows are of no known format.
            UncertainFormat: They may be of several.
        """
        delimiter = _delimiter(rows)
        _check_fields(rows, delimiter, rows.cells(0, delimiter))
        decimal = _decimal(rows, delimiter)
        header, has_header = _header(rows, delimiter, decimal)
        return cls(delimiter, header, has_header, decimal)

    def refined(self, rows: CsvRows) -> CsvFormat:
        """Return the format with the decimal sign of these rows, if none was known.

        Raises:
            UncertainFormat: They may have one or another.
        """
        return self if self.decimal is not None else replace(self, decimal=_decimal(rows, self.delimiter))

    def columns(self, rows: CsvRows, first: int = 0) -> list[tuple[str, pd.Series]]:
        """Return the name and the values of each column from row `first` on: numbers where a column holds numbers only.

        Raises:
            ValueError: A row has another number of fields, or quotes within a field; names the line.
        """
        _check_fields(rows, self.delimiter, self.header)
        frame = _parsed(rows, first, self)
        return [(name, _unpadded(column, self.decimal)) for name, (_, column) in zip(self.header, frame.items())]


def _delimiter(rows: CsvRows) -> str:
    """Return the delimiter that splits all rows into the same number of fields, else one that splits the first row."""
    counts = {
        delimiter: [len(rows.cells(row, delimiter)) for row in range(min(len(rows), SAMPLE))]
        for delimiter in DELIMITERS
    }
    splitting = [delimiter for delimiter in DELIMITERS if counts[delimiter][0] > 1]
    even = [delimiter for delimiter in splitting if len(set(counts[delimiter])) == 1]
    words = rows.cells(len(rows) - 1, ",")[0].split()
    if not splitting and len(words) > 1 and all(WITH_POINT.fullmatch(word) for word in words):
        raise ValueError(
            f"values separated by blanks ({rows.locate(len(rows) - 1)}). Expected comma, semicolon, tab or bar. "
            "Replace the blanks"
        )
    return (even or splitting or [","])[0]


def _check_fields(rows: CsvRows, delimiter: str, header: Sequence[str]) -> None:
    """Refuse rows that have more or fewer fields than the first row of the text."""
    fields, expected = rows.fields(delimiter), len(header)
    odd = np.flatnonzero(fields != expected)
    if len(odd) == 0:
        return
    row, last = odd[0], len(rows) - 1
    found = f"{fields[row]} field{'s' if fields[row] > 1 else ''}, but the first row {expected} ({rows.locate(row)})"
    if row == last and fields[row] < expected and not rows.is_ended:
        raise ValueError(f"the last row has {found}: the file is cut off. Get the whole file, or delete that row")
    if len(odd) == last and row == 1:
        raise ValueError(f"every row has {found}. Name each column in the header, and use no decimal commas here")
    raise ValueError(f"a row has {found}. Correct it: a delimiter ({delimiter!r}) within a text needs quotes around it")


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
            f"decimal commas and points: {cell!r} and {points[0][1]!r} ({rows.locate(row)}). Use points only"
        )
    if all(THOUSANDS.fullmatch(cell) for _, cell in commas):
        raise UncertainFormat(
            f"{cell!r} may be a fraction or thousands ({rows.locate(row)}). Write numbers with decimal points"
        )
    return ","


def _header(rows: CsvRows, delimiter: str, decimal: str | None) -> tuple[tuple[str, ...], bool]:
    """The names of the columns, and whether the first row holds them."""
    cells = rows.cells(0, delimiter)
    number = WITH_COMMA if decimal == "," else WITH_POINT
    filled = [cell for cell in cells if cell not in MISSING]
    counted = tuple(filled) == default_names(len(filled)) and len(rows) > 1  # how pandas writes columns without names
    if counted or not filled or not all(number.fullmatch(cell) or is_stamp(cell) for cell in filled):
        if len(rows) == 1:
            raise UncertainFormat(f"a header and no rows ({rows.locate(0)}). Expected rows of readings below it")
        return tuple(cells), True
    timed = not number.fullmatch(filled[0]) and filled[0] == cells[0]
    return ("time", *default_names(len(cells) - 1)) if timed else default_names(len(cells)), False


def _parsed(rows: CsvRows, first: int, format: CsvFormat) -> pd.DataFrame:
    """Return the columns, as numbers where a column holds numbers only."""
    buffer = io.BytesIO(rows.data)
    buffer.seek(rows.starts[first])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            warnings.simplefilter("ignore", pd.errors.DtypeWarning)  # numbers and text in one column: refused later
            frame = pd.read_csv(
                buffer,
                sep=format.delimiter,
                decimal=format.decimal or ".",
                header=None,
                names=range(len(format.header)),
                index_col=False,
                skipinitialspace=True,
                na_values=MISSING,
                keep_default_na=False,
                encoding_errors="replace",
            )
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise ValueError(f"quotation marks within a field ({rows.name}). Quote whole fields, or none") from error
    if len(frame) != len(rows) - first:
        raise ValueError(
            f"{len(frame)} rows read instead of {len(rows) - first} ({rows.name}). Quote whole fields, or none"
        )
    return frame


def _unpadded(column: pd.Series, decimal: str | None) -> pd.Series:
    """Return a text column with numbers where they can be read: pandas leaves all as text for one blank or text."""
    if pd.api.types.infer_dtype(column, skipna=True) not in ("string", "mixed", "mixed-integer"):
        return column
    text = column.astype(str).str.strip()
    text = text.where(column.notna() & ~text.isin(MISSING))
    if _numbers(text.dropna().head(SAMPLE), decimal).isna().all():  # text from the first row on
        return text
    numbers = _numbers(text, decimal)
    unread = numbers.isna() & text.notna()
    return numbers.astype(object).mask(unread, text) if unread.any() else numbers


def _numbers(text: pd.Series, decimal: str | None) -> pd.Series:
    if decimal == ",":
        text = text.where(~text.str.contains(".", regex=False, na=False)).str.replace(",", ".")
    return pd.to_numeric(text, errors="coerce")
