"""Alarms and events of rows that arrive one by one, equal to those of `Scorer.combine_evidence` and `find_events`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from seqae.anomaly.events import RELEASE_RATIO, Event, find_events


class EvidenceStream:
    """One stream of evidence, as ratios to its threshold, combined with the streams that are sharper in time.

    Ratios are appended as they become final, and so are the combined ratios of the sharper streams. From both the
    final combined ratios follow, which no later row can change. Between calls the stream keeps the pending rows: those
    that are not combined yet.

    Args:
        reach: Within how many rows of an alarm of a sharper stream the alarms of this one do not count.
    """

    STATE = ("first_pending", "observed", "peak", "trough", "ratios", "in_alarm", "sharper_ratios", "sharper_alarms")

    def __init__(self, reach: int):
        self.reach = reach
        self.first_pending = 0  # the index of the first pending row
        self.observed = 0  # rows for which the sharper streams are combined
        self.peak = 0.0  # the highest ratio of the current alarm; 0 outside an alarm
        self.trough = 0.0  # the lowest ratio since the last alarm
        # For the pending rows, as far as they are known:
        self.ratios = np.zeros(0, dtype=np.float32)
        self.in_alarm = np.zeros(0, dtype=bool)
        self.sharper_ratios = np.zeros(0, dtype=np.float32)
        # Indices of the rows, near the pending ones, at which a sharper stream raised an alarm.
        self.sharper_alarms = np.zeros(0, dtype=np.int64)

    @property
    def stop(self) -> int:
        """The index of the row whose ratio comes next."""
        return self.first_pending + len(self.ratios)

    def append(self, ratios: np.ndarray) -> np.ndarray:
        """Take the ratios of the next rows, `(row,)`; return where they are in alarm by `hysteresis`, `(row,)` bool."""
        if self.peak or (ratios > 1).any():
            in_alarm = np.array([self._in_alarm(ratio) for ratio in ratios.tolist()], dtype=bool)
        else:
            in_alarm = np.zeros(len(ratios), dtype=bool)
            self.trough = float(np.fmin.reduce(ratios, initial=self.trough))
        self.ratios = np.concatenate([self.ratios, ratios])
        self.in_alarm = np.concatenate([self.in_alarm, in_alarm])
        return in_alarm

    def observe(self, sharper_ratios: np.ndarray) -> None:
        """Take the combined ratios of all sharper streams for the next rows, `(row,)`."""
        if (sharper_ratios > 1).any():
            alarms = self.observed + np.flatnonzero(sharper_ratios > 1)
            self.sharper_alarms = np.concatenate([self.sharper_alarms, alarms])
        self.sharper_ratios = np.concatenate([self.sharper_ratios, sharper_ratios])
        self.observed += len(sharper_ratios)

    def finalize(self, ended: bool) -> np.ndarray:
        """Return the ratios, combined with this stream's, of the rows that no later row can change, `(row,)` float32.

        Args:
            ended: Whether no rows will follow.
        """
        last = self.observed if ended else self.observed - self.reach
        count = max(min(last - self.first_pending, len(self.ratios)), 0)
        ratios, sharper, counts = self.ratios[:count], self.sharper_ratios[:count], self.in_alarm[:count]
        if count == 0:
            return sharper
        if len(self.sharper_alarms) and counts.any():
            counts = counts & ~self._is_explained(self.first_pending + np.arange(count))
        self.first_pending += count
        self.ratios, self.in_alarm = self.ratios[count:], self.in_alarm[count:]
        self.sharper_ratios = self.sharper_ratios[count:]
        if len(self.sharper_alarms):
            self.sharper_alarms = self.sharper_alarms[self.sharper_alarms >= self.first_pending - self.reach]
        return np.maximum(sharper, np.where(counts, ratios, np.minimum(ratios, 1)))

    def _is_explained(self, rows: np.ndarray) -> np.ndarray:
        """Return whether a sharper stream raised an alarm within reach of rows, `(row,)` bool."""
        first = self.sharper_alarms.searchsorted(rows - self.reach)
        return first < self.sharper_alarms.searchsorted(rows + self.reach, side="right")

    def _in_alarm(self, ratio: float) -> bool:
        """Take the next ratio, and return whether it is in alarm: one step of `hysteresis`."""
        if not ratio > 1:
            self.trough = min(np.inf if self.peak else self.trough, ratio)
            self.peak = 0.0
            return False
        if self.peak:
            self.peak = max(self.peak, ratio)
            if ratio >= RELEASE_RATIO * self.peak:
                return True
            self.peak, self.trough = 0.0, ratio
            return False
        self.trough = min(self.trough, ratio)
        if RELEASE_RATIO * ratio < self.trough:
            return False
        self.peak = ratio
        return True


def combine_streams(streams: Sequence[EvidenceStream], rows: int, ended: bool) -> np.ndarray:
    """Return the combined ratios of the rows that have become final, `(row,)` float32: above 1 is an alarm.

    Args:
        streams: The streams, from the finest time resolution to the coarsest, with all ratios that are final so far.
        rows: The number of rows so far.
        ended: Whether no rows will follow.
    """
    combined = np.zeros(rows - streams[0].observed, dtype=np.float32)
    for stream in streams:
        stream.observe(combined)
        combined = stream.finalize(ended)
    return combined


class OnlineEvents:
    """The events of rows that arrive one after the other; at most one is open.

    Args:
        channels: The names of the channels.
        merge_gap: Alarms with at most this many rows between them are one event.
        min_rows: Minimum length of an event in rows; shorter ones are dropped.
    """

    STATE = ("start", "stop", "peak", "score", "times", "totals")

    def __init__(self, channels: Sequence[str], merge_gap: int, min_rows: int):
        self.channels = channels
        self.merge_gap = merge_gap
        self.min_rows = min_rows
        self.start = self.stop = self.peak = 0  # of the open event; none is open while it has no rows
        self.score = 0.0
        self.times = np.zeros(2, dtype=np.int64)  # the times of its first row and its last one
        self.totals = np.zeros(len(channels))  # the sums of the contributions

    def add(
        self, first: int, ratios: np.ndarray, contributions: np.ndarray, times: np.ndarray, period: float | None
    ) -> list[Event]:
        """Take the next rows of a segment without gaps in time, and return the events that have ended.

        Args:
            first: The number of the first row.
            ratios: `(row,)`, above 1 at an alarm.
            contributions: `(row, channel)`, the fraction that each channel contributes.
            times: `(row,)`, datetime64 or seconds; any integers if there are no times.
            period: Seconds that a row lasts; None if there are no times.
        """
        ended = []
        for index in np.flatnonzero(ratios > 1).tolist():
            if self.start < self.stop < first + index - self.merge_gap:
                ended += self.end(period)
            if self.start == self.stop:
                self._begin(first + index, times[index])
            self.stop, self.times = first + index + 1, np.array([self.times[0], times[index]])
            if ratios[index] > self.score:
                self.peak, self.score = first + index, float(ratios[index])
            self.totals += contributions[index]
        if self.start < self.stop < first + len(ratios) - self.merge_gap:
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
        (event,) = find_events(np.full(2, self.score), 1.0, totals, self.channels, times)
        return [replace(event, start=start, stop=stop, peak=self.peak, duration=self._duration(start, period))]

    def _duration(self, start: int, period: float | None) -> float:
        if period is None:
            return float(self.stop - start)
        (elapsed,) = np.diff(self.times)
        return float((elapsed / np.timedelta64(1, "s") if self.times.dtype.kind == "M" else elapsed) + period)

    def _begin(self, row: int, time: np.generic) -> None:
        self.start = self.stop = self.peak = row
        self.score, self.times, self.totals = 0.0, np.array([time, time]), np.zeros(len(self.channels))
