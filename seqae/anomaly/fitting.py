"""Fits a scorer: window models, scales of their errors, control charts, then thresholds by cross-fitting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from seqae.anomaly.control_charts import SUFFICIENT_ROWS, MeanChart, StuckChart
from seqae.anomaly.drift import DriftChart
from seqae.anomaly.error_scaling import ErrorScaler, minimum_effect
from seqae.anomaly.mahalanobis import Mahalanobis
from seqae.anomaly.multiscale import ResolutionModel, one_thread
from seqae.anomaly.scorer import Scorer
from seqae.anomaly.thresholds import FittedThreshold, Threshold
from seqae.anomaly.window_models import WindowModelFactory
from seqae.anomaly.window_training import sample_windows, train
from seqae.data.signals.checks import refuse_unlearnable, usual_period
from seqae.data.signals.recordings import Recording
from seqae.transforms.scaler import Scaler

CONSTANT_FRACTION = 0.03  # of the minimum effect; channels whose deviation stays below it are taken as constant
SHIFT_FRACTION = 0.5  # recalibration moves a center that has shifted by more than this fraction of its threshold
MIN_TRAINING_WINDOWS = 4  # minimum windows without overlap in the longest part, at every resolution


@dataclass(frozen=True)
class ScorerFitter:
    """Fits scorers to normal rows; the arguments are those of `AnomalyDetector`.

    Thresholds need scores of rows that the models were not fitted to. So the normal rows are cut into blocks, and each
    block is scored by a scorer that was fitted to the other blocks (cross-fitting).
    """

    model: WindowModelFactory
    resolutions: tuple[int, ...]
    window: int
    stride: int
    false_alarm_rate: float
    threshold: Threshold
    distance: Mahalanobis | None
    epochs: int
    random_state: int

    def fit(self, recordings: Sequence[Recording], progress: bool = False) -> Scorer:
        """Return a scorer that is fitted to normal recordings.

        Args:
            recordings: One or more recordings with the same channels.
            progress: Whether to show a progress bar of the training.

        Raises:
            ValueError: There are no values, too large values or too few rows.
        """
        channels = recordings[0].channels
        parts = self._parts(recordings)
        with one_thread():
            scorer = self._fit_models(parts, channels, self.model, progress)
            ratios = self._out_of_fold_ratios(
                scorer, parts, lambda others: self._fit_models(others, channels, self.model.proxy_for_calibration)
            )
        scorer = replace(scorer, units=dict(recordings[0].units), period=usual_period(recordings))
        return self._calibrate(scorer, parts, ratios)

    def recalibrate(self, scorer: Scorer, recordings: Sequence[Recording]) -> Scorer:
        """Return a scorer with the same models, calibrated on other normal recordings.

        Args:
            scorer: A fitted scorer.
            recordings: One or more recordings with the scorer's channels.

        Raises:
            ValueError: There are no values, too large values or too few rows.
        """
        parts = self._parts(recordings)
        with one_thread():
            scorer = self._update_statistics(scorer, parts)
            ratios = self._out_of_fold_ratios(scorer, parts, lambda others: self._update_statistics(scorer, others))
        return self._calibrate(scorer, parts, ratios)

    def _parts(self, recordings: Sequence[Recording]) -> list[np.ndarray]:
        """Return the rows without gaps in time, `(row, channel)` each."""
        refuse_unlearnable(recordings)
        parts = [recording.values[rows] for recording in recordings for rows in recording.segments()]
        longest = max(map(len, parts))
        if longest < 3 * self.window:  # so that two windows remain beside a block that is held out
            raise ValueError(
                f"the longest segment of normal rows without a gap has {longest} rows. Fitting windows of "
                f"{self.window} rows needs three times that; give more rows, or a smaller window"
            )
        return parts

    def _fit_models(
        self,
        parts: list[np.ndarray],
        channels: tuple[str, ...],
        factory: WindowModelFactory,
        progress: bool = False,
    ) -> Scorer:
        """Return a scorer without thresholds."""
        scaler = Scaler().fit(parts)
        scaled = [scaler.transform(part) for part in parts]
        # Coarse resolutions for which there are too few rows are made finer.
        coarsest = max(map(len, parts)) // (MIN_TRAINING_WINDOWS * self.window)
        resolutions = sorted({max(1, min(each, coarsest)) for each in self.resolutions})
        models, histories = [], []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.random_state)
            for rows_per_step in resolutions:
                windows = sample_windows(scaled, self.window, rows_per_step)
                model = factory(windows)
                if factory.is_trainable and self.epochs:
                    seed, rate = self.random_state, factory.learning_rate
                    histories.append(train(model, windows, self.epochs, rate, seed, progress))
                models.append(ResolutionModel(model.eval(), self.window, rows_per_step))
        error_scaler, mean_chart, stuck_chart = self._fit_statistics(models, scaler, parts)
        return Scorer(
            channels=channels,
            stride=self.stride,
            scaler=scaler,
            resolution_models=models,
            error_scaler=error_scaler,
            mean_chart=mean_chart,
            stuck_chart=stuck_chart,
            history=histories[0] if histories else {},
        )

    def _fit_statistics(
        self, models: Sequence[ResolutionModel], scaler: Scaler, parts: list[np.ndarray]
    ) -> tuple[ErrorScaler, MeanChart, StuckChart]:
        """Fit the normal ranges of errors, means and deviations."""
        scaled = [scaler.transform(part) for part in parts]
        errors = [np.concatenate([model.errors(part, self.stride) for part in scaled]) for model in models]
        floor = minimum_effect(parts, scaler)
        return (
            ErrorScaler(distance=self.distance).fit(errors, parts, scaler),
            MeanChart().fit(scaled, self.false_alarm_rate, floor),
            StuckChart().fit(scaled, floor * CONSTANT_FRACTION),
        )

    def _update_statistics(self, scorer: Scorer, parts: list[np.ndarray]) -> Scorer:
        """Return a scorer, without thresholds, that takes other rows as normal; the models stay.

        The new rows may be few, and show less than the training rows of how far a channel wanders. So the mean of a
        channel is replaced only if it has shifted some way to its threshold, and no scale or threshold is made tighter.
        """
        is_known = np.any([(~np.isnan(part)).any(axis=0) for part in parts], axis=0)
        means = np.where(is_known, Scaler().fit(parts).mean_, scorer.scaler.mean_)
        shifts = (means - scorer.scaler.mean_) / scorer.scaler.scale_ - scorer.mean_chart.center_
        has_shifted = is_known & (np.abs(shifts) > SHIFT_FRACTION * scorer.mean_chart.threshold_)
        scaler = scorer.scaler.with_mean(np.where(has_shifted, means, scorer.scaler.mean_))
        error_scaler, mean_chart, stuck_chart = self._fit_statistics(scorer.resolution_models, scaler, parts)
        return replace(
            scorer,
            stride=self.stride,
            scaler=scaler,
            error_scaler=error_scaler.widen(scorer.error_scaler),
            mean_chart=mean_chart.widen(scorer.mean_chart).with_center(
                np.where(has_shifted, 0.0, scorer.mean_chart.center_)
            ),
            stuck_chart=stuck_chart.widen(scorer.stuck_chart),
            thresholds=(),
        )

    def _out_of_fold_ratios(
        self, scorer: Scorer, parts: list[np.ndarray], fit_fold: Callable[[list[np.ndarray]], Scorer]
    ) -> list[np.ndarray]:
        """Return the ratios of each block of the normal rows, `(stream, row)`, by a scorer fitted to the other blocks.

        The streams of errors are not divided by thresholds yet.
        """
        ratios = []
        for block, others in _cross_fit_blocks(parts, self.model.n_folds, self.window):
            fold_scorer = fit_fold(others)
            scores = fold_scorer.score(Recording(block, scorer.channels))
            # With fewer rows the coarsest resolution may have become finer, or equal to another one.
            missing = len(scorer.resolution_models) - len(fold_scorer.resolution_models)
            ratios.append(np.pad(scores.threshold_ratios, ((0, missing), (0, 0)), mode="edge"))
        return ratios

    def _calibrate(self, scorer: Scorer, parts: list[np.ndarray], ratios: list[np.ndarray]) -> Scorer:
        """Return a scorer with thresholds and drift chart, by out-of-fold ratios, `(stream, row)` each."""
        rows = sum(map(len, parts))
        errors = np.concatenate([each[2:] for each in ratios], axis=1)
        scorer = replace(
            scorer,
            thresholds=tuple(
                self._fit_threshold(each, len(errors), SUFFICIENT_ROWS * model.receptive_rows / rows)
                for each, model in zip(errors, scorer.resolution_models)
            ),
        )
        divisors = np.append([1.0, 1.0], scorer.threshold_values)[:, None]
        alarms = [scorer.combine_evidence((each / divisors).astype(np.float32)) > 1 for each in ratios]
        scaled = [scorer.scaler.transform(part) for part in parts]
        return replace(
            scorer,
            empirical_false_alarm_rate=float(np.concatenate(alarms).mean()),
            drift_chart=DriftChart().fit(scaled, alarms, minimum_effect(parts, scorer.scaler)),
        )

    def _fit_threshold(self, scores: np.ndarray, resolutions: int, shortage: float) -> FittedThreshold:
        """Return the threshold for scores at one resolution, `(row,)`.

        Args:
            scores: Scores of normal rows that the model was not fitted to.
            resolutions: The number of resolutions; together they keep the false alarm rate.
            shortage: The factor by which normal rows are too few; above 1 it raises the threshold.
        """
        threshold = self.threshold.fit(scores, self.false_alarm_rate / resolutions)
        # Constant channels have no errors at all, and rounding must raise no alarm: a threshold is at least 1.
        value = max(threshold.value, 1.0) * max(shortage, 1)
        return replace(threshold, value=float(value))


def _cross_fit_blocks(
    parts: Sequence[np.ndarray], n_folds: int, window: int
) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
    """Yield blocks of consecutive rows, `(row, channel)`, each with the remaining parts, `(row, channel)` each."""
    edges = np.cumsum([0] + [len(part) for part in parts])
    for block in np.array_split(np.arange(edges[-1]), n_folds):
        start, stop = block[0], block[-1] + 1
        within = [part[max(start - at, 0) : max(stop - at, 0)] for part, at in zip(parts, edges)]
        outside = [
            piece
            for part, at in zip(parts, edges)
            for piece in (part[: max(start - at, 0)], part[max(stop - at, 0) :])
            if len(piece) >= window
        ]
        if max(map(len, outside), default=0) >= 2 * window:  # else too little to fit models to
            yield max(within, key=len), outside
