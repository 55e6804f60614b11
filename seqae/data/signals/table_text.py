"""The text of a table before its rows are found: lines left out and separators changed, as the reader was told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from seqae.data.signals.options import ReadingOptions

SEPARATORS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "bar": "|"}
INNER = "\x1f"  # stands for a separator of several characters
LINE_END = re.compile(rb"\r\n|\n|\r")
BLANKS = re.compile(rb"[ \t]+")
WIDE_BLANKS = re.compile(rb" {2,}|[ \t]*\t[ \t]*")
_SHOWN = 3  # lines in a message
_SAMPLE = 2**15  # bytes from which the kind of blanks is found


@dataclass(frozen=True)
class TableText:
    """The text of a table.

    Attributes:
        data: The text.
        name: The name of its file, for error messages.
        first_line: The number of the line that it begins with.
        skipped: The lines above that were skipped.
        warnings: What was left out.
    """

    data: bytes
    name: str
    first_line: int = 1
    skipped: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def without_lines(self, options: ReadingOptions) -> TableText:
        """Return the text without the lines that the options leave out; comments become blank lines.

        Raises:
            ValueError: The text has no more lines than are to be skipped, or an option has an impossible value.
        """
        return self._without_first(options.skip_lines)._without_comments(options.comment)

    def separated(self, separator: str | None) -> tuple[TableText, str | None]:
        """Return the text with a separator of one character, and that character; None if none was given.

        Raises:
            ValueError: Nothing can be separated by it.
        """
        if separator is None:
            return self, None
        if separator in ("blank", " "):
            return replace(self, data=_without_blanks(self.data)), "\t"
        sign = SEPARATORS.get(separator, separator)
        if not sign or not sign.strip(" ") or set(sign) & set('"\r\n.+-') or any(letter.isalnum() for letter in sign):
            raise ValueError(
                f"separator={separator!r} cannot separate fields ({self.name}). Expected a sign such as separator=';', "
                "or separator='tab' or separator='blank'"
            )
        if len(sign.encode()) == 1:
            return self, sign
        return replace(self, data=self.data.replace(sign.encode(), INNER.encode())), INNER

    def _without_first(self, count: int) -> TableText:
        if not isinstance(count, int) or count < 0:
            raise ValueError(f"skip_lines={count!r} is no number of lines ({self.name}). Expected such as skip_lines=3")
        if count == 0:
            return self
        ends = list(islice(LINE_END.finditer(self.data), count))
        start = ends[-1].end() if len(ends) == count else len(self.data)
        if not self.data[start:].strip():
            lines = len(LINE_END.split(self.data.rstrip()))
            raise ValueError(
                f"skip_lines={count} skips all {lines} lines ({self.name}). Expected the number of lines above the "
                "header, such as skip_lines=1"
            )
        skipped = [line.decode(errors="replace").strip() for line in LINE_END.split(self.data[:start])[:count]]
        note = f"{format_lines(range(1, count + 1))} skipped, as told: {format_texts(skipped)}"
        return replace(
            self,
            data=self.data[start:],
            first_line=self.first_line + count,
            skipped=tuple(skipped),
            warnings=(*self.warnings, note),
        )

    def _without_comments(self, sign: str | None) -> TableText:
        if sign is None:
            return self
        if not sign.strip():
            raise ValueError(f"comment={sign!r} is no sign of comments ({self.name}). Expected such as comment='#'")
        pieces, texts, start = [], [], 0
        for begin, end in _comments(self.data, sign):
            pieces.append(self.data[start:begin])
            texts.append(self.data[begin:end].decode(errors="replace").strip())
            start = end
        if not texts:
            return self
        count = f"{len(texts)} comments" if len(texts) > 1 else "a comment"
        note = f"left out {count} after {sign!r}, as told: {format_texts(texts)}"
        return replace(self, data=b"".join([*pieces, self.data[start:]]), warnings=(*self.warnings, note))


def format_lines(lines: Sequence[int]) -> str:
    """Return "line 1", "lines 1 and 2" or "lines 1 to 7" for a message; "..." for lines that are not in a row."""
    if len(lines) == 1:
        return f"line {lines[0]}"
    if len(lines) == 2:
        return f"lines {lines[0]} and {lines[1]}"
    return f"lines {lines[0]} {'to' if lines[-1] - lines[0] < len(lines) else '...'} {lines[-1]}"


def format_texts(texts: list[str]) -> str:
    """Return texts for a message, shortened, and only the first ones if they are many."""
    shown = [repr(text if len(text) <= 40 else f"{text[:37]}...") for text in texts[:_SHOWN]]
    return ", ".join(shown) + (f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else "")


def _comments(data: bytes, sign: str) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each comment: a line that begins with the sign, or what follows it after a blank in a row.

    The first line that is no comment may be the header, where "Sensor #1" is a name.
    """
    header, end = _first_line_without(data, sign.encode()), 0
    for found in re.finditer(re.escape(sign.encode()), data):
        if found.start() < end:
            continue
        line = max(data.rfind(b"\n", 0, found.start()), data.rfind(b"\r", 0, found.start())) + 1
        before = data[line : found.start()]
        whole = not before.strip(b' \t"')
        is_quoted = before.count(b'"') % 2 == 1
        tail = line > header and not sign[0].isalnum() and before.endswith((b" ", b"\t")) and not is_quoted
        if whole or tail:
            stop = LINE_END.search(data, found.start())
            end = stop.start() if stop else len(data)
            yield line if whole else found.start(), end


def _first_line_without(data: bytes, sign: bytes) -> int:
    """Return where the first line begins that has a text and is no comment."""
    start = 0
    for end in LINE_END.finditer(data):
        text = data[start : end.start()].strip(b' \t"')
        if text and not text.startswith(sign):
            break
        start = end.end()
    return start


def _without_blanks(data: bytes) -> bytes:
    """Return a text with a tab in place of the blanks between fields: any blanks, or only wide ones if these fit."""
    lines = [line.strip() for line in LINE_END.split(data[:_SAMPLE])[: -1 if len(data) > _SAMPLE else None]]
    lines = [line for line in lines if line and not line.startswith((b"#", b"%", b"//"))]
    any_blanks, wide = ({len(blanks.split(line)) for line in lines} for blanks in (BLANKS, WIDE_BLANKS))
    fits_wide = len(any_blanks) > 1 and len(wide) == 1 and wide != {1}
    blanks = WIDE_BLANKS if fits_wide else BLANKS
    edges = re.sub(rb"^[ \t]+|[ \t]+(?=\r?$)", b"", data, flags=re.MULTILINE)
    if b'"' not in edges:
        return blanks.sub(b"\t", edges)
    return re.sub(rb'"[^"]*"|' + blanks.pattern, lambda found: found[0] if found[0][:1] == b'"' else b"\t", edges)
