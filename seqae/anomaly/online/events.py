"""Events of rows that arrive one after the other, equal to those of `find_events`, and departures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from seqae.anomaly.events import Event, find_events

DEPARTED_FRACTION = 0.2  # of the rows of about a block; with more in alarm, drift is a departure


class OpenEvent:
    """An event whose last row is not known yet; none is open while it has no rows.

    Args:
        channels: The number of channels.
    """

    STATE = ("start", "stop", "peak", "score", "times", "totals", "drifted_rows", "is_of_others")

    def __init__(self, channels: int):
        self.start = self.stop = self.peak = 0
        self.score = 0.0
        self.times = np.zeros(2, dtype=np.int64)  # the times of its first row and its last one
        self.totals = np.zeros(channels)  # the sums of the channel scores
        self.drifted_rows = np.zeros(channels, dtype=np.int64)  # in how many rows drift of a channel was the only cause
        self.is_of_others = False  # whether it began with other channels than those that had drifted

    @property
    def is_open(self) -> bool:
        """Whether it has rows."""
        return self.start < self.stop

    def add(self, row: int, score: float, channel_scores: np.ndarray, time: np.generic) -> None:
        """Add a row in alarm, with its channel scores `(channel,)`."""
        if not self.is_open:
            self.start, self.times = row, np.array([time, time])
        self.stop, self.times = row + 1, np.array([self.times[0], time])
        if score > self.score:
            self.peak, self.score = row, score
        self.totals += np.where(channel_scores > 0, channel_scores, 0)

    def duration(self, period: float | None) -> float:
        """Return how long it lasts in seconds; in rows without a period, the seconds that a row lasts."""
        if period is None:
            return float(self.stop - self.start)
        (elapsed,) = np.diff(self.times)
        return float((elapsed / np.timedelta64(1, "s") if self.times.dtype.kind == "M" else elapsed) + period)


class OnlineEvents:
    """The events of rows that arrive one after the other; at most one is open, and one departure.

    A departure begins when drift is confirmed, a fifth of the rows of about a block is in alarm, and a row is in alarm
    only because of the channels that have drifted; it takes over the event that is open. All such rows belong to it,
    until there is none for a whole block. Other alarms are events, before, meanwhile and after.

    Args:
        channels: The names of the channels.
        threshold: Scores above it raise an alarm.
        merge_gap: Alarms with at most this many rows between them are one event.
        min_rows: Minimum length of an event in rows; shorter ones are dropped.
        entity: The machine, "" if it has no name.
        block_rows: Rows of a block in which drift is looked for.
    """

    STATE = ("alarm_rate", "latest_alarm")

    def __init__(
        self,
        channels: Sequence[str],
        threshold: float,
        merge_gap: int,
        min_rows: int,
        entity: str = "",
        block_rows: int = 1,
    ):
        self.channels = channels
        self.threshold = threshold
        self.merge_gap = merge_gap
        self.min_rows = min_rows
        self.entity = entity
        self.block_rows = block_rows
        self.event, self.departure = OpenEvent(len(channels)), OpenEvent(len(channels))
        self.alarm_rate = 0.0  # exponentially weighted fraction of rows in alarm, up to the latest one
        self.latest_alarm = 0
        self.departed_rows = np.zeros(0, dtype=bool)  # which of the rows that came last belong to a departure

    def add(
        self,
        first: int,
        scores: np.ndarray,
        channel_scores: np.ndarray,
        times: np.ndarray,
        period: float | None,
        others: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> list[Event]:
        """Take the next rows of a segment without gaps in time, and return the events that have ended.

        Args:
            first: The number of the first row.
            scores: `(row,)`; NaN raises no alarm.
            channel_scores: `(row, channel)`, what each channel contributes; NaN adds nothing.
            times: `(row,)`, datetime64 or seconds; any integers if there are no times.
            period: Seconds that a row lasts; None if there are no times.
            others: The scores without channels that have drifted, `(row,)`, and which have, `(row, channel)` bool.
        """
        ended, self.departed_rows = [], np.zeros(len(scores), dtype=bool)
        for index in np.flatnonzero(scores > self.threshold).tolist():
            row = first + index
            ended += self._end_before(row, period)
            drifted = None if others is None else others[1][index]
            is_of_others = others is not None and bool(others[0][index] > self.threshold)
            into = self._open_event(row, is_of_others, drifted)
            self.departed_rows[index] = into is self.departure
            into.add(row, float(scores[index]), channel_scores[index], times[index])
        return ended + self._end_before(first + len(scores), period)

    def end(self, period: float | None) -> list[Event]:
        """Close the open event and return it, if there is one that is long enough; a departure goes on.

        Args:
            period: Seconds that a row lasts; None if there are no times.
        """
        ended, self.event = self.event, OpenEvent(len(self.channels))
        return self._finished(ended, period)

    def end_departure(self, period: float | None) -> list[Event]:
        """Close the open departure and return it, if there is one; argument as for `end`."""
        ended, self.departure = self.departure, OpenEvent(len(self.channels))
        self.alarm_rate = 0.0  # so that the next one needs alarms of its own
        return self._finished(ended, period)

    def _end_before(self, row: int, period: float | None) -> list[Event]:
        """Close what no alarm from this row on can belong to."""
        ended = []
        if self.departure.is_open and self.departure.stop < row - self.block_rows:
            ended += self.end_departure(period)
        if self.event.is_open and self.event.stop < row - self.merge_gap:
            ended += self.end(period)
        return ended

    def _open_event(self, row: int, is_of_others: bool, drifted: np.ndarray | None) -> OpenEvent:
        """Return what an alarm belongs to.

        Args:
            row: The row in alarm.
            is_of_others: Whether channels have drifted, and it would be in alarm without them.
            drifted: The channels that have drifted, `(channel,)` bool; None if none has.
        """
        keep = 1 - 1 / self.block_rows
        self.alarm_rate = self.alarm_rate * keep ** (row - self.latest_alarm) + (1 - keep)
        self.latest_alarm = row
        is_departed = self.departure.is_open or self.alarm_rate > DEPARTED_FRACTION
        if is_of_others or drifted is None or not drifted.any() or not is_departed:
            self.event.is_of_others |= is_of_others and not self.event.is_open
            return self.event
        if not self.departure.is_open and not self.event.is_of_others:
            self.event, self.departure = self.departure, self.event
        self.departure.drifted_rows = self.departure.drifted_rows + drifted
        return self.departure

    def _finished(self, ended: OpenEvent, period: float | None) -> list[Event]:
        if ended.stop - ended.start < max(self.min_rows, 1):
            return []
        # `find_events` formats it: of two rows with the score of its peak, the first one has all contributions.
        totals = np.stack([ended.totals, np.zeros_like(ended.totals)])
        times = None if period is None else ended.times
        (event,) = find_events(
            np.full(2, ended.score), self.threshold, totals, self.channels, times, entity=self.entity
        )
        most = max(int(ended.drifted_rows.max()), 1)
        departed = tuple(name for name, rows in zip(self.channels, ended.drifted_rows.tolist()) if 2 * rows >= most)
        if ended.stop - ended.start < self.block_rows:
            departed = ()  # a fault of a channel that had drifted, and no lasting state
        placed = replace(event, start=ended.start, stop=ended.stop, peak=ended.peak)
        return [replace(placed, duration=ended.duration(period), departed=departed)]
