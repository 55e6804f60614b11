"""Anomalies in machine signals, found by reconstruction error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from seqae.anomaly.events import Event, find_events
from seqae.anomaly.models import Dense, Maker
from seqae.anomaly.scales import Scale
from seqae.anomaly.thresholds import PeaksOverThreshold, Threshold
from seqae.data.recordings import Recording, as_recordings

if TYPE_CHECKING:
    import pandas

CHUNK = 2**16  # rows scored together


class AnomalyDetector:
    """Learns to reconstruct normal rows, and scores how badly others are reconstructed.

    Malhotra et al. 2016, https://arxiv.org/abs/1607.00148. Windows of 16 steps are read at several
    time resolutions, each by an autoencoder of its own. Errors are averaged over the windows around a row,
    those after it as well, and measured by the error that normal rows rarely exceed, so that scores have no
    unit. A row's score is the mean over resolutions and the quadratic mean over channels; 1 is where normal
    ends. A channel's score, for blame, is that of the finest resolution against a lower level.

    The limit is set on blocks of the normal rows, each scored by models that have not seen it; for `Dense`
    these are the principal components that it starts from. Rows above the limit raise an alarm where a
    resolution is above its own limit and no finer one explains that by an alarm within its reach.

    Args:
        model: Makes the autoencoders, see `seqae.anomaly.models`; `Dense()` is the default.
        resolutions: Rows in a step, for each resolution; those for which there are too few training
            rows are made finer.
        window: Steps in a window.
        stride: Steps from one window to the next when scoring, up to the window.
        false_alarm_rate: The share of normal rows that may raise an alarm.
        threshold: How the limit is found.
        merge_gap: Alarms with at most this many rows between them are one event.
        min_rows: Shorter events are dropped.
        epochs: Passes over the training windows at most.
        seed: Of all random numbers.
    """

    def __init__(
        self,
        model: Maker | None = None,
        resolutions: tuple[int, ...] = (1, 4, 16),
        window: int = 16,
        stride: int = 1,
        false_alarm_rate: float = 0.001,
        threshold: Threshold | None = None,
        merge_gap: int = 10,
        min_rows: int = 1,
        epochs: int = 15,
        seed: int = 0,
    ):
        if not 1 <= stride <= window:
            raise ValueError(f"a stride of {stride} steps. Give 1 to {window}, so that windows cover every row")
        self.model = Dense() if model is None else model
        self.resolutions = tuple(resolutions)
        self.window = window
        self.stride = stride
        self.false_alarm_rate = false_alarm_rate
        self.threshold = PeaksOverThreshold() if threshold is None else threshold
        self.merge_gap = merge_gap
        self.min_rows = min_rows
        self.epochs = epochs
        self.seed = seed

    def fit(self, normal: object, progress: bool = False) -> AnomalyDetector:
        """Learn from normal rows.

        Args:
            normal: A file, a folder of files, a frame, an array `(row, channel)`, or a list of these;
                see `seqae.data.recordings.as_recordings`.
            progress: Whether to show how training goes.

        Raises:
            ValueError: The data cannot be used; says where and why.
        """
        from seqae.anomaly.fitting import fit_detector

        return fit_detector(self, as_recordings(normal), progress)

    def detect(self, data: object) -> list[Detection]:
        """Return what was found in each recording."""
        return [self._detection(recording) for recording in self._recordings(data)]

    def scores(self, data: object) -> np.ndarray:
        """Return one score per row of one recording, `(row,)` float32; the higher, the stranger."""
        recording = self._one(data)
        scores = np.empty(len(recording), dtype=np.float32)
        for rows, errors, known in self._chunks(recording):
            scores[rows] = self.levels_.row_scores(errors, known)
        return scores

    def channel_scores(self, data: object) -> np.ndarray:
        """Return one score per row and channel of one recording, `(row, channel)` float32; NaN where values miss."""
        recording = self._one(data)
        scores = np.empty(recording.values.shape, dtype=np.float32)
        for rows, errors, known in self._chunks(recording):
            scores[rows] = self.levels_.channel_scores(errors, known)
        return scores

    def alarms(self, data: object) -> np.ndarray:
        """Return True where a row raises an alarm, `(row,)`."""
        return self.alarms_of(self.all_scores(self._one(data)))

    def alarms_of(self, scores: Scores) -> np.ndarray:
        """Return the rows that raise an alarm, `(row,)`: the score is above the limit, and a resolution says why here.

        A coarse window that holds a fault makes some hundred rows suspicious. What a finer resolution
        has found therefore explains what coarser ones say of the rows within their reach.
        """
        found = np.zeros(len(scores.scores), dtype=bool)
        for scale, own, limit in zip(self.scales_, scores.by_resolution, self.resolution_limits_):
            found |= (own > limit) & ~_near(found, scale.reach)
        return found & (scores.scores > self.threshold_)

    def events(self, data: object) -> list[Event]:
        """Return when one recording was abnormal, how badly, and which channels are to blame."""
        return self._detection(self._one(data)).events

    def reconstruct(self, data: object) -> np.ndarray:
        """Return what the finest model makes of one recording, `(row, channel)` in the units of the data."""
        recording = self._one(data)
        finest, stride = self.scales_[0], self.stride
        scaled = [self.scaler_.transform(recording.values[rows]) for rows in recording.segments()]
        return self.scaler_.restore(np.concatenate([finest.reconstruct(rows, stride) for rows in scaled]))

    def encode(self, data: object) -> np.ndarray:
        """Return the codes of one recording's windows at the finest resolution, `(window, code_size)`.

        The windows stand beside each other; the last one ends at the last row of a stretch without gaps.
        """
        recording = self._one(data)
        scaled = [self.scaler_.transform(recording.values[rows]) for rows in recording.segments()]
        return np.concatenate([self.scales_[0].encode(rows, stride=self.window) for rows in scaled])

    @property
    def threshold_(self) -> float:
        """The largest score that is still normal."""
        return self.limit_.value

    def _chunks(self, recording: Recording) -> Iterator[tuple[slice, list[np.ndarray], np.ndarray]]:
        """Yield consecutive rows, their errors at each resolution, and which values are there.

        Memory does not depend on the number of rows; windows never span a gap in time.
        """
        for segment in recording.segments():
            values = recording.values[segment]
            for start in range(0, len(values), CHUNK):
                stop = min(start + CHUNK, len(values))
                errors = [self._errors(scale, values, start, stop) for scale in self.scales_]
                yield slice(segment.start + start, segment.start + stop), errors, ~np.isnan(values[start:stop])

    def _errors(self, scale: Scale, values: np.ndarray, start: int, stop: int) -> np.ndarray:
        """Return the errors of some rows, the same as if all rows were computed at once."""
        # Windows must begin at the same rows, and every window that covers one of the rows must be there.
        grid = scale.rows * self.stride
        first = max(start - scale.reach, 0) // grid * grid
        last = min(-(-(stop + scale.reach) // grid) * grid + scale.reach, len(values))
        errors = scale.errors(self.scaler_.transform(values[first:last]), self.stride)
        return errors[start - first : stop - first]

    def all_scores(self, data: object) -> Scores:
        """Return all scores of one recording."""
        recording = self._one(data)
        scores = np.empty(len(recording), dtype=np.float32)
        by_resolution = np.empty((len(self.scales_), len(recording)), dtype=np.float32)
        channels = np.empty(recording.values.shape, dtype=np.float32)
        for rows, errors, known in self._chunks(recording):
            scores[rows] = self.levels_.row_scores(errors, known)
            by_resolution[:, rows] = self.levels_.scores_by_resolution(errors, known)
            channels[rows] = self.levels_.channel_scores(errors, known)
        return Scores(scores, by_resolution, channels)

    def _detection(self, recording: Recording) -> Detection:
        found = self.all_scores(recording)
        return Detection(
            recording=recording,
            reconstruction=self.reconstruct(recording),
            channel_scores=found.channels,
            scores=found.scores,
            threshold=self.threshold_,
            alarms=self.alarms_of(found),
            merge_gap=self.merge_gap,
            min_rows=self.min_rows,
        )

    def _recordings(self, data: object) -> list[Recording]:
        if not hasattr(self, "levels_"):
            raise ValueError("this detector has not learnt yet. Call fit(normal) first")
        return as_recordings(data, channels=self.channels_)

    def _one(self, data: object) -> Recording:
        recordings = self._recordings(data)
        if len(recordings) != 1:
            raise ValueError(f"{len(recordings)} recordings. This takes one; use detect(data) for several")
        return recordings[0]


@dataclass(frozen=True, eq=False)
class Scores:
    """All scores of a recording.

    Attributes:
        scores: `(row,)`.
        by_resolution: `(resolution, row)`.
        channels: `(row, channel)`.
    """

    scores: np.ndarray
    by_resolution: np.ndarray
    channels: np.ndarray


@dataclass(frozen=True, eq=False)
class Detection:
    """What a detector found in a recording.

    Attributes:
        recording: What was scored.
        reconstruction: `(row, channel)`, in the units of the data.
        channel_scores: `(row, channel)`; NaN where a value is missing.
        scores: `(row,)`; NaN where all values are missing.
        threshold: No row with a score up to it raises an alarm.
        alarms: `(row,)`, True where a row raises one.
        merge_gap: Alarms with at most this many rows between them are one event.
        min_rows: Shorter events are dropped.
    """

    recording: Recording
    reconstruction: np.ndarray
    channel_scores: np.ndarray
    scores: np.ndarray
    threshold: float
    alarms: np.ndarray
    merge_gap: int
    min_rows: int

    @cached_property
    def events(self) -> list[Event]:
        """When it was abnormal, in order."""
        recording = self.recording
        return find_events(
            np.where(self.alarms, self.scores, np.fmin(self.scores, self.threshold)),
            self.threshold,
            self.channel_scores,
            recording.channels,
            recording.times,
            self.merge_gap,
            self.min_rows,
        )

    def frame(self) -> pandas.DataFrame:
        """Return a table: time (or row), score, alarm, and the score of each channel."""
        import pandas as pd

        times = self.recording.times
        columns = {"row": np.arange(len(self.scores))} if times is None else {"time": times}
        columns |= {"score": self.scores, "alarm": self.alarms}
        scores = {f"{name} score": self.channel_scores[:, i] for i, name in enumerate(self.recording.channels)}
        return pd.DataFrame(columns | scores)


def _near(flags: np.ndarray, reach: int) -> np.ndarray:
    """Return True within some rows of True, `(row,)`."""
    count = np.cumsum(np.pad(flags, (reach + 1, reach)), dtype=np.int64)
    return count[2 * reach + 1 :] > count[: len(flags)]
