"""Baselines of row scores, each worked out in another way."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge

from seqae.evaluation import ROW_BASELINES, auc_roc, score_by_baseline

NETWORK = "autoencoder of PyOD"  # of a package that need not be installed
NAMES = [name for name in ROW_BASELINES if name != NETWORK]


def signals(rows: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    waves = np.sin(0.3 * np.arange(rows))[:, None] * [1.0, 0.5, -2.0]
    return waves + 0.3 * rng.normal(size=(rows, 3))


def scaled(rows: int, seed: int) -> np.ndarray:
    values = signals(rows, seed)
    return (values - values.mean(axis=0)) / values.std(axis=0)


def windows_of(rows: np.ndarray, window: int) -> np.ndarray:
    return np.stack([rows[start : start + window].ravel() for start in range(len(rows) - window + 1)])


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("random", "constant")])
def test_a_large_fault_ranks_above_normal_rows_and_raises_an_alarm(name):
    normal, rows = signals(600, 0), signals(300, 1)
    rows[150:170] += [4, -4, 8]
    labels = (np.arange(300) >= 150) & (np.arange(300) < 170)
    result = score_by_baseline(ROW_BASELINES[name], normal, rows, 0.05)
    assert result.scores.shape == (300,)
    assert 150 <= result.scores.argmax() < 178  # the fault, or the rows after it whose past holds it
    assert auc_roc(labels, result.scores) > (0.5 if "average" in name else 0.95)  # which sees its ends alone
    assert result.alarms[labels].any()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 2])
def test_missing_values_and_constant_channels_get_finite_scores(name, channels):
    normal, rows = signals(400, 0)[:, :channels], signals(80, 1)[:, :channels]
    normal[:, -1], normal[5, 0], rows[20:30] = 1.0, np.nan, np.nan
    result = score_by_baseline(ROW_BASELINES[name], normal, rows)
    assert np.isfinite(result.scores).all() and np.isfinite(result.threshold)


def test_the_threshold_is_a_quantile_of_the_last_normal_rows_scored_by_a_fit_to_the_first():
    normal, rows = signals(1000, 0), signals(200, 1)
    baseline = ROW_BASELINES["squared z-score"]
    result = score_by_baseline(baseline, normal, rows, false_alarm_rate=0.1)
    fitted, held_out = normal[:700], normal[700:]
    expected = (((held_out - fitted.mean(axis=0)) / fitted.std(axis=0)) ** 2).mean(axis=1)
    assert result.threshold == pytest.approx(np.sort(expected)[269] * 0.9 + np.sort(expected)[270] * 0.1)
    scores = (((rows - normal.mean(axis=0)) / normal.std(axis=0)) ** 2).mean(axis=1)
    np.testing.assert_allclose(result.scores, scores)
    np.testing.assert_array_equal(result.alarms, scores >= result.threshold)


def test_random_scores_alarm_at_the_rate_asked_for_and_constant_ones_always():
    normal, rows = signals(4000, 0), signals(4000, 1)
    assert score_by_baseline(ROW_BASELINES["random"], normal, rows, 0.1).alarms.mean() == pytest.approx(0.1, abs=0.03)
    assert score_by_baseline(ROW_BASELINES["constant"], normal, rows, 0.1).alarms.all()


def test_mahalanobis_distance_sees_a_broken_relation_that_z_scores_do_not():
    normal = np.repeat(signals(400, 0)[:, :1], 2, axis=1)
    rows = normal.copy()
    rows[100] *= [1, -1]
    labels = np.arange(400) == 100
    distances = ROW_BASELINES["Mahalanobis distance"](normal, rows)
    assert distances.argmax() == 100
    z_scores = ROW_BASELINES["squared z-score"](normal, rows)
    assert auc_roc(labels, z_scores) < 1 and z_scores[100] == pytest.approx((normal[100] ** 2).mean())


def test_joint_pca_is_the_residual_of_scikit_learns_components_averaged_over_covering_windows():
    normal, rows = scaled(300, 0), scaled(60, 1)
    components = PCA(0.9, svd_solver="full").fit(windows_of(normal, 8))
    windows = windows_of(rows, 8)
    errors = ((windows - components.inverse_transform(components.transform(windows))) ** 2).mean(axis=1)
    expected = [errors[max(row - 7, 0) : row + 1].mean() for row in range(60)]
    np.testing.assert_allclose(ROW_BASELINES["PCA of 8 rows"](normal, rows), expected, rtol=1e-4)


def test_pca_per_channel_is_the_mean_of_pca_of_each_channel_alone():
    normal, rows = scaled(300, 0), scaled(60, 1)
    alone = [ROW_BASELINES["PCA of 16 rows"](normal[:, [channel]], rows[:, [channel]]) for channel in range(3)]
    np.testing.assert_allclose(ROW_BASELINES["PCA of 16 rows, per channel"](normal, rows), np.mean(alone, axis=0))


def test_moving_average_is_the_error_to_the_mean_of_up_to_four_rows_before():
    rows = scaled(30, 1)
    expected = [0.0] + [((rows[i] - rows[max(i - 4, 0) : i].mean(axis=0)) ** 2).mean() for i in range(1, 30)]
    np.testing.assert_allclose(ROW_BASELINES["moving average of 4 rows"](rows, rows), expected, atol=1e-12)


def test_autoregression_is_a_ridge_regression_on_eight_rows_whose_errors_are_whitened():
    normal, rows = scaled(500, 0), scaled(60, 1)
    before = windows_of(normal, 8)[:-1]
    # The intercept is penalised, too, which the constant feature does here.
    ridge = Ridge(alpha=0.01 * len(before), fit_intercept=False).fit(np.c_[np.ones(len(before)), before], normal[8:])
    errors = normal[8:] - ridge.predict(np.c_[np.ones(len(before)), before])
    covariance = errors.T @ errors / len(errors)
    covariance += 0.01 * np.diag(np.diag(covariance)) + 1e-4 * np.eye(3)
    found = rows[8:] - ridge.predict(np.c_[np.ones(52), windows_of(rows, 8)[:-1]])
    expected = np.r_[np.zeros(8), np.diag(found @ np.linalg.inv(covariance) @ found.T)]
    np.testing.assert_allclose(ROW_BASELINES["VAR(8)"](normal, rows), expected, rtol=1e-4)


def test_pyods_autoencoder_is_there_or_tells_what_to_install():
    normal, rows = signals(80, 0), signals(50, 1)
    try:
        import pyod.models.auto_encoder  # noqa: F401
    except ImportError:
        with pytest.raises(ImportError, match="pip install pyod"):
            score_by_baseline(ROW_BASELINES[NETWORK], normal, rows)
    else:
        assert score_by_baseline(ROW_BASELINES[NETWORK], normal, rows).scores.shape == (50,)


def test_too_few_rows_other_channels_and_impossible_rates_are_refused():
    with pytest.raises(ValueError, match="14 rows for windows of 16"):
        score_by_baseline(ROW_BASELINES["PCA of 16 rows"], signals(20, 0), signals(50, 1))
    with pytest.raises(ValueError, match=r"\(20, 3\), rows to search of \(50, 2\)"):
        score_by_baseline(ROW_BASELINES["constant"], signals(20, 0), signals(50, 1)[:, :2])
    with pytest.raises(ValueError, match="a false alarm rate of 1"):
        score_by_baseline(ROW_BASELINES["constant"], signals(20, 0), signals(50, 1), 1.0)
