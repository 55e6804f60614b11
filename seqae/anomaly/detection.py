"""The result of a detector for one recording."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from seqae.anomaly.events import Event, find_events, format_time
from seqae.anomaly.scorer import Scorer
from seqae.data.signals.recordings import Recording
from seqae.data.signals.resampling import Resampled

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
        on_grid: The detection on the regular grid that the rows were resampled to; None if they were not. The rest is
            about the rows as they came: each has the results of its step, and only events count rows of the grid in
            `merge_gap` and `min_rows`.
        resampled: Where the rows are on the grid; None if they were not resampled.
        compare: Names the fault that each event is most similar to; None if no faults are known.
    """

    recording: Recording
    reconstruct: Callable[[Recording], np.ndarray]
    scores: np.ndarray
    channel_scores: np.ndarray
    threshold: float
    merge_gap: int
    min_rows: int
    on_grid: Detection | None = None
    resampled: Resampled | None = None
    compare: Callable[[Recording, list[Event]], list[Event]] | None = None

    @cached_property
    def reconstruction(self) -> np.ndarray:
        """The reconstruction by the finest model, `(row, channel)` in the units of the data; computed when read."""
        if self.on_grid is not None and self.resampled is not None:
            return self.resampled.of_original(self.on_grid.reconstruction)
        return self.reconstruct(self.recording)

    @property
    def entity(self) -> str:
        """The machine that the recording is of; "" if it names none."""
        return self.recording.entity

    @property
    def alarms(self) -> np.ndarray:
        """Which rows raise an alarm, `(row,)` bool."""
        return self.scores > self.threshold

    @cached_property
    def events(self) -> list[Event]:
        """The events, in the order of time."""
        if self.on_grid is not None and self.resampled is not None:
            return [_in_rows(event, self.resampled) for event in self.on_grid.events]
        recording = self.recording
        events = find_events(
            self.scores,
            self.threshold,
            self.channel_scores,
            recording.channels,
            recording.times,
            self.merge_gap,
            self.min_rows,
            recording.segments(),
            recording.entity,
        )
        return events if self.compare is None else self.compare(recording, events)

    def frame(self) -> pandas.DataFrame:
        """Return a table with a line per row: time (or row), score, alarm, and the score of each channel.

        The first column is the `entity`, where the recording names its machine.
        """
        import pandas as pd

        times = self.recording.times
        columns: dict[str, object] = {"entity": self.entity} if self.entity else {}
        columns |= {"row": np.arange(len(self.scores))} if times is None else {"time": times}
        columns |= {"score": self.scores, "alarm": self.alarms}
        scores = {f"{name} score": self.channel_scores[:, i] for i, name in enumerate(self.recording.channels)}
        return pd.DataFrame(columns | scores)


def detect_rows(recording: Recording, scorer: Scorer, merge_gap: int, min_rows: int) -> Detection:
    """Return what a scorer finds in rows at regular steps; `merge_gap` and `min_rows` are those of `Detection`."""
    scores = scorer.score(recording)
    return Detection(
        recording=recording,
        reconstruct=scorer.reconstruct,
        scores=scores.scores,
        channel_scores=scores.channel_scores,
        threshold=scorer.threshold,
        merge_gap=merge_gap,
        min_rows=min_rows,
        compare=scorer.with_faults if scorer.faults else None,
    )


def in_original_rows(detection: Detection, resampled: Resampled) -> Detection:
    """Return a detection on a regular grid as one of the rows that were resampled."""
    return replace(
        detection,
        recording=resampled.original,
        scores=resampled.of_original(detection.scores),
        channel_scores=resampled.of_original(detection.channel_scores),
        on_grid=detection,
        resampled=resampled,
    )


def _in_rows(event: Event, resampled: Resampled) -> Event:
    """Return an event on the grid with its original rows and their times; it lasts as long as on the grid."""
    start, stop = resampled.rows_of(event.start, event.stop)
    peak, _ = resampled.rows_of(event.peak, event.peak + 1)
    times = resampled.original.times
    assert times is not None
    return replace(
        event,
        start=start,
        stop=stop,
        peak=min(max(peak, start), stop - 1),
        start_time=format_time(times[start]),
        end_time=format_time(times[stop - 1]),
    )
