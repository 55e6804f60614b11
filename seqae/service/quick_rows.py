"""Few rows of a known format, read without the reader of tables wherever it is certain what that would say."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from seqae.data.signals.cells import CellReader
from seqae.data.signals.csv_format import CsvFormat
from seqae.data.signals.headers import UNNAMED, without_units
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.table_text import SEPARATORS
from seqae.data.signals.tables import Readings
from seqae.data.signals.timestamps import TimeReader
from seqae.service.plain_cells import PlainCells, Unsure, machine_of
from seqae.service.row_block import RowBlock

MAX_LINES = 8  # that are read in this way; of more, the reader of tables is as quick
_MAX_FORMS = 64  # of objects, by the names of their members
_JSON = json.JSONDecoder(object_pairs_hook=list)  # also finds names that occur twice
_WHOLE = re.compile(r"[1-9][0-9]{0,18}")
_FRACTION = re.compile(r"(?=.{3,16}$)(?:0|[1-9][0-9]*)\.[0-9]+")  # of digits that float64 holds
_NO_ROW = tuple(" \t#%/<\ufeff")  # what a row does not begin with


@dataclass(frozen=True)
class _Places:
    """Where the cells of a row are: the channels (-1 where one is absent), the time and the machine, if there are."""

    channels: tuple[int, ...]
    time: int | None
    machine: int | None


@dataclass
class _Row:
    """A row that was read."""

    values: list[float]
    stamp: str | int | float | None
    machine: str
    line: int


@dataclass(frozen=True, eq=False)
class QuickRows:
    """Reads few rows at once, of a format that rows before have shown.

    Args:
        options: How the table is read.
        first: The first rows, from whose columns all are read.
        cells: Reads the cells of the channels.
        time_reader: Reads the time stamps, and knows how they are written.
        csv: The format of CSV; None for JSON lines.
    """

    options: ReadingOptions
    first: Readings
    cells: PlainCells
    time_reader: TimeReader
    csv: CsvFormat | None
    _forms: dict[tuple[str, ...], _Places | None] = field(default_factory=dict)  # by the names in a row

    @classmethod
    def of(
        cls,
        options: ReadingOptions,
        first: Readings | None,
        kinds: Mapping[str, str],
        time_reader: TimeReader,
        csv: CsvFormat | None,
    ) -> QuickRows | None:
        """Return what reads rows of a format; None if it is not known yet, or too rare."""
        if first is None or options.channels is None or len(first.time_columns) > 1:
            return None
        options = replace(options, by=tuple(name for name in options.by if name != "file"))
        if len(options.by) > 1:
            return None
        if csv is not None and (csv.layout.is_joined or _is_changed(options, csv)):
            return None
        decimal = None if csv is None else csv.signs.decimal
        cells = PlainCells(CellReader.of(options), [kinds.get(name, "") for name in first.columns], decimal)
        return cls(options, first, cells, time_reader, csv)

    def read(self, text: bytes, line: int, is_last: bool) -> list[RowBlock] | None:
        """Return the rows of each machine in a text; None if the reader of tables has to read it.

        Args:
            text: Whole rows.
            line: The number of the line that it begins with.
            is_last: Whether no more rows will come.
        """
        if text.count(b"\n") > MAX_LINES or b"\0" in text:
            return None
        try:
            lines = text.decode().split("\n")
            is_alone = sum(map(bool, lines)) == 1
            read = self._of_json if self.csv is None else self._of_csv
            rows = [read(each, number, is_alone) for number, each in enumerate(lines, start=line) if each]
            if self.csv is not None and is_last and len(rows) > 1:  # there may be words below the table
                return None
            return self._blocks(rows) if rows else []
        except (Unsure, ValueError, RecursionError):
            return None

    def _of_json(self, line: str, number: int, is_alone: bool) -> _Row:
        if line[0] != "{" or "\\" in line:
            raise Unsure
        members: list[tuple[str, object]] = _JSON.decode(line)
        if not members:
            raise Unsure
        names, values = zip(*members)
        if names not in self._forms:
            if len(self._forms) >= _MAX_FORMS:
                self._forms.clear()
            self._forms[names] = self._places(names)
        places = self._forms[names]
        if places is None or list in set(map(type, values)):  # members of members, too
            raise Unsure
        cells = [None if place < 0 else values[place] for place in places.channels]
        stamp = None if places.time is None else values[places.time]
        machine = "" if places.machine is None else machine_of(values[places.machine], is_csv=False)
        return _Row(self.cells.of_json(cells, is_alone), stamp, machine, number)

    def _of_csv(self, line: str, number: int, is_alone: bool) -> _Row:
        csv = self.csv
        assert csv is not None, "these are rows of CSV"
        line = line.removesuffix("\r")
        if not line or line.startswith(_NO_ROW) or '"' in line or "\r" in line:
            raise Unsure
        if () not in self._forms:
            self._forms[()] = self._places(csv.header)
        cells, places = line.split(csv.layout.delimiter), self._forms[()]
        if places is None or len(cells) != csv.layout.width or line.strip() in self._above:
            raise Unsure
        if csv.signs.decimal is None and ("." in line or "," in line):
            raise Unsure
        values = self.cells.of_csv([cells[place] for place in places.channels], is_alone)
        stamp = None if places.time is None else _stamp(cells[places.time], csv.signs.decimal)
        machine = "" if places.machine is None else machine_of(cells[places.machine], is_csv=True)
        return _Row(values, stamp, machine, number)

    @cached_property
    def _above(self) -> frozenset[str]:
        """The lines of the header, which may be repeated."""
        return frozenset() if self.csv is None else frozenset(line.decode().strip() for line in self.csv.above)

    def _places(self, names: Sequence[str]) -> _Places | None:
        """Return where the cells are in rows with these names; None if that is not certain."""
        headers = [name.strip() for name in names]
        if any(UNNAMED.fullmatch(header) for header in headers):
            return None
        absent = [] if self.csv is not None else self._absent(headers)
        plain = [name for name, _ in without_units([*absent, *headers])]
        if len(set(plain)) < len(plain) or len({*absent, *headers}) < len(plain):
            return None
        known = dict(zip([*absent, *headers], plain))
        place = {name: number - len(absent) for number, name in enumerate(plain)}
        is_named = self.csv is None or self.csv.layout.names is not None
        wanted = tuple(known.get(name, name) for name in self.options.channels or ())
        time, by = self.first.time_columns, tuple(known.get(name, name) for name in self.options.by)
        if (is_named and wanted != self.first.columns) or any(place.get(name, -1) < 0 for name in (*time, *by)):
            return None
        if not (is_named or time or {*self.first.columns} <= {*self.first.channels}):
            return None  # without names a column of numbers may turn out to hold times
        channels = tuple(max(place[name], -1) for name in self.first.columns)
        return _Places(channels, place[time[0]] if time else None, place[by[0]] if by else None)

    def _absent(self, headers: Sequence[str]) -> list[str]:
        """Return the columns of the first rows that an object lacks, as they are added to it."""
        there = {*headers, *(name for name, _ in without_units(list(headers)))}
        return [name for name in (*self.first.columns, *self.first.time_columns) if name not in there]

    def _blocks(self, rows: list[_Row]) -> list[RowBlock]:
        """Return rows as arrays, those of each machine together."""
        values = np.array([row.values for row in rows])
        lines = np.array([row.line for row in rows], dtype=np.int64)
        times = self._times(rows)
        machines = [row.machine for row in rows]
        if len(rows) == 1 or len(set(machines)) == 1:
            return [RowBlock(values, times, machines[0] or self.options.entity, lines)]
        found = []
        for machine in dict.fromkeys(machines):
            of = [number for number, each in enumerate(machines) if each == machine]
            found.append(RowBlock(values[of], None if times is None else times[of], machine, lines[of]))
        return found

    def _times(self, rows: list[_Row]) -> np.ndarray | None:
        if not self.first.time_columns:
            return None
        times = self.time_reader.read_plain([row.stamp for row in rows])  # type: ignore[misc]
        if times is None:
            raise Unsure
        return times


def _stamp(cell: str, decimal: str | None) -> str | int | float:
    """Return a stamp of CSV as the reader of tables sees it."""
    if _WHOLE.fullmatch(cell):
        return int(cell)
    return float(cell) if decimal == "." and _FRACTION.fullmatch(cell) else cell


def _is_changed(options: ReadingOptions, csv: CsvFormat) -> bool:
    """Whether lines are changed before their cells are found."""
    separator = csv.layout.delimiter if options.separator is None else options.separator
    return options.comment is not None or SEPARATORS.get(separator, separator) != csv.layout.delimiter
