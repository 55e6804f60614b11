from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
import torch

from generators import autoregressive
from generators import wide_readings as readings
from seqae.anomaly import fitting as fitting_module
from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.normal_rows import (
    MINIMUM_RANGE_FRACTION,
    cross_fit_blocks,
    hold_last,
    in_blocks,
    minimum_effect,
)
from seqae.anomaly.window_models import Recurrent
from seqae.data.signals.recordings import Recording
from seqae.transforms.scaler import Scaler


def numbered(*lengths: int) -> list[torch.Tensor]:
    """Return parts whose rows are numbered through all of them, `(row, 1)` each."""
    edges = np.cumsum([0, *lengths])
    return [torch.arange(start, stop, dtype=torch.float64)[:, None] for start, stop in pairwise(edges)]


def members(parts: list[torch.Tensor]) -> set[int]:
    return {int(row) for part in parts for row in part.flatten()}


@pytest.mark.parametrize("lengths", [(100,), (103,), (60, 40, 90), (30, 200)])
def test_each_block_is_held_out_of_the_rows_that_its_models_are_fitted_to(lengths: tuple[int, ...]):
    everything = members(numbered(*lengths))
    held_out: list[int] = []
    for block, others in cross_fit_blocks(numbered(*lengths), 5, window=6):
        rows = block.flatten().int().tolist()
        assert rows == list(range(rows[0], rows[-1] + 1)), "a block is of consecutive rows of one part"
        assert not members([block]) & members(others)
        assert all((np.diff(part.flatten().numpy()) == 1).all() and len(part) >= 6 for part in others)
        held_out += rows
    assert len(held_out) == len(set(held_out))
    assert len(held_out) >= 0.7 * len(everything)
    if len(lengths) == 1:
        assert set(held_out) == everything


@pytest.mark.parametrize("entities", [("", ""), ("a", "b")], ids=["one machine", "fleet"])
def test_no_row_is_judged_by_models_that_were_fitted_to_it(entities: tuple[str, str], monkeypatch: pytest.MonkeyPatch):
    held_out, measured = fitting_module.ScorerFitter._held_out, []

    def rows_of(parts: Sequence[torch.Tensor]) -> set[tuple[float, ...]]:
        return {tuple(row) for part in parts for row in part.tolist()}

    def checked(fitter: object, parts: Sequence[torch.Tensor], blocks: Sequence[torch.Tensor], *rest: object):
        assert rows_of(parts) and not rows_of(parts) & rows_of(blocks)
        measured.append(rows_of(blocks))
        return held_out(fitter, parts, blocks, *rest)

    monkeypatch.setattr(fitting_module.ScorerFitter, "_held_out", checked)
    recordings = [Recording(readings(400, seed), tuple("abcd"), entity=each) for seed, each in enumerate(entities)]
    AnomalyDetector(resolutions=(1,)).fit(recordings)
    *blocks, later = measured
    assert len(set.union(*blocks)) >= 0.9 * 800 and len(later) == 400


def test_blocks_of_recalibration_hold_each_row_once():
    found = list(in_blocks(numbered(50, 5, 300), 5, shortest=16))
    assert torch.cat(found).flatten().tolist() == list(range(355))
    assert [len(block) for block in found] == [50, 5, 75, 75, 75, 75]
    assert [len(block) for block in in_blocks(numbered(50), 5, shortest=16)] == [17, 17, 16]


def test_the_smallest_effect_is_a_fraction_of_the_range_and_of_the_unit_where_there_is_none():
    parts = [np.array([[0.0, 5, 1], [10, 5, np.nan]]), np.array([[4.0, 5, 3], [-10, 5, 2]])]
    scaler = Scaler().fit(parts)
    expected = MINIMUM_RANGE_FRACTION * np.array([20 / scaler.scale_[0], 1, 2 / scaler.scale_[2]])
    np.testing.assert_allclose(minimum_effect(parts, scaler), expected)


def test_missing_values_of_training_rows_are_the_last_known_ones():
    nan = np.nan
    rows = np.array([[nan, 1.0], [2, nan], [nan, nan], [5, 4], [nan, 6]])
    np.testing.assert_array_equal(hold_last(rows), [[0, 1], [2, 1], [2, 1], [5, 4], [5, 6]])


def test_resolutions_for_which_there_are_too_few_rows_are_made_finer():
    def resolutions(rows: int) -> list[int]:
        return [each.rows_per_step for each in AnomalyDetector().fit(readings(rows, seed=0)).scorer_.resolutions]

    assert resolutions(48) == resolutions(150) == [1]
    assert resolutions(250) == [1, 2]
    assert resolutions(500) == [1, 4]


