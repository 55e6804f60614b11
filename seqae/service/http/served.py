"""The models of a server, each by its name."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqae.anomaly.feedback.applying import as_fitted
from seqae.anomaly.feedback.log import FeedbackLog
from seqae.anomaly.online.state import fingerprint

if TYPE_CHECKING:
    from seqae.anomaly.detector import AnomalyDetector
    from seqae.anomaly.feedback.entry import Feedback
    from seqae.service.watch import Watch

_NAME = re.compile(r"[\w.-]{1,64}", re.ASCII)
_OF_ANY_RUN = ("model", "latest")  # names of folders that tell nothing of the model


@dataclass(eq=False)
class ServedModel:
    """A detector with a name.

    Attributes:
        name: Its name in URLs.
        detector: The detector, which is fitted and knows the feedback that was taken up.
        fingerprint: A hash of its settings and of all that it has learnt, without feedback.
        log: The feedback that is kept beside it; None if it was loaded from no folder.
        entries: What was taken up of it, also what was taken back.
    """

    name: str
    detector: AnomalyDetector
    fingerprint: str
    log: FeedbackLog | None = None
    entries: Sequence[Feedback] = ()
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def of(cls, name: str, detector: AnomalyDetector, folder: Path | None = None) -> ServedModel:
        """Return a detector as a model of this name, with the feedback that is kept in its folder.

        Raises:
            ValueError: The feedback is damaged.
        """
        log = None if folder is None else FeedbackLog(folder)
        entries = [] if log is None else log.entries()
        fitted = as_fitted(detector)
        return cls(
            name, log.apply(fitted) if log is not None and entries else detector, fingerprint(fitted), log, entries
        )

    def take_up(self, watch: Watch) -> tuple[str, ...]:
        """Let a watch and the model itself take up what was said since; return what there is to say about it."""
        if self.log is None:
            return ()
        with self._lock:
            notes = watch.refresh().notes
            if watch.detector is not self.detector:
                self.detector, self.entries = watch.detector, self.log.entries()
            return notes

    def facts(self) -> dict[str, Any]:
        """Return what clients may want to know, as JSON values."""
        detector = self.detector
        return {
            "name": self.name,
            "kind": type(detector).__name__,
            "fingerprint": self.fingerprint,
            "channels": list(detector.channels_),
            "units": dict(detector.units_),
            "machines": list(detector.machines_),
            "threshold": float(detector.threshold_),
            "period": detector.scorer_.period,
            "feedback": None if self.log is None else sum(1 + bool(entry.undone_by) for entry in self.entries),
        }


def named_folders(words: Sequence[str]) -> dict[str, Path]:
    """Return the folders of models by name: `NAME=FOLDER`, or `FOLDER`, whose own name counts.

    Raises:
        ValueError: Two have one name, or a name does not fit into a URL.
    """
    folders: dict[str, Path] = {}
    for word in words:
        name, equals, folder = word.partition("=")
        if not equals or not _NAME.fullmatch(name) or Path(word).exists():
            name, folder = _own_name(Path(word)), word
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"{name!r} is no name for a URL ({word}). Expected letters, digits, - or _. Give NAME={word}"
            )
        if name in folders:
            raise ValueError(f"two models are called {name} ({folders[name]}, {folder}). Give one as NAME={folder}")
        folders[name] = Path(folder)
    return folders


def _own_name(folder: Path) -> str:
    parts = [part for part in folder.absolute().parts if part not in ("/", "..", ".")]
    while len(parts) > 1 and parts[-1] in _OF_ANY_RUN:
        parts.pop()
    return parts[-1] if parts else ""
