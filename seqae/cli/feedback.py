"""`seqae feedback`: what operators say about rows, kept beside a saved detector."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from seqae._files import require_local_path
from seqae.cli.messages import existing
from seqae.cli.session import detector_in, saved_in
from seqae.data.signals.options import ReadingKeywords

if TYPE_CHECKING:
    from seqae.anomaly.feedback.entry import Feedback


def feedback(
    model: Path,
    *,
    rows: Path | None = None,
    start: str = "",
    end: str = "",
    normal: bool = False,
    fault: str = "",
    undo: int = 0,
    author: str = "",
    note: str = "",
    **reading: Unpack[ReadingKeywords],
) -> None:
    """Say that rows were normal or show a fault, take that back, or list what was said.

    It is kept beside the detector with name and time, and holds at once for score, stream, serve and listen: rows
    like those accepted raise no alarm, and events are compared with named faults. Nothing is trained.

    Example:
        seqae feedback runs/pump/latest --rows today.csv --start 2026-03-01T10:00 --end 2026-03-01T10:40 --normal
        seqae feedback runs/pump/latest --rows today.csv --start 2026-03-02 --end 2026-03-03 --fault 'worn seal'
        seqae feedback runs/pump/latest
        seqae feedback runs/pump/latest --undo 1

    Args:
        model: folder of a saved detector, or of a run that holds one
        rows: the table in which the rows are
        start: time of the first row; its number if there are no times
        end: time of the last row, or its number
        normal: these rows were normal
        fault: name of the fault that these rows show
        undo: number of an entry to take back
        author: who says so; by default the user of this machine
        note: why, in words
    """
    from seqae.anomaly.feedback.log import FeedbackLog

    folder = saved_in(require_local_path(model))  # beside which it is kept
    log = FeedbackLog(folder)
    author = author or getpass.getuser()
    if undo:
        if rows is not None or normal or fault:
            raise ValueError("undo=... takes an entry back and needs no rows. Give it alone")
        print(f"taken back  {_line(log.undo(undo, author=author))}")
    elif rows is None:
        if normal or fault:
            raise ValueError("rows of which table? Give the file, rows='today.csv'")
        _list(log.entries())
    else:
        if normal == bool(fault):
            raise ValueError("what about these rows? Give normal=True, or the name of a fault, fault='worn seal'")
        if not start or not end:
            raise ValueError("which rows? Give the time of the first one and of the last one, start=... and end=...")
        detector = detector_in(folder)
        if normal:
            entry = log.accept(detector, existing(rows), start, end, author=author, note=note, **reading)
        else:
            entry = log.name_fault(detector, existing(rows), start, end, fault, author=author, note=note, **reading)
        print(f"written  {_line(entry)}")


def _list(entries: list[Feedback]) -> None:
    for entry in entries:
        print(_line(entry))
    if not entries:
        print("nothing was said")


def _line(entry: Feedback) -> str:
    what = "normal" if entry.kind == "normal" else f"fault {entry.fault!r}"
    first, last = entry.span
    machine = f"{entry.entity}: " if entry.entity else ""
    said = f"{entry.id}  {machine}{first} to {last}: {what}, by {entry.author} at {entry.at}"
    said += f" ({entry.note})" if entry.note else ""
    return said + (f"; taken back by {entry.undone_by} at {entry.undone_at}" if entry.undone_by else "")
