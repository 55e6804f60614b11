import numpy as np
import pytest
import torch
from torch import Tensor

import seqae
from generators import readings
from seqae.anomaly.linear_windows import LinearWindowModel, squares
from seqae.anomaly.window_models import Linear
from seqae.batch import Batch

NOISE = torch.full((3,), 0.01, dtype=torch.float64)


def parabola(seed: int) -> Tensor:
    """Windows of 5 steps: a channel of its own, its square two steps later, scaled, and one that follows neither."""
    random = np.random.default_rng(seed)
    slow = np.convolve(random.normal(size=2020), np.ones(21) / np.sqrt(21), "valid")
    square = (np.roll(slow, 2) ** 2 - 1) / np.sqrt(2) + 0.05 * random.normal(size=len(slow))
    rows = np.stack([slow, square, random.normal(size=len(slow))], axis=1)[10:]
    return torch.from_numpy(np.lib.stride_tricks.sliding_window_view(rows, 5, axis=0).transpose(0, 2, 1).copy())


def errors(model: LinearWindowModel, windows: Tensor) -> Tensor:
    """Return the mean squared error of each channel, `(channel,)`."""
    return (windows - model.reconstruct(Batch.full(windows)).values).square().mean(dim=(0, 1))


def test_squares_end_where_normal_rows_show_nothing():
    found = squares(torch.tensor([-1e6, -2, 0.5, 4, 5], dtype=torch.float64))
    assert found.tolist() == [16, 4, 0.25, 16, 16]


def test_a_channel_that_is_the_square_of_another_one_follows_from_squares_alone():
    straight, curved = (Linear(curved=each)(parabola(0), NOISE) for each in (None, (False, True, False)))
    windows = parabola(1)
    assert errors(straight, windows)[1] > 0.5
    assert errors(curved, windows)[1] < 0.2


def test_straight_channels_have_the_weights_of_a_model_without_squares():
    straight, curved = (Linear(curved=each)(parabola(0), NOISE) for each in (None, (False, True, False)))
    assert curved.has_squares and not straight.has_squares
    rows = torch.arange(15) % 3 != 1
    assert torch.equal(curved.weight[rows], straight.weight[rows])
    assert not curved.square_weight[rows].any()


def test_the_reconstruction_of_a_curved_channel_ignores_the_channel():
    model, windows = Linear(curved=(True,) * 3)(parabola(0), NOISE), parabola(1)
    changed = windows.clone()
    changed[:, :, 1] -= 2
    before, after = (model.reconstruct(Batch.full(each)).values for each in (windows, changed))
    assert torch.equal(after[:, :, 1], before[:, :, 1])
    assert (after[:, :, 0] - before[:, :, 0]).abs().max() > 0.1


def test_curved_weights_are_the_ridge_regression_on_the_steps_and_squares_of_the_others():
    windows, fresh = parabola(0), parabola(1)[:50]
    found = Linear(curved=(True,) * 3)(windows, NOISE).reconstruct(Batch.full(fresh)).values
    center, square_center = windows.mean(dim=0), squares(windows).mean(dim=0)
    slopes = 4 * torch.where(windows.square() < 16, windows.square(), 0).mean(dim=0)

    def inputs(windows: Tensor) -> Tensor:
        return torch.cat([windows - center, squares(windows) - square_center], dim=2)[:, :, [0, 2, 3, 5]].flatten(1)

    noises = torch.cat([NOISE.expand(5, 3), NOISE * slopes.clamp(min=1)], dim=1)[:, [0, 2, 3, 5]].flatten()
    regular = inputs(windows).T @ inputs(windows) / len(windows) + noises.diag()
    products = inputs(windows).T @ (windows - center)[:, :, 1] / len(windows)
    expected = inputs(fresh) @ torch.linalg.solve(regular, products) + center[:, 1]
    torch.testing.assert_close(found[:, :, 1], expected, rtol=1e-6, atol=1e-8)


def test_curves_are_named_for_each_channel():
    with pytest.raises(ValueError, match="curved speaks of 2 channels, and there are 3"):
        Linear(curved=(True, False))(parabola(0), NOISE)


def test_a_single_channel_has_no_curve():
    assert not Linear(curved=(True,))(parabola(0)[:, :, :1], NOISE[:1]).has_squares


def test_a_saved_detector_with_curves_is_the_same_after_loading(tmp_path):
    detector = seqae.AnomalyDetector(Linear(curved=(True, False, True)), window=6).fit(readings(600, seed=0))
    loaded = seqae.load(seqae.save(detector, tmp_path / "detector"))
    rows = readings(300, seed=1)
    np.testing.assert_array_equal(loaded.score_samples(rows), detector.score_samples(rows))
    np.testing.assert_array_equal(loaded.reconstruct(rows), detector.reconstruct(rows))
    assert loaded.model == detector.model
