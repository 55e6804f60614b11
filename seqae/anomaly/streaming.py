"""A detector at work while the machine runs: rows come one by one, findings as soon as they are certain."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from seqae.anomaly.deciding import Kind, RunningEvents, strongest
from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.events import Event
from seqae.anomaly.keeping import fingerprint, pack, read_state, unpack, write_state
from seqae.anomaly.running import RunningCharts, RunningErrors, Tail
from seqae.data.arrays import refuse_infinite, to_values
from seqae.data.sampling import Sampling

FIRST = 32  # rows that tell how much time passes from one to the next
TOGETHER = 2**12  # rows computed at once, so that memory does not depend on how many are pushed


@dataclass(frozen=True)
class Alert:
    """The first sign of something abnormal.

    An event lies near this row, or at it: which kind of evidence names it, and so where it begins, is told by the event.

    Attributes:
        row: The first row whose evidence is above its limit.
        time: Its time, datetime64 or seconds; None if there are no times.
        known: The row that had to come for it.
        evidence: How many times the limit.
        sign: "level", "quiet", or "errors over N rows".
        channel: The channel that contributes most.
    """

    row: int
    time: np.generic | None
    known: int
    evidence: float
    sign: str
    channel: str


@dataclass(frozen=True, eq=False)
class Found:
    """What is new after some rows.

    Attributes:
        came: The number of the first row that `now` is about.
        now: `(row,)`, provisional scores of the rows that came: the mean over resolutions of the window that ended
            last, and not of all windows around the row.
        first: The number of the first settled row.
        times: `(settled row,)`; None if there are no times.
        scores: `(settled row,)`, as `AnomalyDetector.scores`.
        evidence: `(settled row,)`, as `Detection.evidence`: above 1, the row raises an alarm.
        channel_scores: `(settled row, channel)`, as `AnomalyDetector.channel_scores`.
        alerts: The first signs of what may become events.
        events: Those that have ended, as `AnomalyDetector.events`.
    """

    came: int
    now: np.ndarray
    first: int
    times: np.ndarray | None
    scores: np.ndarray
    evidence: np.ndarray
    channel_scores: np.ndarray
    alerts: tuple[Alert, ...]
    events: tuple[Event, ...]


class OnlineDetector:
    """Scores rows as they come, in memory that does not grow with their number.

    What it finds in a recording, put together, is what its detector finds in the whole of it, whether the rows came
    one by one or many at once, and also if the state was saved and loaded in between. A row is settled when no later
    row can change what is said of it, which takes `delay` rows. Three things are told earlier: an alert comes when some
    evidence has passed its limit, after 5 rows for a level and a standstill and one window for errors; a provisional
    score comes with its row.

    Rows without a gap in time between them make a stretch, as in a recording. A recording's usual sampling period is
    known at its end; here it is given, or the first rows tell it, which are held back until then.

    Args:
        detector: A fitted one.
        period: Seconds from row to row.
    """

    STATE = ("row", "period", "is_coarse", "last_time", "stretch", "alerted", "cuts")

    def __init__(self, detector: AnomalyDetector, period: float | None = None):
        if not hasattr(detector, "levels_"):
            raise ValueError("this detector has not learnt yet. Call fit(normal) first")
        if period is not None and not 0 < period < np.inf:
            raise ValueError(f"a period of {period} s. Give the seconds from row to row, more than 0")
        self.detector = detector
        self.given_period = period
        self._begin()

    @property
    def rows(self) -> int:
        """How many rows have come."""
        return self.known.stop + len(self.waiting.rows)

    @property
    def delay(self) -> int:
        """How many rows after a row it is settled."""
        charts, *resolutions = [
            int(part.needs(np.arange(256)).max() - 255) if False else self._ahead(part) for part in self._parts
        ]
        delay = charts
        for scale, ahead in zip(self.detector.scales_, resolutions):
            delay = max(ahead, delay + 2 * scale.reach)
        return delay
