"""How a detector learns: models of each resolution, what errors are usual, and where the alarm limit lies."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from seqae.anomaly.charts import ENOUGH, LevelChart, QuietChart
from seqae.anomaly.drift import DriftChart
from seqae.anomaly.levels import Levels, noticeable
from seqae.anomaly.scales import Scale, mean_of_rows, one_thread
from seqae.batch import Batch
from seqae.data.signals.checks import refuse_unlearnable, usual_period
from seqae.data.signals.recordings import Recording
from seqae.datasets.loader import DataLoader
from seqae.datasets.sampler import LengthBucketSampler
from seqae.losses import squared_error
from seqae.transforms.scaler import Scaler

if TYPE_CHECKING:
    from seqae.anomaly.detector import AnomalyDetector, Scores

SAMPLED = 1000  # training windows of a resolution
HELD_OUT = 0.2  # share of the rows, the last ones
STILL = 0.03  # of what is noticeable: a deviation that is none
MOVED = 0.5  # of the limit of a level: a mean so far from it is another level


def fit_detector(detector: AnomalyDetector, recordings: list[Recording], progress: bool) -> AnomalyDetector:
    """Let a detector learn from normal recordings that all have the same channels."""
    detector.channels_ = recordings[0].channels
    detector.units_ = dict(recordings[0].units)
    detector.period_ = usual_period(recordings)
    refuse_unlearnable(recordings)
    parts = [recording.values[rows] for recording in recordings for rows in recording.segments()]
    _check_length(parts, detector.window)
    with one_thread():
        _learn(detector, parts, progress)
        unseen = _unseen_scores(detector, parts, _learn_as_stand_in)
    return _limited(detector, parts, unseen)


def recalibrate(detector: AnomalyDetector, recordings: list[Recording]) -> AnomalyDetector:
    """Return a detector with the same models for other normal recordings."""
    detector = copy.copy(detector)
    refuse_unlearnable(recordings)
    parts = [recording.values[rows] for recording in recordings for rows in recording.segments()]
    _check_length(parts, detector.window)
    with one_thread():
        _calibrate(detector, parts)
        unseen = _unseen_scores(detector, parts, _calibrate)
    return _limited(detector, parts, unseen)


def _limited(detector: AnomalyDetector, parts: list[np.ndarray], unseen: list[Scores]) -> AnomalyDetector:
    """Let a detector find its limits by the scores of normal rows that its models have not seen."""
    errors = np.concatenate([each.evidence[2:] for each in unseen], axis=1)
    rate = detector.false_alarm_rate / len(errors)
    detector.thresholds_ = [detector.threshold.fit(each, rate) for each in errors]
    # Constant channels have no errors at all, and rounding must raise no alarm: normal ends at 1, not before.
    limits = np.array([max(limit.value, 1.0) for limit in detector.thresholds_])
    reach = np.array([scale.reach for scale in detector.scales_])
    detector.limits_ = limits * np.maximum(ENOUGH * reach / sum(map(len, parts)), 1)
    for each in unseen:
        each.evidence[2:] /= detector.limits_[:, None]
    alarms = [detector.strongest(each.evidence) > 1 for each in unseen]
    detector.realised_rate_ = float(np.concatenate(alarms).mean())
    scaled = [detector.scaler_.transform(part) for part in parts]
    detector.drift_ = DriftChart().fit(scaled, alarms, noticeable(parts, detector.scaler_))
    return detector


def _check_length(parts: list[np.ndarray], window: int) -> None:
    longest = max(map(len, parts))
    if longest < 3 * window:  # so that two windows are left beside a block that is left out
        raise ValueError(
            f"the longest stretch of normal rows without a gap has {longest} rows. To learn, windows of "
            f"{window} rows need three times that; give more rows, or a smaller window"
        )


def _unseen_scores(
    detector: AnomalyDetector,
    parts: list[np.ndarray],
    learn: Callable[[AnomalyDetector, list[np.ndarray]], None],
) -> list[Scores]:
    """Return the scores of blocks of the normal rows, by copies of a detector that learn from the other blocks."""
    unseen = []
    for block, others in _left_out(parts, detector.model.blocks, detector.window):
        blind = copy.copy(detector)
        learn(blind, others)
        found = blind.all_scores(block)
        # With fewer rows the coarsest resolution may have become finer, or be the same as another one.
        missing = len(detector.scales_) - len(blind.scales_)
        unseen.append(replace(found, evidence=np.pad(found.evidence, ((0, missing), (0, 0)), mode="edge")))
    return unseen


def _left_out(parts: list[np.ndarray], blocks: int, window: int) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
    """Yield blocks of consecutive rows, and what is left without them."""
    edges = np.cumsum([0] + [len(part) for part in parts])
    for block in np.array_split(np.arange(edges[-1]), blocks):
        start, stop = block[0], block[-1] + 1
        within = [part[max(start - at, 0) : max(stop - at, 0)] for part, at in zip(parts, edges)]
        outside = [
            piece
            for part, at in zip(parts, edges)
            for piece in (part[: max(start - at, 0)], part[max(stop - at, 0) :])
            if len(piece) >= window
        ]
        if max(map(len, outside), default=0) >= 2 * window:  # else too little to learn from
            yield max(within, key=len), outside


def _learn_as_stand_in(detector: AnomalyDetector, parts: list[np.ndarray]) -> None:
    detector.model = detector.model.stand_in
    _learn(detector, parts, progress=False)


def _calibrate(detector: AnomalyDetector, parts: list[np.ndarray]) -> None:
    """Let a detector with models find out what is usual in other normal rows.

    Few rows tell less than those of the training did of how far a channel wanders. So it is read from its new mean on
    only if that has come some way to the limit for its level, and no limit becomes tighter than it was.
    """
    before = copy.copy(detector)
    detector.scaler_ = copy.copy(before.scaler_)
    is_known = np.any([(~np.isnan(part)).any(axis=0) for part in parts], axis=0)
    means = np.where(is_known, Scaler().fit(parts).mean_, before.scaler_.mean_)
    steps = (means - before.scaler_.mean_) / before.scaler_.scale_ - before.level_.centre_
    has_moved = is_known & (np.abs(steps) > MOVED * before.level_.limit_)
    detector.scaler_.mean_ = np.where(has_moved, means, before.scaler_.mean_)
    _measure(detector, parts)
    detector.levels_.widen(before.levels_)
    detector.level_.widen(before.level_)
    detector.level_.centre_ = np.where(has_moved, 0.0, before.level_.centre_)
    detector.quiet_.widen(before.quiet_)


def _learn(detector: AnomalyDetector, parts: list[np.ndarray], progress: bool) -> None:
    longest = max(map(len, parts))
    detector.scaler_ = Scaler().fit(parts)
    # There must be several windows to learn from, so none spans more than a quarter of the longest part.
    possible = {max(1, min(each, longest // (4 * detector.window))) for each in detector.resolutions}
    scaled = [detector.scaler_.transform(part) for part in parts]
    detector.history_ = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(detector.seed)
        detector.scales_ = [_scale(detector, scaled, each, progress) for each in sorted(possible)]
    _measure(detector, parts)


def _measure(detector: AnomalyDetector, parts: list[np.ndarray]) -> None:
    """Let a detector with models find out what errors, levels and movements are usual."""
    scaled = [detector.scaler_.transform(part) for part in parts]
    errors = [np.concatenate([scale.errors(part, detector.stride) for part in scaled]) for scale in detector.scales_]
    detector.levels_ = Levels(distance=detector.distance).fit(errors, parts, detector.scaler_)
    detector.limits_ = np.ones(len(detector.scales_))
    floor = noticeable(parts, detector.scaler_)
    detector.level_ = LevelChart().fit(scaled, detector.false_alarm_rate, floor)
    detector.quiet_ = QuietChart().fit(scaled, floor * STILL)


def _scale(detector: AnomalyDetector, scaled: list[np.ndarray], rows: int, progress: bool) -> Scale:
    windows = _sampled_windows(scaled, detector.window, rows)
    model = detector.model(windows)
    if detector.model.learns and detector.epochs:
        _train(model, windows, detector, progress)
    return Scale(model.eval(), detector.window, rows)


def _sampled_windows(parts: list[np.ndarray], window: int, rows: int) -> Tensor:
    """Return windows of steps of some rows, `(window, time, channel)`, evenly spaced and in the order of time."""
    reach = window * rows
    parts = [part for part in parts if len(part) >= reach]
    places = np.cumsum([0] + [len(part) - reach + 1 for part in parts])  # one for each row at which a window may begin
    chosen = np.linspace(0, places[-1] - 1, SAMPLED).astype(int)
    owners = np.searchsorted(places, chosen, side="right") - 1
    windows = [parts[owner][start : start + reach] for owner, start in zip(owners, chosen - places[owners])]
    return torch.from_numpy(np.stack([mean_of_rows(each, rows) for each in windows]))


class _Given:
    """Windows in one tensor as a source of batches."""

    def __init__(self, windows: Tensor):
        self.windows = windows
        self.lengths = np.full(len(windows), windows.shape[1])

    def batch(self, numbers: np.ndarray) -> Batch:
        return Batch.full(self.windows[torch.from_numpy(numbers)])


def _train(model: torch.nn.Module, windows: Tensor, detector: AnomalyDetector, progress: bool) -> None:
    from seqae.training.tasks.reconstruction import Reconstruction
    from seqae.training.trainer import fit

    cut = len(windows) - int(HELD_OUT * len(windows))
    train, held_out = _Given(windows[:cut]), _Given(windows[cut:])
    with torch.no_grad():
        first = model.reconstruct(Batch.full(windows)).values - windows
    # Channels share nothing: in units of what they begin with, all of them learn at the same pace.
    usual = first.square().nanmean(dim=(0, 1)) + 1e-6
    task = Reconstruction(
        model, lambda predictions, steps: squared_error(predictions, steps) / usual.to(steps.device), learning_rate=3e-3
    )
    history = fit(
        task,
        DataLoader(train, LengthBucketSampler(train.lengths, 64, detector.seed)),
        DataLoader(held_out, LengthBucketSampler(held_out.lengths, 256, shuffle=False)) if cut < len(windows) else None,
        epochs=detector.epochs,
        patience=5,
        progress=progress,
        gradient_clip_val=None,
    )
    model.cpu()
    if not detector.history_:  # of the finest resolution, for people to look at
        detector.history_ = {"train": history.train, "valid": history.valid}
