"""What operators have said, kept in a folder beside a saved detector: who, when, about which rows."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from seqae._files import read_file, reason, write_atomically
from seqae.anomaly.feedback.applying import apply_feedback, margin_of
from seqae.anomaly.feedback.entry import Feedback, check_line, check_person, cut_out, in_effect
from seqae.artifact.arrays import from_storage, to_storage
from seqae.data._files.text_files import json_value
from seqae.data.signals.options import ReadingKeywords, takes_reading_options
from seqae.data.signals.recordings import Recording

if TYPE_CHECKING:
    from seqae.anomaly.detector import AnomalyDetector

FOLDER = "feedback"
LOG_FILE = "log.json"
_LOCK_FILE = "log.lock"
_MAX_BYTES = 2**26  # of a file
MAX_ENTRIES = 1000  # in effect; each is compared with


@dataclass(frozen=True)
class FeedbackLog:
    """The feedback on a saved detector, in the folder `feedback` beside its files.

    Nothing is trained: what is said holds at once, also for a detector that is later saved in its place, and can be
    taken back. Entries are never deleted.

        log = FeedbackLog("runs/pump/latest/model")
        log.accept(detector, rows, "2026-03-01T10:00", "2026-03-01T10:40", author="Ana", note="cleaning in place")
        detector = log.apply(detector)

    Args:
        model: The folder of the saved detector.
    """

    model: str | os.PathLike[str]

    @takes_reading_options
    def accept(
        self,
        detector: AnomalyDetector,
        data: object,
        start: str | int,
        end: str | int,
        *,
        author: str,
        note: str = "",
        **reading: Unpack[ReadingKeywords],
    ) -> Feedback:
        """Write down that rows were normal, and return the entry.

        Rows that deviate as these do, in the same channels together and up to 1.25 times as far, raise no alarm.

        Args:
            detector: The detector.
            data: One recording, in any form that `AnomalyDetector.fit` takes.
            start: The time of the first row, as the table writes it or in ISO 8601; its number if there are no times.
            end: The time of the last row, or its number.
            author: Who says so.
            note: Why.
            **reading: How tables are read.

        Raises:
            ValueError: There are no such rows, or the rows cannot be used.
            OSError: The folder cannot be written; nothing is.
        """
        new = Feedback("normal", detector.recording(data, **reading), 0, 0, author, note=note)
        return self.add(detector, new, start, end)

    @takes_reading_options
    def name_fault(
        self,
        detector: AnomalyDetector,
        data: object,
        start: str | int,
        end: str | int,
        fault: str,
        *,
        author: str,
        note: str = "",
        **reading: Unpack[ReadingKeywords],
    ) -> Feedback:
        """Write down which fault rows show, and return the entry; later events are compared with it.

        Args:
            detector: The detector.
            data: One recording, in any form that `AnomalyDetector.fit` takes.
            start: The time of the first row, as for `accept`.
            end: The time of the last row.
            fault: The name of the fault.
            author: Who says so.
            note: More about it.
            **reading: How tables are read.

        Raises:
            ValueError: There are no such rows, the rows cannot be used, or the fault has no name.
            OSError: The folder cannot be written; nothing is.
        """
        new = Feedback("fault", detector.recording(data, **reading), 0, 0, author, fault=fault, note=note)
        return self.add(detector, new, start, end)

    def add(
        self, detector: AnomalyDetector, said: Feedback, start: str | int | float, end: str | int | float
    ) -> Feedback:
        """Write down what is said about a span of rows, as `accept` and `name_fault` do, and return the entry.

        Args:
            detector: The detector.
            said: What is said, with all rows.
            start: The time of the first row, as for `accept`.
            end: The time of the last row.

        Raises:
            ValueError: There are no such rows, the rows cannot be used, or a name is missing.
            OSError: The folder cannot be written; nothing is.
        """
        said = _checked(said)
        new = replace(cut_out(said, start, end, margin_of(detector.scorer_)), at=_now())
        apply_feedback(detector, [new])  # refuses what could not be applied later
        with self._locked():
            entries = self.entries()
            if len(in_effect(entries)) >= MAX_ENTRIES:
                raise ValueError(f"{MAX_ENTRIES:,} entries hold ({self._folder}), and one more is said. Take one back")
            new = replace(new, id=max((entry.id for entry in entries), default=0) + 1)
            write_atomically(self._folder / _rows_file(new.id), _rows_bytes(new.recording))
            self._write([*entries, new])
        return new

    def undo(self, id: int, *, author: str) -> Feedback:
        """Take an entry back, and return it as it is now.

        Args:
            id: The number of the entry.
            author: Who says so.

        Raises:
            ValueError: There is no such entry, or it was taken back before.
            OSError: The folder cannot be written; nothing is.
        """
        author = check_person(author)
        with self._locked():
            entries = self.entries()
            found = [entry for entry in entries if entry.id == id]
            if not found or found[0].undone_by:
                known = ", ".join(str(entry.id) for entry in entries if not entry.undone_by) or "none"
                raise ValueError(f"no entry {id} that could be taken back ({self._folder}). In effect: {known}")
            undone = replace(found[0], undone_by=author, undone_at=_now())
            self._write([undone if entry.id == id else entry for entry in entries])
        return undone

    def entries(self) -> list[Feedback]:
        """Return all entries, also those that were taken back, in the order in which they were written.

        Raises:
            ValueError: A file is damaged; names it.
        """
        path = self._folder / LOG_FILE
        if not path.exists():
            return []
        records = _read_log(path)
        return [_entry_of(record, self._folder) for record in records]

    def version(self) -> tuple[int, int] | None:
        """Return what differs once something was written: size and time of the file; None if there is none."""
        try:
            about = (self._folder / LOG_FILE).stat()
        except OSError:
            return None
        return about.st_size, about.st_mtime_ns

    def apply(self, detector: AnomalyDetector) -> AnomalyDetector:
        """Return a copy of a detector that knows what was said, or the detector if nothing ever was.

        Raises:
            ValueError: A file is damaged, or rows do not fit the detector.
        """
        entries = self.entries()
        try:
            return apply_feedback(detector, entries) if entries else detector
        except ValueError as error:
            raise ValueError(f"the feedback in {self._folder} does not fit the detector: {error}") from error

    @property
    def _folder(self) -> Path:
        return Path(self.model) / FOLDER

    def _write(self, entries: Sequence[Feedback]) -> None:
        records = [_record_of(entry) for entry in entries]
        text = json.dumps(records, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        write_atomically(self._folder / LOG_FILE, text.encode())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Wait for others that write to the folder."""
        from filelock import FileLock

        if not Path(self.model).is_dir():
            raise FileNotFoundError(f"{self.model} is no folder of a saved detector. Save it there first")
        self._folder.mkdir(exist_ok=True)
        with FileLock(self._folder / _LOCK_FILE):
            yield


