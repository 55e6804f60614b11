"""Fits a scorer: models and what is usual for their residuals, then evidence and calibration by cross-fitting."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from seqae._processes import one_thread
from seqae._random_numbers import LocalRandomNumbers
from seqae.anomaly.calibration import Calibration, fit_calibration
from seqae.anomaly.drift import DriftChart
from seqae.anomaly.evidence import (
    WindowEvidence,
    fit_whitening,
    reconstructions,
)
from seqae.anomaly.fleet import grouped
from seqae.anomaly.fleet_fitting import (
    calibrated_machine,
    fit_machines,
    fleet_blocks,
    halves_by_machine,
    typical_scaler,
)
from seqae.anomaly.held_out import (
    Block,
    Distances,
    evidence_of_block,
    known_resolutions,
    measure,
    surprise_of_blocks,
    widened,
)
from seqae.anomaly.localization import Localization
from seqae.anomaly.noise import Halves, likely_relations, noise_of, steps_of_readings
from seqae.anomaly.normal_rows import (
    cross_fit_blocks,
    hold_last,
    in_blocks,
    minimum_effect,
    times_of_parts,
)
from seqae.anomaly.scaled_rows import ScaledRows, scale_rows
from seqae.anomaly.scorer import Scorer
from seqae.anomaly.window_models import Linear, WindowModelFactory, without_codes
from seqae.anomaly.window_training import sample_windows, train
from seqae.data.signals.checks import refuse_unlearnable, usual_period
from seqae.data.signals.irregularity import grid_advice
from seqae.data.signals.recordings import Recording
from seqae.transforms.scaler import Scaler

MIN_TRAINING_WINDOWS = 4  # windows without overlap in the longest part, at every resolution
FOLD_WINDOWS = 1.25  # windows without overlap in a fold, at every resolution
MAX_WINDOW_SIZE = 2048  # numbers in a window; longer ones of many channels have no reliable covariance
SECONDS_PER_DAY = 86400.0
MIN_ALARM_ROWS = 10  # normal rows above the threshold that would determine it


@dataclass(frozen=True)
class ScorerFitter:
    """Fits scorers to normal rows; the arguments are those of `AnomalyDetector`.

    Evidence and thresholds need rows that the models were not fitted to. So the normal rows are cut into blocks, and
    each block is measured by models that were fitted to the other blocks (cross-fitting).
    """

    model: WindowModelFactory
    resolutions: tuple[int, ...]
    window: int
    false_alarm_rate: float
    false_alarms_per_day: float | None
    merge_gap: int
    epochs: int
    random_state: int
    calendar: bool = True

    def fit(self, recordings: Sequence[Recording], progress: bool = False, time_zone: str = "UTC") -> Scorer:
        """Return a scorer that is fitted to normal recordings.

        Args:
            recordings: One or more recordings with the same channels.
            progress: Whether to show a progress bar of the training.
            time_zone: The clock that a rhythm of the day follows.

        Raises:
            ValueError: There are no values, too large values or too few rows, or no times for a rate per day.
        """
        period = usual_period(recordings)
        parts, clock = self._parts(recordings), time_zone if self.calendar else None
        normal = scale_rows(parts, recordings, self.window * max(self.resolutions), period, clock)
        rows = [torch.from_numpy(hold_last(part)) for part in normal.scaled]
        window = max(min(self.window, MAX_WINDOW_SIZE // parts[0].shape[1]), 2)
        resolutions = self._possible_resolutions(list(map(len, parts)), window)
        with one_thread(), LocalRandomNumbers(self.random_state):
            halves = halves_by_machine(rows, normal.entities)
            noise, own = self._suited(halves, normal, window, resolutions)
            fitted = [own._fit_evidence(rows, noise, window, each, progress) for each in resolutions]
            evidence: Sequence[WindowEvidence] = [each for each, _ in fitted]
            blocks: Sequence[Block] = own._blocks(rows, normal.entities, noise, window, resolutions)
            later: Sequence[Distances] = own._held_out(*halves, noise, window, resolutions)
            evidence, blocks, later = known_resolutions(evidence, blocks, later)
            evidence = [
                replace(each, surprise=surprise_of_blocks(each, [block.distances[number] for block in blocks], parts))
                for number, each in enumerate(evidence)
            ]
        typical = typical_scaler(list(normal.scalers.values()))
        scorer = self._calibrate(evidence, recordings[0], typical, period, blocks, later, normal.scaled, normal.effect)
        scorer = replace(scorer, history=fitted[0][1], rhythm=normal.rhythm)
        return self._with_machines(scorer, normal, blocks) if normal.entities[0] else scorer

    def recalibrate(self, scorer: Scorer, recordings: Sequence[Recording]) -> Scorer:
        """Return a scorer with the same models, calibrated on other normal recordings.

        The new rows may be few, and show less than the training rows of how far a channel wanders. So no scale becomes
        smaller; only the scores are calibrated anew.

        Args:
            scorer: A fitted scorer.
            recordings: One or more recordings with the scorer's channels.

        Raises:
            ValueError: There are no values, too large values or too few rows.
        """
        readings, times = self._parts(recordings), times_of_parts(recordings)
        parts = [part - scorer.expected(own) for part, own in zip(readings, times)]
        scaler = self._shifted_scaler(scorer, parts)
        rows = [torch.from_numpy(scorer.fill(scaler.transform(part))) for part in parts]
        with one_thread(), torch.inference_mode():
            shortest = scorer.resolutions[0].length
            blocks = [
                Block(measure(scorer.resolutions, part), fold)
                for fold, part in enumerate(in_blocks(rows, self.model.n_folds, shortest))
            ]
            evidence = [
                widened(own, [block.distances[number] for block in blocks], readings)
                for number, own in enumerate(scorer.resolutions)
            ]
        scaled, effect = [scaler.transform(part) for part in parts], minimum_effect(parts, scaler)
        new = self._calibrate(evidence, recordings[0], scaler, scorer.period, blocks, [], scaled, effect)
        return replace(new, history=scorer.history, units=scorer.units, rhythm=scorer.rhythm)

    def recalibrate_machines(self, scorer: Scorer, recordings: Sequence[Recording]) -> Scorer:
        """Return a scorer of a fleet that also knows these machines, or knows them as they are now.

        The models and the calibration of the fleet stay. A machine gets the level of its rows; a new one also its
        scale, drawn to those of the fleet; and as many alarms as the others.

        Args:
            scorer: A fitted scorer of a fleet.
            recordings: Normal rows with the scorer's channels; each recording names its machine.

        Raises:
            ValueError: There are no values, too large values or too few rows.
        """
        machines = dict(scorer.machines)
        for entity, own in grouped(recordings, [each.entity for each in recordings]).items():
            parts = self._parts(own), times_of_parts(own)
            machines[entity] = calibrated_machine(scorer, *parts, own, self.false_alarm_rate)
        return replace(scorer, machines=machines)

    def _parts(self, recordings: Sequence[Recording]) -> list[np.ndarray]:
        """Return the rows without gaps in time, `(row, channel)` each."""
        refuse_unlearnable(recordings)
        parts = [recording.values[rows] for recording in recordings for rows in recording.segments()]
        longest = max(map(len, parts))
        if longest < 3 * self.window:  # so that two windows remain beside a block that is held out
            raise ValueError(
                f"the longest segment of normal rows without a gap has {longest} rows. Fitting windows of "
                f"{self.window} rows needs three times that; give more rows, or a smaller window"
                + grid_advice(recordings, 3 * self.window)
            )
        return parts

    def _possible_resolutions(self, lengths: Sequence[int], window: int) -> list[int]:
        """Return the resolutions; those for which there are too few rows are made finer."""
        fold = sum(lengths) / self.model.n_folds
        coarsest = min(max(lengths) / MIN_TRAINING_WINDOWS, min(fold, max(lengths)) / FOLD_WINDOWS) / window
        return sorted({max(1, min(each, int(coarsest))) for each in self.resolutions})

    def _suited(
        self, halves: tuple[list[Tensor], list[Tensor]], normal: ScaledRows, window: int, resolutions: Sequence[int]
    ) -> tuple[Tensor, ScorerFitter]:
        """Return the variance of each channel that is never abnormal, `(channel,)`, and a fitter that knows curves."""
        effect, model = normal.effect, self.model

        def fit(parts: Sequence[Tensor], effect: np.ndarray, is_curved: bool, rows_per_step: int) -> WindowEvidence:
            linear = Linear(code_size=0, curved=(is_curved,) * len(effect))  # whatever the model: it is quick
            return replace(self, model=linear)._fit_evidence(parts, noise_of(effect), window, rows_per_step)[0]

        may_curve = isinstance(model, Linear) and model.curved is None and len(effect) > 1
        may_curve = may_curve and 2 * window * len(effect) <= MAX_WINDOW_SIZE
        unlikeliness = Halves(*halves, window, resolutions, fit).unlikeliness
        with torch.inference_mode():
            effect, curved = likely_relations(effect, steps_of_readings(normal.scaled), unlikeliness, may_curve)
        if isinstance(model, Linear) and curved.any():
            model = replace(model, curved=tuple(curved.tolist()))
        return noise_of(effect), replace(self, model=model)

    def _fit_evidence(
        self,
        parts: Sequence[Tensor],
        noise: Tensor,
        window: int,
        rows_per_step: int,
        progress: bool = False,
    ) -> tuple[WindowEvidence, Mapping[str, Sequence[float]]]:
        """Return a model of windows with what is usual for them, but without the surprise; and its losses, if any."""
        windows = sample_windows(parts, window, rows_per_step)
        model = copy.deepcopy(self.model(windows, noise))  # a factory may keep what it returns
        history: Mapping[str, Sequence[float]] = {}
        if self.model.is_trainable and self.epochs:
            history = train(model, windows, self.epochs, self.model.learning_rate, self.random_state, progress)
        with torch.inference_mode():
            residuals = windows - reconstructions(model.eval(), windows)
            whitenings = fit_whitening(windows, noise), fit_whitening(residuals, noise)
        return WindowEvidence(model, window, rows_per_step, *whitenings), history

    def _blocks(
        self,
        rows: Sequence[Tensor],
        entities: Sequence[str],
        noise: Tensor,
        window: int,
        resolutions: Sequence[int],
    ) -> list[Block]:
        """Return blocks of rows, measured by models that are fitted to the others; of each machine, if it is named."""
        if not entities[0]:
            return [
                Block(distances, fold)
                for fold, (block, others) in enumerate(cross_fit_blocks(rows, self.model.n_folds, window))
                for distances in self._held_out(others, [block], noise, window, resolutions)
            ]
        folds = fleet_blocks(rows, self.model.n_folds, window * max(resolutions), window)
        return [
            Block(distances, fold, entities[number])
            for fold, (blocks, others) in enumerate(folds)
            for (number, _), distances in zip(
                blocks, self._held_out(others, [block for _, block in blocks], noise, window, resolutions)
            )
        ]

    def _with_machines(self, scorer: Scorer, normal: ScaledRows, blocks: Sequence[Block]) -> Scorer:
        """Return the scorer of a fleet with what each machine has of its own, by its blocks that were held out."""
        measured = [block for block in blocks if block.distances[0] is not None]
        rows = [evidence_of_block(scorer.resolutions, scorer.localization.of_rows, each.distances) for each in measured]
        scores = grouped(
            [scorer.calibration.scores(torch.from_numpy(each)).numpy() for each in rows],
            [block.entity for block in measured],
        )
        scaled = grouped(normal.scaled, normal.entities)
        machines = fit_machines(scorer, scores, scaled, normal.scalers, normal.effects, self.false_alarm_rate)
        return replace(scorer, machines=machines)

    def _held_out(
        self,
        parts: Sequence[Tensor],
        held_out: Sequence[Tensor],
        noise: Tensor,
        window: int,
        resolutions: Sequence[int],
    ) -> list[Distances]:
        """Return the distances in parts that are held out, by models that are fitted to the other parts."""
        longest, fitter = max(map(len, parts), default=0), replace(self, model=without_codes(self.model))
        fitted = [
            fitter._fit_evidence(parts, noise, window, each)[0] if window * each <= longest else None
            for each in resolutions
        ]
        return [measure(fitted, part) for part in held_out]

    def _calibrate(
        self,
        evidence: Sequence[WindowEvidence],
        recording: Recording,
        scaler: Scaler,
        period: float | None,
        blocks: Sequence[Block],
        later: Sequence[Distances],
        scaled: Sequence[np.ndarray],
        effect: np.ndarray,
    ) -> Scorer:
        """Return a scorer by the distances of blocks of normal rows, and of rows that are later than those of a fit."""
        localization = Localization(tuple(each.length for each in evidence))
        (calibration, rows), (latest_calibration, _) = (
            self._fit_calibration(evidence, attribute, blocks, later)
            for attribute in (localization.of_rows, localization.of_last_rows)
        )
        threshold = self._threshold(calibration, period)
        alarms = [calibration.scores(torch.from_numpy(each)).numpy() > threshold for each in rows]
        return Scorer(
            channels=recording.channels,
            scaler=scaler,
            resolutions=tuple(evidence),
            localization=localization,
            calibration=calibration,
            latest_calibration=latest_calibration,
            threshold=threshold,
            units=dict(recording.units),
            period=period,
            empirical_false_alarm_rate=float(np.concatenate(alarms).mean()),
            warning=self._warning(sum(map(len, rows))),
            drift_chart=DriftChart().fit(scaled, alarms, effect),
        )

    def _fit_calibration(
        self,
        evidence: Sequence[WindowEvidence],
        attribute: Callable[[Sequence[Tensor | None]], Tensor],
        blocks: Sequence[Block],
        later: Sequence[Distances],
    ) -> tuple[Calibration, list[np.ndarray]]:
        """Return the calibration of what is attributed to the rows of the blocks, and that evidence, `(row,)` each."""
        with torch.inference_mode():
            measured = [block for block in blocks if block.distances[0] is not None]
            rows = [evidence_of_block(evidence, attribute, block.distances) for block in measured]
            rows_later = [evidence_of_block(evidence, attribute, each) for each in later if each[0] is not None]
        by_fold = [np.concatenate(each) for each in grouped(rows, [block.fold for block in measured]).values()]
        return fit_calibration(by_fold, self.false_alarm_rate, self.merge_gap, rows_later), rows

    def _threshold(self, calibration: Calibration, period: float | None) -> float:
        if self.false_alarms_per_day is None:
            return calibration.threshold(self.false_alarm_rate)
        if period is None:
            raise ValueError(
                "false_alarms_per_day needs to know how many rows a day has, but the normal rows have no times. "
                "Give rows with times, or false_alarm_rate, a fraction of the rows"
            )
        return calibration.threshold_for_events(self.false_alarms_per_day * period / SECONDS_PER_DAY)

    def _warning(self, rows: int) -> str:
        expected = rows * self.false_alarm_rate
        if expected >= MIN_ALARM_ROWS:
            return ""
        return (
            f"{rows} normal rows hold about {expected:.1f} that a false alarm rate of {self.false_alarm_rate:g} would "
            f"exceed, so the threshold is extrapolated. Give {int(np.ceil(MIN_ALARM_ROWS / self.false_alarm_rate))} "
            "rows or more to see it"
        )

    @staticmethod
    def _shifted_scaler(scorer: Scorer, parts: list[np.ndarray]) -> Scaler:
        """Return the scorer's scaler with the mean of the new rows for channels that have shifted noticeably."""
        is_known = np.any([(~np.isnan(part)).any(axis=0) for part in parts], axis=0)
        means = np.where(is_known, Scaler().fit(parts).mean_, scorer.scaler.mean_)
        shifts = np.abs(means - scorer.scaler.mean_) / scorer.scaler.scale_
        return scorer.scaler.with_mean(np.where(shifts > scorer.drift_chart.half_width_[0], means, scorer.scaler.mean_))
