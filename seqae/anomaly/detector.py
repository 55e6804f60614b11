"""Anomaly detection in machine signals by reconstruction errors."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import numpy as np

from seqae.anomaly.detection import Detection
from seqae.anomaly.drift import Drift
from seqae.anomaly.events import Event
from seqae.anomaly.fitting import ScorerFitter
from seqae.anomaly.mahalanobis import Mahalanobis
from seqae.anomaly.online.drift import find_drift
from seqae.anomaly.scorer import Scorer, contributions
from seqae.anomaly.thresholds import FittedThreshold, PeaksOverThreshold, Threshold
from seqae.anomaly.window_models import Dense, WindowModelFactory
from seqae.data.signals.checks import warn_of_times
from seqae.data.signals.loading import as_recordings
from seqae.data.signals.recordings import Recording


class AnomalyDetector:
    """Learns to reconstruct normal rows, and scores rows by how large their reconstruction errors are.

    Malhotra et al. 2016, https://arxiv.org/abs/1607.00148. Windows of 16 steps are reconstructed at several time
    resolutions, each by a model of its own. The errors of a row are averaged over all windows that cover it, also
    those that start later, and divided by a high quantile of normal errors, so that scores have no unit. A row's score
    is the mean over resolutions and the quadratic mean over channels.

    Scores rank rows. Alarms are raised by several streams of evidence, each with a threshold of its own: the errors at
    each resolution, and control charts of the mean and the deviation of each channel. The thresholds are fitted to
    blocks of the normal rows by models that were fitted to the other blocks; for `Dense` these models are the principal
    components that its training starts from.

    `fit` sets `scorer_`, which holds all that was learnt.

    Args:
        model: Creates the window models, see `seqae.anomaly.window_models`; `Dense()` by default.
        resolutions: Rows in a step, for each resolution; those for which there are too few training rows are made
            finer.
        window: The number of steps in a window.
        stride: Steps from one window to the next when scoring, 1 to `window`.
        false_alarm_rate: Fraction of normal rows that may raise an alarm, between 0 and 1.
        threshold: Fits the thresholds of the errors; `PeaksOverThreshold()` by default.
        distance: Combines the errors of all channels to one score: `Mahalanobis()` uses which channels have large
            errors together in normal rows (Malhotra et al. 2016); the quadratic mean if None.
        merge_gap: Alarms with at most this many rows between them are one event.
        min_rows: Minimum length of an event in rows; shorter ones are dropped.
        epochs: Passes over the training windows at most.
        random_state: Seed of all random numbers.

    Raises:
        ValueError: The stride is longer than the window, or less than 1.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> rows = np.sin(0.1 * np.arange(3000))[:, None] + 0.1 * rng.standard_normal((3000, 2))
        >>> rows[2500:2520, 1] += 3
        >>> detector = AnomalyDetector(epochs=0).fit(rows[:2000])  # no training beyond the principal components
        >>> [event.channels[0].channel for event in detector.events(rows[2000:])]  # the one that contributes most
        ['1']
        >>> detector.score_samples(rows).shape
        (3000,)
    """

    scorer_: Scorer

    def __init__(
        self,
        model: WindowModelFactory | None = None,
        resolutions: tuple[int, ...] = (1, 4, 16),
        window: int = 16,
        stride: int = 1,
        false_alarm_rate: float = 0.01,
        threshold: Threshold | None = None,
        distance: Mahalanobis | None = None,
        merge_gap: int = 10,
        min_rows: int = 1,
        epochs: int = 15,
        random_state: int = 0,
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
        self.random_state = random_state

    def fit(self, normal: object, progress: bool = False) -> AnomalyDetector:
        """Fit models and thresholds to normal rows.

        Args:
            normal: A file, a folder of files, a frame, an array `(row, channel)`, or a list of these;
                see `seqae.as_recordings`.
            progress: Whether to show a progress bar of the training.

        Raises:
            ValueError: The data cannot be used; the message names location and reason.
        """
        self.scorer_ = self._fitter().fit(as_recordings(normal), progress)
        return self

    def recalibrate(self, normal: object) -> AnomalyDetector:
        """Return a copy with the same models, calibrated on other normal rows; this detector does not change.

        For a machine that was serviced or runs at another operating point. It takes no longer than scoring, and fewer
        rows than training. The mean of channels that have shifted is replaced; the scales of the errors, the control
        charts and all thresholds are re-estimated, and become wider or stay: few rows show too little of how far a
        channel wanders to make them tighter.

        Args:
            normal: Normal recordings in any form that `fit` takes, with the same channels.

        Raises:
            ValueError: The data cannot be used, or the detector is not fitted.
        """
        recordings = self._recordings(normal)
        recalibrated = copy.copy(self)
        recalibrated.scorer_ = self._fitter().recalibrate(self.scorer_, recordings)
        return recalibrated

    def score_samples(self, data: object) -> np.ndarray:
        """Return one score per row of one recording, `(row,)` float32: higher = more anomalous.

        Rows in which all values are missing get NaN.

        Args:
            data: One recording, in any form that `fit` takes.

        Raises:
            ValueError: The data cannot be used, or the detector is not fitted; so for all methods below.
        """
        recording = self._one(data)
        return self.scorer_.row_scores(recording)

    def predict(self, data: object) -> np.ndarray:
        """Return which rows of one recording raise an alarm, `(row,)` bool."""
        return self._alarms(self._one(data))

    def channel_scores(self, data: object) -> np.ndarray:
        """Return one score per row and channel of a recording, `(row, channel)` float32; NaN where a value is missing.

        They are the errors at the finest resolution, divided by a quantile of normal errors.
        """
        recording = self._one(data)
        return self.scorer_.channel_scores(recording)

    def detect(self, data: object) -> list[Detection]:
        """Return scores, alarms and events of each recording; `data` may hold several."""
        return [self._detection(recording) for recording in self._recordings(data)]

    def events(self, data: object) -> list[Event]:
        """Return when one recording was abnormal, how severely, and which channels contribute."""
        return self._detection(self._one(data)).events

    def drift(self, data: object) -> list[Drift]:
        """Return how, and since when, one recording differs from the rows that the detector was calibrated on.

        The mean, the standard deviation or the fraction of missing values of a channel may have changed for good, or
        alarms have become too frequent. In normal rows at most one block of 1000 is reported; a block is a twentieth of
        the normal rows, 64 to 1024 rows. See `recalibrate`.
        """
        recording = self._one(data)
        return find_drift(recording, self._alarms(recording), self.scorer_)

    def reconstruct(self, data: object) -> np.ndarray:
        """Return the reconstruction of one recording by the finest model, `(row, channel)` in the units of the data."""
        recording = self._one(data)
        return self.scorer_.reconstruct(recording)

    def encode(self, data: object) -> np.ndarray:
        """Return the codes of one recording's windows at the finest resolution, `(window, code_size)` float32.

        The windows are adjacent; the last one ends at the last row of a segment without gaps in time.
        """
        recording = self._one(data)
        return self.scorer_.encode(recording)

    @property
    def channels_(self) -> tuple[str, ...]:
        """The names of the channels."""
        return self.scorer_.channels

    @property
    def units_(self) -> Mapping[str, str]:
        """The unit of each channel that has one."""
        return self.scorer_.units

    @property
    def thresholds_(self) -> tuple[FittedThreshold, ...]:
        """The thresholds for the row scores at each resolution, finest first."""
        return self.scorer_.thresholds

    @property
    def empirical_false_alarm_rate_(self) -> float:
        """The fraction of normal rows that raise an alarm by models that were not fitted to them."""
        return self.scorer_.empirical_false_alarm_rate

    @property
    def history_(self) -> Mapping[str, Sequence[float]]:
        """The losses of the finest model in each epoch, "train" and "valid"; empty if it was not trained."""
        return self.scorer_.history

    def _fitter(self) -> ScorerFitter:
        return ScorerFitter(
            model=self.model,
            resolutions=self.resolutions,
            window=self.window,
            stride=self.stride,
            false_alarm_rate=self.false_alarm_rate,
            threshold=self.threshold,
            distance=self.distance,
            epochs=self.epochs,
            random_state=self.random_state,
        )

    def _alarms(self, recording: Recording) -> np.ndarray:
        return self.scorer_.combine_evidence(self.scorer_.score(recording).threshold_ratios) > 1

    def _detection(self, recording: Recording) -> Detection:
        scorer = self.scorer_
        scores = scorer.score(recording)
        return Detection(
            recording=recording,
            reconstruct=scorer.reconstruct,
            channel_scores=scores.channel_scores,
            scores=scores.scores,
            threshold_ratio=scorer.combine_evidence(scores.threshold_ratios),
            contributions=contributions(scores.chart_ratios, scores.channel_scores),
            merge_gap=self.merge_gap,
            min_rows=self.min_rows,
        )

    def _recordings(self, data: object) -> list[Recording]:
        if not hasattr(self, "scorer_"):
            raise ValueError("this detector is not fitted. Call fit(normal) first")
        recordings = as_recordings(data, channels=self.scorer_.channels)
        for recording in recordings:
            warn_of_times(recording, self.scorer_.period)
        return recordings

    def _one(self, data: object) -> Recording:
        recordings = self._recordings(data)
        if len(recordings) != 1:
            raise ValueError(f"{len(recordings)} recordings. This takes one; use detect(data) for several")
        return recordings[0]
