"""Events of rows that arrive one after the other, equal to those of `find_events`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from seqae.anomaly.events import Event, find_events


class OnlineEvents:
    """The events of rows that arrive one after the other; at most one is open.

    Args:
        channels: The names of the channels.
        threshold: Scores above it raise an alarm.
        merge_gap: Alarms with at most this many rows between them are one event.
        min_rows: Minimum length of an event in rows; shorter ones are dropped.
        entity: The machine, "" if it has no name.
        compare: Names the fault that an event is most similar to, given the rows around its peak; None if no faults
            are known.
    """

    STATE = ("start", "stop", "peak", "score", "times", "totals", "peak_rows")

    def __init__(
        self,
        channels: Sequence[str],
        threshold: float,
        merge_gap: int,
        min_rows: int,
        entity: str = "",
        compare: Callable[[Event, np.ndarray], Event] | None = None,
    ):
        self.channels = channels
        self.threshold = threshold
        self.merge_gap = merge_gap
        self.min_rows = min_rows
        self.entity = entity
        self.compare = compare
        self.start = self.stop = self.peak = 0  # of the open event; none is open while it has no rows
        self.score = 0.0
        self.times = np.zeros(2, dtype=np.int64)  # the times of its first row and its last one
        self.totals = np.zeros(len(channels))  # the sums of the channel scores
        self.peak_rows = np.zeros((0, len(channels)))  # the rows around its peak, if faults are known

    @property
    def is_open(self) -> bool:
        """Whether there is an event that has not ended."""
        return self.start < self.stop

    def add(
        self,
        first: int,
        scores: np.ndarray,
        channel_scores: np.ndarray,
        times: np.ndarray,
        period: float | None,
        around: Callable[[int], np.ndarray] | None = None,
    ) -> list[Event]:
        """Take the next rows of a segment without gaps in time, and return the events that have ended.

        Args:
            first: The number of the first row.
            scores: `(row,)`; NaN raises no alarm.
            channel_scores: `(row, channel)`, what each channel contributes; NaN adds nothing.
            times: `(row,)`, datetime64 or seconds; any integers if there are no times.
            period: Seconds that a row lasts; None if there are no times.
            around: Returns the rows around one, `(row, channel)`; None if no faults are known.
        """
        ended = []
        for index in np.flatnonzero(scores > self.threshold).tolist():
            if self.start < self.stop < first + index - self.merge_gap:
                ended += self.end(period)
            if self.start == self.stop:
                self._begin(first + index, times[index])
            self.stop, self.times = first + index + 1, np.array([self.times[0], times[index]])
            if scores[index] > self.score:
                self.peak, self.score = first + index, float(scores[index])
                if around is not None:
                    self.peak_rows = around(self.peak)
            self.totals += np.where(channel_scores[index] > 0, channel_scores[index], 0)
        if self.start < self.stop < first + len(scores) - self.merge_gap:
            ended += self.end(period)
        return ended

    def end(self, period: float | None) -> list[Event]:
        """Close the open event and return it, if there is one that is long enough.

        Args:
            period: Seconds that a row lasts; None if there are no times.
        """
        start, stop, self.start = self.start, self.stop, self.stop
        if stop - start < max(self.min_rows, 1):
            return []
        # `find_events` formats it: of two rows with the score of its peak, the first one has all contributions.
        totals = np.stack([self.totals, np.zeros_like(self.totals)])
        times = None if period is None else self.times
        (event,) = find_events(np.full(2, self.score), self.threshold, totals, self.channels, times, entity=self.entity)
        event = replace(event, start=start, stop=stop, peak=self.peak, duration=self._duration(start, period))
        return [event if self.compare is None or not len(self.peak_rows) else self.compare(event, self.peak_rows)]

    def _duration(self, start: int, period: float | None) -> float:
        if period is None:
            return float(self.stop - start)
        (elapsed,) = np.diff(self.times)
        return float((elapsed / np.timedelta64(1, "s") if self.times.dtype.kind == "M" else elapsed) + period)

    def _begin(self, row: int, time: np.generic) -> None:
        self.start = self.stop = self.peak = row
        self.score, self.times, self.totals = 0.0, np.array([time, time]), np.zeros(len(self.channels))
