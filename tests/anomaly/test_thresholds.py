import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqae.anomaly.thresholds import Mahalanobis, PeaksOverThreshold, Quantile, blocked_interval, realised_rate

METHODS = [Quantile(), PeaksOverThreshold()]


def autoregressive(rows, series, memory, seed=0):
    """Normal scores, `(series, row)`, each like the one before."""
    noise = np.random.default_rng(seed).normal(size=(rows, series))
    scores = noise.copy()
    for row in range(1, rows):
        scores[row] = memory * scores[row - 1] + np.sqrt(1 - memory**2) * noise[row]
    return scores.T


def test_quantile_realises_the_rate_on_independent_scores():
    rows, rate = 199, 0.05
    draws = np.random.default_rng(0).random((2000, rows))
    # A share 1 - limit of uniform scores exceeds a limit; its standard deviation over draws is about 0.0154.
    realised = [1 - Quantile().fit(scores, rate).value for scores in draws]
    assert np.mean(realised) == pytest.approx(rate, abs=4 * 0.0154 / np.sqrt(2000))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300), st.floats(0.001, 0.5))
@settings(deadline=None, max_examples=50)
def test_quantile_keeps_the_rate_on_the_rows_it_has_seen(scores, rate):
    limit = Quantile().fit(np.array(scores), rate)
    assert realised_rate(np.array(scores), limit.value) <= rate
    assert limit.value in scores


def test_quantile_says_when_the_rows_are_too_few_for_the_rate():
    scores = np.arange(99.0)
    enough, few = Quantile().fit(scores, 0.01), Quantile().fit(scores[:98], 0.01)
    assert (enough.value, enough.remark) == (98, "")
    assert few.value == 97
    assert "98 rows cannot show a rate of 0.01" in few.remark
    assert "Hold out 99" in few.remark


@pytest.mark.parametrize(
    "quantile",
    [
        lambda share: -np.log(share),
        lambda share: 1 - share**0.5,
        lambda share: share**-0.3,
        lambda share: -1000 - 1e-3 * np.log(share),
    ],
    ids=["exponential", "bounded", "heavy", "shifted and tiny"],
)
@pytest.mark.parametrize("rate", [1e-3, 1e-4, 1e-5])
def test_peaks_over_threshold_continue_the_tail(quantile, rate):
    shares = (np.random.default_rng(0).permutation(2000) + 0.5) / 2000
    limit = PeaksOverThreshold().fit(quantile(shares), rate)
    assert limit.method == "peaks over threshold"
    assert limit.remark == ""
    assert abs(limit.value - quantile(rate)) < 0.1 * (quantile(rate) - quantile(0.5))


def test_peaks_over_threshold_realise_the_rate_on_scores_with_memory():
    series = autoregressive(rows=20_000, series=24, memory=0.9)
    limits = [PeaksOverThreshold().fit(scores, 0.001).value for scores in series]
    fresh = autoregressive(rows=20_000, series=24, memory=0.9, seed=1)
    realised = np.mean([realised_rate(fresh, limit) for limit in limits])
    assert 0.0008 < realised < 0.0014


@given(st.lists(st.integers(-3, 60) | st.floats(-1e6, 1e6), min_size=25, max_size=40))
@settings(deadline=None, max_examples=50)
def test_peaks_over_threshold_give_a_limit_beyond_the_start_of_the_tail_whatever_the_scores(scores):
    limit = PeaksOverThreshold(start=0.5).fit(np.array(scores, dtype=float), 0.001)
    assert np.isfinite(limit.value)
    assert limit.value >= np.median(scores)


def test_a_tail_of_equal_scores_ends_there():
    scores = np.r_[np.zeros(101), np.ones(100)]
    assert PeaksOverThreshold(start=0.5).fit(scores, 0.001).value == pytest.approx(1, abs=0.01)


