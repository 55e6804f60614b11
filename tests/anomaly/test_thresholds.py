import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqae.anomaly.thresholds import PeaksOverThreshold, Quantile, block_confidence_interval, empirical_false_alarm_rate

METHODS = [Quantile(), PeaksOverThreshold()]


def autoregressive(rows, series, memory, seed=0):
    """Normal scores, `(series, row)`, each like the one before."""
    noise = np.random.default_rng(seed).normal(size=(rows, series))
    scores = noise.copy()
    for row in range(1, rows):
        scores[row] = memory * scores[row - 1] + np.sqrt(1 - memory**2) * noise[row]
    return scores.T


def test_quantile_keeps_the_rate_on_average_on_independent_scores():
    rows, rate = 199, 0.05
    draws = np.random.default_rng(0).random((2000, rows))
    # A share 1 - threshold of uniform scores exceeds a threshold; its standard deviation over draws is about 0.0154.
    rates = [1 - Quantile().fit(scores, rate).value for scores in draws]
    assert np.mean(rates) == pytest.approx(rate, abs=4 * 0.0154 / np.sqrt(2000))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300), st.floats(0.001, 0.5))
@settings(deadline=None, max_examples=50)
def test_quantile_keeps_the_rate_on_the_rows_it_has_seen(scores, rate):
    threshold = Quantile().fit(np.array(scores), rate)
    assert empirical_false_alarm_rate(np.array(scores), threshold.value) <= rate
    assert threshold.value in scores


def test_quantile_says_when_the_rows_are_too_few_for_the_rate():
    scores = np.arange(99.0)
    enough, few = Quantile().fit(scores, 0.01), Quantile().fit(scores[:98], 0.01)
    assert (enough.value, enough.warning) == (98, "")
    assert few.value == 97
    assert "98 rows cannot show a false alarm rate of 0.01" in few.warning
    assert "Hold out 99" in few.warning


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
    threshold = PeaksOverThreshold().fit(quantile(shares), rate)
    assert threshold.method == "peaks over threshold"
    assert threshold.warning == ""
    assert abs(threshold.value - quantile(rate)) < 0.1 * (quantile(rate) - quantile(0.5))


def test_peaks_over_threshold_keep_the_rate_on_scores_with_memory():
    series = autoregressive(rows=20_000, series=24, memory=0.9)
    thresholds = [PeaksOverThreshold().fit(scores, 0.001).value for scores in series]
    fresh = autoregressive(rows=20_000, series=24, memory=0.9, seed=1)
    rates = np.mean([empirical_false_alarm_rate(fresh, threshold) for threshold in thresholds])
    assert 0.0008 < rates < 0.0014


@given(st.lists(st.integers(-3, 60) | st.floats(-1e6, 1e6), min_size=25, max_size=40))
@settings(deadline=None, max_examples=50)
def test_peaks_over_threshold_give_a_threshold_beyond_the_start_of_the_tail_whatever_the_scores(scores):
    threshold = PeaksOverThreshold(tail_quantile=0.5).fit(np.array(scores, dtype=float), 0.001)
    assert np.isfinite(threshold.value)
    assert threshold.value >= np.median(scores)


def test_a_tail_of_equal_scores_ends_there():
    scores = np.r_[np.zeros(101), np.ones(100)]
    assert PeaksOverThreshold(tail_quantile=0.5).fit(scores, 0.001).value == pytest.approx(1, abs=0.01)


def test_peaks_over_threshold_are_a_quantile_inside_the_data():
    scores = np.random.default_rng(0).random(1000)
    assert PeaksOverThreshold(tail_quantile=0.98).fit(scores, 0.1) == Quantile().fit(scores, 0.1)


@pytest.mark.parametrize("scores", [np.random.default_rng(0).random(100), np.ones(1000)], ids=["few", "constant"])
def test_a_tail_of_few_rows_is_not_continued(scores):
    threshold = PeaksOverThreshold().fit(scores, 0.001)
    assert threshold.value == scores.max()
    assert threshold.method == "quantile"
    assert f"of {len(scores)} scores lie in the tail, too few" in threshold.warning


def test_a_tail_of_few_runs_is_doubted():
    scores = np.random.default_rng(0).random(1000)
    scores[500:560] += 1
    assert "come in only 1 runs" in PeaksOverThreshold().fit(scores, 0.001).warning


@pytest.mark.parametrize("method", METHODS)
def test_missing_scores_are_ignored(method):
    scores = np.random.default_rng(0).random(500)
    gaps = np.insert(scores, [0, 100, 500], np.nan)
    assert method.fit(gaps, 0.01) == method.fit(scores, 0.01)
    assert empirical_false_alarm_rate(gaps, 0.4) == empirical_false_alarm_rate(scores, 0.4) == (scores > 0.4).mean()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("scores", "rate", "message"),
    [
        ([1.0, 2.0], 0.0, "false_alarm_rate is 0"),
        ([1.0, 2.0], 1.0, "false_alarm_rate is 1"),
        ([1.0, 2.0], float("nan"), "false_alarm_rate is nan"),
        ([np.nan, np.nan], 0.1, "none of 2 rows has a score"),
        ([], 0.1, "none of 0 rows has a score"),
        ([1.0, np.inf], 0.1, "score of row 1 is infinite"),
    ],
)
def test_unusable_scores_and_rates_are_named(method, scores, rate, message):
    with pytest.raises(ValueError, match=message):
        method.fit(np.array(scores), rate)


def test_a_tail_starts_at_a_quantile():
    with pytest.raises(ValueError, match="tail_quantile is 98"):
        PeaksOverThreshold(tail_quantile=98)


def test_interval_of_independent_rows_is_wilsons():
    alarms = np.zeros(100, dtype=bool)
    alarms[::10] = True
    # Ten of a hundred, from the formula of Wilson (1927).
    assert block_confidence_interval(alarms, block_rows=10) == pytest.approx((0.05522914, 0.17436566), abs=1e-6)


def test_interval_holds_the_true_rate_when_rows_are_alike():
    series = autoregressive(rows=5000, series=200, memory=0.9) > 1.6448536  # exceeded by 5 % of rows
    blocked = [block_confidence_interval(alarms, block_rows=100) for alarms in series]
    naive = [block_confidence_interval(alarms, block_rows=1) for alarms in series]
    assert np.mean([low <= 0.05 <= high for low, high in blocked]) > 0.9
    assert np.mean([low <= 0.05 <= high for low, high in naive]) < 0.7


@given(st.lists(st.booleans(), min_size=1, max_size=200), st.integers(1, 50))
@settings(deadline=None, max_examples=50)
def test_interval_holds_the_rate_seen_and_lies_within_0_and_1(alarms, block):
    low, high = block_confidence_interval(np.array(alarms), block)
    assert 0 <= low <= np.mean(alarms) + 1e-12
    assert np.mean(alarms) - 1e-12 <= high <= 1


def test_interval_without_alarms_counts_blocks_not_rows():
    low, high = block_confidence_interval(np.zeros(1000, dtype=bool), block_rows=100)
    assert low == pytest.approx(0)
    assert high == pytest.approx(1.959964**2 / (10 + 1.959964**2), abs=1e-6)


@pytest.mark.parametrize(("rows", "block"), [(0, 10), (10, 0)])
def test_interval_needs_rows_and_blocks(rows, block):
    with pytest.raises(ValueError, match=f"{rows} rows in blocks of {block}"):
        block_confidence_interval(np.zeros(rows, dtype=bool), block)
