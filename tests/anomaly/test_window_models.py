import copy
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import seqae
from generators import readings
from seqae.anomaly.linear_windows import LinearWindowModel
from seqae.anomaly.window_models import (
    PCA,
    WINDOW_MODELS,
    Conv,
    Linear,
    MovingAverage,
    MovingAveragePredictor,
    Recurrent,
    Transformer,
    WindowModelFactory,
    without_codes,
)
from seqae.architectures import Architecture, build_autoencoder
from seqae.batch import Batch
from seqae.modules.missing import MissingValueEmbedding


@pytest.fixture(scope="module")
def detectors() -> dict[str, seqae.AnomalyDetector]:
    """A detector with each of the models, hardly trained."""
    made = {name: seqae.AnomalyDetector(model, resolutions=(1,), epochs=1) for name, model in WINDOW_MODELS.items()}
    return {name: detector.fit(readings(400, seed=0)) for name, detector in made.items()}


@pytest.fixture(params=WINDOW_MODELS)
def detector(request: pytest.FixtureRequest, detectors: dict[str, seqae.AnomalyDetector]) -> seqae.AnomalyDetector:
    return detectors[request.param]


def test_every_model_scores_every_row_and_sees_a_gross_fault(detector: seqae.AnomalyDetector):
    rows = readings(200, seed=1)
    rows[100:110, 0] = 50
    scores = detector.score_samples(rows)
    assert scores.shape == (200,)
    assert np.isfinite(scores).all()
    assert 100 - 16 < np.argmax(scores) < 110 + 16
    assert detector.predict(rows)[100:110].any()


def test_every_model_reconstructs_and_encodes(detector: seqae.AnomalyDetector):
    rows = readings(100, seed=1)
    rows[50, 1] = np.nan
    written, codes = detector.reconstruct(rows), detector.encode(rows)
    assert written.shape == rows.shape
    assert np.isfinite(written).all()
    assert len(codes) == 7  # six windows of 16 rows beside each other, and one that ends at the last row
    assert np.isfinite(codes).all()


def test_every_model_scores_the_same_after_loading(detector: seqae.AnomalyDetector, tmp_path: Path):
    rows = readings(150, seed=1)
    seqae.save(detector, tmp_path / "model")
    np.testing.assert_array_equal(seqae.load(tmp_path / "model").score_samples(rows), detector.score_samples(rows))


def test_a_detector_with_a_decoder_that_factories_no_longer_make_is_loaded(
    detectors: dict[str, seqae.AnomalyDetector], tmp_path: Path
):
    detector = copy.deepcopy(detectors["lstm"])
    encoder = seqae.RecurrentEncoder(seqae.LSTM(2 * 3, 8), 4, embed=MissingValueEmbedding())
    model = seqae.Autoencoder(encoder, seqae.RepeatDecoder(seqae.LSTM(4, 8), nn.Linear(8, 3)))
    (finest,) = detector.scorer_.resolutions
    detector.scorer_ = replace(detector.scorer_, resolutions=(replace(finest, model=model.eval()),))
    loaded, rows = seqae.load(seqae.save(detector, tmp_path / "model")), readings(150, seed=1)
    np.testing.assert_array_equal(loaded.score_samples(rows), detector.score_samples(rows))


