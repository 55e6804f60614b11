"""Alerts: the first evidence of possible events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqae.anomaly.online.segment import ScoredRows


@dataclass(frozen=True)
class Alert:
    """The first evidence of something abnormal, which may turn out to be an event near this row.

    Attributes:
        row: The row that scored above the threshold: provisionally, as the latest row, or else finally.
        time: The time of the row, datetime64 or seconds; None if there are no times.
        detected_at: The row with which the score was known.
        score: This score.
        channel: The channel that contributes most to it.
    """

    row: int
    time: np.generic | None
    detected_at: int
    score: float
    channel: str


class AlertTracker:
    """Turns rows with high scores into alerts, one for all rows that are near each other.

    Args:
        channels: The names of the channels.
        threshold: Scores above it count.
        quiet_rows: Rows after an alert in which others raise none.
        gap_rows: Rows after the latest row that counted in which others belong to the same event.
        departure_rows: Rows after one of a departure in which only final scores raise alerts, which tell its rows from
            others.
    """

    STATE = ("latest_row", "latest_alert", "departed_until")

    def __init__(
        self, channels: Sequence[str], threshold: float, quiet_rows: int, gap_rows: int, departure_rows: int = 0
    ):
        self.channels = channels
        self.threshold = threshold
        self.quiet_rows = quiet_rows
        self.gap_rows = gap_rows
        self.departure_rows = departure_rows
        self.latest_row = self.latest_alert = -(2**62)  # the latest row that counted, and the latest with an alert
        self.departed_until = -(2**62)  # the last row whose provisional score says nothing

    def add(self, final: ScoredRows, *provisional: ScoredRows, departed: np.ndarray | None = None) -> list[Alert]:
        """Take final and provisional scores, and return the new alerts in the order in which they were known.

        Args:
            final: Final scores.
            provisional: Provisional scores.
            departed: Which of the final rows belong to a departure, `(row,)` bool; none if None.
        """
        counted = [
            (int(block.known_at[index]), block.first + index, index, block)
            for block in (final, *provisional)
            for index in np.flatnonzero(block.scores > self.threshold).tolist()
        ]
        alerts = []
        for known_at, row, index, block in sorted(counted, key=lambda each: each[:2]):
            if block is final and departed is not None and departed[index]:
                self.departed_until = row + self.departure_rows
                continue
            if block is not final and row <= self.departed_until:
                continue
            if row > max(self.latest_row + self.gap_rows, self.latest_alert + self.quiet_rows):
                self.latest_alert = row
                time = None if block.times.dtype.kind == "i" else block.times[index]
                channel = self.channels[int(np.nanargmax(block.channel_scores[index]))]
                alerts.append(Alert(row, time, known_at, float(block.scores[index]), channel))
            self.latest_row = max(self.latest_row, row)
        return alerts
