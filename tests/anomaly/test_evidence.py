from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from seqae.anomaly import evidence as evidence_module
from seqae.anomaly.accepted import AcceptedDeviations
from seqae.anomaly.evidence import (
    DEGREES,
    Surprise,
    WindowEvidence,
    count_moves,
    fit_surprise,
    fit_whitening,
    reconstructions,
)
from seqae.anomaly.window_models import Linear
from seqae.anomaly.windows import windows_of

OFTEN = np.array([1e5])  # how often a channel moved whose tails are known
NOISE = torch.tensor([0.01, 0.2], dtype=torch.float64)


def rows_of(count: int, seed: int = 0) -> torch.Tensor:
    """Return two channels, each like its row before and like the other channel, `(row, 2)`."""
    noise = np.random.default_rng(seed).normal(size=(count, 2))
    for row in range(1, count):
        noise[row] += 0.7 * noise[row - 1]
    return torch.from_numpy(noise @ np.array([[1.0, 0.5], [0.0, 1.0]]))


def square_forms(windows: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """Return (w - mean)' inv(S) (w - mean) of each channel of each window, by a loop, `(window, channel)`."""
    found = np.empty((len(windows), windows.shape[2]))
    for channel in range(windows.shape[2]):
        own = usual[:, :, channel]
        inverse = np.linalg.inv(np.cov(own.T, bias=True) + NOISE[channel].item() * np.eye(own.shape[1]))
        for number, window in enumerate(windows[:, :, channel] - own.mean(axis=0)):
            found[number, channel] = window @ inverse @ window
    return found


def test_distances_are_the_square_forms_of_the_inverse_covariance():
    usual, windows = windows_of(rows_of(500), 6, 1), windows_of(rows_of(50, seed=1), 6, 1)
    found = fit_whitening(usual, NOISE).distances(windows)
    np.testing.assert_allclose(found.numpy(), square_forms(windows.numpy(), usual.numpy()), rtol=1e-9)


@pytest.mark.parametrize("rows_per_step", [1, 3])
def test_a_channel_is_measured_by_itself_and_by_its_residual(rows_per_step: int, monkeypatch: pytest.MonkeyPatch):
    usual = windows_of(rows_of(500), 6, rows_per_step)
    model = Linear()(usual, NOISE)
    residuals = usual - reconstructions(model, usual)
    own = WindowEvidence(
        model, 6, rows_per_step, fit_whitening(usual, NOISE), fit_whitening(residuals, NOISE), surprise=None
    )
    rows = rows_of(80, seed=1)
    windows = windows_of(rows, 6, rows_per_step)
    expected = np.stack(
        [
            square_forms(windows.numpy(), usual.numpy()),
            square_forms((windows - reconstructions(model, windows)).numpy(), residuals.numpy()),
        ]
    )
    np.testing.assert_allclose(own.distances(rows).numpy(), expected, rtol=1e-9)
    monkeypatch.setattr(evidence_module, "WINDOWS_PER_BATCH", 7)
    np.testing.assert_allclose(own.distances(rows).numpy(), expected, rtol=1e-9)


NEVER_QUIET = (np.ones((2, 2)), np.zeros((2, 2)))  # `Surprise.quiet` and `quiet_power`


def test_evidence_is_minus_the_logarithm_of_students_density_above_the_usual():
    degrees, scale, dimensions = np.array([[3.0, 16.0], [0.5, 2.0]]), np.array([[1.0, 2.0], [0.5, 4.0]]), 5
    usual = np.array([[0.0, 1.0], [2.0, 0.5]])
    points = np.random.default_rng(0).normal(scale=4, size=(30, dimensions))
    distances = torch.from_numpy(np.square(points).sum(axis=1))[None, :, None].expand(2, 30, 2)
    found = Surprise(degrees, scale, np.full(2, float(dimensions)), usual, *NEVER_QUIET).evidence(distances).numpy()
    for kind, channel in np.ndindex(2, 2):
        density = stats.multivariate_t(shape=scale[kind, channel] * np.eye(dimensions), df=degrees[kind, channel])
        surprise = density.logpdf(np.zeros(dimensions)) - density.logpdf(points)
        np.testing.assert_allclose(
            found[kind, :, channel],
            np.logaddexp(0, surprise - usual[kind, channel]) - np.logaddexp(0, -usual[kind, channel]),
            rtol=1e-9,
            atol=1e-9,
        )


@pytest.mark.parametrize("degrees", [1.0, 4.0, 256.0])
@pytest.mark.parametrize("scale", [0.3, 7.0])
def test_the_distribution_that_made_distances_is_found(degrees: float, scale: float):
    random, dimensions = np.random.default_rng(0), 16
    chi = random.chisquare(dimensions, size=(2, 20_000, 1))
    distances = scale * chi / (random.chisquare(degrees, size=chi.shape) / degrees)
    found = fit_surprise(torch.from_numpy(distances), OFTEN, dimensions)
    assert np.all(np.abs(np.log2(found.degrees / degrees)) <= (2 if degrees == DEGREES[-1] else 0))
    np.testing.assert_allclose(found.scale, scale, rtol=0.05)


def test_a_twentieth_of_normal_windows_is_above_the_usual():
    distances = torch.from_numpy(np.random.default_rng(0).chisquare(8, size=(2, 4000, 3)))
    found = fit_surprise(distances, OFTEN.repeat(3), 8)
    unusual = (found.evidence(distances) > np.log(2)) & (distances > distances.median())
    np.testing.assert_allclose(unusual.double().mean(dim=1).numpy(), 0.05, atol=1e-3)


def test_heavy_tails_make_a_large_distance_less_surprising():
    random = np.random.default_rng(0)
    light = torch.from_numpy(random.chisquare(8, size=(2, 4000, 1)))
    heavy = light / torch.from_numpy(random.chisquare(2, size=(2, 4000, 1)) / 2)
    far = torch.full((2, 1, 1), 200.0, dtype=torch.float64)
    of_light, of_heavy = (fit_surprise(each, OFTEN, 8).evidence(far) for each in (light, heavy))
    assert (of_heavy < 0.5 * of_light).all()


def test_distances_that_are_all_zero_are_usual_and_others_are_not():
    found = fit_surprise(torch.zeros(2, 100, 1, dtype=torch.float64), OFTEN, 4)
    assert found.evidence(torch.zeros(2, 5, 1, dtype=torch.float64)).max() == 0
    assert found.evidence(torch.full((2, 1, 1), 9.0, dtype=torch.float64)).min() > 5


def test_a_widened_surprise_has_the_larger_scales_and_usual_surprises_and_the_least_quiet():
    def surprise(*parts: list[float]) -> Surprise:
        degrees, scale, usual, quiet, power = (np.array([each]) for each in parts)
        return Surprise(degrees, scale, np.full(2, 4.0), usual, quiet, power)

    one = surprise([2, 8], [1, 5], [3, 1], [0.5, 2], [1.5, 0])
    other = surprise([16, 1], [4, 2], [2, 6], [0.7, 1], [0.5, 2])
    for wide in (one.widen(other), other.widen(one)):
        assert (wide.degrees.tolist(), wide.scale.tolist(), wide.usual.tolist()) == ([[16, 8]], [[4, 5]], [[3, 6]])
        assert (wide.quiet.tolist(), wide.quiet_power.tolist()) == ([[0.5, 1]], [[0.5, 0]])


def test_noise_that_never_fades_makes_a_quiet_window_no_rarer_than_a_normal_distribution_would():
    steady = torch.from_numpy(5 + 0.1 * np.random.default_rng(0).uniform(size=(2, 2000, 1)))
    found = fit_surprise(steady, OFTEN, 8)
    quiet = np.quantile(steady.numpy(), 0.05)
    evidence = found.evidence(torch.full((2, 1, 1), quiet / 10, dtype=torch.float64))
    np.testing.assert_allclose(evidence.numpy(), 8 / 2 * np.log(10), rtol=0.01)


def test_a_window_without_noise_is_as_surprising_as_it_is_rare():
    distances = torch.from_numpy(np.random.default_rng(0).chisquare(8, size=(2, 20_000, 1)))
    found = fit_surprise(distances, OFTEN, 8)
    quiet = torch.from_numpy(stats.chi2(8).ppf([1e-4, 1e-3, 0.01]))[None, :, None].expand(2, 3, 1)
    np.testing.assert_allclose(found.evidence(quiet)[0, :, 0].numpy(), -np.log([0.002, 0.02, 0.2]), rtol=0.25)
    assert found.evidence(torch.zeros(2, 1, 1, dtype=torch.float64)).isfinite().all()


def test_a_channel_that_stands_still_in_normal_rows_may_stand_still():
    distances = torch.from_numpy(np.random.default_rng(0).chisquare(8, size=(2, 2000, 1)))
    distances[:, :200] = 0
    assert fit_surprise(distances, OFTEN, 8).evidence(torch.zeros(2, 1, 1, dtype=torch.float64)).max() == 0


@pytest.mark.parametrize("has_accepted", [False, True])
def test_what_was_filled_in_is_not_quiet(has_accepted: bool):
    rows = torch.from_numpy(np.random.default_rng(0).normal(size=(400, 2)))
    usual = windows_of(rows, 6, 1)
    model = Linear()(usual, NOISE)
    whitenings = fit_whitening(usual, NOISE), fit_whitening(usual - reconstructions(model, usual), NOISE)
    own = WindowEvidence(model, 6, 1, *whitenings)
    own = replace(own, surprise=fit_surprise(own.distances(rows), OFTEN.repeat(2), 6))
    nothing = AcceptedDeviations(np.zeros((0, 2, 2, 6)), least=-1.0, quietest=np.full((2, 2), np.inf))
    own = replace(own, accepted=nothing if has_accepted else None)
    stuck, missing = rows[:100].clone(), torch.zeros(100, 2, dtype=torch.bool)
    stuck[40:60, 0], missing[40:60, 0] = 0, True
    known, filled = (own.of_rows(stuck, each) for each in (torch.zeros_like(missing), missing))
    touched = (torch.arange(len(known)) + own.length > 40) & (torch.arange(len(known)) < 60)
    assert known[touched, 0].max() > 5 > filled[touched, 0].max()
    assert torch.equal(known[~touched], filled[~touched]) and torch.equal(known[:, 1], filled[:, 1])


def test_a_channel_is_believed_by_how_often_it_moved():
    moving, still = np.arange(300.0), np.zeros(300)
    rare = np.zeros(300)
    rare[50::50] = 1  # five times up and five times down
    rare[::100] = 0
    moves = int((np.diff(rare) != 0).sum())
    counted = count_moves([np.stack([moving, still, rare], axis=1)] * 4)
    np.testing.assert_array_equal(counted, [4 * 299, 0, 4 * moves])
    found = fit_surprise(torch.ones(2, 400, 3, dtype=torch.float64), counted, 16)
    np.testing.assert_allclose(found.dimensions, [16, 1, max(1, 4 * moves / 10)])


def test_few_moves_do_not_show_that_a_large_one_is_impossible():
    still = torch.zeros(2, 400, 2, dtype=torch.float64)
    found = fit_surprise(still, np.array([0, 1e5]), 8)
    never, often = found.evidence(torch.full((2, 1, 2), 1e6, dtype=torch.float64))[0, 0].tolist()
    assert (found.degrees[:, 0] == DEGREES[0]).all()
    assert np.log(400) < never < 20 < often  # about as surprising as an event that no row of some hundreds has shown
