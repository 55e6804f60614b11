"""JSON lines: one object a line, one member a channel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from seqae.data._files.text_files import json_object, read_text
from seqae.data.signals.tables import Table


def read_json_lines(path: Path) -> Table:
    """Read a file of lines such as `{"time": "2020-12-31T23:59:59", "pressure": 2.5}`.

    A member that is null or absent is missing in that row.
    """
    columns: dict[str, list[object]] = {}
    lines: list[int] = []
    for number, text in enumerate(read_text(path).split(b"\n"), start=1):
        if not text.strip():
            continue
        for name, value in json_object(text, f"{path.name}, line {number}").items():
            columns.setdefault(name, [None] * len(lines)).append(value)
        lines.append(number)
        for column in columns.values():
            if len(column) < len(lines):
                column.append(None)
    series = [(name, pd.Series(column)) for name, column in columns.items()]
    return Table.of(series, path.name, lines=np.array(lines))
