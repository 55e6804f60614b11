"""The results of a stream as plain values, the same over standard output, HTTP, WebSocket and brokers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

    from seqae.anomaly.events import Event
    from seqae.anomaly.online.alerts import Alert
    from seqae.anomaly.online.detector import StreamUpdate

Shown = Literal["final", "provisional", "none"]


def records_of(
    update: StreamUpdate, shown: Shown, channels: Sequence[str], threshold: float, entity: str = ""
) -> list[dict[str, Any]]:
    """Return what is new as JSON records: alerts, rows, then events that have ended.

    Args:
        update: What a detector returned.
        shown: Which scores of rows are wanted.
        channels: The names of the detector's channels.
        threshold: Rows that score above it raise an alarm.
        entity: The machine, "" if it has no name.
    """
    machine = {"entity": entity} if entity else {}
    records: list[dict[str, Any]] = [{"alert": machine | alert_record(alert)} for alert in update.alerts]
    if shown != "none":
        names, table = row_table(update, shown, channels, threshold)
        records += [machine | dict(zip(names, cells)) for cells in table]
    return records + [{"event": event_record(event)} for event in update.events]


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
    record = asdict(event) | {"channels": {each.channel: each.fraction for each in event.channels}}
    return record if event.entity else {name: value for name, value in record.items() if name != "entity"}