def test_a_fresh_process_gives_the_same_scores_without_lightning(
    detectors: dict[str, seqae.AnomalyDetector], tmp_path: Path
):
    rows = readings(150, seed=1)
    np.save(tmp_path / "rows.npy", rows)
    for name, detector in detectors.items():
        seqae.save(detector, tmp_path / name)
    program = (
        "import sys; import numpy as np; import seqae\n"
        "scores = {name: seqae.load(name).score_samples(np.load('rows.npy')) for name in sys.argv[1:]}\n"
        "np.savez('scores.npz', **scores)\n"
        "sys.exit(', '.join(name for name in sys.modules if name.split('.')[0] == 'lightning') or 0)"
    )
    words, home = [sys.executable, "-c", program, *detectors], str(Path(seqae.__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": home}
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    with np.load(tmp_path / "scores.npz") as found:
        for name, detector in detectors.items():
            np.testing.assert_array_equal(found[name], detector.score_samples(rows))


def test_only_trainable_models_have_a_history(detector: seqae.AnomalyDetector):
    assert bool(detector.history_) == detector.model.is_trainable
    if detector.model.is_trainable:
        assert len(detector.history_["train"]) == 1
        assert np.isfinite(detector.history_["train"]).all()


def waves(channels: int = 3, count: int = 300, steps: int = 12, seed: int = 0) -> torch.Tensor:
    """Return waves of one period that begin anywhere, with noise, `(window, time, channel)`."""
    random = np.random.default_rng(seed)
    phase = random.uniform(0, 6, (count, 1, 1)) + np.arange(steps)[None, :, None] / 3 + np.arange(channels)
    return torch.from_numpy(2 + np.sin(phase) + 0.2 * random.normal(size=phase.shape))


NOISE = torch.tensor([0.003, 0.05, 0.4], dtype=torch.float64)


def test_factories_keep_what_they_were_given():
    windows = waves()
    model = Recurrent("gru", code_size=5, hidden_size=8)(windows, NOISE)
    assert model.encode(Batch.full(windows.float())).shape == (300, 5)
    for factory in (Linear, PCA):
        assert factory(code_size=7)(windows, NOISE).encode(Batch.full(windows)).shape == (300, 7)
        assert factory(code_size=90)(windows, NOISE).encode(Batch.full(windows)).shape == (300, 36), "there are no more"
    assert MovingAverage(steps=9)(windows, NOISE).steps == 9


def test_a_linear_model_is_the_ridge_regression_of_each_channel_on_all_steps_of_the_others():
    windows, fresh = waves().numpy(), waves(seed=1)
    found = Linear()(waves(), NOISE).reconstruct(Batch.full(fresh)).values.numpy()
    center = windows.mean(axis=0)
    # With noise of variance v in a step, its coefficients pay v times the number of windows times their square.
    penalty = np.sqrt(len(windows) * NOISE.numpy())
    for channel in range(3):
        others = [each for each in range(3) if each != channel]
        steps = (windows - center)[:, :, others].reshape(len(windows), -1)
        wanted = (windows - center)[:, :, channel]
        ridge = np.diag(np.tile(penalty[others], 12))
        rows, targets = np.vstack([steps, ridge]), np.vstack([wanted, np.zeros((len(ridge), 12))])
        weights = np.linalg.lstsq(rows, targets, rcond=None)[0]
        expected = (fresh.numpy() - center)[:, :, others].reshape(len(fresh), -1) @ weights + center[:, channel]
        np.testing.assert_allclose(found[:, :, channel], expected, rtol=1e-8)


def test_the_reconstruction_of_a_channel_ignores_the_channel():
    model, windows = Linear()(waves(), NOISE), waves(seed=1)
    changed = windows.clone()
    changed[:, :, 1] += 5
    before, after = (model.reconstruct(Batch.full(each)).values for each in (windows, changed))
    assert torch.equal(after[:, :, 1], before[:, :, 1])
    assert (after[:, :, 0] - before[:, :, 0]).abs().max() > 0.1


@pytest.mark.parametrize(("factory", "channels"), [(PCA, 3), (PCA, 1), (Linear, 1)])
@pytest.mark.parametrize("explained_variance", [0.5, 0.9, 0.99])
def test_the_reconstruction_is_that_by_principal_components(
    factory: type[PCA] | type[Linear], channels: int, explained_variance: float
):
    windows, fresh = waves(channels), waves(channels, seed=1)
    flat, center = windows.flatten(1).numpy(), windows.flatten(1).numpy().mean(axis=0)
    _, deviations, axes = np.linalg.svd(flat - center)
    fractions = np.cumsum(deviations**2) / np.sum(deviations**2)
    axes = axes[: np.flatnonzero(fractions >= explained_variance)[0] + 1]
    expected = (fresh.flatten(1).numpy() - center) @ axes.T @ axes + center
    model = factory(code_size=2, explained_variance=explained_variance)(windows, NOISE[:channels])
    assert isinstance(model, LinearWindowModel)
    np.testing.assert_allclose(model.reconstruct(Batch.full(fresh)).values.flatten(1).numpy(), expected, rtol=1e-8)


@pytest.mark.parametrize("factory", [Linear(code_size=4), PCA(code_size=4)])
def test_codes_are_the_largest_principal_components(factory: WindowModelFactory):
    windows, fresh = waves(), waves(seed=1)
    center = windows.flatten(1).mean(dim=0)
    axes = np.linalg.svd((windows.flatten(1) - center).numpy())[2][:4]
    found = factory(windows, NOISE).encode(Batch.full(fresh)).numpy()
    np.testing.assert_allclose(np.abs(found), np.abs((fresh.flatten(1) - center).numpy() @ axes.T), rtol=1e-8)


@pytest.mark.parametrize("factory", [Linear(), PCA()])
def test_channels_that_stand_still_are_reconstructed_as_they_are(factory: WindowModelFactory):
    windows = waves()
    windows[:, :, 1:] = 0.5
    found = factory(windows, NOISE).reconstruct(Batch.full(windows)).values
    torch.testing.assert_close(found[:, :, 1:], windows[:, :, 1:])
    assert found.isfinite().all()


@pytest.mark.parametrize(
    ("architecture", "factory"),
    [
        ("lstm", Recurrent(code_size=5, hidden_size=8)),
        ("gru", Recurrent("gru", code_size=5, hidden_size=8)),
        ("conv", Conv(code_size=5, hidden_size=8)),
        ("attention", Transformer(code_size=5, hidden_size=8)),
    ],
)
def test_models_over_all_channels_are_those_of_sequences(architecture: Architecture, factory: WindowModelFactory):
    torch.manual_seed(0)
    model = factory(torch.zeros(2, 12, 3), NOISE)
    torch.manual_seed(0)
    embed, sizes = MissingValueEmbedding(), {"code_size": 5, "hidden_size": 8}
    expected = build_autoencoder(architecture, 6, lambda size: nn.Linear(size, 3), embed=embed, **sizes)
    windows = Batch.full(torch.randn(4, 12, 3))
    assert isinstance(model, seqae.Autoencoder)
    model.eval()  # which has dropout
    expected.eval()
    torch.testing.assert_close(model.reconstruct(windows).values, expected.reconstruct(windows).values)


@pytest.mark.parametrize("steps", [1, 3, 20])
def test_moving_average_equals_a_plain_loop(steps: int):
    values = torch.randn(4, 10, 2, generator=torch.Generator().manual_seed(0))
    values[0, 0, 0] = values[1, 4:7, 1] = torch.nan
    known = values.nan_to_num()  # a missing value is read as the mean of a scaled channel
    expected = known.clone()
    for at in range(1, 10):
        expected[:, at] = known[:, max(0, at - steps) : at].mean(dim=1)
    torch.testing.assert_close(MovingAveragePredictor(steps).reconstruct(Batch.full(values)).values, expected)


@pytest.mark.parametrize("factory", [Linear(), PCA(), MovingAverage()], ids=["linear", "pca", "moving average"])
def test_a_model_without_codes_reconstructs_the_same(factory: WindowModelFactory):
    windows = torch.from_numpy(np.random.default_rng(0).standard_normal((200, 6, 2)))
    noise, batch = torch.full((2,), 0.01, dtype=torch.float64), Batch.full(windows)
    found, expected = (each(windows, noise).reconstruct(batch) for each in (without_codes(factory), factory))
    assert torch.equal(found.values, expected.values)
