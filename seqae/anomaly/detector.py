"""Anomalies in machine signals, found by reconstruction error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from seqae.anomaly.charts import WINDOW
from seqae.anomaly.events import Event, find_events, latched
from seqae.anomaly.models import Dense, Maker
from seqae.anomaly.scales import Scale
from seqae.anomaly.thresholds import Mahalanobis, PeaksOverThreshold, Threshold
from seqae.data.signals.checks import warn_of_times
from seqae.data.signals.loading import as_recordings
from seqae.data.signals.recordings import Recording

if TYPE_CHECKING:
    import pandas

    from seqae.anomaly.drift import Drift

CHUNK = 2**16  # rows scored together


class AnomalyDetector:
    """Learns to reconstruct normal rows, and scores how badly others are reconstructed.

    Malhotra et al. 2016, https://arxiv.org/abs/1607.00148. Windows of 16 steps are read at several
    time resolutions, each by an autoencoder of its own. Errors are averaged over the windows around a row,
    those after it as well, and measured by the error that normal rows rarely exceed, so that scores have no
    unit. A row's score is the mean over resolutions and the quadratic mean over channels. A channel's score is
    that of the finest resolution against a lower level.

    Scores rank rows; alarms are raised by evidence, see `strongest`: of control charts, which ask whether a
    channel is off its level or too quiet, and of the autoencoder's errors at each resolution. Every limit is
    set on blocks of the normal rows, each seen by models that have not learnt from it; for `Dense` these are the
    principal components that it starts from.

    Args:
        model: Makes the autoencoders, see `seqae.anomaly.models`; `Dense()` is the default.
        resolutions: Rows in a step, for each resolution; those for which there are too few training
            rows are made finer.
        window: Steps in a window.
        stride: Steps from one window to the next when scoring, up to the window.
        false_alarm_rate: The share of normal rows that may raise an alarm.
        threshold: How the limits of the autoencoder's errors are found.
        distance: How the errors of all channels become one score: `Mahalanobis()` knows which channels go wrong
            together in normal rows (Malhotra et al. 2016); the quadratic mean if None.
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
        false_alarm_rate: float = 0.01,
        threshold: Threshold | None = None,
        distance: Mahalanobis | None = None,
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
        self.distance = distance
        self.merge_gap = merge_gap
        self.min_rows = min_rows
        self.epochs = epochs
        self.seed = seed

    def fit(self, normal: object, progress: bool = False) -> AnomalyDetector:
        """Learn from normal rows.

        Args:
            normal: A file, a folder of files, a frame, an array `(row, channel)`, or a list of these;
                see `seqae.data.signals.loading.as_recordings`.
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
        for piece in self._pieces(recording):
            scores[piece.rows] = self.levels_.row_scores(self._errors(piece), piece.known)
        return scores

    def channel_scores(self, data: object) -> np.ndarray:
        """Return one score per row and channel of one recording, `(row, channel)` float32; NaN where values miss."""
        recording = self._one(data)
        scores = np.empty(recording.values.shape, dtype=np.float32)
        for piece in self._pieces(recording):
            scores[piece.rows] = self.levels_.channel_scores(self._errors(piece), piece.known)
        return scores

    def alarms(self, data: object) -> np.ndarray:
        """Return True where a row raises an alarm, `(row,)`."""
        return self.strongest(self.all_scores(self._one(data)).evidence) > 1

    def strongest(self, evidence: np.ndarray) -> np.ndarray:
        """Return the strongest evidence that counts for each row, `(row,)`: above 1, the row raises an alarm.

        A kind of evidence counts until it is back at its limit or far below its own peak, see
        `seqae.anomaly.events.latched`. The kinds are heard from the sharpest to the coarsest: windows that hold a fault
        make the rows around it suspicious, so what a sharper kind has found explains what a coarser one says within
        its reach. What does not count is 1 at most.

        Args:
            evidence: `(kind, row)`, see `Scores`.
        """
        strongest = np.zeros(evidence.shape[1], dtype=np.float32)
        for kind, reach in zip(evidence, [0, 0, *(2 * scale.reach for scale in self.scales_)]):
            counts = latched(kind) & ~_near(strongest > 1, reach)
            strongest = np.maximum(strongest, np.where(counts, kind, np.minimum(kind, 1)))
        return strongest

    def drift(self, data: object) -> list[Drift]:
        """Return since when one recording is no longer like the rows that the detector was calibrated on, and how.

        A channel's level, spread or share of missing values may have left them, or alarms have become too many. Of
        normal rows something is reported in one block of 1000 at most; a block is a twentieth of the normal rows, 64
        to 1024. See `recalibrated`.
        """
        from seqae.anomaly.drift import find_drift

        return find_drift(self, self._one(data))

    def recalibrated(self, normal: object) -> AnomalyDetector:
        """Return a detector with the same models, for which other rows are normal; this one stays as it is.

        For a machine that has been serviced or runs at another point: as quick as scoring, and with fewer rows than
        training takes. Channels at another level are read from their new mean on, in the old units; what errors are
        usual, the charts and all limits are found anew, and become wider, or stay: few rows tell little of how far a
        channel wanders.

        Args:
            normal: As for `fit`, the same channels.
        """
        from seqae.anomaly.fitting import recalibrate

        return recalibrate(self, self._recordings(normal))

    def events(self, data: object) -> list[Event]:
        """Return when one recording was abnormal, how badly, and which channels are to blame."""
        return self._detection(self._one(data)).events

    def reconstruct(self, data: object) -> np.ndarray:
        """Return what the finest model makes of one recording, `(row, channel)` in the units of the data."""
        recording = self._one(data)
        finest, stride = self.scales_[0], self.stride
        scaled = [self.scaler_.transform(recording.values[rows]) for rows in recording.segments()]
        return self.scaler_.inverse_transform(np.concatenate([finest.reconstruct(rows, stride) for rows in scaled]))

    def encode(self, data: object) -> np.ndarray:
        """Return the codes of one recording's windows at the finest resolution, `(window, code_size)`.

        The windows stand beside each other; the last one ends at the last row of a stretch without gaps.
        """
        recording = self._one(data)
        scaled = [self.scaler_.transform(recording.values[rows]) for rows in recording.segments()]
        return np.concatenate([self.scales_[0].encode(rows, stride=self.window) for rows in scaled])

    def all_scores(self, data: object) -> Scores:
        """Return the scores of one recording, and the evidence for alarms."""
        recording = self._one(data)
        scores = np.empty(len(recording), dtype=np.float32)
        evidence = np.empty((2 + len(self.scales_), len(recording)), dtype=np.float32)
        channels, off_limits = np.empty((2, *recording.values.shape), dtype=np.float32)
        for piece in self._pieces(recording):
            errors, charts = self._errors(piece), self._charts(piece)
            by_resolution = self.levels_.scores_by_resolution(errors, piece.known)
            scores[piece.rows] = self.levels_.row_scores(errors, piece.known)
            evidence[:2, piece.rows] = [chart.max(axis=1) for chart in charts]
            off_limits[piece.rows] = np.maximum(*charts)
            fits = np.array([piece.holds(scale) for scale in self.scales_])
            evidence[2:, piece.rows] = np.nan_to_num(by_resolution) * (fits / self.limits_)[:, None]
            channels[piece.rows] = self.levels_.channel_scores(errors, piece.known)
        return Scores(scores, evidence, channels, off_limits)

    def _pieces(self, recording: Recording) -> Iterator[_Piece]:
        """Yield consecutive rows, so that memory does not depend on their number; no window spans a gap in time."""
        for segment in recording.segments():
            values = recording.values[segment]
            for start in range(0, len(values), CHUNK):
                yield _Piece(values, start, min(start + CHUNK, len(values)), segment.start)

    def _errors(self, piece: _Piece) -> list[np.ndarray]:
        """Return the errors of a piece at each resolution, the same as if all rows were computed at once."""
        found: list[np.ndarray] = []
        for number, scale in enumerate(self.scales_):
            if found and not piece.holds(scale):
                found.append(self.levels_.stand_in(found[0], number))
                continue
            # Windows must begin at the same rows, and every window that covers one of the rows must be there.
            grid = scale.rows * self.stride
            first = max(piece.start - scale.reach, 0) // grid * grid
            last = -(-(piece.stop + scale.reach) // grid) * grid + scale.reach
            errors = scale.errors(self.scaler_.transform(piece.values[first:last]), self.stride)
            found.append(errors[piece.start - first : piece.stop - first])
        return found

    def _charts(self, piece: _Piece) -> list[np.ndarray]:
        """Return what the control charts say of a piece, `(row, channel)` each."""
        first = max(piece.start - WINDOW, 0)
        rows = self.scaler_.transform(piece.values[first : piece.stop + WINDOW])
        kept = slice(piece.start - first, piece.stop - first)
        return [chart.ratios(rows)[kept] for chart in (self.level_, self.quiet_)]

    def _detection(self, recording: Recording) -> Detection:
        found = self.all_scores(recording)
        return Detection(
            recording=recording,
            reconstruct=self.reconstruct,
            channel_scores=found.channels,
            scores=found.scores,
            evidence=self.strongest(found.evidence),
            blame=found.blame,
            merge_gap=self.merge_gap,
            min_rows=self.min_rows,
        )

    def _recordings(self, data: object) -> list[Recording]:
        if not hasattr(self, "levels_"):
            raise ValueError("this detector has not learnt yet. Call fit(normal) first")
        recordings = as_recordings(data, channels=self.channels_)
        for recording in recordings:
            warn_of_times(recording, self.period_)
        return recordings

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
        evidence: `(kind, row)`, as shares of the limits: off its level, too quiet, then the errors at each resolution.
        channels: `(row, channel)`, errors.
        off_limits: `(row, channel)`, how far each channel is off its level, or too quiet; 1 is the limit.
    """

    scores: np.ndarray
    evidence: np.ndarray
    channels: np.ndarray
    off_limits: np.ndarray

    @property
    def blame(self) -> np.ndarray:
        """Each channel's share in what a row is, `(row, channel)`: of those off their limits, or of the errors."""
        off = np.where(self.off_limits > 1, self.off_limits, 0)
        blamed = np.where(off.any(axis=1, keepdims=True), off, np.nan_to_num(self.channels))
        total = blamed.sum(axis=1, keepdims=True)
        return np.divide(blamed, total, out=np.zeros_like(blamed), where=total > 0)


