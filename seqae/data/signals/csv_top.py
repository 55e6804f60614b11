"""The first rows of a CSV text: the sign between their fields, and what each row is."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Literal

from seqae.data.signals.csv_cells import MISSING, comment_sign, is_number, is_reading, is_value
from seqae.data.signals.csv_rows import CsvRows
from seqae.data.signals.names import quoted
from seqae.data.signals.timestamps import is_stamp

DELIMITERS = "\t;|,"  # the comma last: it may be the decimal sign of a file with another delimiter
SAMPLE = 200  # rows from which the layout is found
SEPARATOR_LINE = re.compile(r'"?sep=(\\t|.)"?', re.IGNORECASE)
RowKind = Literal["values", "words", "mixed", "empty", "odd", "comment"]


class CsvTop:
    """The first rows of a text.

    A row holds `values` or `words` in the columns of values; `mixed` ones begin with a word and have values too. An
    `odd` row has another number of fields than the table.

    Args:
        rows: The rows of the text.
        separator: The character between fields, if it is known.
        marks: Words that stand for values, besides the common ones for missing values.

    Raises:
        ValueError: The separator is not that of the text.
    """

    def __init__(self, rows: CsvRows, separator: str | None, marks: Collection[str]) -> None:
        self.head = rows.head(SAMPLE)
        self._marks = marks
        told = SEPARATOR_LINE.fullmatch(self.head.line(0)) if len(self.head) > 1 else None
        self.start = int(told is not None)
        rest = range(self.start, len(self.head))
        plain = [row for row in rest if not comment_sign(self.head.line(row))] or list(rest)
        hint = told[1].replace("\\t", "\t") if told else ""
        self.delimiter, self.width = _delimiter(self.head, plain, separator, hint)
        if separator is None and self.width == 1:
            _refuse_other_separator(self.head, plain)
        self.cells = [self.head.cells(row, self.delimiter) for row in range(len(self.head))]
        table = [row for row in plain if len(self.cells[row]) == self.width]
        self.typed = [column for column in range(self.width) if self._is_typed(table[len(table) // 2 :], column)]
        plain = list(plain) if any(self._kind(row, True) == "values" for row in plain) or not self.typed else list(rest)
        self.kinds = [self._kind(row, row in plain) for row in range(len(self.head))]

    def first_row_of(self, *kinds: RowKind) -> int | None:
        """The first row of one of these kinds."""
        return next((row for row in range(self.start, len(self.kinds)) if self.kinds[row] in kinds), None)

    def is_filled_up(self, row: int) -> bool:
        """Whether a row is a shorter line that was filled up with delimiters."""
        filled = [bool(cell) for cell in self.cells[row]]
        return not all(filled) and filled == sorted(filled, reverse=True)

    def _is_typed(self, rows: Sequence[int], column: int) -> bool:
        """Whether most cells of a column hold values."""
        filled = [cell for row in rows if (cell := self.cells[row][column]) not in MISSING]
        return bool(filled) and 2 * sum(map(self._holds_value, filled)) >= len(filled)

    def _holds_value(self, cell: str) -> bool:
        return is_value(cell) or cell.casefold() in self._marks

    def _kind(self, row: int, is_plain: bool) -> RowKind:
        cells = self.cells[row]
        if len(cells) != self.width:
            return "odd" if is_plain else "comment"
        if not any(cells):
            return "empty"
        filled = [cell for column in self.typed if (cell := cells[column]) not in MISSING]
        values = sum(map(self._holds_value, filled))
        names = self.width > 1 and cells[0] == comment_sign(cells[0])  # a column that is called "#"
        if not is_plain and not names and not any(map(is_reading, cells[1:])):
            return "comment"
        if values:
            return "values" if self._holds_value(filled[0]) else "mixed"
        return "words" if filled or not any(cells[column] for column in self.typed) else "values"


def _delimiter(head: CsvRows, plain: Sequence[int], separator: str | None, hint: str) -> tuple[str, int]:
    """Return the delimiter that splits most rows evenly, and into how many fields."""
    candidates = [separator] if separator is not None else [*hint, *DELIMITERS]
    best, found = (False, 0, False), (candidates[-1], 1)
    for delimiter in candidates:
        counts = [len(head.cells(row, delimiter)) for row in plain]
        runs = ((len(list(run)), count) for count, run in groupby(counts) if count > 1)
        length, width = max(runs, key=itemgetter(0), default=(0, 1))
        if 2 * length < len(counts) < 2 * counts.count(1):  # a sign within some lines
            length, width = 0, counts[0]
        rank = (length == len(counts), length, counts[0] > 1)
        if rank > best:
            best, found = rank, (delimiter, width)
    if separator is not None and found[1] == 1:
        _refuse_separator(head, plain, separator)
    return found


def _refuse_separator(head: CsvRows, plain: Sequence[int], separator: str) -> None:
    """Refuse a separator that is in no row, if another one splits all of them."""
    row = plain[-1]
    for delimiter in DELIMITERS.replace(separator, ""):
        if len(counts := {len(head.cells(each, delimiter)) for each in plain}) == 1 and counts != {1}:
            name = "tab" if delimiter == "\t" else delimiter
            raise ValueError(
                f"the rows have no separator {separator!r}: {quoted(head.line(row))} ({head.locate(row)}). Expected "
                f"the sign "
                f"between their fields: separator={name!r}"
            )


def _refuse_other_separator(head: CsvRows, plain: Sequence[int]) -> None:
    """Refuse rows that blanks or an unusual sign split into fields."""
    lines = [head.line(row) for row in plain]
    where, words = head.locate(plain[-1]), lines[-1].split()
    are_values = all(is_value(word) or word in MISSING for word in words)
    even = len(words) > 2 and len(lines) > 2 and len({len(line.split()) for line in lines}) == 1
    if len(words) > 1 and (are_values or even) and any(map(is_number, words)) and not is_stamp(lines[-1]):
        raise ValueError(
            f"values separated by blanks ({where}). Expected comma, semicolon, tab or bar. Tell it: separator='blank'"
        )
    for sign in dict.fromkeys(lines[-1]):
        counts = {line.count(sign) for line in lines}
        if not sign.isalnum() and sign not in "\"'.:+-/_()[]{} " and len(lines) > 1 and len(counts) == 1:
            raise ValueError(
                f"values separated by {sign!r}, as it seems: {quoted(lines[-1])} ({where}). Expected comma, "
                f"semicolon, tab "
                f"or bar. Tell it: separator={sign!r}"
            )
