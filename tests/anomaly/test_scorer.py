import numpy as np
import pytest

from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.scorer import contributions
from seqae.anomaly.window_models import PCA
from seqae.data.signals.recordings import Recording


@pytest.fixture(scope="module")
def detector() -> AnomalyDetector:
    return AnomalyDetector(PCA(), resolutions=(1, 4)).fit(np.random.default_rng(0).normal(size=(900, 3)))


def test_contributions_are_fractions_of_the_charts_in_alarm_else_of_the_channel_scores():
    charts = np.array([[3.0, 0.5, 1.0], [0.9, 1.0, 0.2], [0.0, 0.0, 0.0], [2.0, 4.0, 2.0]])
    scores = np.array([[9.0, 9.0, 9.0], [1.0, np.nan, 3.0], [np.nan, np.nan, np.nan], [1.0, 1.0, 1.0]])
    expected = [[1, 0, 0], [0.25, 0, 0.75], [0, 0, 0], [0.25, 0.5, 0.25]]
    np.testing.assert_array_equal(contributions(charts, scores), expected)


def test_a_coarser_stream_does_not_count_near_an_alarm_of_a_sharper_one(detector: AnomalyDetector):
    scorer = detector.scorer_
    assert scorer.explained_rows == (0, 0, 2 * 16, 2 * 64)
    ratios = np.full((4, 400), 0.5, dtype=np.float32)
    ratios[0, 200] = 2
    ratios[2, [200 - 33, 200 - 32, 200 + 33]] = 3
    combined = scorer.combine_evidence(ratios)
    assert np.flatnonzero(combined > 1).tolist() == [167, 200, 233]
    assert combined[[167, 168, 200, 233]].tolist() == [3, 1, 2, 3]


def test_streams_of_short_segments_hold_no_evidence_of_windows_that_do_not_fit(detector: AnomalyDetector):
    values = np.random.default_rng(1).normal(size=(30, 3)) + 50
    ratios = detector.scorer_.score(Recording(values, detector.channels_)).threshold_ratios
    assert (ratios[2] > 1).all()
    assert (ratios[3] == 0).all()


def test_ratios_of_the_errors_are_scores_divided_by_thresholds(detector: AnomalyDetector):
    scorer, values = detector.scorer_, np.random.default_rng(2).normal(size=(300, 3))
    scaled = scorer.scaler.transform(values)
    for number, (model, threshold) in enumerate(zip(scorer.resolution_models, scorer.thresholds, strict=True)):
        errors = model.errors(scaled) / scorer.error_scaler.row_scale_[number]
        expected = np.sqrt(np.square(errors).mean(axis=1)) / threshold.value
        ratios = scorer.score(Recording(values, detector.channels_)).threshold_ratios
        np.testing.assert_allclose(ratios[2 + number], expected, rtol=1e-5)


def test_a_fit_that_fails_leaves_the_detector_as_it_was(detector: AnomalyDetector):
    before = detector.scorer_
    with pytest.raises(ValueError, match="give more rows"):
        detector.fit(np.zeros((20, 3)))
    assert detector.scorer_ is before
