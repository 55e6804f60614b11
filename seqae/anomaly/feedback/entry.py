"""One thing that an operator has said about rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from seqae.anomaly.events import format_time
from seqae.data.signals.recordings import Recording

Kind = Literal["normal", "fault"]
MAX_TEXT = 500  # letters of a name or a note


@dataclass(frozen=True, eq=False)
class Feedback:
    """What an operator has said about rows: that they were normal, or which fault they show.

    Attributes:
        kind: "normal" or "fault".
        recording: The rows, and as many on either side as a detector reads around them.
        start: The number of the first row of the span in `recording`.
        stop: The number of the row after the last one.
        first_row: The number that the first row of `recording` had in the data from which it was cut.
        author: Who said it.
        fault: The name of the fault, "" for normal rows.
        note: Why, in words.
        at: When it was said, ISO 8601 in UTC.
        id: The number of the entry, from 1 on; 0 before it is written.
        undone_by: Who took it back, "" if nobody.
        undone_at: When it was taken back.
    """

    kind: Kind
    recording: Recording
    start: int
    stop: int
    author: str
    first_row: int = 0
    fault: str = ""
    note: str = ""
    at: str = ""
    id: int = 0
    undone_by: str = ""
    undone_at: str = ""

    @property
    def entity(self) -> str:
        """The machine, "" if none is named."""
        return self.recording.entity

    @property
    def span(self) -> tuple[str, str]:
        """The time of the first row and of the last one, or their numbers if there are no times."""
        times = self.recording.times
        if times is None:
            return str(self.first_row + self.start), str(self.first_row + self.stop - 1)
        return format_time(times[self.start]), format_time(times[self.stop - 1])


def cut_out(entry: Feedback, start: str | int | float, end: str | int | float, margin: int) -> Feedback:
    """Return an entry about the rows of a span alone, with some on either side.

    Args:
        entry: What is said, with all rows.
        start: The time of the first row, or its number if there are no times.
        end: The time of the last row, or its number.
        margin: Rows on either side.

    Raises:
        ValueError: No rows lie in the span, or it is not written as the rows are.
    """
    first, stop = _rows_of(entry.recording, start, end, entry.first_row)
    begin, last = max(first - margin, 0), min(stop + margin, len(entry.recording))
    rows = entry.recording.rows(begin, last)
    return replace(entry, recording=rows, start=first - begin, stop=stop - begin, first_row=entry.first_row + begin)


def _rows_of(recording: Recording, start: str | int | float, end: str | int | float, before: int) -> tuple[int, int]:
    """Return the first row of a span and the row after its last one, where so many rows came before."""
    times = recording.times
    if times is None:
        first, last = (_number(each, name) - before for each, name in ((start, "start"), (end, "end")))
        if not 0 <= first <= last < len(recording):
            raise ValueError(
                f"start={start} and end={end} are no rows of a recording of {len(recording)}. Expected the numbers of "
                f"the first row and the last one, {before} to {before + len(recording) - 1}"
            )
        return first, last + 1
    moments = [moment_of(each, name, times) for each, name in ((start, "start"), (end, "end"))]
    inside = np.flatnonzero((times >= moments[0]) & (times <= moments[1]))
    if not len(inside):
        raise ValueError(
            f"no rows from start={str(start)!r} to end={str(end)!r}: the recording goes from {format_time(times[0])} "
            f"to {format_time(times[-1])}. Give the times of its first and last row, start first"
        )
    return int(inside[0]), int(inside[-1]) + 1


def _number(text: str | int | float, name: str) -> int:
    try:
        return int(str(text))  # half a row is none
    except ValueError as error:
        raise ValueError(
            f"{name}={text!r} is no number of a row, and the rows have no times. Expected a number, such as {name}=120"
        ) from error


def moment_of(text: str | int | float, name: str, times: np.ndarray) -> np.generic:
    """Return a time in the type of the times of rows.

    Raises:
        ValueError: It is not written as these are.
    """
    try:
        if times.dtype.kind == "M" and str(text)[:1].isdigit():  # numpy takes "today" for a time, too
            return np.datetime64(str(text).removesuffix("Z"), "ns")
        if times.dtype.kind == "M":
            raise ValueError
        return np.float64(text)
    except ValueError as error:
        raise ValueError(
            f"{name}={text!r} is not written as the times of the rows. Expected a time such as "
            f"{name}={format_time(times[0])!r}, in UTC where the rows have time zones"
        ) from error


def check_person(author: str) -> str:
    """Return who says something.

    Raises:
        ValueError: Nobody is named, or not in a line of printable letters.
    """
    if not author.strip():
        raise ValueError("author='' names nobody. Give the name of who says so, author='Ana'")
    return check_line("author", author)


def check_line(name: str, text: str) -> str:
    """Return a text that lists and terminals can show in a line.

    Raises:
        ValueError: It is longer, or holds letters that are not printable.
    """
    line = " ".join(text.split())
    if len(line) > MAX_TEXT or not line.isprintable():
        what = f"has {len(line):,} letters" if line.isprintable() else "holds letters that cannot be printed"
        raise ValueError(f"{name}={line[:40]!r} {what}. Expected a line of up to {MAX_TEXT} printable letters")
    return line


def in_effect(entries: Sequence[Feedback]) -> list[Feedback]:
    """Return the entries that nobody has taken back."""
    return [entry for entry in entries if not entry.undone_by]
