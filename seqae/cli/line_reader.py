"""Rows that come as lines of text: CSV with a header, or JSON objects."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from seqae.data.signals.csv_files import DELIMITERS, MISSING
from seqae.data.signals.headers import is_time_name, without_units
from seqae.data.signals.names import format_names, match_channels, suggest


@dataclass(eq=False)
class Rows:
    """Some rows, as far as they could be read.

    Attributes:
        values: Of each row, one for each channel.
        stamps: Of each row, or none at all.
        lines: The number of the line of each row.
    """

    values: list[list[float]] = field(default_factory=list)
    stamps: list[object] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    def times(self, name: str, unit: str) -> np.ndarray | None:
        """Read the stamps, `(row,)`, datetime64 or seconds; None if there are none."""
        if not self.stamps:
            return None
        import pandas as pd

        from seqae.data.signals.timestamps import to_times

        try:
            stamps = pd.Series([float(stamp) for stamp in self.stamps])
        except (TypeError, ValueError):
            stamps = pd.Series(self.stamps, dtype=object).replace("", None)
        return to_times(stamps, unit, name, lambda row: f"line {self.lines[row]}")


class LineReader:
    """Reads rows from lines; errors name the line.

    Args:
        channels: The names of the columns or members to take; others are left out.
        time_column: The one that tells the time; by default one that is called like it.
    """

    def __init__(self, channels: Sequence[str], time_column: str | None = None):
        self.channels = tuple(channels)
        self.time_column = time_column
        self.time_unit = ""
        self.line = 0
        self.is_json: bool | None = None  # as the first line tells
        self.delimiter = ","  # of CSV, as the header tells
        self.header: list[str] = []  # of CSV
        self.names = self.channels  # by which the channels are found

    def blocks(self, chunks: Iterable[bytes]) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """Yield values `(row, channel)` and times `(row,)` of the complete lines in each chunk of text.

        Raises:
            ValueError: A line cannot be read; those before it were yielded.
        """
        rest = b""
        for chunk in chunks:
            *lines, rest = (rest + chunk).split(b"\n")
            yield from self._block(lines)
        if rest.strip():
            yield from self._block([rest])

    def _block(self, lines: Sequence[bytes]) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        rows, problem = Rows(), None
        try:
            for line in lines:
                self.line += 1
                if text := line.decode(errors="replace").strip().removeprefix("\ufeff"):
                    self._read(text, rows)
        except ValueError as error:
            problem = error
        if rows.lines:
            yield np.array(rows.values), rows.times(self.time_column or "time", self.time_unit)
        if problem is not None:
            raise problem

    def _read(self, text: str, rows: Rows) -> None:
        """Add the row in a line."""
        if self.is_json is None:
            self.is_json = text.startswith("{")
            if not self.is_json:
                self._read_header(text)
                return
        members = self._members(text) if self.is_json else self._cells(text)
        if self.time_column is None:
            self.time_column = next((name for name in members if is_time_name(name)), "")
        values = [self._number(members.get(name), name) for name in self.names]
        if self.time_column:
            if self.time_column not in members:
                raise ValueError(f"no time (line {self.line}){suggest(self.time_column, members)}. Every row needs one")
            rows.stamps.append(members[self.time_column])
        rows.values.append(values)
        rows.lines.append(self.line)

    def _read_header(self, text: str) -> None:
        self.delimiter = max(DELIMITERS, key=text.count)
        headers = [cell.strip() for cell in next(csv.reader([text], delimiter=self.delimiter))]
        split = without_units(headers)
        self.header = [name for name, _ in split]
        self.names = match_channels(tuple(self.header), self.channels, f"line {self.line}")
        if self.time_column in headers:
            self.time_column = self.header[headers.index(self.time_column)]
        if self.time_column and self.time_column not in self.header:
            raise ValueError(
                f"no column {self.time_column!r} (line {self.line}){suggest(self.time_column, self.header)}"
            )
        others = [name for name in self.header if name not in self.names]
        self.time_column = self.time_column or next(filter(is_time_name, others), "")
        self.time_unit = dict(split).get(self.time_column, "")

    def _cells(self, text: str) -> dict[str, object]:
        """Return the fields of a line of CSV, by the names of their columns."""
        plain = '"' not in text
        cells = text.split(self.delimiter) if plain else next(csv.reader([text], delimiter=self.delimiter))
        if len(cells) != len(self.header):
            raise ValueError(
                f"{len(cells)} fields, but the header has {len(self.header)} (line {self.line}). Correct the line"
            )
        return dict(zip(self.header, map(str.strip, cells)))

    def _members(self, text: str) -> dict[str, object]:
        """Return the members of an object, by their names without units."""
        try:
            members = json.loads(text)
        except ValueError as error:
            raise ValueError(f"not JSON (line {self.line}: {error}). Expected one object a line") from error
        if not isinstance(members, dict):
            raise ValueError(f"not an object but a {type(members).__name__} (line {self.line}). Expected one a line")
        named = {name: members[header] for header, (name, _) in zip(members, without_units(list(members)))}
        if not any(channel in named for channel in self.channels):
            raise ValueError(
                f"none of the channels (line {self.line}). Expected {format_names(self.channels)}; there is {format_names(named)}"
            )
        return named

    def _number(self, item: object, channel: str) -> float:
        """Return a reading; NaN if it is missing."""
        try:
            number = math.nan if item is None or item in MISSING or isinstance(item, bool) else float(item)
        except (TypeError, ValueError):
            number = math.inf
        if math.isinf(number) or isinstance(item, bool):
            raise ValueError(
                f"channel {channel!r} is {item!r} (line {self.line}). Expected a finite number, or nothing where the "
                "value is missing"
            )
        return number
