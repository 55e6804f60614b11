"""Finds the rows and fields of a CSV text, on its bytes for speed."""

from __future__ import annotations

import csv
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class CsvRows:
    """The rows of a text that are not blank.

    Line ends may be of any kind, also mixed. Within quotes, line ends and delimiters are text.

    Attributes:
        data: The text.
        name: The file's name, for error messages.
        starts: `(row,)`, the position at which each row begins.
        stops: `(row,)`, the position of its line end.
        lines: `(row,)`, the number of the line in which it begins, from 1.
        quotes: The positions of all quotation marks.
    """

    data: bytes
    name: str
    starts: np.ndarray
    stops: np.ndarray
    lines: np.ndarray
    quotes: np.ndarray

    @classmethod
    def of(cls, data: bytes, name: str, first_line: int = 1) -> CsvRows:
        """Find the rows.

        Args:
            data: The text.
            name: The file's name, for error messages.
            first_line: The number of the line that the text begins with.

        Raises:
            ValueError: A quotation mark is not closed.
        """
        line_ends = _line_ends(data)
        quotes = _positions(data, b'"') if b'"' in data else np.array([], dtype=np.int64)
        row_ends = _outside(line_ends, quotes)
        starts = np.append(0, row_ends + 1)
        stops = np.append(row_ends, len(data))
        filled = ~_blank(data, starts, stops)
        starts, stops = starts[filled], stops[filled]
        lines = np.searchsorted(line_ends, starts) + first_line
        if len(quotes) % 2:
            raise ValueError(f"a quotation mark is never closed ({name}, from line {lines[-1]} on). Close it")
        return cls(data, name, starts, stops, lines, quotes)

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def is_ended(self) -> bool:
        """Whether the last row has a line end."""
        return self.data.endswith((b"\n", b"\r"))

    def locate(self, row: int) -> str:
        """Return the location of a row, for error messages."""
        return f"{self.name}, line {self.lines[row]}"

    def cells(self, row: int, delimiter: str) -> list[str]:
        """The fields of one row, without quotes and blanks around them."""
        text = self.data[self.starts[row] : self.stops[row]]
        try:
            decoded = text.decode()
        except UnicodeDecodeError:  # the degree sign of old Windows programs
            decoded = text.decode("latin-1")
        if delimiter not in decoded and '"' not in decoded:
            return [decoded.strip()]
        flat = decoded.replace("\r", " ").replace("\n", " ")
        try:
            (cells,) = csv.reader([flat], delimiter=delimiter, skipinitialspace=True)
        except csv.Error as error:
            raise ValueError(f"not CSV ({self.locate(row)}: {error}). Expected a table of readings") from error
        return [cell.strip() for cell in cells]

    def fields(self, delimiter: str) -> np.ndarray:
        """`(row,)`, how many fields each row has."""
        delimiters = _outside(_positions(self.data, delimiter.encode()), self.quotes)
        return np.searchsorted(delimiters, self.stops) - np.searchsorted(delimiters, self.starts) + 1

    def with_commas(self, count: int) -> list[int]:
        """The first rows that contain a comma, at most so many."""
        rows = np.searchsorted(self.starts, _positions(self.data, b","), side="right") - 1
        return np.unique(rows)[:count].tolist()


def _positions(data: bytes, character: bytes) -> np.ndarray:
    return np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == ord(character))


def _line_ends(data: bytes) -> np.ndarray:
    """Positions of the last byte of each line end: a line feed, or a return that none follows."""
    feeds = _positions(data, b"\n")
    if b"\r" not in data:
        return feeds
    returns = _positions(data, b"\r")
    return np.sort(np.append(feeds, returns[~np.isin(returns + 1, feeds)]))


def _blank(data: bytes, starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
    """`(row,)`, True where there is nothing but blanks."""
    blank = starts == stops
    first = np.frombuffer(data, dtype=np.uint8)[np.where(blank, 0, starts)]
    for row in np.flatnonzero(~blank & ((first == ord(" ")) | (first == ord("\r")))).tolist():
        blank[row] = not data[starts[row] : stops[row]].strip(b" \r")
    return blank


def _outside(positions: np.ndarray, quotes: np.ndarray) -> np.ndarray:
    """The positions that are not within quotes: an even number of quotation marks stands before them."""
    return positions if len(quotes) == 0 else positions[np.searchsorted(quotes, positions) % 2 == 0]
