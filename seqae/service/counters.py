"""What a watch has counted since it began."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Counters:
    """Numbers of a watch that only grow.

    Attributes:
        rows: Rows that were read, also those that were then late, repeated or skipped.
        rejected: Lines and rows that could not be read or taken, by reason.
        late: Rows left out because later ones had been judged.
        repeated: Rows left out because one with their time had come.
        reordered: Rows that came late and were put in order.
        skipped: Rows left out after a restart because they had been judged before.
        alarms: Rows with a final score above the threshold.
        alerts: Alerts.
        events: Events that have ended.
        drifts: Drifts.
        gaps: Gaps in time.
        restarts: How often time went back, and another run began.
        unsaved: How often the state could not be saved.
    """

    rows: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    late: int = 0
    repeated: int = 0
    reordered: int = 0
    skipped: int = 0
    alarms: int = 0
    alerts: int = 0
    events: int = 0
    drifts: int = 0
    gaps: int = 0
    restarts: int = 0
    unsaved: int = 0

    @property
    def dropped(self) -> int:
        """How many lines and rows were not judged, without those that had been judged before."""
        return self.late + self.repeated + self.rejected.total()

    def __add__(self, other: Counters) -> Counters:
        both = {name: value + getattr(other, name) for name, value in vars(self).items()}
        return Counters(**both)

    def record(self) -> dict[str, Any]:
        """Return the numbers by name, as JSON values."""
        return vars(self) | {"rejected": dict(self.rejected), "dropped": self.dropped}
