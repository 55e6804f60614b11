"""What the first messages of each machine have shown, kept beside the states: a header comes once, and not again."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from seqae._files import read_file, write_atomically

_FILE = "formats.json"
_ERRORS = "surrogateescape"  # a header may have any encoding
_NOTHING: tuple[bytes, bool | None] = b"", None


class KeptFormats:
    """Keeps the header of CSV, and whether stamps such as 03/04/2024 have the day first.

    Args:
        folder: The folder of the states; None to keep nothing from one process to the next.
    """

    def __init__(self, folder: Path | None):
        self.path = None if folder is None else folder / _FILE
        self._is_saved = True
        self._formats: dict[tuple[str, bool], tuple[bytes, bool | None]] = {}
        with suppress(OSError, ValueError, TypeError, AttributeError):  # then the next messages have to show it
            kept = json.loads(read_file(self.path)) if self.path is not None else ()
            for machine, is_json, header, day_first in kept:
                found = header.encode(errors=_ERRORS), None if day_first is None else bool(day_first)
                self._formats[str(machine), bool(is_json)] = found

    def of(self, key: tuple[str, bool]) -> tuple[bytes, bool | None]:
        """Return the header, empty if there was none, and the order of the day, None while that is open.

        Args:
            key: The machine, and whether its messages are JSON.
        """
        return self._formats.get(key, _NOTHING)

    def forget(self, key: tuple[str, bool]) -> None:
        """Forget what a machine has shown, which shows something else now."""
        self._formats.pop(key, None)

    def keep(self, key: tuple[str, bool], header: bytes, day_first: bool | None) -> None:
        """Keep what was shown first: a header, and the order of the day."""
        before = self.of(key)
        now = before[0] or header, before[1] if day_first is None else day_first
        if now != before:
            self._formats[key] = now
            self._is_saved = False

    def save(self) -> None:
        """Write what is new; if that fails, the next call tries again."""
        if self._is_saved or self.path is None:
            return
        kept = [[*key, header.decode(errors=_ERRORS), first] for key, (header, first) in self._formats.items()]
        with suppress(OSError):
            write_atomically(self.path, json.dumps(kept).encode())
            self._is_saved = True
