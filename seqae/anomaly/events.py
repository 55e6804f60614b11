"""From scores to events: when it was abnormal, how badly, and which channels are to blame."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from seqae._files import write_atomically

FALL = 0.4  # of an alarm's peak, at which it ends


@dataclass(frozen=True)
class Blame:
    """One channel's part in an event: its share of the event's channel scores, 0 to 1."""

    channel: str
    share: float


@dataclass(frozen=True)
class Event:
    """A stretch of rows that is abnormal.

    Attributes:
        start: The first row.
        stop: The row after the last one.
        start_time: The first row's time: ISO 8601 for a time stamp, a decimal number for seconds, else None.
        end_time: The last row's time.
        duration: In seconds if there are times, the last row's sampling period included; else in rows.
        severity: The highest score divided by the threshold.
        score: The highest score.
        peak: The row with the highest score.
        channels: Every channel with its share of the blame, largest first; the shares add up to 1.
    """

    start: int
    stop: int
    start_time: str | None
    end_time: str | None
    duration: float
    severity: float
    score: float
    peak: int
    channels: tuple[Blame, ...]

    def blamed(self, most: int) -> list[Blame]:
        """Return the channels with the largest shares, none that has no share."""
        return [blame for blame in self.channels[:most] if blame.share > 0]


def runs(flags: np.ndarray, merge_gap: int = 0) -> np.ndarray:
    """Where runs of True start and stop (exclusive), `(run, 2)`; runs at most `merge_gap` rows apart are one."""
    edges = np.diff(np.asarray(flags, dtype=np.int8), prepend=0, append=0)
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    apart = starts[1:] - stops[:-1] > merge_gap
    first, last = np.append(True, apart), np.append(apart, True)
    return np.stack([starts[first[: len(starts)]], stops[last[: len(stops)]]], axis=1)


def latched(ratios: np.ndarray, fall: float = FALL) -> np.ndarray:
    """Where a ratio is above its limit 1, `(row,)`, without the slow way back after a large one.

    An alarm ends where the ratio is down at the limit or at the share `fall` of its peak. Above the limit, the next one
    begins where the ratio has risen from its least value since as much.

    Args:
        ratios: `(row,)`; NaN is no alarm.
        fall: The share of its peak to which a ratio may fall within an alarm.
    """
    found = np.zeros(len(ratios), dtype=bool)
    least, end = 0.0, 0  # of the ratio since the last alarm
    for start, stop in runs(ratios > 1).tolist():
        least = min(least, float(np.nan_to_num(ratios[end:start], nan=np.inf).min(initial=np.inf)))
        while start < stop:
            above = ratios[start:stop]
            rising = fall * above >= np.fmin(np.minimum.accumulate(above), least)
            if not rising.any():
                least = min(least, float(above.min()))
                break
            start += int(rising.argmax())
            above = ratios[start:stop]
            fallen = above < fall * np.maximum.accumulate(above)
            last = start + int(fallen.argmax()) if fallen.any() else stop
            found[start:last] = True
            start, least = last, float(ratios[last]) if last < stop else np.inf
        end = stop
    return found


def find_events(
    scores: np.ndarray,
    threshold: float,
    channel_scores: np.ndarray,
    channels: Sequence[str],
    times: np.ndarray | None = None,
    merge_gap: int = 5,
    min_rows: int = 1,
    stretches: Sequence[slice] | None = None,
) -> list[Event]:
    """The events of a recording, in order.

    Args:
        scores: `(row,)`. A row raises an alarm if its score is above the threshold; NaN never does.
        threshold: The largest score that is still normal, 0 or more.
        channel_scores: `(row, channel)`, what each channel adds to the score; NaN and negative values add nothing.
        channels: The channels' names.
        times: `(row,)`, datetime64 or seconds.
        merge_gap: Alarms with at most this many rows between them belong to one event.
        min_rows: Shorter events are dropped.
        stretches: Consecutive rows without a gap in time between them; no event spans a gap. All rows by default.
    """
    _check(scores, threshold, channel_scores, channels, times)
    alarms = scores > threshold
    events = []
    found = [runs(alarms[rows], merge_gap) + rows.start for rows in stretches or [slice(0, len(scores))]]
    for start, stop in np.concatenate(found).tolist():
        if stop - start < min_rows:
            continue
        peak = start + int(np.nanargmax(scores[start:stop]))
        score = float(scores[peak])
        event = Event(
            start=start,
            stop=stop,
            start_time=None if times is None else time_text(times[start]),
            end_time=None if times is None else time_text(times[stop - 1]),
            duration=float(stop - start) if times is None else _seconds(times, start, stop),
            severity=_finite(score / threshold if threshold else float("inf")),
            score=_finite(score),
            peak=peak,
            channels=_blame(channel_scores[start:stop][alarms[start:stop]], channels),
        )
        events.append(event)
    return events


def _blame(channel_scores: np.ndarray, channels: Sequence[str]) -> tuple[Blame, ...]:
    with np.errstate(over="ignore"):  # a sum that is too large is as good as an infinite score
        totals = np.where(channel_scores > 0, channel_scores, 0).sum(axis=0, dtype=float)
    if np.isinf(totals).any():
        totals = np.isinf(totals).astype(float)
    if not totals.any():
        totals = np.ones(len(channels))
    # Dividing by the largest first: adding up huge totals might overflow.
    totals = totals / totals.max()
    shares = totals / totals.sum()
    largest_first = np.argsort(-shares, kind="stable")
    return tuple(Blame(channels[channel], float(shares[channel])) for channel in largest_first)


def _finite(number: float) -> float:
    """The number itself, or the largest there is: JSON knows no infinity."""
    return min(number, sys.float_info.max)


def time_text(time: np.generic) -> str:
    """Return a moment as people and machines read it: a date in ISO 8601, or seconds."""
    if isinstance(time, np.datetime64):
        return np.datetime_as_string(time, unit="ns").rstrip("0").rstrip(".")
    return str(float(time))


def _seconds(times: np.ndarray, start: int, stop: int) -> float:
    """How long the rows last; the last one lasts a usual sampling period."""
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
        raise ValueError(f"threshold is {threshold}. Give a number that is 0 or more, such as a fitted Limit's value")
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
    """Write events as a JSON list of objects; the file appears whole or not at all."""
    text = json.dumps([_to_record(event) for event in events], indent=1, ensure_ascii=False) + "\n"
    write_atomically(path, text.encode())


def read_events_json(path: str | Path) -> list[Event]:
    """Read what `write_events_json` wrote."""
    try:
        return [_from_record(record) for record in json.loads(Path(path).read_text(encoding="utf-8"))]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} holds no events ({error!r}). Give a file that write_events_json wrote") from error


def write_events_csv(events: Sequence[Event], path: str | Path) -> None:
    """Write events as CSV, one a row, the blame as a JSON object; the file appears whole or not at all."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [field.name for field in fields(Event)], lineterminator="\n")
    writer.writeheader()
    for event in events:
        record = _to_record(event)
        writer.writerow(record | {"channels": json.dumps(record["channels"], ensure_ascii=False)})
    write_atomically(path, text.getvalue().encode())


def read_events_csv(path: str | Path) -> list[Event]:
    """Read what `write_events_csv` wrote."""
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            records = list(csv.DictReader(file))
        return [_from_record(record | {"channels": json.loads(record["channels"])}) for record in records]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} holds no events ({error!r}). Give a file that write_events_csv wrote") from error


def _to_record(event: Event) -> dict[str, object]:
    return asdict(event) | {"channels": {blame.channel: blame.share for blame in event.channels}}


def _from_record(record: dict[str, object]) -> Event:
    """An event from JSON's numbers or CSV's text."""
    return Event(
        start=int(record["start"]),
        stop=int(record["stop"]),
        start_time=record["start_time"] or None,
        end_time=record["end_time"] or None,
        duration=float(record["duration"]),
        severity=float(record["severity"]),
        score=float(record["score"]),
        peak=int(record["peak"]),
        channels=tuple(Blame(channel, float(share)) for channel, share in record["channels"].items()),
    )
