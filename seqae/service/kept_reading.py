"""What the first rows of a stream have shown, kept beside its state: a restart on an ambiguous day knows it."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from seqae._files import read_file, write_atomically
from seqae.data._files.text_files import json_value
from seqae.data.signals.options import ReadingOptions

_FILE = "reading.json"
_MAX_BYTES = 200


class KeptReading:
    """Keeps whether stamps such as 03/04/2024 have the day first.

    Args:
        folder: The folder of the states; None to keep nothing.
    """

    def __init__(self, folder: Path | None):
        self.path = None if folder is None else folder / _FILE
        self.day_first = self._read()

    def completed(self, options: ReadingOptions) -> ReadingOptions:
        """Return reading options with what was kept, where they do not say it themselves."""
        return replace(options, day_first=self.day_first) if options.day_first is None else options

    def keep(self, day_first: bool | None) -> None:
        """Keep what the rows have shown, if that is new; if it cannot be written, the next call tries again."""
        if self.path is None or day_first in (None, self.day_first):
            return
        with suppress(OSError, ValueError):  # no room, or something that is no file
            write_atomically(self.path, json.dumps({"day_first": day_first}).encode())
            self.day_first = day_first

    def _read(self) -> bool | None:
        """Return what was kept; nothing if the file is absent or no such file, for then the rows have to tell again."""
        try:
            kept = json_value(read_file(self.path, _MAX_BYTES)) if self.path is not None else {}
        except (OSError, ValueError):
            return None
        day_first = kept.get("day_first") if isinstance(kept, dict) else None
        return day_first if isinstance(day_first, bool) else None
