"""What `seqae stream` and `seqae listen` tell the operator while a machine runs, without filling a terminal."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

from seqae.cli.messages import in_shell_words
from seqae.cli.parse_errors import option
from seqae.data.signals.options import ReadingOptions

if TYPE_CHECKING:
    from seqae.service.rejections import Rejection, RejectionFile
    from seqae.service.watch_update import WatchUpdate

_TOLD = 5  # rejections of one kind that are told one by one; then every tenth, hundredth, ...
_OPTIONS = ("reorder", "period", "wait")  # beside those of reading


class WatchReport:
    """Tells notes and what was not judged on standard error, and keeps what was not judged in a file.

    Args:
        file: Where rejections are kept; None if they are not.
        is_told: Whether anything is for standard error.
    """

    def __init__(self, file: RejectionFile | None, is_told: bool = True):
        self.file = file
        self.is_told = is_told
        self.count: Counter[str] = Counter()  # of rejections by reason
        self.first: Rejection | None = None
        self._words: Mapping[str, str] = {
            name: option(name) for name in (*(each.name for each in fields(ReadingOptions)), *_OPTIONS)
        }

    def __call__(self, update: WatchUpdate) -> None:
        """Tell the notes and rejections of an update."""
        for note in update.notes:
            self.tell("note", update.entity, note)
        self._reject(update.rejections)

    def tell(self, kind: str, entity: str, text: str) -> None:
        """Tell the operator something in a line, in the words of the shell."""
        if self.is_told:
            tell(f"{kind:<6} {line_start(entity)}{in_shell_words(text, self._words)}")

    def _reject(self, rejections: Sequence[Rejection]) -> None:
        """Tell of rejections: the first ones of each kind, and then more and more rarely."""
        for rejection in rejections:
            self.first = self.first or rejection
            count = self.count[rejection.reason] = self.count[rejection.reason] + 1
            if count <= _TOLD or str(count).strip("0") == "1":
                more = f" ({count:,} of this kind so far)" if count > _TOLD else ""
                self.tell("reject", rejection.entity, f"{rejection.message}{more}")
        if self.file is not None and rejections:
            try:
                self.file.write(rejections)
            except OSError as error:
                self.tell("note", "", f"{self.file.path} was not written: {error.strerror}. Make room")


def line_start(entity: str) -> str:
    """Return the beginning of a line about a machine, "" if it has no name."""
    return f"{entity}: " if entity else ""


def tell(line: str) -> None:
    """Print a line on standard error, without control characters, which a machine's name may hold."""
    print("".join(letter if letter.isprintable() else "?" for letter in line), file=sys.stderr, flush=True)
