"""Events: consecutive rows that raise an alarm, how severe they are, and which channels contribute."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from seqae._files import read_file, reason, write_atomically
from seqae.data._files.text_files import json_value

_NO_EVENTS = (
    AttributeError,
    KeyError,
    TypeError,
    ValueError,
    OverflowError,
    RecursionError,
    csv.Error,
)  # of other content


@dataclass(frozen=True)
class ChannelContribution:
    """How much a channel contributes to an event.

    Attributes:
        channel: The name of the channel.
        fraction: The fraction that the channel has of the sum of the event's channel scores, 0 to 1.
    """

    channel: str
    fraction: float


_OPTIONAL = ("entity", "similar_fault", "fault_distance")  # left out of files where no event has them


@dataclass(frozen=True)
class Event:
    """Consecutive rows that are abnormal.

    Attributes:
        start: The index of the first row.
        stop: The row after the last one.
        start_time: The time of the first row: ISO 8601 for dates, a decimal number for seconds, None without times.
        end_time: The time of the last row.
        duration: Duration in seconds if there are times, including the sampling period of the last row; else in rows.
        severity: The highest score divided by the threshold.
        score: The highest score.
        peak: The row with the highest score.
        channels: The contribution of every channel, largest first; the fractions add up to 1.
        entity: The machine, "" if the recording names none.
        similar_fault: The fault that operators have named which is most similar; "" if they named none.
        fault_distance: How different it is: 0 for the same course in the same channels, 1 for nothing in common, up
            to 2 for the opposite; None if there is none.
    """

    start: int
    stop: int
    start_time: str | None
    end_time: str | None
    duration: float
    severity: float
    score: float
    peak: int
    channels: tuple[ChannelContribution, ...]
    entity: str = ""
    similar_fault: str = ""
    fault_distance: float | None = None

    @property
    def likeness(self) -> str:
        """Which named fault it is like, in words; "" if none is known, or it has nothing in common with any."""
        if not self.similar_fault or self.fault_distance is None or self.fault_distance >= 1:
            return ""
        return f"like {self.similar_fault!r} (distance {self.fault_distance:.2f})"

    def top_channels(self, k: int) -> list[ChannelContribution]:
        """Return the `k` channels that contribute most, fewer if the others contribute nothing."""
        return [contribution for contribution in self.channels[:k] if contribution.fraction > 0]


def runs(flags: np.ndarray, merge_gap: int = 0) -> np.ndarray:
    """Return where runs of True start and stop (exclusive), `(run, 2)` int.

    Args:
        flags: `(row,)` bool.
        merge_gap: Runs with at most this many rows between them are merged.
    """
    edges = np.diff(np.asarray(flags, dtype=np.int8), prepend=0, append=0)
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    apart = starts[1:] - stops[:-1] > merge_gap
    first, last = np.append(True, apart), np.append(apart, True)
    return np.stack([starts[first[: len(starts)]], stops[last[: len(stops)]]], axis=1)


def find_events(
    scores: np.ndarray,
    threshold: float,
    channel_scores: np.ndarray,
    channels: Sequence[str],
    times: np.ndarray | None = None,
    merge_gap: int = 5,
    min_rows: int = 1,
    segments: Sequence[slice] | None = None,
    entity: str = "",
) -> list[Event]:
    """Return the events of a recording, in the order of time.

    Args:
        scores: `(row,)` float. A row raises an alarm if its score is above the threshold; NaN never does.
        threshold: The largest score that is still normal, 0 or more.
        channel_scores: `(row, channel)` float, the contributions to the score; NaN and negative values add
            nothing.
        channels: The names of the channels.
        times: `(row,)`, datetime64 or seconds.
        merge_gap: Alarms with at most this many rows between them belong to one event.
        min_rows: Minimum length of an event in rows; shorter ones are dropped.
        segments: Consecutive rows without a gap in time between them; no event spans a gap. All rows by default.
        entity: The machine, "" if it has no name.

    Raises:
        ValueError: The shapes do not fit together, the threshold is negative or NaN, or two channels have one name.
    """
    _check(scores, threshold, channel_scores, channels, times)
    alarms = scores > threshold
    spans = [runs(alarms[rows], merge_gap) + rows.start for rows in segments or [slice(0, len(scores))]]
    events = []
    for start, stop in np.concatenate(spans).tolist():
        if stop - start < min_rows:
            continue
        peak = start + int(np.nanargmax(scores[start:stop]))
        score = float(scores[peak])
        event = Event(
            start=start,
            stop=stop,
            start_time=None if times is None else format_time(times[start]),
            end_time=None if times is None else format_time(times[stop - 1]),
            duration=float(stop - start) if times is None else _seconds(times, start, stop),
            severity=_finite(score / threshold if threshold else float("inf")),
            score=_finite(score),
            peak=peak,
            channels=_contributions(channel_scores[start:stop][alarms[start:stop]], channels),
            entity=entity,
        )
        events.append(event)
    return events


def _contributions(channel_scores: np.ndarray, channels: Sequence[str]) -> tuple[ChannelContribution, ...]:
    """Return the contributions to rows with these scores, `(row, channel)`, largest first."""
    with np.errstate(over="ignore"):  # a sum that overflows counts as an infinite score
        totals = np.where(channel_scores > 0, channel_scores, 0).sum(axis=0, dtype=float)
    if np.isinf(totals).any():
        totals = np.isinf(totals).astype(float)
    if not totals.any():
        totals = np.ones(len(channels))
    # Dividing by the largest first: adding up huge totals might overflow.
    totals = totals / totals.max()
    fractions = totals / totals.sum()
    largest_first = np.argsort(-fractions, kind="stable")
    return tuple(ChannelContribution(channels[channel], float(fractions[channel])) for channel in largest_first)


def _finite(number: float) -> float:
    """Return the number, or the largest float: JSON has no infinity."""
    return min(number, sys.float_info.max)


def format_time(time: np.generic) -> str:
    """Return a time as text: ISO 8601 for datetime64, else the number of seconds."""
    if isinstance(time, np.datetime64):
        return np.datetime_as_string(time, unit="ns").rstrip("0").rstrip(".")
    return str(float(time))


def _seconds(times: np.ndarray, start: int, stop: int) -> float:
    """Return how long the rows last; the last one lasts the median sampling period."""
    if np.issubdtype(times.dtype, np.datetime64):
        times = (times - times[0]) / np.timedelta64(1, "s")
    period = np.median(np.diff(times)) if len(times) > 1 else 0.0
    return float(times[stop - 1] - times[start] + period)


def _check(
    scores: np.ndarray,
    threshold: float,
    channel_scores: np.ndarray,
    channels: Sequence[str],
    times: np.ndarray | None,
) -> None:
    if not threshold >= 0:
        raise ValueError(
            f"threshold is {threshold}. Give a number that is 0 or more, such as the value of a FittedThreshold"
        )
    if channel_scores.shape != (len(scores), len(channels)):
        raise ValueError(
            f"channel_scores have shape {channel_scores.shape} for {len(scores)} scores and {len(channels)} channels. "
            "Give one number for each row and channel, (row, channel)"
        )
    if len(set(channels)) != len(channels):
        raise ValueError(f"channels share a name: {', '.join(channels)}. Give every channel a name of its own")
    if times is not None and len(times) != len(scores):
        raise ValueError(f"{len(times)} times for {len(scores)} scores. Give one time for each row, or None")


def write_events_json(events: Sequence[Event], path: str | Path) -> None:
    """Write events as a JSON list of objects; the file is replaced in one step."""
    text = json.dumps([event_to_record(event) for event in events], indent=1, ensure_ascii=False) + "\n"
    write_atomically(path, text.encode())


def read_events_json(path: str | Path) -> list[Event]:
    """Read events that `write_events_json` wrote.

    Raises:
        ValueError: The file holds something else.
    """
    try:
        return [event_from_record(record) for record in json_value(read_file(path))]
    except _NO_EVENTS as error:
        raise ValueError(
            f"{path} holds no events ({reason(error)}). Give a file that write_events_json wrote"
        ) from error


def write_events_csv(events: Sequence[Event], path: str | Path) -> None:
    """Write events as CSV, one a row, the contributions as a JSON object; the file is replaced in one step.

    The columns of the machine and of the most similar fault are there if an event names one.
    """
    text = io.StringIO(newline="")
    used = {name for event in events for name in event_to_record(event)}
    names = [field.name for field in fields(Event) if field.name in used or field.name not in _OPTIONAL]
    writer = csv.DictWriter(text, names, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for event in events:
        record = event_to_record(event)
        writer.writerow(record | {"channels": json.dumps(record["channels"], ensure_ascii=False)})
    write_atomically(path, text.getvalue().encode())


def read_events_csv(path: str | Path) -> list[Event]:
    """Read events that `write_events_csv` wrote.

    Raises:
        ValueError: The file holds something else.
    """
    try:
        records = list(csv.DictReader(io.StringIO(read_file(path).decode(), newline="")))
        return [event_from_record(record | {"channels": json_value(record["channels"])}) for record in records]
    except _NO_EVENTS as error:
        raise ValueError(
            f"{path} holds no events ({reason(error)}). Give a file that write_events_csv wrote"
        ) from error


def event_to_record(event: Event) -> dict[str, object]:
    """Return an event in the types of JSON; the machine and the most similar fault only if it names one."""
    record = vars(event) | {"channels": {each.channel: each.fraction for each in event.channels}}
    return {name: value for name, value in record.items() if name not in _OPTIONAL or value not in ("", None)}


def event_from_record(record: Mapping[str, Any]) -> Event:
    """Return an event from JSON's numbers or CSV's text."""
    return Event(
        start=int(record["start"]),
        stop=int(record["stop"]),
        start_time=record["start_time"] or None,
        end_time=record["end_time"] or None,
        duration=float(record["duration"]),
        severity=float(record["severity"]),
        score=float(record["score"]),
        peak=int(record["peak"]),
        channels=tuple(
            ChannelContribution(channel, float(fraction)) for channel, fraction in record["channels"].items()
        ),
        entity=record.get("entity") or "",
        similar_fault=record.get("similar_fault") or "",
        fault_distance=float(record["fault_distance"]) if record.get("fault_distance") not in ("", None) else None,
    )
