import numpy as np
import pytest
import torch

from seqae.anomaly.calibration import TAIL_ROWS, fit_calibration
from seqae.anomaly.events import runs


def scores(calibration, evidence: np.ndarray) -> np.ndarray:
    return calibration.scores(torch.from_numpy(np.asarray(evidence, dtype=float))).numpy()


def test_below_the_tail_a_score_is_minus_the_logarithm_of_the_fraction_with_as_much_evidence():
    evidence = np.random.default_rng(0).gamma(2, size=20_000)
    calibration = fit_calibration([evidence], 0.01, merge_gap=10)
    values = np.quantile(evidence, [0.1, 0.5, 0.9, 0.99, 0.995])
    expected = [-np.log10((evidence >= value).mean()) for value in values]
    np.testing.assert_allclose(scores(calibration, values), expected, atol=0.02)


@pytest.mark.parametrize("fraction", [1e-3, 1e-4, 1e-5])
def test_beyond_all_normal_rows_the_tail_goes_on(fraction: float):
    quantiles = (np.random.default_rng(0).permutation(20_000) + 0.5) / 20_000
    calibration = fit_calibration([-np.log(quantiles)], 0.01, merge_gap=10)
    np.testing.assert_allclose(scores(calibration, [-np.log(fraction)]), -np.log10(fraction), rtol=0.12)
    heavy = fit_calibration([quantiles**-0.3], 0.01, merge_gap=10)
    np.testing.assert_allclose(scores(heavy, [fraction**-0.3]), -np.log10(fraction), rtol=0.12)


def test_more_evidence_is_never_a_lower_score():
    random = np.random.default_rng(0)
    evidence = np.r_[np.zeros(3000), random.exponential(size=2000), np.full(500, 2.0)]
    found = scores(fit_calibration([evidence], 0.01, merge_gap=10), np.linspace(0, 100, 5001))
    assert (np.diff(found) >= 0).all()
    assert found[0] == 0
    assert (np.diff(found[found > 3]) > 0).all(), "also far outside, more evidence ranks higher"


def test_rows_with_the_same_evidence_are_as_rare_as_all_of_them():
    evidence = np.r_[np.zeros(600), np.ones(300), np.random.default_rng(0).uniform(2, 3, size=100)]
    found = scores(fit_calibration([evidence], 0.01, merge_gap=10), [0.0, 1.0])
    np.testing.assert_allclose(found, [0, -np.log10(0.4)], atol=0.03)


@pytest.mark.parametrize("rows", [20, 400, 20_000])
def test_without_any_evidence_in_normal_rows_none_scores_0_and_some_is_an_alarm(rows: int):
    calibration = fit_calibration([np.zeros(rows)], 0.01, merge_gap=10)
    found = scores(calibration, [0.0, 1.0])
    assert found[0] == 0
    assert np.isfinite(found[1]) and found[1] > 2


def test_a_threshold_is_minus_the_logarithm_of_its_rate_and_the_rate_is_kept():
    random = np.random.default_rng(0)
    calibration = fit_calibration([random.gamma(2, size=20_000)], 0.01, merge_gap=10)
    fresh = scores(calibration, random.gamma(2, size=50_000))
    for rate in (0.3, 0.01, 0.001):
        assert calibration.threshold(rate) == pytest.approx(-np.log10(rate))
        assert rate / 1.5 < (fresh > calibration.threshold(rate)).mean() < rate * 1.5


def test_blocks_that_exceed_the_rate_that_others_set_lower_all_scores():
    random = np.random.default_rng(0)
    blocks = [random.exponential(size=2000) for _ in range(4)]
    alike = fit_calibration(blocks, 0.01, merge_gap=10)
    blocks[2] = blocks[2] * 3  # as noisy as e^-(4.6 / 3) = 22 % above the rate of the others, a quarter of the rows
    unlike = fit_calibration(blocks, 0.01, merge_gap=10)
    assert alike.inflation < 1.3
    assert unlike.inflation == pytest.approx(0.25 * 0.01 ** (1 / 3) / 0.01, rel=0.25)
    plain = fit_calibration([np.concatenate(blocks)], 0.01, merge_gap=10)
    assert plain.inflation == 1
    values = np.linspace(2, 30, 20)
    expected = np.maximum(scores(plain, values) - np.log10(unlike.inflation), 0)
    np.testing.assert_allclose(scores(unlike, values), expected)


def test_two_blocks_are_too_few_to_compare():
    random = np.random.default_rng(0)
    assert fit_calibration([random.exponential(size=500), 9 * random.exponential(size=500)], 0.01, 10).inflation == 1


@pytest.mark.parametrize("wanted", [5, 20])
def test_a_threshold_for_events_is_exceeded_by_so_many_separate_runs(wanted: int):
    def evidence(seed: int) -> np.ndarray:
        # Each value lasts four rows, so that rows and runs differ.
        return np.repeat(np.random.default_rng(seed).exponential(size=12_500), 4)

    calibration = fit_calibration([evidence(0)], 0.01, merge_gap=2)
    threshold = calibration.threshold_for_events(wanted / 50_000)
    counts = [len(runs(scores(calibration, evidence(seed)) > threshold, 2)) for seed in range(1, 9)]
    assert wanted / 2 < np.mean(counts) < wanted * 2


def test_the_tail_starts_where_few_rows_remain():
    evidence = np.random.default_rng(0).exponential(size=10_000)
    calibration = fit_calibration([evidence], 0.01, merge_gap=0)
    assert (evidence > calibration.grid[-1]).sum() == pytest.approx(TAIL_ROWS, abs=2)
    assert calibration.clusters_per_row == pytest.approx(TAIL_ROWS / 10_000, rel=0.1)


def test_later_rows_that_exceed_the_rate_lower_the_scores():
    random = np.random.default_rng(0)
    blocks, later = [random.exponential(size=1000) for _ in range(4)], [3 * random.exponential(size=1000)]
    alone, with_later = fit_calibration(blocks, 0.01, 10), fit_calibration(blocks, 0.01, 10, later)
    exceeded = (alone.scores(torch.from_numpy(later[0])) > alone.threshold(0.01)).double().mean()
    assert with_later.inflation == pytest.approx(float(exceeded) * alone.inflation / 0.01, rel=0.5)
    assert with_later.inflation > 5 * alone.inflation


def test_rounding_of_evidence_changes_nothing():
    random = np.random.default_rng(0)
    evidence = np.round(random.exponential(size=2000), 1)
    one = fit_calibration([evidence], 0.01, 10)
    other = fit_calibration([evidence + random.uniform(-1e-12, 1e-12, size=2000)], 0.01, 10)
    np.testing.assert_allclose(other.rarity, one.rarity, rtol=1e-9)
    np.testing.assert_allclose(other.grid, one.grid, rtol=0, atol=1e-8)
