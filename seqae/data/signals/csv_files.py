"""Strict CSV files: a file that cannot be read without guessing is refused, with the line."""

from __future__ import annotations

from pathlib import Path

from seqae.data._files.text_files import read_text
from seqae.data.signals.csv_format import CsvFormat
from seqae.data.signals.csv_rows import CsvRows
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.tables import Table


def read_csv(path: Path, options: ReadingOptions) -> Table:
    """Read values separated by commas, semicolons, tabs or bars, with a header or without, zipped or not.

    Raises:
        ValueError: The file cannot be read without guessing; names the line.
    """
    rows = CsvRows.of(read_text(path), path.name)
    format = CsvFormat.of(rows)
    notes = [] if format.has_header else ["the file has no header: its channels are numbered from 0"]
    if not rows.is_ended:
        notes.append(f"line {rows.lines[-1]} has no line end: if the file was cut off, its last value is incomplete")
    first = int(format.has_header)
    return Table.of(format.columns(rows, first), path.name, lines=rows.lines[first:], warnings=notes)
