"""JSON lines: one object a line, one member a channel."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from seqae.data.signals.tables import Table
from seqae.data.text_files import read_text


def read_json_lines(path: Path) -> Table:
    """Read a file of lines such as `{"time": "2020-12-31T23:59:59", "pressure": 2.5}`.

    A member that is null or absent is missing in that row.
    """
    columns: dict[str, list[object]] = {}
    lines: list[int] = []
    for number, text in enumerate(read_text(path).split(b"\n"), start=1):
        if not text.strip():
            continue
        for name, value in _members(text, f"{path.name}, line {number}").items():
            columns.setdefault(name, [None] * len(lines)).append(value)
        lines.append(number)
        for column in columns.values():
            if len(column) < len(lines):
                column.append(None)
    series = [(name, pd.Series(column)) for name, column in columns.items()]
    return Table.of(series, path.name, lines=np.array(lines))


def _members(text: bytes, place: str) -> dict[str, object]:
    try:
        members = json.loads(text, object_pairs_hook=_once_each)
    except (ValueError, RecursionError) as error:  # also text that is not UTF-8
        raise ValueError(f"not JSON ({place}: {error}). Expected one object a line") from error
    if not isinstance(members, dict):
        raise ValueError(f"not an object but a {type(members).__name__} ({place}). Expected one object a line")
    return members


def _once_each(members: list[tuple[str, object]]) -> dict[str, object]:
    """The members of an object, by name; json would take the last one of a name that stands twice."""
    names = [name for name, _ in members]
    "".join(names).encode()  # half a character, which JSON can write and no file can hold, is refused here
    if len(set(names)) < len(names):
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} stands twice")
    return dict(members)
