import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from scipy import optimize

from generators import autoregressive
from generators import wide_readings as readings
from seqae.anomaly import scorer as scorer_module
from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.evidence import encode_windows, reconstructions
from seqae.anomaly.scorer import Scorer
from seqae.anomaly.windows import windows_of
from seqae.data.signals.recordings import Recording

CHANNELS = ("0", "1", "2", "3")


def recorded(values: np.ndarray, times: np.ndarray | None = None) -> Recording:
    return Recording(values, CHANNELS, times)


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return AnomalyDetector().fit(recorded(readings(3000, seed=0))).scorer_


def faulty(rows: int, seed: int) -> np.ndarray:
    values = readings(rows, seed)
    values[rows // 2 : rows // 2 + 30, 1] += 20
    values[rows // 4, 0] = np.nan
    return values


def test_scores_of_rows_alone_are_the_same_and_take_no_memory_for_those_of_channels(scorer: Scorer):
    values = np.tile(faulty(3000, seed=1), (60, 1))  # several pieces
    cut = np.arange(len(values)) + 1000 * (np.arange(len(values)) > 70_000)
    recording, found, peaks = recorded(values, cut.astype("datetime64[s]")), [], []
    for score in (scorer.score, scorer.row_scores):
        tracemalloc.start()  # numpy tells it what it takes
        found.append(score(recording))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    np.testing.assert_array_equal(found[1], found[0].scores)
    assert peaks[0] - peaks[1] > 0.9 * found[0].channel_scores.nbytes


def test_a_score_is_the_rarity_of_the_evidence_of_all_channels(scorer: Scorer):
    evidence = torch.from_numpy(np.random.default_rng(0).exponential(3, size=(50, 4)))
    found = scorer.scores(evidence, np.zeros((50, 4), dtype=bool), np.zeros(50, dtype=bool))
    np.testing.assert_allclose(found.scores, scorer.calibration.scores(evidence.sum(dim=1)).numpy(), rtol=1e-6)
    fractions = (evidence / evidence.sum(dim=1, keepdim=True)).numpy()
    np.testing.assert_allclose(found.channel_scores, found.scores[:, None] * fractions, rtol=1e-5)


def test_scores_of_channels_add_up_to_the_score_of_the_row(scorer: Scorer):
    found = scorer.score(recorded(faulty(600, seed=1)))
    assert found.scores.max() > scorer.threshold
    known = ~np.isnan(found.channel_scores).any(axis=1)
    assert known.sum() == 599
    np.testing.assert_allclose(found.channel_scores[known].sum(axis=1), found.scores[known], rtol=1e-5, atol=1e-6)
    assert np.nanmin(found.channel_scores) >= 0


def test_a_score_takes_its_stages_one_after_the_other(scorer: Scorer):
    values = faulty(300, seed=1)
    rows = torch.from_numpy(scorer.fill(scorer.scaler.transform(values)))
    evidence = scorer.localization.of_rows(scorer.window_evidence(rows, torch.zeros_like(rows, dtype=torch.bool)))
    near_end = (np.arange(300) < 15) | (np.arange(300) >= 285)
    expected, found = scorer.scores(evidence, np.isnan(values), near_end), scorer.score(recorded(values))
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-5)
    np.testing.assert_allclose(found.channel_scores, expected.channel_scores, rtol=1e-5)


def test_a_row_does_not_depend_on_rows_beyond_the_reach(scorer: Scorer):
    values = faulty(700, seed=1)
    values[700 // 4, 0] = readings(700, seed=1)[700 // 4, 0]  # a filled value depends on all rows before it
    reach, whole = scorer.localization.reach, scorer.score(recorded(values))
    assert reach == 15 + 63
    for row in (250, 350, 371, 400):
        cut = scorer.score(recorded(values[row - reach : row + reach + 1]))
        np.testing.assert_allclose(cut.scores[reach], whole.scores[row], rtol=1e-6)
        np.testing.assert_allclose(cut.channel_scores[reach], whole.channel_scores[row], rtol=1e-5)


@pytest.mark.parametrize("chunk", [1, 7, 61, 500])
def test_scores_do_not_depend_on_how_many_rows_are_computed_together(
    chunk: int, scorer: Scorer, monkeypatch: pytest.MonkeyPatch
):
    values = faulty(200 if chunk < 50 else 1111, seed=1)
    values[150:160, 2] = np.nan
    scores, reconstruction = scorer.score(recorded(values)), scorer.reconstruct(recorded(values))
    monkeypatch.setattr(scorer_module, "ROWS_PER_CHUNK", chunk)
    found = scorer.score(recorded(values))
    np.testing.assert_allclose(found.scores, scores.scores, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.channel_scores, scores.channel_scores, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(scorer.reconstruct(recorded(values)), reconstruction, rtol=1e-5)


def test_few_rows_are_held_however_many_are_scored(scorer: Scorer, monkeypatch: pytest.MonkeyPatch):
    held, window_evidence = [], Scorer.window_evidence
    monkeypatch.setattr(scorer_module, "ROWS_PER_CHUNK", 100)
    monkeypatch.setattr(
        Scorer,
        "window_evidence",
        lambda self, rows, *rest: held.append(len(rows)) or window_evidence(self, rows, *rest),
    )
    scorer.score(recorded(faulty(1111, seed=1)))
    assert len(held) == 12 and max(held) <= 100 + 2 * scorer.localization.reach


def test_a_missing_value_is_where_its_residual_is_least_unusual_by_the_rows_up_to_it(scorer: Scorer):
    rows = scorer.scaler.transform(readings(100, seed=1)).astype(np.float64)
    rows[50, 0] = np.nan
    filled, finest = scorer.fill(rows), scorer.resolutions[0]

    def distance(value: float) -> float:
        window = torch.from_numpy(filled[50 - 15 : 51])[None].clone()
        window[0, -1, 0] = value
        return finest.residuals.distances(window - reconstructions(finest.model, window))[0, 0].item()

    found = optimize.minimize_scalar(distance, bracket=(-1, 1), method="brent")
    assert filled[50, 0] == pytest.approx(found.x, abs=1e-6)
    np.testing.assert_array_equal(np.delete(filled, 50, axis=0), np.delete(rows, 50, axis=0))
    later = rows.copy()
    later[51:] = 99
    np.testing.assert_array_equal(scorer.fill(later)[:51], filled[:51])


def test_filled_values_are_near_the_true_ones(scorer: Scorer):
    rows = scorer.scaler.transform(readings(1000, seed=1))
    missing = np.random.default_rng(0).random((1000, 4)) < 0.1
    filled = scorer.fill(np.where(missing, np.nan, rows))
    wrong, held = (filled - rows)[missing], (np.roll(rows, 1, axis=0) - rows)[missing]
    assert np.square(wrong).mean() < 0.5 * np.square(held).mean()


def test_filling_goes_on_from_the_rows_before(scorer: Scorer):
    rows = scorer.scaler.transform(readings(300, seed=1))
    rows[np.random.default_rng(0).random(rows.shape) < 0.1] = np.nan
    whole = scorer.fill(rows)
    np.testing.assert_allclose(scorer.fill(rows[120:], before=whole[:120]), whole[120:])


@pytest.mark.parametrize("process", [readings, partial(autoregressive, alike=0.95, channels=4)])
def test_a_missing_value_is_no_evidence_by_itself(process: Callable[[int, int], np.ndarray]):
    detector, values = AnomalyDetector().fit(process(4000, 0)), process(2000, 1)
    values[np.random.default_rng(0).random(values.shape) < 0.1] = np.nan
    assert detector.predict(values).mean() < 0.03


def test_a_reconstruction_is_the_mean_of_all_windows_that_cover_a_row(scorer: Scorer):
    values, finest = readings(60, seed=1), scorer.resolutions[0]
    windows = windows_of(torch.from_numpy(scorer.scaler.transform(values)).double(), 16, 1)
    steps = reconstructions(finest.model, windows).numpy()
    expected = [
        np.mean([steps[start, row - start] for start in range(max(row - 15, 0), min(row, 44) + 1)], axis=0)
        for row in range(60)
    ]
    np.testing.assert_allclose(
        scorer.reconstruct(recorded(values)), scorer.scaler.inverse_transform(np.array(expected)), rtol=1e-5
    )


def test_codes_are_those_of_windows_side_by_side_and_of_the_last_one(scorer: Scorer):
    values = readings(50, seed=1)
    rows = torch.from_numpy(scorer.scaler.transform(values)).double()
    windows = torch.stack([rows[start : start + 16] for start in (0, 16, 32, 34)])
    expected = encode_windows(scorer.resolutions[0].model, windows).numpy()
    np.testing.assert_allclose(scorer.encode(recorded(values)), expected, rtol=1e-5, atol=1e-6)
    assert len(scorer.encode(recorded(values[:48]))) == 3
    assert len(scorer.encode(recorded(values[:5]))) == 1


@pytest.mark.parametrize("rows", [1, 5, 15, 16, 17, 63, 64])
def test_resolutions_that_do_not_fit_hold_no_evidence(rows: int, scorer: Scorer):
    values = torch.from_numpy(scorer.scaler.transform(readings(rows, seed=1))).double()
    found = [each is not None for each in scorer.window_evidence(values, torch.zeros_like(values, dtype=torch.bool))]
    assert found == [rows >= 16, rows >= 64]
    scores = scorer.score(recorded(readings(rows, seed=1))).scores
    assert np.isfinite(scores).all()
    assert scores.any() == (rows >= 16)


def test_a_coarser_resolution_alone_is_enough():
    scorer = AnomalyDetector(resolutions=(4,)).fit(recorded(readings(3000, seed=0))).scorer_
    values = readings(500, seed=1)
    values[250:290, 1] += 60
    values[100, 0] = np.nan
    found = scorer.score(recorded(values))
    assert 250 <= found.scores.argmax() < 290
    assert scorer.reconstruct(recorded(values)).shape == values.shape


def test_a_fit_that_fails_leaves_the_detector_as_it_was():
    detector = AnomalyDetector().fit(readings(900, seed=0))
    before = detector.scorer_
    with pytest.raises(ValueError, match="give more rows"):
        detector.fit(np.zeros((20, 4)))
    assert detector.scorer_ is before


def test_rows_far_off_have_finite_scores_that_still_tell_them_apart(scorer: Scorer):
    values = readings(300, seed=1)
    found = []
    for size in (1e3, 1e6, 1e12):
        values[150, 1] = size
        found.append(scorer.score(recorded(values)).scores[150])
    assert np.isfinite(found).all()
    assert found[0] < found[1] < found[2]


def test_a_scorer_can_be_replaced_in_part(scorer: Scorer):
    values = recorded(readings(100, seed=1))
    shifted = replace(scorer, threshold=scorer.threshold + 1)
    np.testing.assert_array_equal(shifted.score(values).scores, scorer.score(values).scores)
