"""What was not judged, and why: lines that cannot be read, and rows that come too late or twice."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from seqae._files import append_to_file

MAX_TEXT = 1000  # characters that are kept of a line
MAX_BYTES = 2**24  # of a file of rejections; a sensor that writes nonsense for weeks fills no disk
ROW_REASONS = ("late", "repeated")  # of rows that were read; all others are of lines


@dataclass(frozen=True)
class Rejection:
    """A line or row that was not judged.

    Attributes:
        reason: One word: "late" or "repeated" for a row; "text", "format", "time", "values", "machine", "length" or
            "row" for what could not be read or taken.
        message: What is wrong, and what to do.
        line: The number of its line, 0 if it is unknown.
        text: The line, or the row as a JSON object; cut if it is long.
        entity: The machine, "" if it names none or could not be read.
    """

    reason: str
    message: str
    line: int = 0
    text: str = ""
    entity: str = ""


class RejectionFile:
    """A file of JSON lines, one for each rejection, so that what was rejected can be mended and given again.

    It is appended to, and bounded: once it is full, what comes is counted alone.

    Args:
        path: The file; its folder is created.
        max_bytes: How long it may become.

    Raises:
        OSError: It is a link or a folder, or cannot be written.
        ValueError: It is a pipe, a socket or a device.
    """

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.max_bytes = max_bytes
        self.is_full = False
        self._file = append_to_file(path).detach()  # without a buffer: what is told is on the disk
        self._size = os.fstat(self._file.fileno()).st_size

    def write(self, rejections: Iterable[Rejection]) -> None:
        """Append rejections.

        Raises:
            OSError: They cannot be written.
        """
        for rejection in rejections:
            line = json.dumps(asdict(rejection), ensure_ascii=True).encode() + b"\n"
            self.is_full = self.is_full or self._size + len(line) > self.max_bytes
            if self.is_full:
                return
            self._size += self._file.write(line)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> RejectionFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