@pytest.mark.parametrize("lengths", [(48,), (49,), (79,), (48, 20), (48, *[1] * 100), (257, *[20] * 50)])
def test_rows_that_are_just_enough_are_fitted_and_recalibrated(lengths: tuple[int, ...]):
    recordings = [readings(rows, seed) for seed, rows in enumerate(lengths)]
    detector = AnomalyDetector().fit(recordings)
    assert np.isfinite(detector.score_samples(readings(100, seed=99))).all()
    other = AnomalyDetector().fit(readings(1000, seed=98)).recalibrate(recordings)
    assert np.isfinite(other.score_samples(readings(100, seed=99))).all()


def test_a_resolution_that_no_held_out_row_can_measure_is_left_out():
    scorer = AnomalyDetector().fit([readings(257, seed=0), *(readings(20, seed) for seed in range(1, 51))]).scorer_
    assert [each.rows_per_step for each in scorer.resolutions] == [1]


def test_windows_of_very_many_channels_are_shorter(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fitting_module, "MAX_WINDOW_SIZE", 43)
    detector = AnomalyDetector().fit(readings(800, seed=0))
    assert [each.window for each in detector.scorer_.resolutions] == [43 // 4, 43 // 4]
    assert np.isfinite(detector.score_samples(readings(50, seed=1))).all()


def test_few_rows_for_a_rate_are_told_and_how_many_would_do():
    assert AnomalyDetector().fit(readings(3000, seed=0)).scorer_.warning == ""
    warning = AnomalyDetector(false_alarm_rate=0.001).fit(readings(3000, seed=0)).scorer_.warning
    assert warning.startswith("3000 normal rows hold about 3.0 that a false alarm rate of 0.001 would exceed")
    assert warning.endswith("Give 10000 rows or more to see it")


def test_the_threshold_of_a_rate_is_minus_its_logarithm():
    for rate in (0.1, 0.01, 0.0001):
        detector = AnomalyDetector(false_alarm_rate=rate).fit(readings(1000, seed=0))
        assert detector.threshold_ == pytest.approx(-np.log10(rate))


def test_alarms_per_day_need_times():
    with pytest.raises(ValueError, match=r"how many rows a day has, but the normal rows have no times. Give rows with"):
        AnomalyDetector(false_alarms_per_day=1).fit(readings(1000, seed=0))


@pytest.mark.parametrize("alike", [0.0, 0.9])
def test_alarms_per_day_are_as_many_as_stated(alike: float):
    channels, days = tuple("abcd"), 20_000 / 1440
    times = np.datetime64("2024-03-01", "ns") + np.arange(20_000) * np.timedelta64(60, "s")

    def recording(seed: int) -> Recording:
        return Recording(autoregressive(20_000, seed, alike, channels=4), channels, times)

    for wanted in (1.0, 4.0):
        detector = AnomalyDetector(false_alarms_per_day=wanted).fit(recording(0))
        found = np.mean([len(detector.events(recording(seed))) / days for seed in (1, 2)])
        assert wanted / 2 < found < wanted * 2


def test_the_stated_rate_of_the_normal_rows_is_that_of_models_that_did_not_see_them():
    detector = AnomalyDetector().fit(autoregressive(5000, seed=0, channels=6))
    assert 0.004 < detector.empirical_false_alarm_rate_ < 0.013  # what changes with time only lowers scores


def test_what_changes_slowly_in_normal_rows_raises_few_alarms_as_it_goes_on():
    for seed in range(3):
        values = autoregressive(5000, seed) - 10
        angle = np.arange(5000) / 2000  # the second channel leaves the first one, which the third one follows more
        values[:, 1] = 2 * np.cos(angle) * values[:, 0] + 0.3 * values[:, 1]
        values[:, 2] = 2 * np.sin(angle) * values[:, 0] + 0.3 * values[:, 2]
        detector = AnomalyDetector(window=8, resolutions=(1,)).fit(values[:4000])
        assert detector.predict(values[4000:4500]).mean() <= 0.01


def test_a_small_deviation_of_a_channel_of_wide_range_is_normal():
    normal = np.round(autoregressive(3000, seed=0, channels=2))
    normal[:, 1] = np.where(np.arange(3000) % 500 < 250, 0.0, 100.0)  # hardly any noise, but a wide range
    values = normal[:600].copy()
    values[100:120, 1] += 0.1
    assert not AnomalyDetector().fit(normal).predict(values)[90:130].any()


def test_the_same_seed_learns_the_same_beside_other_threads_and_leaves_their_random_numbers_alone():
    def scores(_: object = None) -> np.ndarray:
        detector = AnomalyDetector(Recurrent(code_size=2, hidden_size=4), resolutions=(1,), epochs=1)
        return detector.fit(readings(400, seed=0)).score_samples(readings(200, seed=1))

    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    alone = scores()
    with ThreadPoolExecutor(2) as threads:
        together = list(threads.map(scores, range(2)))
    assert torch.equal(torch.rand(3), expected)
    for found in together:
        np.testing.assert_array_equal(found, alone)
