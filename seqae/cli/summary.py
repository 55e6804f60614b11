"""The summary that `seqae score` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from seqae.cli.file_names import result_name
from seqae.cli.tables import show_table

if TYPE_CHECKING:
    from seqae.anomaly.detection import Detection
    from seqae.anomaly.events import Event

_MAX_EVENTS = 20
_MAX_CHANNELS = 3


def show_detections(detections: Sequence[Detection]) -> None:
    """Print a line for each recording, and one for each of the most severe events."""
    show_table(("recording", "rows", "alarms", "events"), map(_counts, detections))
    found = [(event, result_name(detection.recording)) for detection in detections for event in detection.events]
    worst = sorted(found, key=lambda pair: -pair[0].severity)[:_MAX_EVENTS]
    if worst:
        print("\nThe most severe events" if len(found) > len(worst) else "\nThe events, the most severe first")
        header = ("recording", "from", "to", "severity", "top channels")
        rows = [(name, *_span(event), f"{event.severity:.2f}", _top_channels(event)) for event, name in worst]
        show_table(header, rows)


def detection_summary(detection: Detection) -> dict[str, Any]:
    """Return the counts of a recording and its events, for JSON."""
    return {
        "name": result_name(detection.recording),
        **({"entity": detection.recording.entity} if detection.recording.entity else {}),
        "rows": len(detection.recording),
        "alarms": int(detection.alarms.sum()),
        "events": [
            {
                "start": event.start,
                "stop": event.stop,
                "start_time": event.start_time,
                "end_time": event.end_time,
                "severity": event.severity,
                "channels": {each.channel: each.fraction for each in event.channels},
            }
            for event in detection.events
        ],
    }


def threshold_in_words(threshold: float, held_out_rate: float) -> str:
    """Return what a threshold means, and the fraction of held-out normal rows above it."""
    return (
        f"Threshold {threshold:.2f}: one normal row in {10**threshold:,.0f} scores higher; "
        f"on held-out normal rows {100 * held_out_rate:.2f} % did."
    )


def _counts(detection: Detection) -> tuple[str, int, str, int]:
    rows, alarms = len(detection.recording), int(detection.alarms.sum())
    return result_name(detection.recording), rows, f"{alarms} ({alarms / rows:.2%})", len(detection.events)


def _span(event: Event) -> tuple[str, str]:
    if event.start_time is None or event.end_time is None:
        return f"row {event.start}", f"row {event.stop - 1}"
    return event.start_time, event.end_time


def _top_channels(event: Event) -> str:
    channels = [f"{each.channel} {each.fraction:.0%}" for each in event.top_channels(_MAX_CHANNELS)]
    return ", ".join([*channels, *filter(None, [event.likeness])])
