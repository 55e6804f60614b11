"""The result of a detector for one recording."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from seqae.anomaly.events import Event, find_events
from seqae.data.signals.recordings import Recording

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class Detection:
    """Scores, alarms and events of a recording.

    Attributes:
        recording: The recording that was scored.
        reconstruct: Reconstructs a recording, `(row, channel)` in the units of the data.
        channel_scores: `(row, channel)` float32, NaN where a value is missing.
        scores: `(row,)` float32, higher = more anomalous; NaN where all values are missing.
        threshold_ratio: `(row,)` float32, the evidence for an alarm as a ratio to its threshold: above 1 is an alarm.
        contributions: `(row, channel)` float32, the fraction that each channel contributes.
        merge_gap: Alarms with at most this many rows between them are one event.
        min_rows: Minimum length of an event in rows; shorter ones are dropped.
    """

    recording: Recording
    reconstruct: Callable[[Recording], np.ndarray]
    channel_scores: np.ndarray
    scores: np.ndarray
    threshold_ratio: np.ndarray
    contributions: np.ndarray
    merge_gap: int
    min_rows: int

    @cached_property
    def reconstruction(self) -> np.ndarray:
        """The reconstruction by the finest model, `(row, channel)` in the units of the data; computed when read."""
        return self.reconstruct(self.recording)

    @property
    def alarms(self) -> np.ndarray:
        """Which rows raise an alarm, `(row,)` bool."""
        return self.threshold_ratio > 1

    @cached_property
    def events(self) -> list[Event]:
        """The events, in the order of time."""
        recording = self.recording
        return find_events(
            self.threshold_ratio,
            1.0,
            self.contributions,
            recording.channels,
            recording.times,
            self.merge_gap,
            self.min_rows,
            recording.segments(),
        )

    def frame(self) -> pandas.DataFrame:
        """Return a table with a line per row: time (or row), score, threshold_ratio, alarm, score of each channel."""
        import pandas as pd

        times = self.recording.times
        columns = {"row": np.arange(len(self.scores))} if times is None else {"time": times}
        columns |= {"score": self.scores, "threshold_ratio": self.threshold_ratio, "alarm": self.alarms}
        scores = {f"{name} score": self.channel_scores[:, i] for i, name in enumerate(self.recording.channels)}
        return pd.DataFrame(columns | scores)
