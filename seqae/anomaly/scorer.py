"""The fitted state of a detector, and the scores that follow from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from seqae.anomaly.control_charts import WINDOW_ROWS, MeanChart, StuckChart
from seqae.anomaly.drift import DriftChart
from seqae.anomaly.error_scaling import ErrorScaler
from seqae.anomaly.events import hysteresis
from seqae.anomaly.multiscale import ResolutionModel
from seqae.anomaly.thresholds import FittedThreshold
from seqae.data.signals.recordings import Recording
from seqae.transforms.scaler import Scaler

ROWS_PER_CHUNK = 2**16  # rows that are scored together


@dataclass(frozen=True, eq=False)
class Scores:
    """All scores of a recording, float32.

    The evidence for an alarm comes in several streams, each as a ratio to its own threshold: the mean chart, the stuck
    chart, then the reconstruction errors at each resolution, finest first.

    Attributes:
        scores: `(row,)`, higher = more anomalous; NaN where all values are missing.
        threshold_ratios: `(stream, row)`.
        channel_scores: `(row, channel)`, NaN where a value is missing.
        chart_ratios: `(row, channel)`, the larger ratio of the two charts.
    """

    scores: np.ndarray
    threshold_ratios: np.ndarray
    channel_scores: np.ndarray
    chart_ratios: np.ndarray


@dataclass(frozen=True, eq=False)
class Scorer:
    """The parts of a detector that are fitted to normal rows, and the scoring of other rows.

    Attributes:
        channels: The names of the channels.
        stride: Steps from one window to the next.
        scaler: Scales the channels.
        resolution_models: The window models, finest resolution first.
        error_scaler: Scales their errors.
        mean_chart: Finds channels whose mean has shifted.
        stuck_chart: Finds channels that have stopped to move.
        units: The unit of each channel that has one.
        period: Seconds from row to row; None if the normal rows had no times.
        history: The losses of the finest model in each epoch, "train" and "valid"; empty if it was not trained.
        thresholds: The threshold of row scores at each resolution; empty before calibration, when all of them are 1.
        empirical_false_alarm_rate: The fraction of normal rows that raise an alarm by models that were not fitted to
            them; NaN before calibration.
        drift_chart: Finds rows that are no longer like the normal ones; not fitted before calibration.
    """

    channels: tuple[str, ...]
    stride: int
    scaler: Scaler
    resolution_models: Sequence[ResolutionModel]
    error_scaler: ErrorScaler
    mean_chart: MeanChart
    stuck_chart: StuckChart
    units: Mapping[str, str] = field(default_factory=dict)
    period: float | None = None
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    thresholds: tuple[FittedThreshold, ...] = ()
    empirical_false_alarm_rate: float = float("nan")
    drift_chart: DriftChart = field(default_factory=DriftChart)

    @property
    def threshold_values(self) -> np.ndarray:
        """The thresholds for the row scores, `(resolution,)` float64."""
        if not self.thresholds:
            return np.ones(len(self.resolution_models))
        return np.array([threshold.value for threshold in self.thresholds])

    def row_scores(self, recording: Recording) -> np.ndarray:
        """Return one score per row, `(row,)` float32, higher = more anomalous; NaN where all values are missing."""
        scores = np.empty(len(recording), dtype=np.float32)
        for chunk in _chunks(recording):
            scores[chunk.rows] = self.error_scaler.row_scores(self._errors(chunk), chunk.known)
        return scores

    def channel_scores(self, recording: Recording) -> np.ndarray:
        """Return one score per row and channel, `(row, channel)` float32; NaN where a value is missing."""
        scores = np.empty(recording.values.shape, dtype=np.float32)
        for chunk in _chunks(recording):
            scores[chunk.rows] = self.error_scaler.channel_scores(self._errors(chunk), chunk.known)
        return scores

    def score(self, recording: Recording) -> Scores:
        """Return all scores of a recording that has the scorer's channels."""
        models = self.resolution_models
        scores = np.empty(len(recording), dtype=np.float32)
        ratios = np.empty((2 + len(models), len(recording)), dtype=np.float32)
        channel_scores, chart_ratios = np.empty((2, *recording.values.shape), dtype=np.float32)
        for chunk in _chunks(recording):
            errors, charts = self._errors(chunk), self._chart_ratios(chunk)
            by_resolution = self.error_scaler.scores_by_resolution(errors, chunk.known)
            has_window = np.array([chunk.has_window(model) for model in models])
            scores[chunk.rows] = self.error_scaler.row_scores(errors, chunk.known)
            ratios[:2, chunk.rows] = [chart.max(axis=1) for chart in charts]
            ratios[2:, chunk.rows] = np.nan_to_num(by_resolution) * (has_window / self.threshold_values)[:, None]
            channel_scores[chunk.rows] = self.error_scaler.channel_scores(errors, chunk.known)
            chart_ratios[chunk.rows] = np.maximum(*charts)
        return Scores(scores, ratios, channel_scores, chart_ratios)

    def combine_evidence(self, threshold_ratios: np.ndarray) -> np.ndarray:
        """Return one ratio to the threshold per row, `(row,)` float32: above 1, the row raises an alarm.

        Each stream has its own alarms, by `seqae.anomaly.events.hysteresis`. The streams are combined from the sharpest
        in time to the coarsest: a window that holds a fault raises the errors of all its rows, so an alarm of a coarser
        stream does not count within two windows of an alarm of a sharper one. The result is the largest ratio that
        counts, and at most 1 where none does.

        Args:
            threshold_ratios: `(stream, row)`, see `Scores`.
        """
        combined = np.zeros(threshold_ratios.shape[1], dtype=np.float32)
        for ratios, reach in zip(threshold_ratios, self.explained_rows):
            counts = hysteresis(ratios) & ~_within(combined > 1, reach)
            combined = np.maximum(combined, np.where(counts, ratios, np.minimum(ratios, 1)))
        return combined

    @property
    def explained_rows(self) -> tuple[int, ...]:
        """For each stream, within how many rows of an alarm of a sharper stream its own alarms do not count."""
        return (0, 0, *(2 * model.receptive_rows for model in self.resolution_models))

    def reconstruct(self, recording: Recording) -> np.ndarray:
        """Return the reconstruction by the finest model, `(row, channel)` float64, in the units of the data."""
        finest, stride = self.resolution_models[0], self.stride
        scaled = [self.scaler.transform(recording.values[rows]) for rows in recording.segments()]
        return self.scaler.inverse_transform(np.concatenate([finest.reconstruct(rows, stride) for rows in scaled]))

    def encode(self, recording: Recording) -> np.ndarray:
        """Return the codes of adjacent windows at the finest resolution, `(window, code_size)` float32."""
        finest = self.resolution_models[0]
        scaled = [self.scaler.transform(recording.values[rows]) for rows in recording.segments()]
        return np.concatenate([finest.encode(rows, stride=finest.window) for rows in scaled])

    def _errors(self, chunk: _Chunk) -> list[np.ndarray]:
        """Return the errors of a chunk at each resolution, `(row, channel)` each.

        They equal those of all rows computed at once: the windows start at the same rows, and all windows that cover a
        row of the chunk are there.
        """
        errors: list[np.ndarray] = []
        for number, model in enumerate(self.resolution_models):
            if errors and not chunk.has_window(model):
                errors.append(self.error_scaler.substitute(errors[0], number))
                continue
            reach, grid = model.receptive_rows, model.rows_per_step * self.stride
            first = max(chunk.start - reach, 0) // grid * grid
            last = -(-(chunk.stop + reach) // grid) * grid + reach
            around = model.errors(self.scaler.transform(chunk.values[first:last]), self.stride)
            errors.append(around[chunk.start - first : chunk.stop - first])
        return errors

    def _chart_ratios(self, chunk: _Chunk) -> list[np.ndarray]:
        """Return the ratios of the mean chart and the stuck chart, `(row, channel)` each."""
        first = max(chunk.start - WINDOW_ROWS, 0)
        rows = self.scaler.transform(chunk.values[first : chunk.stop + WINDOW_ROWS])
        inner = slice(chunk.start - first, chunk.stop - first)
        return [chart.ratios(rows)[inner] for chart in (self.mean_chart, self.stuck_chart)]


def contributions(chart_ratios: np.ndarray, channel_scores: np.ndarray) -> np.ndarray:
    """Return the fraction that each channel contributes to a row, `(row, channel)` float32.

    Where charts raise an alarm, these are the fractions of the ratios above 1, else those of the channel scores.

    Args:
        chart_ratios: `(row, channel)`, see `Scores`.
        channel_scores: `(row, channel)`, see `Scores`.
    """
    above = np.where(chart_ratios > 1, chart_ratios, 0)
    parts = np.where(above.any(axis=1, keepdims=True), above, np.nan_to_num(channel_scores))
    total = parts.sum(axis=1, keepdims=True)
    return np.divide(parts, total, out=np.zeros_like(parts), where=total > 0)


@dataclass(frozen=True, eq=False)
class _Chunk:
    """Consecutive rows of a segment without gaps in time.

    Attributes:
        values: All rows of the segment, `(row, channel)`.
        start: The first row of the chunk, counted within the segment.
        stop: The row after its last one.
        offset: The first row of the segment, counted within the recording.
    """

    values: np.ndarray
    start: int
    stop: int
    offset: int

    @property
    def rows(self) -> slice:
        """The rows of the chunk within the recording."""
        return slice(self.offset + self.start, self.offset + self.stop)

    def has_window(self, model: ResolutionModel) -> bool:
        """Whether a whole window fits into the segment; errors of a padded one are no evidence."""
        return len(self.values) >= model.receptive_rows

    @property
    def known(self) -> np.ndarray:
        """Which values of the chunk are not missing, `(row, channel)` bool."""
        return ~np.isnan(self.values[self.start : self.stop])


def _chunks(recording: Recording) -> Iterator[_Chunk]:
    """Yield all rows in chunks, so that memory does not depend on their number; no chunk spans a gap in time."""
    for segment in recording.segments():
        values = recording.values[segment]
        for start in range(0, len(values), ROWS_PER_CHUNK):
            yield _Chunk(values, start, min(start + ROWS_PER_CHUNK, len(values)), segment.start)


def _within(flags: np.ndarray, reach: int) -> np.ndarray:
    """Return whether a row lies within `reach` rows of a True, `(row,)` bool."""
    count = np.cumsum(np.pad(flags, (reach + 1, reach)), dtype=np.int64)
    return count[2 * reach + 1 :] > count[: len(flags)]