@dataclass(frozen=True, eq=False)
class _Piece:
    """Rows `start` to `stop` of a stretch without gaps, which begins at row `offset` of its recording."""

    values: np.ndarray
    start: int
    stop: int
    offset: int

    @property
    def rows(self) -> slice:
        return slice(self.offset + self.start, self.offset + self.stop)

    def holds(self, scale: Scale) -> bool:
        """Whether a window fits into the stretch; what is written beyond a shorter one tells nothing."""
        return len(self.values) >= scale.reach

    @property
    def known(self) -> np.ndarray:
        return ~np.isnan(self.values[self.start : self.stop])


@dataclass(frozen=True, eq=False)
class Detection:
    """What a detector found in a recording.

    Attributes:
        recording: What was scored.
        reconstruct: The detector's.
        channel_scores: `(row, channel)`; NaN where a value is missing.
        scores: `(row,)`; NaN where all values are missing.
        evidence: `(row,)`, the strongest that counts; above 1, the row raises an alarm.
        blame: `(row, channel)`, the share of each channel.
        merge_gap: Alarms with at most this many rows between them are one event.
        min_rows: Shorter events are dropped.
    """

    recording: Recording
    reconstruct: Callable[[Recording], np.ndarray]
    channel_scores: np.ndarray
    scores: np.ndarray
    evidence: np.ndarray
    blame: np.ndarray
    merge_gap: int
    min_rows: int

    @cached_property
    def reconstruction(self) -> np.ndarray:
        """What the finest model makes of the recording, `(row, channel)`, in the units of the data; takes its time."""
        return self.reconstruct(self.recording)

    @property
    def alarms(self) -> np.ndarray:
        """Which rows raise an alarm, `(row,)`."""
        return self.evidence > 1

    @cached_property
    def events(self) -> list[Event]:
        """When it was abnormal, in order."""
        recording = self.recording
        return find_events(
            self.evidence,
            1.0,
            self.blame,
            recording.channels,
            recording.times,
            self.merge_gap,
            self.min_rows,
            recording.segments(),
        )

    def frame(self) -> pandas.DataFrame:
        """Return a table: time (or row), score, evidence, alarm, and the score of each channel."""
        import pandas as pd

        times = self.recording.times
        columns = {"row": np.arange(len(self.scores))} if times is None else {"time": times}
        columns |= {"score": self.scores, "evidence": self.evidence, "alarm": self.alarms}
        scores = {f"{name} score": self.channel_scores[:, i] for i, name in enumerate(self.recording.channels)}
        return pd.DataFrame(columns | scores)


def _near(flags: np.ndarray, reach: int) -> np.ndarray:
    """Return True within some rows of True, `(row,)`."""
    count = np.cumsum(np.pad(flags, (reach + 1, reach)), dtype=np.int64)
    return count[2 * reach + 1 :] > count[: len(flags)]