def _checked(said: Feedback) -> Feedback:
    """Return what is said with its texts as they are kept.

    Raises:
        ValueError: Nobody says it, the fault has no name, or a text is no line.
    """
    author, fault = check_person(said.author), check_line("fault", said.fault)
    if said.kind == "fault" and not fault:
        raise ValueError("fault='' has no name. Give the name of the fault, such as fault='worn bearing'")
    return replace(said, author=author, fault=fault, note=check_line("note", said.note))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _rows_file(id: int) -> str:
    return f"{id}.safetensors"


def _rows_bytes(recording: Recording) -> bytes:
    """Return values and times of a recording as safetensors."""
    from safetensors.numpy import save

    arrays = {"values": np.ascontiguousarray(recording.values)}
    if recording.times is not None:
        arrays["times"] = np.ascontiguousarray(to_storage(recording.times))
    return save(arrays)


def _record_of(entry: Feedback) -> dict[str, Any]:
    recording, (first, last) = entry.recording, entry.span
    digest = hashlib.sha256(_rows_bytes(recording)).hexdigest()
    return {
        "id": entry.id,
        "kind": entry.kind,
        "fault": entry.fault,
        "from": first,
        "to": last,
        "author": entry.author,
        "at": entry.at,
        "note": entry.note,
        "undone_by": entry.undone_by,
        "undone_at": entry.undone_at,
        "entity": recording.entity,
        "name": recording.name,
        "channels": list(recording.channels),
        "dates": recording.times is not None and recording.times.dtype.kind == "M",
        "start": entry.start,
        "stop": entry.stop,
        "first_row": entry.first_row,
        "sha256": digest,
    }


def _read_log(path: Path) -> list[dict[str, Any]]:
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError(f"{path} has more than {_MAX_BYTES} bytes. It is no log of feedback")
    try:
        records = json_value(read_file(path))
        if not isinstance(records, list):
            raise ValueError("no list")
        return records
    except ValueError as error:
        raise ValueError(
            f"{path} is damaged ({reason(error)}). Restore it from a copy, or delete it to start again"
        ) from error


def _entry_of(record: dict[str, Any], folder: Path) -> Feedback:
    try:
        path = folder / _rows_file(int(record["id"]))
        recording = _read_rows(path, record)
        start, stop = int(record["start"]), int(record["stop"])
        if not 0 <= start < stop <= len(recording) or record["kind"] not in ("normal", "fault"):
            raise ValueError(f"rows {start} to {stop} of {len(recording)}")
        texts = {name: str(record[name]) for name in ("author", "fault", "note", "at", "undone_by", "undone_at")}
        first_row, id = int(record["first_row"]), int(record["id"])
        return Feedback(record["kind"], recording, start, stop, first_row=first_row, id=id, **texts)
    except (LookupError, TypeError, ValueError, OverflowError, OSError) as error:
        why = f"{type(error).__name__}: {reason(error)}"
        raise ValueError(
            f"an entry of {folder / LOG_FILE} is damaged ({why}). Restore it from a copy, or take the entry out of it"
        ) from error


def _read_rows(path: Path, record: dict[str, Any]) -> Recording:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    if path.stat().st_size > _MAX_BYTES:
        raise ValueError(f"{path} has more than {_MAX_BYTES} bytes")
    data = read_file(path)
    if hashlib.sha256(data).hexdigest() != record["sha256"]:
        raise ValueError(f"{path} has another SHA-256")
    try:
        arrays = load(data)
    except SafetensorError as error:
        raise ValueError(f"{path}: {error}") from error
    times = arrays.get("times")
    if times is not None and record["dates"]:
        times = from_storage(times, np.dtype("datetime64[ns]"))
    channels = tuple(map(str, record["channels"]))
    return Recording(arrays["values"], channels, times, name=str(record["name"]), entity=str(record["entity"]))
