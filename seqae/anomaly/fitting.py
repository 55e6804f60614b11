"""How a detector learns: models of each resolution, what errors are usual, and where the alarm limit lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from seqae.anomaly.levels import Levels
from seqae.anomaly.scales import Scale, mean_of_rows
from seqae.batch import Batch
from seqae.data.batches import BatchOrder, Loader
from seqae.data.recordings import Recording
from seqae.data.scaler import Scaler
from seqae.errors import squared_error

if TYPE_CHECKING:
    from seqae.anomaly.detector import AnomalyDetector

SAMPLED = 1000  # training windows of a resolution
HELD_OUT = 0.2  # share of the rows, the last ones


def fit_detector(detector: AnomalyDetector, recordings: list[Recording], progress: bool) -> AnomalyDetector:
    """Let a detector learn from normal recordings that all have the same channels."""
    detector.channels_ = recordings[0].channels
    detector.units_ = dict(recordings[0].units)
    parts = [recording.values[rows] for recording in recordings for rows in recording.segments()]
    _learn(detector, parts, progress)
    return detector


def _learn(detector: AnomalyDetector, parts: list[np.ndarray], progress: bool) -> None:
    rows = sum(map(len, parts))
    if rows < 2 * detector.window:
        raise ValueError(f"{rows} normal rows. A detector with windows of {detector.window} needs more than twice that")
    longest = max(map(len, parts))
    if longest < detector.window:
        raise ValueError(f"no stretch without gaps is longer than {longest} rows. A window needs {detector.window}")
    detector.scaler_ = Scaler().fit(parts)
    # There must be several windows to learn from, so none spans more than a quarter of the longest part.
    resolutions = dict.fromkeys(max(1, min(each, longest // (4 * detector.window))) for each in detector.resolutions)
    scaled = [detector.scaler_.transform(part) for part in parts]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(detector.seed)
        detector.scales_ = [_scale(detector, scaled, each, progress) for each in resolutions]
    errors = [np.concatenate([scale.errors(part, detector.stride) for part in scaled]) for scale in detector.scales_]
    detector.levels_ = Levels().fit(errors, parts, detector.scaler_)


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
    from seqae.training.fit import fit
    from seqae.training.tasks import Reconstruction

    cut = len(windows) - int(HELD_OUT * len(windows))
    train, held_out = _Given(windows[:cut]), _Given(windows[cut:])
    with torch.no_grad():
        first = model.reconstruct(Batch.full(windows)).values - windows
    # Channels share nothing: in units of what they begin with, all of them learn at the same pace.
    usual = first.square().nanmean(dim=(0, 1)) + 1e-6
    task = Reconstruction(
        model, lambda predictions, steps: squared_error(predictions, steps) / usual.to(steps.device), learning_rate=3e-3
    )
    fit(
        task,
        Loader(train, BatchOrder(train.lengths, 64, detector.seed)),
        Loader(held_out, BatchOrder(held_out.lengths, 256, shuffle=False)) if cut < len(windows) else None,
        epochs=detector.epochs,
        patience=5,
        progress=progress,
        clip=None,
    )
    model.cpu()
