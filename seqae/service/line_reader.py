"""Rows that come bit by bit as CSV or JSON lines, read by the same rules as whole files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import accumulate

from seqae.data.signals.csv_format import UncertainFormat
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.time_texts import AmbiguousStamps
from seqae.service.rejections import MAX_TEXT, Rejection
from seqae.service.row_format import RowBlock, RowFormat, UnreadableLine, UnusableTable
from seqae.service.row_splitter import RowSplitter, SpoiltText

_OTHER_ENDS = re.compile(rb'"|\r(?!\n)')  # what makes of a line several or of several one: a quote, a carriage return
_SUSPECTS = 3  # waiting lines of which one may be bad


class LineReader:
    """Reads rows from chunks of text: CSV, or JSON lines if the first line begins with a brace.

    Delimiter, decimal sign, columns and the format of times are found from the first rows, as for a file; rows wait
    until they are known, and then they hold for all rows.

    Args:
        options: How the table is read; the channels are the columns to read, in this order.
        remembered: Options of another table of the same machine, which hold where they apply and none is given.
        name: The name of the text in error messages.
        is_strict: Whether a line that cannot be read is an error, instead of being returned as rejected.

    Raises:
        ValueError: An option turns or sorts a whole table.
    """

    def __init__(
        self,
        options: ReadingOptions,
        remembered: ReadingOptions | None = None,
        name: str = "standard input",
        is_strict: bool = True,
    ):
        self.name = name
        self.is_strict = is_strict
        self._format = RowFormat.of(options, remembered, name)
        self._splitter = RowSplitter()
        self._line = 1  # the number of the line that comes next, or that waits first
        self._waiting = b""  # rows whose format is not known yet
        self._noted: set[str] = set()

    @property
    def day_first(self) -> bool | None:
        """Whether stamps such as 03/04/2024 had the day first; None while that is open, or if there are none."""
        return self._format.time_reader.day_first

    @property
    def waiting(self) -> bytes:
        """The rows whose format is not known yet, and the header before them."""
        return self._waiting

    def begin(self, line: int = 1) -> None:
        """Begin another text of the same format, after the end of the one before; `line` is the number of its first."""
        self._line = line

    def blocks(self, chunks: Iterable[bytes]) -> Iterator[RowBlock | Rejection]:
        """Yield all rows in chunks of text, as `feed` and `end` do."""
        for chunk in chunks:
            yield from self.feed(chunk)
        yield from self.end()

    def feed(self, chunk: bytes) -> Iterator[RowBlock | Rejection]:
        """Yield the rows that are complete with a chunk of text, those of each machine together.

        Raises:
            ValueError: A line cannot be read, if the reader is strict, or none can; those before it were yielded.
        """
        for text in self._splitter.feed(chunk):
            yield from self._spoilt(text) if isinstance(text, SpoiltText) else self._read(text)

    def end(self, may_be_cut: bool = False) -> Iterator[RowBlock | Rejection]:
        """Yield the rows that are left at the end of the text.

        Args:
            may_be_cut: Whether a last line without a line end may be half a line, and is rejected.

        Raises:
            ValueError: As for `feed`.
        """
        rest = self._splitter.end()
        if isinstance(rest, SpoiltText):
            yield from self._spoilt(rest)
            rest = b""
        elif may_be_cut and rest.strip():
            message = (
                f"the last line has no line end ({self._place()}), and may be half of one. Give it again as a whole"
            )
            yield self._rejected(rest, UnreadableLine(message, "incomplete"))
            rest = b""
        yield from self._read(rest, is_last=True)

    def _place(self) -> str:
        """Return where the line is that comes next, for error messages."""
        line = self._line + self._waiting.count(b"\n")
        return f"{self.name}, line {line}"

    def _spoilt(self, text: SpoiltText) -> Iterator[Rejection]:
        what, _, remedy = text.message.partition(". ")
        error = UnreadableLine(f"{what} ({self._place()}). {remedy}", "length")
        if self.is_strict:
            raise error
        yield self._rejected(text.beginning.rstrip(b"\n") + b"\n" * text.lines, error)

    def _read(self, text: bytes, is_last: bool = False) -> Iterator[RowBlock | Rejection]:
        """Yield the rows in a text; if one of them cannot be read, first those before it, half by half."""
        try:
            blocks = self._blocks(self._waiting + text, is_last)
        except (UncertainFormat, UnusableTable, AmbiguousStamps):
            raise
        except ValueError as error:
            if not self.is_strict and (split := self._without_bad_lines(text, error)):
                rest, rejections = split
                yield from self._read(rest, is_last)
                yield from rejections
            elif middle := self._middle(text):
                yield from self._read(text[:middle])
                yield from self._read(text[middle:], is_last)
            elif not self.is_strict and (mended := self._without_waiting_line(text, is_last, error)):
                yield from mended
            elif self.is_strict or not text.strip():
                raise
            else:
                yield self._rejected(text, error)
            return
        yield from blocks

    def _without_bad_lines(self, text: bytes, error: ValueError) -> tuple[bytes, list[Rejection]] | None:
        """Return a text with blank lines for those that are known to be bad, and these; None if that is not known."""
        if not isinstance(error, UnreadableLine):
            return None
        if not self._splitter.is_json and _OTHER_ENDS.search(self._waiting + text):
            return None  # the lines of the error are counted in another way than those here
        first, lines = self._line + self._waiting.count(b"\n"), _lines_in(text)
        at = {line - first: message for line, message in error.lines.items() if 0 <= line - first < len(lines)}
        bad = {row: message for row, message in at.items() if lines[row].strip()}  # or it would go on for ever
        rejections = [
            _rejection(lines[row], first + row, UnreadableLine(message, error.reason))
            for row, message in sorted(bad.items())
        ]
        rest = b"".join(b"\n" if row in bad else line for row, line in enumerate(lines))
        return (rest, rejections) if bad else None

    def _without_waiting_line(self, text: bytes, is_last: bool, error: ValueError) -> list[RowBlock | Rejection] | None:
        """Return the rows in a text if one of the lines that wait hindered it, and that line; None if none did.

        The first of them is no such line, for it may be the header.
        """
        waiting, line, format = self._waiting, self._line, self._format
        lines = _lines_in(waiting)
        for number in reversed(range(max(1, len(lines) - _SUSPECTS), len(lines))):
            if not lines[number].strip():
                continue
            try:
                blocks = self._blocks(b"".join([*lines[:number], b"\n", *lines[number + 1 :]]) + text, is_last)
            except ValueError:
                blocks = []
            if blocks:
                return [_rejection(lines[number], line + number, error), *blocks]
            self._waiting, self._line, self._format = waiting, line, format
        return None

    def _rejected(self, text: bytes, error: ValueError) -> Rejection:
        """Return what is to say of a line, which then is as if it were blank."""
        line, ends = self._line + self._waiting.count(b"\n"), text.count(b"\n")
        if self._waiting:
            self._waiting += b"\n" * ends
        else:
            self._line += ends
        return _rejection(text, line, error)

    def _middle(self, text: bytes) -> int:
        """Return where the second half of some rows begins; 0 if there is one row only."""
        lines = text.rstrip().split(b"\n")
        ends = list(accumulate(len(line) + 1 for line in lines[:-1]))
        whole = [end for end in ends if self._splitter.is_json or text.count(b'"', 0, end) % 2 == 0]
        return whole[len(whole) // 2] if whole else 0

    def _blocks(self, text: bytes, is_last: bool) -> list[RowBlock]:
        """Return whole rows; none if there are none, or if the format is not known yet."""
        read = self._format.read(text, self._line, bool(self._splitter.is_json), is_last)
        if read is None:
            self._waiting = text
            return []
        blocks, self._format = read
        self._waiting, self._line = b"", self._line + text.count(b"\n")
        return [self._with_new_notes(block) for block in blocks]

    def _with_new_notes(self, block: RowBlock) -> RowBlock:
        """Return rows with those of their remarks that were not made before."""
        if not block.notes:
            return block
        new = tuple(note for note in block.notes if note not in self._noted)
        self._noted.update(new)
        return replace(block, notes=new)


def _lines_in(text: bytes) -> list[bytes]:
    """Return the lines of a text with their ends, as they are counted: a line feed alone ends a line."""
    return [line + b"\n" for line in text.split(b"\n")[:-1]] + [text[text.rfind(b"\n") + 1 :]]


def _rejection(text: bytes, line: int, error: ValueError) -> Rejection:
    reason = error.reason if isinstance(error, UnreadableLine) else "format"
    return Rejection(reason, str(error), line, text[:MAX_TEXT].decode(errors="replace").rstrip("\r\n"))
