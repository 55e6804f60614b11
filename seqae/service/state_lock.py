"""One writer for a folder of states: a second one is refused by name."""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from seqae._files import read_file, require_file, write_atomically
from seqae.data._files.text_files import json_value

LOCK_FILE = "writer.lock"
WRITER_FILE = "writer.json"  # who holds it, for messages
_MAX_BYTES = 1000


class StateLock:
    """Holds a folder for this process alone, until it is released or the process ends, however it does.

    Args:
        folder: Created if it is absent.

    Raises:
        ValueError: Another writer holds it; the message names the process. Or its lock is no file.
        OSError: The folder cannot be written.
    """

    def __init__(self, folder: Path):
        from filelock import FileLock, Timeout

        folder.mkdir(parents=True, exist_ok=True)
        _refuse_others(folder / LOCK_FILE)
        self._lock = FileLock(folder / LOCK_FILE, thread_local=False)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise ValueError(
                f"{folder} is written to by another watch{_writer(folder)}. Expected one writer for a state. Stop that "
                "one, or give another folder: state='kept-2'"
            ) from None
        about = {"process": os.getpid(), "machine": socket.gethostname(), "since": datetime.now(UTC).isoformat()}
        with suppress(OSError, ValueError):  # no room, or something that is no file: the lock holds all the same
            write_atomically(folder / WRITER_FILE, json.dumps(about).encode())

    def release(self) -> None:
        """Let others write to the folder."""
        self._lock.release()


def _refuse_others(path: Path) -> None:
    """Raise an error if what has the name of the lock is no file: locking empties it, or what it leads to."""
    if path.is_symlink():
        raise ValueError(f"{path} is a link. Expected a file, or nothing. Remove it, if nobody needs it")
    if path.exists():
        require_file(path)


def _writer(folder: Path) -> str:
    """Return which process holds a folder, as far as it is known."""
    try:
        about = json_value(read_file(folder / WRITER_FILE, _MAX_BYTES))
        return f": process {int(about['process'])} on {str(about['machine'])[:100]} since {str(about['since'])[:40]}"
    except (OSError, ValueError, LookupError, TypeError, OverflowError):
        return ""
