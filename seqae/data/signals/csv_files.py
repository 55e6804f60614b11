"""Strict CSV files: a file that cannot be read without guessing is refused, with the line."""

from __future__ import annotations

from pathlib import Path

from seqae.data._files.text_files import read_text
from seqae.data.signals.csv_format import CsvFormat
from seqae.data.signals.csv_rows import CsvRows
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.table_text import TableText
from seqae.data.signals.tables import Table


def read_csv(path: Path, options: ReadingOptions) -> Table:
    """Read values separated by commas, semicolons, tabs or bars, with a header or without, zipped or not.

    Lines around the table are skipped where they are certainly none of its rows, with a warning.

    Raises:
        ValueError: The file cannot be read without guessing; names the line, and the option that tells what is meant.
    """
    return table_of_text(read_text(path), path.name, options)


def table_of_text(data: bytes, name: str, options: ReadingOptions) -> Table:
    """Return the table in a text, as `read_csv`; `name` is that of its file."""
    text, delimiter = TableText(data, name).without_lines(options).separated(options.separator)
    rows = CsvRows.of(text.data, text.name, text.first_line)
    format = CsvFormat.of(rows, options, delimiter)
    notes = list(text.warnings)
    if format.layout.names is None:
        format.refuse_skipped_header(text.skipped)
        notes.append("the file has no header: its channels are numbered from 0")
    if not rows.is_ended:
        notes.append(f"line {rows.lines[-1]} has no line end: if the file was cut off, its last value is incomplete")
    return format.table(format.body(rows), notes)