def test_peaks_over_threshold_are_a_quantile_inside_the_data():
    scores = np.random.default_rng(0).random(1000)
    assert PeaksOverThreshold(start=0.98).fit(scores, 0.1) == Quantile().fit(scores, 0.1)


@pytest.mark.parametrize("scores", [np.random.default_rng(0).random(100), np.ones(1000)], ids=["few", "constant"])
def test_a_tail_of_few_rows_is_not_continued(scores):
    limit = PeaksOverThreshold().fit(scores, 0.001)
    assert limit.value == scores.max()
    assert limit.method == "quantile"
    assert f"of {len(scores)} scores lie in the tail, too few" in limit.remark


def test_a_tail_of_few_runs_is_doubted():
    scores = np.random.default_rng(0).random(1000)
    scores[500:560] += 1
    assert "come in only 1 runs" in PeaksOverThreshold().fit(scores, 0.001).remark


@pytest.mark.parametrize("method", METHODS)
def test_missing_scores_are_ignored(method):
    scores = np.random.default_rng(0).random(500)
    gaps = np.insert(scores, [0, 100, 500], np.nan)
    assert method.fit(gaps, 0.01) == method.fit(scores, 0.01)
    assert realised_rate(gaps, 0.4) == realised_rate(scores, 0.4) == (scores > 0.4).mean()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("scores", "rate", "message"),
    [
        ([1.0, 2.0], 0.0, "rate is 0"),
        ([1.0, 2.0], 1.0, "rate is 1"),
        ([1.0, 2.0], float("nan"), "rate is nan"),
        ([np.nan, np.nan], 0.1, "none of 2 rows has a score"),
        ([], 0.1, "none of 0 rows has a score"),
        ([1.0, np.inf], 0.1, "score of row 1 is infinite"),
    ],
)
def test_unusable_scores_and_rates_are_named(method, scores, rate, message):
    with pytest.raises(ValueError, match=message):
        method.fit(np.array(scores), rate)


def test_a_tail_starts_at_a_quantile():
    with pytest.raises(ValueError, match="start is 98"):
        PeaksOverThreshold(start=98)


def test_interval_of_independent_rows_is_wilsons():
    alarms = np.zeros(100, dtype=bool)
    alarms[::10] = True
    # Ten of a hundred, from the formula of Wilson (1927).
    assert blocked_interval(alarms, block=10) == pytest.approx((0.05522914, 0.17436566), abs=1e-6)


def test_interval_holds_the_true_rate_when_rows_are_alike():
    series = autoregressive(rows=5000, series=200, memory=0.9) > 1.6448536  # exceeded by 5 % of rows
    blocked = [blocked_interval(alarms, block=100) for alarms in series]
    naive = [blocked_interval(alarms, block=1) for alarms in series]
    assert np.mean([low <= 0.05 <= high for low, high in blocked]) > 0.9
    assert np.mean([low <= 0.05 <= high for low, high in naive]) < 0.7


@given(st.lists(st.booleans(), min_size=1, max_size=200), st.integers(1, 50))
@settings(deadline=None, max_examples=50)
def test_interval_holds_the_rate_seen_and_lies_within_0_and_1(alarms, block):
    low, high = blocked_interval(np.array(alarms), block)
    assert 0 <= low <= np.mean(alarms) + 1e-12
    assert np.mean(alarms) - 1e-12 <= high <= 1


def test_interval_without_alarms_counts_blocks_not_rows():
    low, high = blocked_interval(np.zeros(1000, dtype=bool), block=100)
    assert low == pytest.approx(0)
    assert high == pytest.approx(1.959964**2 / (10 + 1.959964**2), abs=1e-6)


@pytest.mark.parametrize(("rows", "block"), [(0, 10), (10, 0)])
def test_interval_needs_rows_and_blocks(rows, block):
    with pytest.raises(ValueError, match=f"{rows} rows in blocks of {block}"):
        blocked_interval(np.zeros(rows, dtype=bool), block)


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
