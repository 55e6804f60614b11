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
from seqae.anomaly.multiscale import ResolutionModel
from seqae.anomaly.window_models import (
    PCA,
    WINDOW_MODELS,
    Conv,
    Dense,
    MovingAverage,
    MovingAveragePredictor,
    Recurrent,
    Transformer,
    WindowModelFactory,
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
    detector.scorer_ = replace(detector.scorer_, resolution_models=[ResolutionModel(model.eval(), 16, 1)])
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


def test_factories_keep_what_they_were_given():
    windows = torch.randn(50, 12, 3)
    model = Recurrent("gru", code_size=5, hidden_size=8)(windows)
    assert model.encode(Batch.full(windows)).shape == (50, 5)
    assert Dense(n_components=2, explained_variance=0.99)(windows).encode(Batch.full(windows)).shape == (50, 3 * 2)
    assert PCA(n_components=90)(windows).encode(Batch.full(windows)).shape == (50, 3 * 12), "steps are enough"
    assert MovingAverage(steps=9)(windows).steps == 9
    assert Dense(n_components=3, explained_variance=0.7).proxy_for_calibration == PCA(
        n_components=3, explained_variance=0.7
    )


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
    model = factory(torch.zeros(2, 12, 3))
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
