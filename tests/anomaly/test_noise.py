from collections.abc import Sequence
from functools import partial

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_t
from torch import Tensor

from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.evidence import DEGREES, WindowEvidence, fit_whitening, reconstructions
from seqae.anomaly.linear_windows import LinearWindowModel
from seqae.anomaly.noise import (
    BLOCKS,
    FACTORS,
    MINIMUM_NOISE,
    Halves,
    likely_relations,
    noise_of,
    steps_of_readings,
    unlikeliness,
)
from seqae.anomaly.window_models import Linear
from seqae.anomaly.window_training import sample_windows

EFFECT = np.array([0.1, 0.2, 0.3])


CURVED = np.array([False, True, False])


def loss_that_is_least_at(best: np.ndarray, effect: np.ndarray, is_curved: bool) -> np.ndarray:
    return np.tile(np.square(np.log(effect / best)) + (is_curved != CURVED), (BLOCKS, 1))


@pytest.mark.parametrize("factor", FACTORS)
def test_each_channel_takes_the_least_effect_by_which_its_rows_are_most_likely(factor: float):
    best = EFFECT * np.array([factor, 1, 1 / 4])
    found, curved = likely_relations(EFFECT, np.full(3, 1e-6), partial(loss_that_is_least_at, best))
    np.testing.assert_allclose(found, best)
    np.testing.assert_array_equal(curved, CURVED)


def test_no_channel_is_curved_where_only_straight_ones_may_be_chosen():
    _, curved = likely_relations(EFFECT, np.full(3, 1e-6), partial(loss_that_is_least_at, EFFECT), may_curve=False)
    assert not curved.any()


def test_no_effect_is_smaller_than_the_step_of_the_readings_and_what_takes_few_values_has_no_choice():
    best = EFFECT / 4
    found, curved = likely_relations(EFFECT, np.array([0.05, 0.4, np.inf]), partial(loss_that_is_least_at, best))
    np.testing.assert_allclose(found, [0.05, 0.2, 0.3])
    assert not curved[1:].any()


@pytest.mark.parametrize(("spread", "is_curved"), [(1.0, True), (8.0, False)])
def test_a_curve_that_some_blocks_are_for_and_others_against_is_not_taken(spread: float, is_curved: bool):
    gains = 1 + spread * np.linspace(-1, 1, BLOCKS)  # their standard error is a fifth of the spread, about

    def loss(effect: np.ndarray, is_curved: bool) -> np.ndarray:
        return np.square(np.log(effect / EFFECT)) - (gains[:, None] if is_curved else 0)

    assert likely_relations(EFFECT, np.full(3, 1e-6), loss)[1].tolist() == [is_curved] * 3


def test_without_windows_that_tell_nothing_is_chosen():
    found, curved = likely_relations(EFFECT, np.zeros(3), lambda effect, is_curved: np.zeros((BLOCKS, 3)))
    np.testing.assert_array_equal(found, EFFECT)
    assert not curved.any()


def test_the_step_of_readings_is_that_of_values_which_are_next_to_each_other_in_size():
    nan = np.nan
    parts = [np.array([[1, 0.5, 7, nan], [2, nan, 7, nan]]), np.array([[4, 0.75, 7, nan], [5, 0.5, nan, nan]])]
    np.testing.assert_array_equal(steps_of_readings(parts), [1, 0.25, np.inf, np.inf])


def test_noise_is_never_so_small_that_a_covariance_cannot_be_inverted():
    assert noise_of(np.array([0.0, 0.5])).tolist() == [MINIMUM_NOISE, 0.25]


def test_windows_are_as_unlikely_as_student_s_density_says():
    random = np.random.default_rng(0)
    windows = torch.from_numpy(random.normal(size=(400, 3, 1)) * np.array([0.2, 1, 2])[None, :, None])
    model = LinearWindowModel(3, 1, 0)  # reconstructs nothing: residuals are values
    own = WindowEvidence(model, 3, 1, *(fit_whitening(windows, torch.tensor([0.1])) for _ in range(2)))
    shape, center = np.linalg.inv(own.values.factor[0] @ own.values.factor[0].T), own.values.center[:, 0]
    densities = [multivariate_t(center, shape, df=df).logpdf(windows[:, :, 0].numpy()).mean() for df in DEGREES]
    without_constant = max(densities) + np.log(np.pi) * 3 / 2
    found = unlikeliness(own, windows)
    assert found.shape == (BLOCKS, 1)
    assert found.mean() == pytest.approx(-2 * without_constant)


def related(rows: int, seed: int, spread: np.ndarray | float) -> np.ndarray:
    """Return two channels, the second the first one, off by this deviation."""
    random = np.random.default_rng(seed)
    slow = np.convolve(random.normal(size=rows + 20), np.ones(21) / np.sqrt(21), "valid")
    return np.stack([slow, slow + spread * random.normal(size=rows)], axis=1)


def test_a_relation_that_has_held_closely_is_watched_closely():
    detector = AnomalyDetector().fit(related(4000, 0, 0.02))  # 3 % of the range is .2
    faulty = related(1000, 1, np.where(np.arange(1000) // 100 == 5, 0.1, 0.02))
    alarms = detector.predict(faulty)
    assert alarms[500:600].mean() > 0.8
    assert np.delete(alarms, np.s_[480:620]).mean() < 0.03


def test_a_relation_that_loosens_from_one_half_to_the_other_is_not_watched_as_closely():
    def chosen(rows: np.ndarray) -> np.ndarray:
        halves = torch.from_numpy(rows).split(len(rows) // 2)

        def fit(parts: Sequence[Tensor], effect: np.ndarray, is_curved: bool, rows_per_step: int) -> WindowEvidence:
            windows, noise = sample_windows(parts, 16, rows_per_step), noise_of(effect)
            model = Linear(code_size=0, curved=(is_curved,) * 2)(windows, noise)
            residuals = windows - reconstructions(model, windows)
            return WindowEvidence(
                model, 16, rows_per_step, fit_whitening(windows, noise), fit_whitening(residuals, noise)
            )

        unlikeliness = Halves(halves[:1], halves[1:], 16, (1,), fit).unlikeliness
        return likely_relations(np.full(2, 0.2), np.zeros(2), unlikeliness)[0]

    assert (chosen(related(2000, 0, 0.02)) < 0.2).all()
    assert (chosen(related(2000, 0, np.where(np.arange(2000) < 1000, 0.02, 0.5))) >= 0.2).all()


def bent(rows: int, seed: int, curve: float) -> np.ndarray:
    """Return two channels, the second one the first one and `curve` times its square."""
    random = np.random.default_rng(seed)
    slow = np.convolve(random.normal(size=rows + 20), np.ones(21) / np.sqrt(21), "valid")
    return np.stack([slow, slow + curve * slow**2 + 0.02 * random.normal(size=rows)], axis=1)


@pytest.mark.parametrize("curve", [0.0, 0.5])
def test_a_channel_that_follows_another_one_by_a_curve_is_watched_along_the_curve(curve: float):
    detector = AnomalyDetector().fit(bent(4000, 0, curve))
    assert any(own.model.has_squares for own in detector.scorer_.resolutions) == (curve > 0)
    faulty = bent(1000, 1, curve)
    faulty[500:600, 1] += 0.3
    alarms = detector.predict(faulty)
    assert alarms[500:600].mean() > 0.9
    assert np.delete(alarms, np.s_[480:620]).mean() < 0.03
