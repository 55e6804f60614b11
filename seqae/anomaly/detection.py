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
        scores: `(row,)` float32, higher = more anomalous; NaN where all values are missing.
        channel_scores: `(row, channel)` float32, what each channel contributes: they add up to the score. NaN where a
            value is missing.
        threshold: Scores above it raise an alarm.
        merge_gap: Alarms with at most this many rows between them are one event.
        min_rows: Minimum length of an event in rows; shorter ones are dropped.
    """

    recording: Recording
    reconstruct: Callable[[Recording], np.ndarray]
    scores: np.ndarray
    channel_scores: np.ndarray
    threshold: float
    merge_gap: int
    min_rows: int

    @cached_property
    def reconstruction(self) -> np.ndarray:
        """The reconstruction by the finest model, `(row, channel)` in the units of the data; computed when read."""
        return self.reconstruct(self.recording)

    @property
    def alarms(self) -> np.ndarray:
        """Which rows raise an alarm, `(row,)` bool."""
        return self.scores > self.threshold

    @cached_property
    def events(self) -> list[Event]:
        """The events, in the order of time."""
        recording = self.recording
        return find_events(
            self.scores,
            self.threshold,
            self.channel_scores,
            recording.channels,
            recording.times,
            self.merge_gap,
            self.min_rows,
            recording.segments(),
        )

    def frame(self) -> pandas.DataFrame:
        """Return a table with a line per row: time (or row), score, alarm, and the score of each channel."""
        import pandas as pd

        times = self.recording.times
        columns = {"row": np.arange(len(self.scores))} if times is None else {"time": times}
        columns |= {"score": self.scores, "alarm": self.alarms}
        scores = {f"{name} score": self.channel_scores[:, i] for i, name in enumerate(self.recording.channels)}
        return pd.DataFrame(columns | scores)
