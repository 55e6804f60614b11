"""The results of a watch as plain values, the same over standard output, HTTP, WebSocket and brokers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

    from seqae.anomaly.drift import Drift
    from seqae.anomaly.events import Event
    from seqae.anomaly.online.alerts import Alert
    from seqae.anomaly.online.detector import StreamUpdate
    from seqae.service.sampling_watch import Gap
    from seqae.service.watch_update import WatchUpdate

Shown = Literal["final", "provisional", "none"]


def records_of(
    update: WatchUpdate, shown: Shown, channels: Sequence[str], is_full: bool = False
) -> list[dict[str, Any]]:
    """Return what is new as JSON records: alerts, rows, then events that have ended.

    Args:
        update: What a watch returned.
        shown: Which scores of rows are wanted.
        channels: The names of the detector's channels.
        is_full: Whether notes, rejections, gaps and drifts are wanted, too; they come first.
    """
    machine = {"entity": update.entity} if update.entity else {}
    records: list[dict[str, Any]] = []
    if is_full:
        records += [{"note": machine | {"message": note}} for note in update.notes]
        records += [{"rejected": asdict(each)} for each in update.rejections]
        records += [{"gap": machine | gap_record(gap)} for gap in update.gaps]
    if (new := update.update) is None:
        return records
    if is_full:
        records += [{"drift": machine | drift_record(drift)} for drift in new.drifts]
    records += [{"alert": machine | alert_record(alert)} for alert in new.alerts]
    if shown != "none":
        names, table = row_table(new, shown, channels, update.threshold)
        records += [machine | dict(zip(names, cells)) for cells in table]
    return records + [{"event": event_record(event)} for event in new.events]


def row_table(
    update: StreamUpdate, shown: Shown, channels: Sequence[str], threshold: float
) -> tuple[list[str], list[list[object]]]:
    """Return the names of the columns, and the rows to be shown; None where a number is unknown."""
    if shown == "provisional":
        first, times, names, columns = (
            update.first_new_row,
            update.provisional_times,
            ["provisional score"],
            [update.provisional_scores],
        )
    else:
        first, times = update.first_final_row, update.times
        names = ["score", "alarm", *(f"{channel} score" for channel in channels)]
        columns = [update.scores, update.scores > threshold, *update.channel_scores.T]
    cells: list[Iterable[object]] = [range(first, first + len(columns[0])), *map(_plain, columns)]
    if times is not None:
        names, cells = ["time", *names], [cells[0], map(time_text, times), *cells[1:]]
    return ["row", *names], [list(row) for row in zip(*cells)]


def _plain(column: np.ndarray) -> list[float | bool | None]:
    """Return values with as few digits as give the same float32; None for NaN, which JSON lacks."""
    if column.dtype == bool:
        return column.tolist()
    return [float(str(number)) if number == number else None for number in column]


def time_text(moment: np.generic) -> str:
    """Return a time as short as it is exact, datetime64 or seconds."""
    return str(moment).rstrip("0").rstrip(".") if moment.dtype.kind == "M" else str(float(moment))


def alert_record(alert: Alert) -> dict[str, Any]:
    """Return an alert as JSON values."""
    return asdict(alert) | {"time": None if alert.time is None else time_text(alert.time)}


def event_record(event: Event) -> dict[str, Any]:
    """Return an event as JSON values, with the contribution of each channel by name."""
    from seqae.anomaly.events import event_to_record

    return event_to_record(event)


def drift_record(drift: Drift) -> dict[str, Any]:
    """Return a drift as JSON values, with the sentence that tells it."""
    numbers = {name: None if getattr(drift, name) != getattr(drift, name) else getattr(drift, name) for name in _SPAN}
    time = None if drift.time is None else time_text(drift.time)
    return asdict(drift) | numbers | {"time": time, "message": str(drift)}


def gap_record(gap: Gap) -> dict[str, Any]:
    """Return a gap in time as JSON values."""
    return asdict(gap) | {"time": time_text(gap.time)}


_SPAN = ("value", "low", "high")
