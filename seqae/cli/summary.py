"""What `seqae score` says of its findings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from seqae.cli.tables import show_table

if TYPE_CHECKING:
    from seqae.anomaly.detection import Detection
    from seqae.anomaly.events import Event

_MOST_EVENTS = 20
_MOST_CHANNELS = 3


def show_detections(detections: Sequence[Detection]) -> None:
    """Print a line for each recording, and one for each of the worst events."""
    show_table(("recording", "rows", "alarms", "events"), map(_counts, detections))
    found = [(event, detection.recording.name) for detection in detections for event in detection.events]
    worst = sorted(found, key=lambda pair: -pair[0].severity)[:_MOST_EVENTS]
    if worst:
        print("\nThe worst events" if len(found) > len(worst) else "\nThe events, worst first")
        header = ("recording", "from", "to", "severity", "top channels")
        lines = [(name, *_span(event), f"{event.severity:.2f}", _top_channels(event)) for event, name in worst]
        show_table(header, lines)


def _counts(detection: Detection) -> tuple[str, int, str, int]:
    rows, alarms = len(detection.recording), int(detection.alarms.sum())
    return detection.recording.name, rows, f"{alarms} ({alarms / rows:.2%})", len(detection.events)


def _span(event: Event) -> tuple[str, str]:
    if event.start_time is None or event.end_time is None:
        return f"row {event.start}", f"row {event.stop - 1}"
    return event.start_time, event.end_time


def _top_channels(event: Event) -> str:
    return ", ".join(f"{each.channel} {each.fraction:.0%}" for each in event.top_channels(_MOST_CHANNELS))
