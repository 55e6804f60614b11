"""Sheets of workbooks: .xlsx and .xlsm by openpyxl; .xls, .xlsb and .ods by calamine.

The cells of a sheet are read as the text of a table, which has the same titles, units and remarks around it.
"""

from __future__ import annotations

import csv
import datetime
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree.ElementTree import iterparse

from seqae._extras import require
from seqae._files import open_file
from seqae.data._files.archives import ZIP
from seqae.data.signals.csv_files import table_of_text
from seqae.data.signals.formats.signals import chosen, damage_named, refuse_bomb
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.tables import Table

Row = Sequence[Any]
Sheets = Mapping[str, Callable[[], Iterable[Row]]]
_OPEN_SHEET = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"  # what the names in an OpenDocument sheet begin with
_BYTES_OF_CELL = 32  # that calamine takes


def read_xlsx(path: Path, options: ReadingOptions) -> Table:
    """Return the table in a sheet of an Excel workbook.

    Raises:
        ValueError: The file is damaged, several sheets hold something and none is named, or a formula has no value; or
            as for `read_csv`.
    """
    openpyxl = require("openpyxl", extra="tables", purpose="reading .xlsx")
    _refuse_large_parts(path)
    with damage_named(path, "workbook"):
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    with closing(book):
        visible = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"] or book.worksheets
        name, rows = _rows_of_one({sheet.title: partial(_rows_of, sheet, path) for sheet in visible}, path, options)
    width = max(map(_width, rows))
    if any(cell is None for row in rows if _width(row) for cell in [*row[:width], *[None] * (width - len(row))]):
        _refuse_formulas(openpyxl, path, name, rows)
    return _table(rows, path, options)


def read_workbook(path: Path, options: ReadingOptions) -> Table:
    """Return the table in a sheet of a workbook of another format, as `read_xlsx`.

    Raises:
        ValueError: The file is damaged, or several sheets hold something and none is named; or as for `read_csv`.
    """
    calamine = require("python_calamine", extra="tables", purpose=f"reading {path.suffix}")
    with open_file(path) as file:
        is_packed = file.read(len(ZIP)) == ZIP
    if is_packed:
        _refuse_large_parts(path)
    if path.suffix.lower() == ".ods":
        with damage_named(path, "workbook"):
            size = _BYTES_OF_CELL * _cells_of_ods(path)
        refuse_bomb(size, path)
    with damage_named(path, "workbook"), closing(calamine.CalamineWorkbook.from_path(str(path))) as book:
        hidden = {each.name for each in book.sheets_metadata if each.visible != calamine.SheetVisibleEnum.Visible}
        found = {name: book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in book.sheet_names}
    visible = {name: rows for name, rows in found.items() if name not in hidden} or found
    _, rows = _rows_of_one({name: partial(_without_blanks, rows) for name, rows in visible.items()}, path, options)
    return _table(rows, path, options)


def _refuse_large_parts(path: Path) -> None:
    with damage_named(path, "workbook"), zipfile.ZipFile(path) as parts:
        size = sum(each.file_size for each in parts.infolist())
    refuse_bomb(size, path)


def _cells_of_ods(path: Path) -> int:
    """Return how many cells an OpenDocument sheet has: a few letters in it may stand for very many equal ones."""
    cells = row = 0
    with zipfile.ZipFile(path) as parts, parts.open("content.xml") as content:
        for _, element in iterparse(content):
            if element.tag == f"{_OPEN_SHEET}table-cell":
                filled = any(key.endswith("value-type") for key in element.attrib)
                row += filled * int(element.get(f"{_OPEN_SHEET}number-columns-repeated", 1))
            elif element.tag == f"{_OPEN_SHEET}table-row":
                cells += row * int(element.get(f"{_OPEN_SHEET}number-rows-repeated", 1))
                row = 0
                element.clear()
    return cells


def _rows_of(sheet: Any, path: Path) -> Iterator[Row]:
    sheet.reset_dimensions()  # a sheet may claim to be far larger than it is
    with damage_named(path, "workbook"):
        yield from sheet.iter_rows(values_only=True)


def _without_blanks(rows: Sequence[Row]) -> Iterator[Row]:
    """Yield rows of calamine, for which nothing is an empty text."""
    return ([None if cell == "" else cell for cell in row] for row in rows)


def _rows_of_one(sheets: Sheets, path: Path, options: ReadingOptions) -> tuple[str, list[Row]]:
    """Return the name of the sheet that is meant, and all its rows."""
    first = {name: next((row for row in rows() if _width(row)), ()) for name, rows in sheets.items()}
    heads = {name: [str(cell) for cell in row if cell is not None] for name, row in first.items() if row}
    if not heads:
        raise ValueError(f"no rows ({path.name}). Expected a sheet with a table of readings")
    (name,) = chosen(heads, path, options)
    return name, list(sheets[name]())


def _width(row: Row) -> int:
    """Return the number of cells up to the last one that holds something."""
    return next((position for position in range(len(row), 0, -1) if row[position - 1] is not None), 0)


def _table(rows: Sequence[Row], path: Path, options: ReadingOptions) -> Table:
    """Read rows as the lines of a text: line 17 is row 17. A title, alone in its row, is no row of the table."""
    width = max(map(_width, rows))
    used = [any(position < len(row) and row[position] is not None for row in rows) for position in range(width)]
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    within = False
    for row in rows:
        cells = [_written(row[position]) if position < len(row) else "" for position in range(width) if used[position]]
        filled = [cell for cell in cells if cell]
        within = within or len(filled) > 1
        writer.writerow(cells if within and filled else filled)
    return table_of_text(text.getvalue().encode(), path.name, replace(options, separator="tab"))


def _written(cell: Any) -> str:
    """Return a cell as text, in one line."""
    if isinstance(cell, datetime.datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, datetime.timedelta):
        return repr(cell.total_seconds())
    return "" if cell is None else " ".join(str(cell).split())


def _refuse_formulas(openpyxl: ModuleType, path: Path, sheet: str, rows: Sequence[Row]) -> None:
    """Raise a ValueError if an empty cell holds a formula: programs that only write files do not compute it."""
    with damage_named(path, "workbook"):
        book = openpyxl.load_workbook(path, read_only=True)
    with closing(book):
        for number, (formulas, row) in enumerate(zip(_rows_of(book[sheet], path), rows), start=1):
            for column, formula in enumerate(formulas):
                cell = row[column] if column < len(row) else None
                if cell is None and isinstance(formula, str) and formula.startswith("="):
                    place = f"{path.name}, cell {openpyxl.utils.get_column_letter(column + 1)}{number}"
                    raise ValueError(
                        f"the formula {formula!r} has no value ({place}). Open the file in the program for its "
                        "tables and save it, which computes the formulas"
                    )
