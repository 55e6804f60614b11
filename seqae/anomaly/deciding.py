"""Alarms and events of rows that come one after the other: what `AnomalyDetector.strongest` and `find_events` say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from seqae.anomaly.events import FALL, Event, find_events


class Kind:
    """One kind of evidence, which is heard after the sharper kinds.

    Args:
        reach: How many rows away an alarm of a sharper kind explains what this kind says.
    """

    STATE = ("row", "heard", "peak", "least", "ratios", "above", "sharper", "alarms")

    def __init__(self, reach: int):
        self.reach = reach
        self.row = 0  # the first that is not decided
        self.heard = 0  # rows of which the sharper kinds have said all
        self.peak = 0.0  # of the ratio since it rose; 0 while it is down
        self.least = 0.0  # of the ratio since it was up
        self.ratios = np.zeros(0, dtype=np.float32)  # from the first undecided row on, as the next two
        self.above = np.zeros(0, dtype=bool)
        self.sharper = np.zeros(0, dtype=np.float32)
        # Rows near the undecided ones at which a sharper kind raised an alarm.
        self.alarms = np.zeros(0, dtype=np.int64)

    @property
    def measured(self) -> int:
        """How many rows have evidence of this kind."""
        return self.row + len(self.ratios)

    def measure(self, ratios: np.ndarray) -> np.ndarray:
        """Take the evidence of the next rows, `(row,)`; return where it is up, see `seqae.anomaly.events.latched`."""
        if self.peak or (ratios > 1).any():
            above = np.array([self._is_up(ratio) for ratio in ratios.tolist()], dtype=bool)
        else:
            above = np.zeros(len(ratios), dtype=bool)
            self.least = float(np.fmin.reduce(ratios, initial=self.least))
        self.ratios = np.concatenate([self.ratios, ratios])
        self.above = np.concatenate([self.above, above])
        return above

    def hear(self, strongest: np.ndarray) -> None:
        """Take the strongest evidence of all sharper kinds for the next rows, `(row,)`."""
        if (strongest > 1).any():
            self.alarms = np.concatenate([self.alarms, self.heard + np.flatnonzero(strongest > 1)])
        self.sharper = np.concatenate([self.sharper, strongest])
        self.heard += len(strongest)

    def decide(self, ended: bool) -> np.ndarray:
        """Return the strongest evidence, with this kind's, of the rows that no later row can change, `(row,)`.

        Args:
            ended: Whether no rows will follow.
        """
        last = self.heard if ended else self.heard - self.reach
        count = max(min(last - self.row, len(self.ratios)), 0)
        ratios, sharper, counts = self.ratios[:count], self.sharper[:count], self.above[:count]
        if count == 0:
            return sharper
        if len(self.alarms) and counts.any():
            counts = counts & ~self._is_explained(self.row + np.arange(count))
        self.row += count
        self.ratios, self.above, self.sharper = self.ratios[count:], self.above[count:], self.sharper[count:]
        if len(self.alarms):
            self.alarms = self.alarms[self.alarms >= self.row - self.reach]
        return np.maximum(sharper, np.where(counts, ratios, np.minimum(ratios, 1)))

    def _is_explained(self, rows: np.ndarray) -> np.ndarray:
        """Return whether a sharper kind raised an alarm within reach of rows, `(row,)`."""
        first = self.alarms.searchsorted(rows - self.reach)
        return first < self.alarms.searchsorted(rows + self.reach, side="right")

    def _is_up(self, ratio: float) -> bool:
        if not ratio > 1:
            self.least = min(np.inf if self.peak else self.least, ratio)
            self.peak = 0.0
            return False
        if self.peak:
            self.peak = max(self.peak, ratio)
            if ratio >= FALL * self.peak:
                return True
            self.peak, self.least = 0.0, ratio
            return False
        self.least = min(self.least, ratio)
        if FALL * ratio < self.least:
            return False
        self.peak = ratio
        return True


def strongest(kinds: Sequence[Kind], rows: int, ended: bool) -> np.ndarray:
    """Let the kinds be heard, from the sharpest to the coarsest; return the strongest evidence of the decided rows.

    Args:
        kinds: All that was measured so far is theirs.
        rows: How many rows there are.
        ended: Whether no more will follow.
    """
    found = np.zeros(rows - kinds[0].heard, dtype=np.float32)
    for kind in kinds:
        kind.hear(found)
        found = kind.decide(ended)
    return found


class RunningEvents:
    """The events of rows that come one after the other; at most one is open.

    Args:
        channels: Their names.
        merge_gap: Alarms with at most this many rows between them are one event.
        min_rows: Shorter events are dropped.
    """

    STATE = ("start", "stop", "peak", "score", "times", "totals")

    def __init__(self, channels: Sequence[str], merge_gap: int, min_rows: int):
        self.channels = channels
        self.merge_gap = merge_gap
        self.min_rows = min_rows
        self.start = self.stop = self.peak = 0  # of the open event; none is open while it has no rows
        self.score = 0.0
        self.times = np.zeros(2, dtype=np.int64)  # of its first row and its last one
        self.totals = np.zeros(len(channels))

    def add(
        self, first: int, evidence: np.ndarray, blame: np.ndarray, times: np.ndarray, period: float | None
    ) -> list[Event]:
        """Take the next rows of a stretch without gaps, and return the events that have ended.

        Args:
            first: The number of the first row.
            evidence: `(row,)`, above 1 at an alarm.
            blame: `(row, channel)`, the share of each channel.
            times: `(row,)`, datetime64 or seconds.
            period: Seconds that a row lasts; None if there are no times.
        """
        ended = []
        for place in np.flatnonzero(evidence > 1).tolist():
            if self.start < self.stop < first + place - self.merge_gap:
                ended += self.end(period)
            if self.start == self.stop:
                self._begin(first + place, times[place])
            self.stop, self.times = first + place + 1, np.array([self.times[0], times[place]])
            if evidence[place] > self.score:
                self.peak, self.score = first + place, float(evidence[place])
            self.totals += blame[place]
        if self.start < self.stop < first + len(evidence) - self.merge_gap:
            ended += self.end(period)
        return ended

    def end(self, period: float | None) -> list[Event]:
        """Close the open event and return it, if there is one that is long enough."""
        start, stop, self.start = self.start, self.stop, self.stop
        if stop - start < max(self.min_rows, 1):
            return []
        timed = period is not None
        # The event itself, in two rows: the first one has all of it, the other one only its time.
        totals, times = np.stack([self.totals, np.zeros_like(self.totals)]), self.times if timed else None
        (event,) = find_events(np.full(2, self.score), 1.0, totals, self.channels, times)
        return [replace(event, start=start, stop=stop, peak=self.peak, duration=self._duration(start, period))]

    def _duration(self, start: int, period: float | None) -> float:
        if period is None:
            return float(self.stop - start)
        first, last = self.times
        passed = (last - first) / np.timedelta64(1, "s") if self.times.dtype.kind == "M" else last - first
        return float(passed + period)

    def _begin(self, row: int, time: np.generic) -> None:
        self.start = self.stop = self.peak = row
        self.score, self.times, self.totals = 0.0, np.array([time, time]), np.zeros(len(self.channels))
