"""JSON lines: one object a line, one member a channel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from seqae.data._files.text_files import json_object, read_text
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.table_text import TableText
from seqae.data.signals.tables import Table


def read_json_lines(path: Path, options: ReadingOptions) -> Table:
    """Read a file of lines such as `{"time": "2020-12-31T23:59:59", "pressure": 2.5}`.

    A member that is null or absent is missing in that row.

    Raises:
        ValueError: A line holds no object, or a name twice; names the line.
    """
    text = TableText(read_text(path), path.name).without_lines(options)
    table = table_of_json_lines(text.data, text.name, text.first_line)
    return replace(table, warnings=(*text.warnings, *table.warnings))


def flat_members(members: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield the members of an object, and in place of one that is an object its members: "payload.temp"."""
    waiting = [("", iter(members.items()))]  # a stack, since objects may lie in each other a thousand deep
    while waiting:
        prefix, items = waiting[-1]
        name, value = next(items, (None, None))
        if name is None:
            waiting.pop()
        elif isinstance(value, Mapping):
            waiting.append((f"{prefix}{name}.", iter(value.items())))
        else:
            yield f"{prefix}{name}", value


def table_of_json_lines(text: bytes, name: str, first_line: int = 1, headers: Sequence[str] = ()) -> Table:
    """Return the table in a text of JSON lines.

    Args:
        text: The lines.
        name: The name of the file, for error messages.
        first_line: The number of the line that the text begins with.
        headers: Columns that the table has even if no line has a member of this name.
    """
    columns: dict[str, list[object]] = {header: [] for header in headers}
    lines: list[int] = []
    for number, line in enumerate(text.split(b"\n"), start=first_line):
        if not line.strip():
            continue
        for header, value in flat_members(json_object(line, f"{name}, line {number}")):
            columns.setdefault(header, [None] * len(lines)).append(value)
        lines.append(number)
        for column in columns.values():
            if len(column) < len(lines):
                column.append(None)
    series = [(header, pd.Series(column)) for header, column in columns.items()]
    return Table.of(series, name, lines=np.array(lines))
