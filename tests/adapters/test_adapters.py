"""The rules of scikit-learn, aeon and sktime, by their own checks.

aeon and sktime ask for older versions of numpy and pandas than seqae does: their checks run where the extras are
installed, and are skipped elsewhere.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.estimator_checks import parametrize_with_checks

from generators import noisy_waves
from seqae import load, save
from seqae._extras import MissingExtra
from seqae.adapters.sklearn import OutlierDetector
from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.window_models import PCA

SMALL = {"model": PCA(), "resolutions": (1,), "window": 4}
IN_TIME = "a row is read together with its neighbours in time: that is what finds anomalies in a sequence"
NORMAL = (
    "all training rows are normal by default: a threshold that calls one of 300 an outlier raises alarms in 1 to 13 % "
    "of new rows of the same kind, where 1 % is asked for"
)
EXPECTED = {"check_methods_sample_order_invariance": IN_TIME, "check_methods_subset_invariance": IN_TIME}
BY_DEFAULT = {"check_outliers_train": NORMAL, "check_outliers_fit_predict": NORMAL}


@parametrize_with_checks(
    [OutlierDetector(**SMALL, contamination=0.1), OutlierDetector()],
    expected_failed_checks=lambda estimator: EXPECTED if estimator.contamination != "auto" else EXPECTED | BY_DEFAULT,
    xfail_strict=False,  # rows in a random order may all be as usual as any
)
def test_the_detector_keeps_the_rules_of_scikit_learn(estimator, check):
    check(estimator)


def waves(rows: int = 300) -> np.ndarray:
    return noisy_waves(rows, 0, [3, 5])


def test_outliers_are_the_rows_that_raise_an_alarm():
    normal, rows = waves(), waves()
    rows[100:110, 1] += 4
    rows[200, 0] = np.nan
    adapted = OutlierDetector(**SMALL).fit(normal)
    alarms = adapted.detector_.predict(rows)
    assert alarms[100:110].any()
    np.testing.assert_array_equal(adapted.predict(rows) == -1, alarms)
    np.testing.assert_array_equal(adapted.decision_function(rows) < 0, alarms)


def test_the_fraction_of_outliers_may_be_given():
    outliers = {fraction: OutlierDetector(**SMALL, contamination=fraction) for fraction in (0.01, 0.5)}
    found = {fraction: each.fit_predict(waves()) == -1 for fraction, each in outliers.items()}
    assert found[0.01].mean() == pytest.approx(0.01, abs=0.004)
    scores = outliers[0.5].score_samples(waves())
    np.testing.assert_array_equal(found[0.5], scores < np.median(scores))  # no row that is as usual as half of them
    with pytest.raises(ValueError, match=r"contamination is 0.7. Give a fraction up to 0.5, or 'auto'"):
        OutlierDetector(contamination=0.7).fit(waves())


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_threshold_within_the_training_rows_raises_more_false_alarms_than_are_asked_for():
    rows = np.random.default_rng(0).normal(size=(3300, 2))
    rates = [
        (OutlierDetector(contamination=fraction).fit(rows[:300]).predict(rows[300:]) < 0).mean()
        for fraction in ("auto", 0.01)
    ]
    assert rates[0] <= 0.01 < rates[1]


def test_a_saved_detector_of_outliers_answers_as_before(tmp_path):
    adapted = OutlierDetector(**SMALL, contamination=0.05).fit(pd.DataFrame(waves(), columns=["a", "b"]))
    again = load(save(adapted, tmp_path / "outliers"))
    rows = pd.DataFrame(waves()[::2], columns=["a", "b"])
    np.testing.assert_array_equal(again.decision_function(rows), adapted.decision_function(rows))
    np.testing.assert_array_equal(again.predict(rows), adapted.predict(rows))
    assert again.get_params()["contamination"] == 0.05 and again.feature_names_in_.tolist() == ["a", "b"]


def test_sequences_of_several_lengths_are_no_table():
    with pytest.raises(ValueError, match=r"sequences of different lengths\. Expected one table, \(row, channel\)"):
        OutlierDetector().fit([np.zeros(9), np.zeros(12)])


def test_the_times_of_a_frame_count():
    times = pd.date_range("2026", periods=300, freq="s")
    frame = pd.DataFrame(waves(), index=times, columns=["a", "b"])
    adapted = OutlierDetector(**SMALL).fit(frame)
    gap = frame.set_axis(times[:150].append(times[150:] + pd.Timedelta("1h")))
    own = AnomalyDetector(**SMALL, random_state=check_random_state(0).randint(2**31 - 1)).fit(frame)
    np.testing.assert_array_equal(adapted.score_samples(gap), -own.score_samples(gap).astype(float))
    with pytest.raises(ValueError, match="goes back"):
        adapted.score_samples(frame[::-1])


def extra(name: str) -> object:
    """Return a module of adapters, or skip the test."""
    import importlib

    try:
        return importlib.import_module(f"seqae.adapters.{name}")
    except MissingExtra as error:
        pytest.skip(f"{name} is not installed ({error})")


@pytest.mark.parametrize("name", ["AeonCollectionDetector", "AeonDetector", "AeonEncoder"])
@pytest.mark.filterwarnings("ignore")
def test_what_is_for_aeon_keeps_its_rules(name: str):
    adapter = getattr(extra("aeon"), name)
    from aeon.testing.estimator_checking import check_estimator

    failed = {check: result for check, result in check_estimator(adapter).items() if result != "PASSED"}
    assert failed == {}


@pytest.mark.parametrize("name", ["SktimeDetector", "SktimeEncoder"])
@pytest.mark.filterwarnings("ignore")
def test_what_is_for_sktime_keeps_its_rules(name: str):
    adapter = getattr(extra("sktime"), name)
    from sktime.utils.estimator_checks import check_estimator

    failed = {check: result for check, result in check_estimator(adapter, verbose=0).items() if result != "PASSED"}
    assert failed == {}


@pytest.mark.parametrize("library", ["aeon", "sktime"])
def test_what_is_for_others_scores_as_the_detector(library: str):
    adapter = getattr(extra(library), f"{library.capitalize()}Detector")(**SMALL)
    rows = waves()
    rows[100:110, 1] += 4
    own = AnomalyDetector(**SMALL, random_state=0).fit(waves())
    if library == "aeon":
        np.testing.assert_allclose(adapter.fit(waves(), axis=0).predict(rows, axis=0), own.score_samples(rows))
    else:
        found = clone(adapter).fit(waves())
        np.testing.assert_array_equal(found.predict(rows)["ilocs"], np.flatnonzero(own.predict(rows)))
        np.testing.assert_allclose(found.transform_scores(rows)["scores"], own.score_samples(rows))
