"""Sheets of workbooks: .xlsx and .xlsm by openpyxl; .xls, .xlsb and .ods by calamine."""

from __future__ import annotations

import datetime
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from itertools import zip_longest
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from seqae._extras import require
from seqae.data.signals.csv_format import MISSING
from seqae.data.signals.formats.signals import chosen, damage_named, refuse_bomb
from seqae.data.signals.names import default_names
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.tables import Table
from seqae.data.signals.timestamps import is_stamp

Row = Sequence[Any]
Sheets = Mapping[str, Callable[[], Iterable[Row]]]


def read_xlsx(path: Path, options: ReadingOptions) -> Table:
    """Return the table in a sheet of an Excel workbook; the first row that is not empty names its columns.

    Raises:
        ValueError: The file is damaged, several sheets hold something and none is named, or a formula has no value.
    """
    openpyxl = require("openpyxl", extra="tables", purpose="reading .xlsx")
    with damage_named(path, "workbook"), zipfile.ZipFile(path) as parts:
        size = sum(each.file_size for each in parts.infolist())
    refuse_bomb(size, path)
    with damage_named(path, "workbook"):
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    with closing(book):
        visible = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"] or book.worksheets
        sheets = {sheet.title: partial(_rows_of, sheet, path) for sheet in visible}
        name, grid = _grid(sheets, path, options)
    if any(cell is None for row in grid.values() for cell in row):
        _refuse_formulas(openpyxl, path, name, grid)
    return _table(grid, path, name)


def read_workbook(path: Path, options: ReadingOptions) -> Table:
    """Return the table in a sheet of a workbook of another format, as `read_xlsx`.

    Raises:
        ValueError: The file is damaged, or several sheets hold something and none is named.
    """
    calamine = require("python_calamine", extra="tables", purpose=f"reading {path.suffix}")
    with damage_named(path, "workbook"), closing(calamine.CalamineWorkbook.from_path(str(path))) as book:
        hidden = {each.name for each in book.sheets_metadata if each.visible != calamine.SheetVisibleEnum.Visible}
        found = {name: book.get_sheet_by_name(name) for name in book.sheet_names}
        refuse_bomb(max((8 * sheet.total_height * sheet.total_width for sheet in found.values()), default=0), path)
        rows = {name: sheet.to_python(skip_empty_area=False) for name, sheet in found.items()}
    shown = [name for name in rows if name not in hidden] or list(rows)
    name, grid = _grid({name: partial(list, rows[name]) for name in shown}, path, options)
    return _table(grid, path, name)


def _rows_of(sheet: Any, path: Path) -> Iterator[Row]:
    sheet.reset_dimensions()  # a sheet may claim to be far larger than it is
    with damage_named(path, "workbook"):
        yield from sheet.iter_rows(values_only=True)


def _grid(sheets: Sheets, path: Path, options: ReadingOptions) -> tuple[str, dict[int, Row]]:
    """Return the name of the sheet that is meant, and its rows that are not empty by their numbers, from 1."""
    first = {name: next((row for _, row in _filled(rows(), options)), None) for name, rows in sheets.items()}
    heads = {name: [str(cell) for cell in row if cell is not None] for name, row in first.items() if row is not None}
    if not heads:
        raise ValueError(f"no rows ({path.name}). Expected a sheet with a table of readings")
    (name,) = chosen(heads, path, options)
    return name, dict(_filled(sheets[name](), options))


def _filled(rows: Iterable[Row], options: ReadingOptions) -> Iterator[tuple[int, Row]]:
    """Yield the number and the cells of each row that has some."""
    for number, cells in enumerate(rows, start=1):
        row = [_cell(cell) for cell in cells]
        present = [cell for cell in row if cell is not None]
        if number <= options.skip_lines or not present:
            continue
        if not (options.comment and str(present[0]).startswith(options.comment)):
            yield number, row


def _cell(value: Any) -> Any:
    """Return what a cell holds, None if nothing."""
    if isinstance(value, datetime.time):
        return value.isoformat()
    if isinstance(value, str):
        value = value.strip()
        return None if value in MISSING else value
    return value


def _table(grid: Mapping[int, Row], path: Path, sheet: str) -> Table:
    lines, rows = list(grid), list(grid.values())
    columns = [list(cells) for cells in zip_longest(*rows)]
    columns = [cells for cells in columns if any(cell is not None for cell in cells)]
    header = [cells[0] for cells in columns]
    named = [cell for cell in header if cell is not None]
    if len(named) == 1 < len(columns):
        raise ValueError(
            f"only {named[0]!r} above {len(columns)} columns ({path.name}, sheet {sheet!r}, line {lines[0]}). Expected "
            f"the names of the columns. Skip the lines above them: skip_lines={lines[0]}"
        )
    notes = []
    has_header = any(isinstance(cell, str) and not _is_value(cell) for cell in named)
    if not has_header:
        notes = ["the sheet has no header: its channels are numbered from 0"]
        timed = isinstance(header[0], datetime.datetime) or (isinstance(header[0], str) and is_stamp(header[0]))
        header = [*["time"] * timed, *default_names(len(columns) - timed)]
    elif len(rows) == 1:
        raise ValueError(f"a header and no rows ({path.name}, sheet {sheet!r}). Expected rows of readings below it")
    first = int(has_header)
    series = [("" if name is None else str(name), _series(cells[first:])) for name, cells in zip(header, columns)]
    return Table.of(series, path.name, lines=np.array(lines[first:]), warnings=notes)


def _is_value(text: str) -> bool:
    """Whether a text is a number or a time stamp, and no name."""
    try:
        return bool(float(text) == float(text))
    except ValueError:
        return is_stamp(text)


def _series(cells: list[Any]) -> pd.Series:
    """Return the values of a column; numbers that are stored as text are numbers."""
    if any(isinstance(cell, str) for cell in cells) and all(isinstance(cell, str | None) for cell in cells):
        numbers = pd.to_numeric(pd.Series(cells, dtype=object), errors="coerce")
        if (numbers.notna() == pd.Series(cells, dtype=object).notna()).all():
            return numbers
    return pd.Series(cells)


def _refuse_formulas(openpyxl: ModuleType, path: Path, sheet: str, grid: Mapping[int, Row]) -> None:
    """Raise a ValueError if an empty cell holds a formula: programs that only write files do not compute it."""
    with damage_named(path, "workbook"):
        book = openpyxl.load_workbook(path, read_only=True)
    with closing(book):
        for number, formulas in enumerate(_rows_of(book[sheet], path), start=1):
            for column, (formula, cell) in enumerate(zip(formulas, grid.get(number, ()))):
                if cell is None and isinstance(formula, str) and formula.startswith("="):
                    place = f"{path.name}, cell {openpyxl.utils.get_column_letter(column + 1)}{number}"
                    raise ValueError(
                        f"the formula {formula!r} has no value ({place}). Open the file in the program for its "
                        "tables and save it, which computes the formulas"
                    )
