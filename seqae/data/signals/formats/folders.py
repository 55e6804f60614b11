"""Folders of files of readings: a run for each file, or one table in parts with the keys in the names of folders."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pandas as pd

from seqae._files import only_files
from seqae.data.signals.formats.files import PACKED, READERS, named_ending, read_table, refuse_other_content
from seqae.data.signals.names import format_names
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.pieces import joined
from seqae.data.signals.tables import Table
from seqae.data.signals.time_columns import is_time_name
from seqae.data.signals.timestamps import is_dated

UNCERTAIN = (".txt", ".dat", ".asc", ".prn", ".log", ".json", ".zip")  # in a folder they may be notes about the tables
_KEY = re.compile(r"(?P<key>[^=]+)=(?P<value>.*)")
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
CALENDAR = ("year", "month", "day", "hour", "date", "dt", "week")  # keys that only repeat what the times tell


def tables_in(path: Path, options: ReadingOptions) -> Iterator[Table]:
    """Yield the tables in a file or folder.

    Each file of a folder is a table. A folder with folders such as `machine=m1` in it, or whose name ends in .parquet,
    is one table in parts; the keys become columns of text.

    Raises:
        FileNotFoundError: There is no such file or folder, or no file of readings in the folder.
        ValueError: A file cannot be read.
    """
    files = files_of(path)
    if path.is_dir() and _is_one_table(path):
        parts = [_with_keys(read_table(file, options), file.relative_to(path), options) for file in files]
        yield joined(parts, path.name, options.ignore)
        return
    left_out = [file.name for file in _uncertain(path) if file not in set(files)] if path.is_dir() else []
    note = f"left out of the folder, because they may be no tables: {format_names(left_out)}. Give them by their names"
    for number, file in enumerate(files):
        table = read_table(file, options)
        yield replace(table, warnings=(note, *table.warnings)) if left_out and number == 0 else table


def files_of(path: Path) -> list[Path]:
    """Return a file itself, or the files of readings in a folder, sorted by name.

    Files .txt, .dat, .json and .zip are among them if there are no others, since they may be notes about the others.

    Raises:
        FileNotFoundError: There is no such file or folder, or no file of readings in the folder.
        ValueError: The file has an unknown ending, or is a pipe or a device.
    """
    if not path.exists():
        raise FileNotFoundError(f"no file or folder {str(path)!r}. Check the path")
    expected = f"Expected names that end in {', '.join(READERS)}; text may be packed ({', '.join(PACKED)})"
    if path.is_file():
        if not named_ending(path):
            refuse_other_content(path)
            raise ValueError(f"cannot tell what {path.name!r} holds. {expected}. Rename it")
        return [path]
    if not path.is_dir():
        raise ValueError(f"neither a file nor a folder ({str(path)!r}). Expected one of them. Save what it gives first")
    named = {file: named_ending(file) for file in _inside(path)}
    endings = {file: named[file] for file in only_files(file for file, ending in named.items() if ending)}
    files = [file for file, ending in endings.items() if ending not in UNCERTAIN]
    files = files or list(endings)
    if not files:
        raise FileNotFoundError(f"no readings in the folder {str(path)!r}. {expected}")
    return sorted(files)


def _inside(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder that are not hidden, and of folders in it that are named by a key."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith((".", "_")):
                continue
            if not entry.is_dir():
                yield Path(entry.path)
            elif _KEY.fullmatch(entry.name):
                yield from _inside(Path(entry.path))


def _is_one_table(folder: Path) -> bool:
    if folder.suffix.lower() in (".parquet", ".pq"):
        return True
    with os.scandir(folder) as entries:
        return any(_KEY.fullmatch(entry.name) and entry.is_dir() for entry in entries)


def _uncertain(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder that may be tables or not; the values beside a header of PhysioNet are no file."""
    files = {file.name: file for file in _inside(folder)}
    for _, file in sorted(files.items()):
        if named_ending(file) in UNCERTAIN and not (file.suffix == ".dat" and f"{file.stem}.hea" in files):
            yield file


def _with_keys(table: Table, path: Path, options: ReadingOptions) -> Table:
    """Return a table with a column for each key in the names of the folders of its file.

    Args:
        table: The table in the file.
        path: The file within the folder that is read.
        options: How it is read; parts of a date are left out of a table with times, unless an option names them.
    """
    keys = {match["key"]: unquote(match["value"]) for part in path.parts[:-1] if (match := _KEY.fullmatch(part))}
    named = {*options.ignore, *options.by, *_all(options.time_column), *_all(options.channels), options.tag_column}
    timed = options.time_column is not None or any(
        is_time_name(name) or is_dated(table.columns[name]) for name in table.columns
    )
    notes = []
    columns, headers = dict(table.columns), dict(table.headers)
    rows = len(next(iter(columns.values())))
    for key, value in keys.items():
        if timed and key.lower() in CALENDAR and key not in named:
            notes.append(f"left out, because the times tell it: the key {key!r} of the folders")
        elif key not in columns:
            columns[key] = pd.Series([None if value == _NO_VALUE else value] * rows, dtype=object)
            headers[key] = key
    return replace(table, columns=columns, headers=headers, warnings=(*table.warnings, *notes))


def _all(names: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else names or ()
