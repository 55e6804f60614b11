"""`seqae peek`: how a file is understood, before anything is trained."""

from __future__ import annotations

import re
import sys
from dataclasses import fields
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from seqae._files import open_file
from seqae.cli.json_report import json_report
from seqae.cli.messages import existing, in_shell_words
from seqae.data.signals.options import ReadingKeywords

if TYPE_CHECKING:
    from seqae.data.signals.overview import Overview

_LINES = 5  # of a file that cannot be read
_MOST_LINES = 10**6  # that are looked through for the one that an error names
_WIDTH = 160  # characters of such a line


def peek(
    data: Path,
    *,
    picture: Path | None = None,
    whole: bool = False,
    json: bool = False,
    **reading: Unpack[ReadingKeywords],
) -> None:
    """Show how a file is understood: rows, channels, clock, gaps, odd things.

    Nothing is trained and nothing is written but the picture. Of a large file only the first part is read.

    With --json: rows, runs, channels, zone, learnt, warnings, part and rows_in_all, as in seqae.data.Overview.

    Example:
        seqae peek pump.csv
        seqae peek export.csv --time-column recorded_at --picture export.png

    Args:
        data: file or folder of readings
        picture: PNG file to draw all channels into, with gaps shaded
        whole: read all of a large file or folder
        json: print one JSON object on standard output
        reading: how tables are read
    """
    from seqae.cli.reading import reading_words
    from seqae.data.signals.overview import overview

    path = existing(data)
    try:
        found = overview(path, whole=whole, **reading)
    except ValueError as error:
        _show_lines(path, error)
        raise
    with json_report(json) as report:
        report |= _plain(found)
        if not json:
            _show(in_shell_words(f"{path.name}: {found}", reading_words()))
        if picture is not None:
            from seqae.report.figures.overview import overview_figure
            from seqae.report.figures.style import save_figure

            report["picture"] = save_figure(overview_figure(found), picture)
            print(f"picture  {picture}")


def _plain(found: Overview) -> dict[str, object]:
    """Return the fields of an overview, without the readings."""

    def members(item: Any) -> dict[str, object]:
        return {each.name: getattr(item, each.name) for each in fields(item)}

    content = members(found)
    del content["recordings"]
    return content | {"runs": list(map(members, found.runs)), "channels": list(map(members, found.channels))}


def _show(text: str) -> None:
    """Print a text, with plain signs in place of bars where the terminal lacks them."""
    from seqae.data.signals.overview_text import BARS

    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = text.translate(str.maketrans(BARS, "_.-:=+*#"))
        text = text.encode(sys.stdout.encoding, errors="backslashreplace").decode(sys.stdout.encoding)
    print(text)


def _show_lines(path: Path, error: ValueError) -> None:
    """Print the first lines of a text file that could not be read, and the one that the error names."""
    if not path.is_file():
        return
    named = re.search(r"\bline (\d+)", str(error))
    last = min(int(named[1]), _MOST_LINES) if named else 0
    with open_file(path) as file:
        lines = [(number, line[:1000]) for number, line in enumerate(islice(file, max(_LINES, last + 1)), start=1)]
    if any(b"\0" in line or line.startswith(b"\x1f\x8b") for _, line in lines):
        return
    for number, line in lines[:_LINES] + lines[max(_LINES, last - 2) :]:
        text = line.decode("utf-8", errors="replace").rstrip("\r\n").expandtabs()
        shown = "".join(letter if letter.isprintable() else "?" for letter in text)
        print(f"{number:>7}  {shown[:_WIDTH]}{' ...' if len(shown) > _WIDTH else ''}", file=sys.stderr)
