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
    """

    STATE = ("latest_row", "latest_alert")

    def __init__(self, channels: Sequence[str], threshold: float, quiet_rows: int, gap_rows: int):
        self.channels = channels
        self.threshold = threshold
        self.quiet_rows = quiet_rows
        self.gap_rows = gap_rows
        self.latest_row = self.latest_alert = -(2**62)  # the latest row that counted, and the latest with an alert

    def add(self, *blocks: ScoredRows) -> list[Alert]:
        """Take provisional and final scores in the order in which they were known, and return the new alerts."""
        counted = [
            (int(block.known_at[index]), block.first + index, index, block)
            for block in blocks
            for index in np.flatnonzero(block.scores > self.threshold).tolist()
        ]
        alerts = []
        for known_at, row, index, block in sorted(counted, key=lambda each: each[:2]):
            if row > max(self.latest_row + self.gap_rows, self.latest_alert + self.quiet_rows):
                self.latest_alert = row
                time = None if block.times.dtype.kind == "i" else block.times[index]
                channel = self.channels[int(np.nanargmax(block.channel_scores[index]))]
                alerts.append(Alert(row, time, known_at, float(block.scores[index]), channel))
            self.latest_row = max(self.latest_row, row)
        return alerts
