"""Text that comes in pieces, cut into whole rows in bounded memory and time."""

from __future__ import annotations

from dataclasses import dataclass

from seqae.service.rejections import MAX_TEXT

MAX_ROW = 2**20  # bytes of a row; a longer one has lost its line end
MAX_QUOTED_LINES = 16  # of one row of CSV; in more of them a quotation mark was not closed


@dataclass(frozen=True)
class SpoiltText:
    """Text that is no row.

    Attributes:
        beginning: What it begins with.
        lines: How many line ends it has.
        message: What is wrong with it, without its place.
    """

    beginning: bytes
    lines: int
    message: str


class RowSplitter:
    """Cuts text into whole rows: CSV, where a line end within quotes ends no row, or JSON lines.

    Attributes:
        is_json: Whether the text is JSON lines: its first row begins with a brace. None before a row has come.
    """

    def __init__(self) -> None:
        self.is_json: bool | None = None
        self._pieces: list[bytes] = []  # of a line that has not ended
        self._size = 0  # their bytes
        self._is_too_long = False  # whether its rest is dropped
        self._open = b""  # lines whose quotation mark has not been closed

    def feed(self, text: bytes) -> list[bytes | SpoiltText]:
        """Take text, and return the rows that have become whole, those that follow each other together."""
        end = text.find(b"\n") + 1
        if not end:
            self._hold(text)
            return []
        found: list[bytes | SpoiltText] = []
        if self._is_too_long:
            found.append(self._dropped(1))
            text = text[end:]
        stop = text.rfind(b"\n") + 1
        whole = b"".join([*self._pieces, text[:stop]])
        self._pieces, self._size, self._is_too_long = [], 0, False
        found += self._rows(whole)
        self._hold(text[stop:])
        return found

    def end(self) -> bytes | SpoiltText:
        """Return what is left, which has no line end."""
        rest = self._dropped(0) if self._is_too_long else self._open + b"".join(self._pieces)
        self._pieces, self._size, self._is_too_long, self._open = [], 0, False, b""
        return rest

    def _hold(self, text: bytes) -> None:
        """Keep the beginning of a line; of one that is too long only so much that it can be told."""
        self._size += len(text)
        if not self._is_too_long and text:
            self._pieces.append(text)
        if self._size > MAX_ROW and not self._is_too_long:
            self._is_too_long = True
            self._pieces = [b"".join(self._pieces)[:MAX_TEXT]]

    def _dropped(self, lines: int) -> SpoiltText:
        beginning, self._pieces = b"".join(self._pieces), []
        return SpoiltText(beginning, lines, f"a line of more than {MAX_ROW:,} bytes. Expected a row of readings")

    def _rows(self, text: bytes) -> list[bytes | SpoiltText]:
        """Return whole rows, and hold those at the end whose quotation mark is open."""
        if self.is_json is None and text.strip():
            self.is_json = text.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")
        if self.is_json or (b'"' not in text and not self._open):
            return [text] if text else []
        found: list[bytes | SpoiltText] = []
        text, self._open = self._open + text, b""
        while stop := _end_of_rows(text):
            if stop > 0:
                found.append(text[:stop])
            text = text[max(stop, 0) :]
            if text.count(b"\n") <= MAX_QUOTED_LINES and len(text) <= MAX_ROW:
                break
            first = text.find(b"\n") + 1  # here the mark was opened
            found.append(SpoiltText(text[:first][:MAX_TEXT], 1, "a quotation mark is never closed. Close it"))
            text = text[first:]
        self._open = text
        return found


def _end_of_rows(text: bytes) -> int:
    """Return where the last whole row of lines ends, -1 if none does; 0 if there is no text."""
    if not text:
        return 0
    stop, marks = len(text), text.count(b'"')
    while stop > 0 and marks % 2:
        start = text.rfind(b"\n", 0, stop - 1) + 1
        marks -= text.count(b'"', start, stop)
        stop = start
    return stop or -1
