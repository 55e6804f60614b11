"""The rows of a CSV table below its header, without the lines between and below them that are none of its rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

import numpy as np

from seqae.data.signals.csv_cells import COMMENTS, MISSING, comment_sign, is_reading, is_stamp_like, is_value
from seqae.data.signals.csv_rows import CsvRows
from seqae.data.signals.names import quoted
from seqae.data.signals.table_text import format_lines, format_texts

SUMMARIES = {"total", "totals", "sum", "average", "avg", "mean", "min", "minimum", "max", "maximum", "count", "std"}
SUMMARIES |= {
    "rows",
    "records",
    "lines",
    "end",
    "eof",
    "median",
    "summe",
    "mittelwert",
    "gesamt",
    "somme",
    "moyenne",
    "media",
}
_TRIED = 20  # last rows that may be a summary


@dataclass(frozen=True, eq=False)
class CsvBody:
    """Rows of values.

    Attributes:
        rows: The rows.
        delimiter: The character between their fields.
        width: How many fields a row has.
        is_first: Whether they are the first rows of the table.
        is_last: Whether they are its last ones.
        notes: Remarks on lines that were left out.
    """

    rows: CsvRows
    delimiter: str
    width: int
    is_first: bool = True
    is_last: bool = True
    notes: tuple[str, ...] = ()

    def cleaned(self, header: Sequence[bytes]) -> CsvBody:
        """Leave out comments, repeated lines of the header, and lines below the table.

        Args:
            header: The lines of the header.

        Raises:
            ValueError: A row has another number of fields, or may be no row of the table; names the line.
        """
        body = self._without_comments()
        repeated = sorted({row for line in header for row in body.rows.equal_to(line)})
        body = body._without(repeated, "the header is repeated in")
        is_even = body.rows.are_even(self.delimiter, self.width)
        odd = np.array([], dtype=np.int64) if is_even else body.rows.odd(self.delimiter, self.width)
        if self.is_last and len(body.rows):
            body, odd = body._without_footer(odd)
            body._refuse_summary()
        if len(odd):
            body.refuse_odd(odd)
        return body

    def _cells(self, row: int) -> list[str]:
        return self.rows.cells(row, self.delimiter)

    def _beginning(self, row: int) -> str:
        """The word that a row begins with, as it is written, without quotes around it."""
        text = self.rows.line(row).lstrip(' "')
        return re.split(rf'["{re.escape(self.delimiter)}]', text, maxsplit=1)[0].strip()

    def _without(self, left_out: Sequence[int], why: str) -> CsvBody:
        """Leave out some rows, with a remark that begins with `why`."""
        if not left_out:
            return self
        lines = format_lines(self.rows.lines[list(left_out)].tolist())
        note = f"{why} {lines}, left out: {format_texts([self.rows.line(row) for row in left_out])}"
        rows = self.rows.take(np.setdiff1d(np.arange(len(self.rows)), left_out))
        return replace(self, rows=rows, notes=(*self.notes, note))

    def _without_comments(self) -> CsvBody:
        signed = self.rows.beginning_with(tuple(sign.encode() for sign in COMMENTS))
        comments: list[int] = []
        if self.is_first and len(signed) == len(self.rows):  # in every row it belongs to the values
            return self
        for row in signed:
            cells = self._cells(row)
            if len(cells) != self.width or not any(map(is_reading, cells[1:])):
                comments.append(row)
            elif len(signed) < len(self.rows) and is_value(
                cells[0].removeprefix(sign := comment_sign(cells[0])).strip()
            ):
                raise ValueError(
                    f"a row begins with {quoted(sign)}: {quoted(self.rows.line(row))} ({self.rows.locate(row)}). If "
                    f"it is a "
                    f"comment, say so: comment={quoted(sign)}"
                )
        return self._without(comments, "comments in")

    def _without_footer(self, odd: np.ndarray) -> tuple[CsvBody, np.ndarray]:
        """Leave out words below a table whose rows begin with values, and empty rows if they begin with stamps.

        Args:
            odd: The rows that have another number of fields.

        Returns:
            The rest, and the odd rows in it.
        """
        begin, first, odd_rows = self._cells(0)[0], len(self.rows), set(odd.tolist())
        while first > 1:
            cells = self._cells(first - 1)
            ends = is_value(begin) and first - 1 in odd_rows and cells[0] != "" and not is_value(cells[0])
            empty = is_stamp_like(begin) and not any(cells)
            if not (ends or empty):
                break
            first -= 1
        return self._without(range(first, len(self.rows)), "below the table,"), odd[odd < first]

    def _refuse_summary(self) -> None:
        """Refuse last rows that begin with a word, where all others begin with stamps or have no such word."""
        stamped = is_stamp_like(self._cells(0)[0])
        for row in range(max(1, len(self.rows) - _TRIED), len(self.rows)):
            word = self._cells(row)[0]
            first = re.split(r"[\W\d]", word.lower(), maxsplit=1)[0]
            known = first in SUMMARIES and not is_value(word) and is_value(self._cells(0)[0])
            if known or (stamped and word not in MISSING and not is_value(word)):
                raise ValueError(
                    f"a row begins with {quoted(word)}, where others begin with {quoted(self._cells(0)[0])} "
                    f"({self.rows.locate(row)}). If it is no row of the table, leave it out: "
                    f"comment={quoted(self._beginning(row))}"
                )

    def refuse_odd(self, odd: np.ndarray) -> NoReturn:
        """Refuse rows that have more or fewer fields than the table.

        Raises:
            ValueError: Always; names the first of them.
        """
        row, last, expected = int(odd[0]), len(self.rows) - 1, self.width
        fields, where = len(self._cells(row)), self.rows.locate(row)
        found = f"{fields} field{'s' if fields > 1 else ''}, but the first row {expected} ({where})"
        if row == last and fields < expected and not self.rows.is_ended:
            raise ValueError(f"the last row has {found}: the file is cut off. Get the whole file, or delete that row")
        if self.is_first and len(odd) == len(self.rows):
            raise ValueError(
                f"every row has {found}. Name each column in the header, and use no decimal commas here; lines above "
                f"the header can be skipped: skip_lines={self.rows.lines[0] - 1}"
            )
        word = self._cells(row)[0]
        if word and not is_value(word):
            remedy = f"If it is no row of the table, leave it out: comment={quoted(self._beginning(row))}"
        else:
            remedy = f"Correct it: a delimiter ({self.delimiter!r}) within a text needs quotes around it"
        raise ValueError(f"a row has {found}. {remedy}")
