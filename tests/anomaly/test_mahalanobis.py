import numpy as np
import pytest

from seqae.anomaly.mahalanobis import Mahalanobis


def correlated(rows, channels=5, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, channels)) @ rng.normal(size=(channels, channels)) + 3


def test_distance_is_about_one_for_normal_rows():
    errors = correlated(5000)
    assert Mahalanobis().fit(errors[:2500]).scores(errors[2500:]).mean() == pytest.approx(1, abs=0.1)


def test_covariance_is_shrunk_as_by_ledoit_and_wolf():
    covariance = pytest.importorskip("sklearn.covariance")
    errors = correlated(60)
    scale = errors.std(axis=0)
    shrunk, _ = covariance.ledoit_wolf((errors - errors.mean(axis=0)) / scale, assume_centered=True)
    distance = Mahalanobis().fit(errors)
    np.testing.assert_allclose(distance.covariance_, shrunk * np.outer(scale, scale))
    deviations = errors - errors.mean(axis=0)
    expected = np.einsum("rc,cd,rd->r", deviations, np.linalg.inv(distance.covariance_), deviations) / 5
    np.testing.assert_allclose(distance.scores(errors), expected)


def test_distance_does_not_depend_on_units():
    errors, units = correlated(200), np.array([0.1, 1, 1, 20, 7])
    np.testing.assert_allclose(
        Mahalanobis().fit(errors * units).scores(errors * units), Mahalanobis().fit(errors).scores(errors)
    )


def test_a_broken_correlation_is_farther_than_a_kept_one():
    common = np.random.default_rng(0).normal(size=(1000, 1))
    distance = Mahalanobis().fit(common + 0.1 * np.random.default_rng(1).normal(size=(1000, 2)))
    kept, broken = distance.scores(np.array([[1.0, 1.0], [1.0, -1.0]]))
    assert broken > 20 * kept


def test_constant_and_copied_channels_do_no_harm():
    varying = np.where(np.arange(100)[:, None] % 2, 1.0, -1.0)
    errors = np.hstack([varying, varying, np.full((100, 1), 4.0)])
    distance = Mahalanobis().fit(errors)
    assert distance.scores(errors).max() < 2
    assert distance.scores(errors + np.array([0, 0, 1])).min() > 1000


def test_rows_are_scored_by_the_channels_they_have():
    errors = correlated(300)
    distance = Mahalanobis().fit(errors)
    gaps = errors.copy()
    gaps[0, [1, 3]] = gaps[1] = np.nan
    scores = distance.scores(gaps)
    deviations = (errors[0] - distance.mean_)[[0, 2, 4]]
    marginal = distance.covariance_[np.ix_([0, 2, 4], [0, 2, 4])]
    assert scores[0] == pytest.approx(deviations @ np.linalg.inv(marginal) @ deviations / 3)
    assert np.isnan(scores[1])
    np.testing.assert_allclose(scores[2:], distance.scores(errors)[2:])


def test_distance_is_fitted_to_rows_with_gaps():
    errors = correlated(20_000)
    gaps = np.where(np.random.default_rng(1).random(errors.shape) < 0.02, np.nan, errors)
    assert Mahalanobis().fit(gaps).scores(gaps).mean() == pytest.approx(1, abs=0.15)


def test_unusable_errors_are_named():
    with pytest.raises(ValueError, match=r"channels without any: \[1\]"):
        Mahalanobis().fit(np.array([[1.0, np.nan], [2.0, np.nan]]))
    with pytest.raises(ValueError, match="1 rows of errors"):
        Mahalanobis().fit(np.ones((1, 2)))
    with pytest.raises(ValueError, match=r"shape \(4, 3\). Give \(row, channel\) with 5 channels"):
        Mahalanobis().fit(correlated(50)).scores(np.ones((4, 3)))
