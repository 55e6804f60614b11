"""Alerts: the first evidence of possible events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqae.anomaly.online.errors import RowBuffer


@dataclass(frozen=True)
class Alert:
    """The first evidence of something abnormal: an event includes this row or lies near it.

    Attributes:
        row: The first row whose evidence is above its threshold.
        time: The time of the row, datetime64 or seconds; None if there are no times.
        detected_at: The row with which the evidence became final.
        threshold_ratio: The evidence divided by its threshold.
        reason: "mean", "stuck", or "errors over N rows".
        channel: The channel that contributes most.
    """

    row: int
    time: np.generic | None
    detected_at: int
    threshold_ratio: float
    reason: str
    channel: str


@dataclass(frozen=True, order=True)
class Candidate:
    """A row at which a stream of evidence is in alarm, ordered by when that was known.

    Attributes:
        detected_at: The row with which the evidence became final.
        stream: The index of the stream.
        row: The index of the row in alarm.
        threshold_ratio: The evidence divided by its threshold.
        channel: The index of the channel that contributes most.
    """

    detected_at: int
    stream: int
    row: int
    threshold_ratio: float
    channel: int


class AlertTracker:
    """Turns rows in alarm into alerts, one for all rows that are near each other.

    Args:
        reasons: The name of the evidence in each stream, for the alerts.
        explained_rows: For each stream, the number of rows after an alarm for which its own alarms are not reported.
        channels: The names of the channels.
    """

    STATE = ("latest_row",)

    def __init__(self, reasons: Sequence[str], explained_rows: Sequence[int], channels: Sequence[str]):
        self.reasons = reasons
        self.explained_rows = explained_rows
        self.channels = channels
        self.latest_row = -(2**62)  # the latest row in alarm
        self.candidates: list[Candidate] = []

    def add(self, candidate: Candidate) -> None:
        """Take a row in alarm."""
        self.candidates.append(candidate)

    def alerts(self, times: RowBuffer) -> list[Alert]:
        """Return the alerts of the candidates since the last call.

        Args:
            times: The times of the rows, `(row,)`; integers if there are none.
        """
        alerts = []
        for candidate in sorted(self.candidates):
            row = candidate.row
            if row > self.latest_row + self.explained_rows[candidate.stream]:
                time = None if times.rows.dtype.kind == "i" else times.between(row, row + 1)[0]
                reason, channel = self.reasons[candidate.stream], self.channels[candidate.channel]
                alerts.append(Alert(row, time, candidate.detected_at, candidate.threshold_ratio, reason, channel))
            self.latest_row = max(self.latest_row, row)
        self.candidates.clear()
        return alerts
