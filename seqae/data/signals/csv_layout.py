"""Where the table lies in a CSV text: its header, rows of units below it, and the lines above.

What is certain is done, with a remark; what is doubtful is refused, with the option that settles it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from seqae.data.signals.csv_cells import MISSING, comment_sign, is_day_and_clock, is_stamp_like, is_value
from seqae.data.signals.csv_rows import CsvRows
from seqae.data.signals.csv_top import CsvTop
from seqae.data.signals.names import default_names, quoted
from seqae.data.signals.table_text import format_lines, format_texts
from seqae.data.signals.timestamps import is_stamp
from seqae.data.signals.units import are_types, are_units, is_unit, unit_of

_REMARKS = {"comment", "comments", "remark", "remarks", "note", "notes"}  # names of a column that few rows fill in
_MAX_START = 60  # letters by which a line is told from others
COUNTED = 10  # so many rows must be numbered in a column, if it may be one without a name


@dataclass(frozen=True)
class CsvLayout:
    """Where the table lies in a text.

    Attributes:
        delimiter: The character between the fields of a row.
        width: How many fields a row has.
        names: The name of each column; None if there is no header.
        first: The row that the values begin with.
        above: The rows of the header, which may be repeated within the table.
        units: The unit of each column; empty if no row tells them.
        is_joined: Whether the first two fields are the day and the time of day under one name.
        notes: Remarks on what was skipped.
        has_values: Whether a row of values was seen.
    """

    delimiter: str
    width: int
    names: tuple[str, ...] | None
    first: int
    above: tuple[int, ...] = ()
    units: tuple[str, ...] = ()
    is_joined: bool = False
    notes: tuple[str, ...] = ()
    has_values: bool = True


def layout_of(rows: CsvRows, separator: str | None = None, marks: Collection[str] = ()) -> CsvLayout:
    """Find the table in a text.

    Args:
        rows: The rows of the text.
        separator: The character between fields, if it is known.
        marks: Words that stand for values, besides the common ones for missing values.

    Raises:
        ValueError: It may lie in several ways; names the option that tells which.
    """
    top = CsvTop(rows, separator, marks)
    end = top.first_row_of("values")
    if end is None or not top.typed:  # words only, or nothing
        first = top.first_row_of("values", "words", "mixed", "empty") or top.start
        return replace(_with_header(top, [first], first + 1), has_values=False)
    zone = [row for row in range(top.start, end) if top.kinds[row] != "comment"]
    words = [row for row in zone if top.kinds[row] == "words"]
    if words:
        odd = [row for row in zone if top.kinds[row] == "odd" and row < words[-1]]
        return _with_header(top, [row for row in zone if max(odd, default=-1) < row <= words[-1]], words[-1] + 1)
    names, above, units = _commented_header(top, end)
    if names:
        line = above[0]
        note = f"the header is line {top.head.lines[line]}, without its {comment_sign(top.head.line(line))!r}"
        return _layout(top, names, end, above, units, notes=[note])
    odd = [row for row in zone if top.kinds[row] == "odd"]
    return _with_odd_header(top, odd[-1], end) if odd else _by_first_row(top, zone[0] if zone else end)


def _by_first_row(top: CsvTop, first: int) -> CsvLayout:
    """The layout if the first row tells whether there is a header."""
    filled = [cell for cell in top.cells[first] if cell not in MISSING]
    counted = tuple(filled) == default_names(len(filled)) and first + 1 < len(top.cells)  # how pandas writes no names
    if counted or not filled or not (all(map(is_value, filled)) or _is_like_others(top, first)):
        return _layout(top, top.cells[first], first + 1, [first])
    return _layout(top, None, first, [])


def _is_like_others(top: CsvTop, first: int) -> bool:
    """Whether a row has a stamp, and words that stand in the same columns further below."""
    words = [column for column, cell in enumerate(top.cells[first]) if cell not in MISSING and not is_value(cell)]
    below = [cells for cells, kind in zip(top.cells[first + 1 :], top.kinds[first + 1 :]) if kind == "values"]
    return any(map(is_stamp_like, top.cells[first])) and all(
        any(cells[column] == top.cells[first][column] for cells in below) for column in words
    )


def _with_header(top: CsvTop, rows: list[int], first: int) -> CsvLayout:
    """The layout with lines of words above the values: names, units, types, and lines that were filled up."""
    below: list[int] = []
    while len(rows) > 1 and (are_units(top.cells[rows[-1]]) or are_types(top.cells[rows[-1]])):
        below.insert(0, rows.pop())
    if top.width > 1:
        rows = [row for row in rows[:-1] if not top.is_filled_up(row)] + rows[-1:]
    names = top.cells[rows[0]] if len(rows) == 1 else _merged(top, rows)
    if not below and are_units(names) and "odd" in top.kinds[top.start : rows[0]]:
        raise ValueError(
            f"only units stand above the values: {quoted(top.head.line(rows[0]))} ({top.head.locate(rows[0])}). "
            f"Expected a "
            f"header that names {top.width} columns. Give each column a name, or skip what is above: "
            f"skip_lines={top.head.lines[first - 1]}"
        )
    with_units = next((row for row in below if are_units(top.cells[row])), None)
    units = () if with_units is None else tuple(map(unit_of, top.cells[with_units]))
    notes = [f"line {top.head.lines[row]} holds {'units' if row == with_units else 'no values'}: "
             f"{format_texts(top.cells[row])}" for row in below]  # fmt: skip
    if len(rows) > 1:
        notes.insert(0, f"the names of columns are put together from {len(rows)} lines: {format_texts(names)}")
    return _layout(top, names, first, [*rows, *below], units, notes=notes)


def _merged(top: CsvTop, rows: Sequence[int]) -> list[str]:
    """Return names from a line of groups, "pump 1", above one or more lines of their parts, "pressure"."""
    groups, parts = list(top.cells[rows[0]]), [top.cells[row] for row in rows[1:]]
    filled = [cell for cell in groups if cell]
    if "mixed" in [top.kinds[row] for row in rows] or (groups[0] and len(set(filled)) == len(filled)):
        _refuse_lines(top, rows)
    for column in range(2, top.width):  # a cell that spans several columns is written once
        if not groups[column] and any(part[column] for part in parts):
            groups[column] = groups[column - 1]
    names = [" ".join(dict.fromkeys(filter(None, cells))) for cells in zip(groups, *parts)]
    if any(count > 1 for name, count in Counter(names).items() if name):
        _refuse_lines(top, rows)
    return names


def _refuse_lines(top: CsvTop, rows: Sequence[int]) -> NoReturn:
    first, last = rows[0], rows[-1]
    start = (top.cells[last][0] or top.head.line(last))[:_MAX_START]
    other = f"; if it is line {top.head.lines[first]}, leave the other out: comment={start!r}"
    raise ValueError(
        f"{len(rows)} lines above the values may be the header: {quoted(top.head.line(first))} and "
        f"{quoted(top.head.line(last))} "
        f"({top.head.locate(first)}). Expected one line of names. If it is line {top.head.lines[last]}, skip what is "
        f"above: skip_lines={top.head.lines[last] - 1}{other if len(rows) == 2 else ''}"
    )


def _commented_header(top: CsvTop, end: int) -> tuple[list[str], list[int], tuple[str, ...]]:
    """Return the names in the last comment above the values, its row and that of units below it, and these units.

    Nothing if these are no names.
    """
    names = _commented_cells(top, end - 1)
    above = _commented_cells(top, end - 2)
    if len(set(above)) == len(above) > 0 and not are_units(above) and any(map(is_unit, names)):
        return above, [end - 2, end - 1], tuple(names)
    return names, [end - 1], ()


def _commented_cells(top: CsvTop, row: int) -> list[str]:
    """Return the names in a comment; nothing if it is none of names."""
    if row < top.start or top.kinds[row] != "comment":
        return []
    first, *others = top.cells[row]
    names = [first.lstrip(' "').removeprefix(comment_sign(first)).strip(), *others]
    if len(names) == top.width + 1 and not names[0]:  # blanks separate, also after the sign
        names = names[1:]
    return names if len(names) == top.width and all(names) and not any(map(is_value, names)) else []


def _with_odd_header(top: CsvTop, row: int, end: int) -> CsvLayout:
    """The layout if the line above the values has another number of fields than they have."""
    names = top.cells[row]
    values = [cells for cells, kind in zip(top.cells[end:], top.kinds[end:]) if kind == "values"]
    short, joined, notes = len(names) == top.width - 1, False, list[str]()
    if len(names) == top.width + 1 and not names[-1]:
        names = names[:-1]
    elif len(names) == top.width + 1 and names[-1].casefold() in _REMARKS:
        names, notes = names[:-1], [f"no row has a field for the last name of the header: {quoted(names[-1])}"]
    elif short and not any(cells[-1] for cells in values):
        names = [*names, ""]
    elif short and all(is_day_and_clock(*cells[:2]) for cells in values):
        names, joined = [names[0], "", *names[1:]], True
    elif short and (is_stamp(values[0][0]) or _are_numbered(values)):
        names = ["", *names]
    else:
        _refuse_odd(top, row, end)
    if any(is_value(name) for name in names if name):
        _refuse_odd(top, row, end)
    return _layout(top, names, end, [row], is_joined=joined, notes=notes)


def _are_numbered(values: Sequence[Sequence[str]]) -> bool:
    """Whether the first cells of rows count from 0 or 1."""
    first = [cells[0] for cells in values]
    return len(first) >= COUNTED and any(first == [str(start + row) for row in range(len(first))] for start in (0, 1))


def _refuse_odd(top: CsvTop, row: int, end: int) -> NoReturn:
    fields, skip = len(top.cells[row]), top.head.lines[end] - 1
    remedy = "Name each column in the header, and use no decimal commas here"
    if fields == 1 or row > top.start:
        remedy = f"Name each column in the header, or, if there is none, skip what is above: skip_lines={skip}"
    raise ValueError(
        f"every row has {top.width} field{'s' if top.width > 1 else ''}, but the first row {fields} "
        f"({top.head.locate(end)}). {remedy}"
    )


def _layout(
    top: CsvTop,
    names: Sequence[str] | None,
    first: int,
    above: Sequence[int],
    units: tuple[str, ...] = (),
    is_joined: bool = False,
    notes: Sequence[str] = (),
) -> CsvLayout:
    skipped = [row for row in range(first) if row not in above]
    if skipped:
        texts = format_texts([top.head.line(row) for row in skipped])
        where = "values" if names is None else "header"
        notes = [f"skipped {format_lines(top.head.lines[skipped].tolist())} above the {where}: {texts}", *notes]
    header = None if names is None else tuple(names)
    return CsvLayout(top.delimiter, top.width, header, first, tuple(above), units, is_joined, tuple(notes))
