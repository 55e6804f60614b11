"""Finds the rows and fields of a CSV text, on its bytes for speed."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace

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

    def head(self, count: int) -> CsvRows:
        """The first rows, at most so many."""
        if count >= len(self):
            return self
        stop = int(self.stops[count - 1])
        return replace(self.take(np.arange(count)), data=self.data[:stop], quotes=self.quotes[self.quotes < stop])

    def take(self, kept: np.ndarray | slice) -> CsvRows:
        """Some of the rows, by their indices."""
        return replace(self, starts=self.starts[kept], stops=self.stops[kept], lines=self.lines[kept])

    def line(self, row: int) -> str:
        """The text of one row, without blanks around it."""
        return self.bytes_of(row).decode(errors="replace").strip()

    def cells(self, row: int, delimiter: str) -> list[str]:
        """The fields of one row, without quotes and blanks around them."""
        text = self.bytes_of(row).decode(errors="replace")
        if delimiter not in text and '"' not in text:
            return [text.strip()]
        flat = text.replace("\r", " ").replace("\n", " ")
        try:
            (cells,) = csv.reader([flat], delimiter=delimiter, skipinitialspace=True)
        except csv.Error as error:
            raise ValueError(f"not CSV ({self.locate(row)}: {error}). Expected a table of readings") from error
        return [cell.strip() for cell in cells]

    def fields(self, delimiter: str) -> np.ndarray:
        """`(row,)`, how many fields each row has."""
        delimiters = _outside(_positions(self.data, delimiter.encode()), self.quotes)
        return np.searchsorted(delimiters, self.stops) - np.searchsorted(delimiters, self.starts) + 1

    def are_even(self, delimiter: str, expected: int) -> bool:
        """Whether there are as many delimiters as if each row had so many fields; quick, while `odd` looks at each."""
        if len(self) == 0 or len(self.quotes):
            return len(self.odd(delimiter, expected)) == 0
        letters = np.frombuffer(self.data, dtype=np.uint8)[self.starts[0] : self.stops[-1]]
        return int(np.count_nonzero(letters == ord(delimiter))) == (expected - 1) * len(self)

    def odd(self, delimiter: str, expected: int) -> np.ndarray:
        """The rows that have another number of fields than expected."""
        return np.flatnonzero(self.fields(delimiter) != expected)

    def with_commas(self, count: int) -> list[int]:
        """The first rows that contain a comma, at most so many."""
        rows: list[int] = []
        position = self.data.find(b",", int(self.starts[0]) if len(self) else 0)
        while position >= 0 and len(rows) < count:
            row = int(np.searchsorted(self.starts, position, side="right")) - 1
            if position < self.stops[row]:
                rows.append(row)
            position = self.data.find(b",", max(position + 1, int(self.stops[row])))
        return rows

    def equal_to(self, text: bytes) -> list[int]:
        """The rows that are this text."""
        rows, position = [], self.data.find(text)
        while position >= 0:
            row = int(np.searchsorted(self.starts, position, side="right")) - 1
            stop = position + len(text)
            if row >= 0 and self.starts[row] == position and not self.data[stop : max(self.stops[row], stop)].strip():
                rows.append(row)
            position = self.data.find(text, stop)
        return rows

    def beginning_with(self, signs: tuple[bytes, ...]) -> list[int]:
        """The rows that begin with one of these signs, which may stand within quotes."""
        if len(self) == 0:
            return []
        letters = np.frombuffer(self.data, dtype=np.uint8)[np.minimum(self.starts, len(self.data) - 1)]
        first = {sign[0] for sign in signs} | {ord('"'), ord(" ")}
        likely = np.flatnonzero(np.isin(letters, sorted(first)))
        return [row for row in likely.tolist() if self.bytes_of(row).lstrip(b' "').startswith(signs)]

    def opened(self) -> io.BytesIO:
        """The text of these rows alone as a file, without those that were left out between them."""
        cuts = np.flatnonzero(self.starts[1:] - self.stops[:-1] > 1)
        starts = self.starts[np.append(0, cuts + 1)].tolist()
        stops = self.stops[np.append(cuts, len(self) - 1)].tolist()
        if len(starts) == 1 and len(self.data) - stops[0] <= 1:  # without a copy
            file = io.BytesIO(self.data)
            file.seek(starts[0])
            return file
        return io.BytesIO(b"\n".join(self.data[start:stop] for start, stop in zip(starts, stops)))

    def bytes_of(self, row: int) -> bytes:
        """The bytes of one row."""
        return self.data[self.starts[row] : self.stops[row]]


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
    """`(row,)`, True where there is nothing but blanks, or signs for a printer to begin a page."""
    blank = starts == stops
    if not data:
        return blank
    first = np.frombuffer(data, dtype=np.uint8)[np.where(blank, 0, starts)]
    for row in np.flatnonzero(~blank & np.isin(first, list(b" \r\f\v"))).tolist():
        blank[row] = not data[starts[row] : stops[row]].strip(b" \r\f\v")
    return blank


def _outside(positions: np.ndarray, quotes: np.ndarray) -> np.ndarray:
    """The positions that are not within quotes: an even number of quotation marks stands before them."""
    return positions if len(quotes) == 0 else positions[np.searchsorted(quotes, positions) % 2 == 0]
