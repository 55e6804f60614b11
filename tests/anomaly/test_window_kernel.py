"""Many windows that are judged by the kernel, beside the same windows judged by torch."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch

from generators import readings
from seqae.anomaly import window_kernel
from seqae.anomaly.accepted import AcceptedDeviations
from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.evidence import WindowEvidence
from seqae.anomaly.feedback.applying import apply_feedback
from seqae.anomaly.feedback.entry import Feedback
from seqae.anomaly.window_kernel import SOURCE, WindowKernel, judge
from seqae.anomaly.window_models import Linear, MovingAverage
from seqae.data.signals.recordings import Recording
from seqae.modules.native.build import load_kernel, native_status

CHANNELS = ("flow", "pressure", "still")
needs_kernel = pytest.mark.skipif(load_kernel(SOURCE) is None, reason=native_status())


def spoiled(rows: int) -> np.ndarray:
    """Rows with a fault, a channel that is stuck, and numbers that are as large as scaled ones get."""
    values = readings(rows, seed=1)
    values[120:140, 1] += 90
    values[200:260, 0] = values[200, 0]
    values[400:405, 0] = 1e30
    return values


def scaled(detector: AnomalyDetector, values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(detector.scorer_.fill(detector.scorer_.scaled(values, None)))


@needs_kernel
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"resolutions": (1, 3), "window": 20},  # which the numbers that are computed side by side do not divide
        {"resolutions": (2,), "window": 2},
        {"model": "pca", "resolutions": (1,), "window": 7},
        {"model": Linear(curved=(True, False, True)), "window": 9},
    ],
    ids=["default", "long windows", "short windows", "principal components", "curves"],
)
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_the_evidence_is_that_of_torch_wherever_a_piece_ends(settings: dict, channels: int):
    if isinstance(model := settings.get("model"), Linear):
        settings = settings | {"model": Linear(curved=model.curved[:channels])}
    detector = AnomalyDetector(**settings).fit(readings(900, seed=0)[:, :channels])
    rows = scaled(detector, spoiled(1200)[:, :channels])
    missing = torch.from_numpy(np.random.default_rng(0).random(rows.shape) < 0.02)
    for own in detector.scorer_.resolutions:
        kernel = WindowKernel(own, load_kernel(SOURCE))
        for count in (1, 5, 24, 483, 1000):
            piece = slice(7, 7 + own.length + count - 1)
            for filled in (missing[piece], torch.zeros_like(missing[piece])):
                found, expected = (judge(rows[piece], filled) for judge in (kernel, own.of_rows))
                assert found.shape == (count, channels)
                torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@needs_kernel
def test_many_channels_that_depend_on_each_other_are_judged_as_by_torch():
    rng = np.random.default_rng(0)
    drivers = rng.standard_normal((1500, 3)).cumsum(axis=0)
    rows = drivers @ rng.standard_normal((3, 11)) + 0.01 * rng.standard_normal((1500, 11))
    detector = AnomalyDetector().fit(rows[:900])
    filled = scaled(detector, rows[900:])
    filled[100] *= 1e9  # what is near it has no rounding errors of its size
    for own in detector.scorer_.resolutions:
        kernel, none = WindowKernel(own, load_kernel(SOURCE)), torch.zeros_like(filled, dtype=torch.bool)
        torch.testing.assert_close(kernel(filled, none), own.of_rows(filled, none), rtol=1e-8, atol=1e-8)


@needs_kernel
@pytest.mark.parametrize("channels", [2, 3])
def test_each_channel_has_its_own_usual_residuals(channels: int):
    detector = AnomalyDetector(window=6, resolutions=(1,)).fit(readings(600, seed=0)[:, :channels])
    (own,), rows = detector.scorer_.resolutions, scaled(detector, readings(300, seed=1)[:, :channels])
    center = own.residuals.center + np.arange(channels)  # as after a recalibration
    shifted = replace(own, residuals=replace(own.residuals, center=center))
    none = torch.zeros_like(rows, dtype=torch.bool)
    found, expected = WindowKernel(shifted, load_kernel(SOURCE))(rows, none), shifted.of_rows(rows, none)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@needs_kernel
def test_a_kernel_is_kept_as_long_as_the_evidence():
    detector = AnomalyDetector(window=6, resolutions=(1,)).fit(readings(600, seed=0))
    rows = scaled(detector, readings(300, seed=1))
    own = weakref.ref(detector.scorer_.resolutions[0])
    judge(own(), rows, torch.zeros_like(rows, dtype=torch.bool))
    assert own() in window_kernel._KERNELS
    del detector
    gc.collect()
    assert own() is None


@needs_kernel
def test_a_number_that_is_none_spoils_the_windows_that_hold_it_alone():
    detector = AnomalyDetector(window=6, resolutions=(1,)).fit(readings(600, seed=0))
    (own,), rows = detector.scorer_.resolutions, scaled(detector, readings(300, seed=1))
    rows[100, 1] = torch.nan
    found, expected = (
        judge(rows, torch.zeros_like(rows, dtype=torch.bool))
        for judge in (WindowKernel(own, load_kernel(SOURCE)), own.of_rows)
    )
    assert torch.equal(found.isnan(), expected.isnan()) and 0 < found.isnan().sum() < 20


@needs_kernel
def test_deviations_that_were_accepted_are_heeded(monkeypatch: pytest.MonkeyPatch):
    detector = AnomalyDetector(window=6).fit(Recording(readings(900, seed=0), CHANNELS))
    recording = Recording(spoiled(600), CHANNELS)
    taught = apply_feedback(detector, [Feedback("normal", recording, 118, 142, "Ana", id=1)])
    found = taught.score_samples(recording)
    compared = []
    distances = AcceptedDeviations.distances
    monkeypatch.setattr(
        AcceptedDeviations, "distances", lambda self, x, quiet: compared.append(x.shape[2]) or distances(self, x, quiet)
    )
    monkeypatch.setattr("seqae.anomaly.scorer.judge", WindowEvidence.of_rows)
    np.testing.assert_allclose(found, taught.score_samples(recording), rtol=1e-6, atol=1e-6)
    assert sum(compared) and found[125:135].max() < detector.score_samples(recording)[125:135].max()


def test_other_models_and_few_windows_are_judged_by_torch(monkeypatch: pytest.MonkeyPatch):
    judged: list[int] = []
    monkeypatch.setattr(WindowKernel, "__call__", lambda self, rows, missing: judged.append(len(rows)))
    rows = torch.from_numpy(readings(200, seed=1))
    missing = torch.zeros_like(rows, dtype=torch.bool)
    for model in (MovingAverage(), Linear()):
        (own,) = AnomalyDetector(model, window=6, resolutions=(1,)).fit(readings(600, seed=0)).scorer_.resolutions
        for count in (20, 200):
            judge(own, rows[:count], missing[:count])
    assert judged == ([] if load_kernel() is None else [200])
    monkeypatch.setenv("SEQAE_NATIVE", "0")
    assert torch.equal(judge(own, rows, missing), own.of_rows(rows, missing))
