"""What a watch has to say after it has taken rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seqae.service.rejections import Rejection
from seqae.service.sampling_watch import Gap

if TYPE_CHECKING:
    from seqae.anomaly.online.detector import StreamUpdate


@dataclass(frozen=True, eq=False)
class WatchUpdate:
    """What is new of one machine.

    Attributes:
        entity: The machine, "" if it has no name.
        update: The results of its detector; None if no row went on.
        threshold: Final scores above it raise an alarm.
        rejections: Rows and lines that were not judged.
        gaps: Gaps in time.
        notes: Remarks, a line each.
        seconds: How long the detector took.
    """

    entity: str = ""
    update: StreamUpdate | None = None
    threshold: float = float("nan")
    rejections: tuple[Rejection, ...] = ()
    gaps: tuple[Gap, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
