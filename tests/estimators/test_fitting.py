"""A fit changes an estimator when it is done, or not at all; and it is the same beside others."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, clone

import seqae.estimators.training
from generators import ragged_readings
from seqae import SequenceAutoencoder, SequenceClassifier, SequenceEncoder
from seqae.adapters.sklearn import OutlierDetector
from seqae.anomaly.window_models import PCA
from seqae.estimators.fitting import fit_into_copy

SMALL = {"code_size": 3, "hidden_size": 8, "epochs": 1}
ROWS, LABELS = ragged_readings(), np.arange(12) % 2
ESTIMATORS = {
    "autoencoder": SequenceAutoencoder("attention", **SMALL),
    "encoder": SequenceEncoder(**SMALL),
    "classifier": SequenceClassifier(SequenceEncoder(**SMALL), epochs=1),
    "outliers": OutlierDetector(model=PCA(), resolutions=(1,), window=4),
}


def answer(estimator: object) -> np.ndarray:
    """Return what an estimator makes of the data."""
    if isinstance(estimator, OutlierDetector):
        return estimator.score_samples(np.concatenate(ROWS))
    return getattr(estimator, "predict_proba", getattr(estimator, "transform", None))(ROWS)


def fitted(name: str) -> object:
    data = np.concatenate(ROWS) if name == "outliers" else ROWS
    return clone(ESTIMATORS[name]).fit(data, LABELS)


def spoilt(name: str) -> object:
    """Return data that are refused late, when some of what they teach is known."""
    far = [*ROWS[:-1], np.where(np.arange(len(ROWS[-1]))[:, None] == 1, np.inf, ROWS[-1])]
    return np.concatenate(far) if name == "outliers" else far


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_refused_fit_leaves_a_fitted_estimator_as_it_was(name):
    estimator = fitted(name)
    before, names = answer(estimator), set(vars(estimator))
    with pytest.raises(ValueError):
        estimator.fit(spoilt(name), LABELS)
    with pytest.raises(ValueError):
        estimator.fit(np.random.default_rng(0).normal(size=(3, 0)), LABELS[:3])  # another form, which is refused
    np.testing.assert_array_equal(answer(estimator), before)
    assert set(vars(estimator)) == names


@pytest.mark.parametrize("name", ["autoencoder", "encoder", "classifier"])
def test_an_interrupted_fit_leaves_a_fitted_estimator_as_it_was(name, monkeypatch):
    estimator = fitted(name)
    before = answer(estimator)

    def interrupt(*arguments: object, **settings: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(seqae.estimators.training, "fit", interrupt)
    with pytest.raises(KeyboardInterrupt):
        estimator.fit([rows + 5 for rows in ROWS], LABELS)
    np.testing.assert_array_equal(answer(estimator), before)


def test_fits_in_threads_are_those_of_fits_alone():
    settings = [ESTIMATORS["autoencoder"], ESTIMATORS["encoder"], ESTIMATORS["classifier"]]
    alone = [answer(clone(each).fit(ROWS, LABELS)) for each in settings]

    def fit(number: int) -> np.ndarray:
        torch.rand(number + 1)  # of the generator that all share
        return answer(clone(settings[number % 3]).fit(ROWS, LABELS))

    with ThreadPoolExecutor(3) as threads:
        for number, found in enumerate(threads.map(fit, range(6))):
            np.testing.assert_array_equal(found, alone[number % 3])


@pytest.mark.parametrize("name", ["autoencoder", "encoder", "classifier"])
def test_the_answer_for_a_sequence_has_the_same_bits_in_any_batch(name):
    estimator = fitted(name)
    ask = getattr(estimator, "predict_proba", getattr(estimator, "transform", None))
    rows = [np.random.default_rng(n).normal(size=(3 + n % 9, ROWS[0].shape[1])) for n in range(40)]
    together = ask(rows)
    np.testing.assert_array_equal(np.concatenate([ask(rows[at : at + 7]) for at in range(0, 40, 7)]), together)
    np.testing.assert_array_equal(ask(rows[::-1])[::-1], together)


class Levels(BaseEstimator):
    """Learns the mean, and the median too if it is asked to."""

    def __init__(self, median: bool = False):
        self.median = median

    def fit(self, rows: list[float]) -> Levels:
        return fit_into_copy(self, lambda fresh: fresh._learn(rows))

    def _learn(self, rows: list[float]) -> None:
        self.mean_ = np.mean(rows)
        if self.median:
            self.median_ = np.median(rows)


def test_what_a_fit_does_not_learn_is_not_left_from_the_one_before():
    levels = Levels(median=True).fit([1, 2, 9]).set_params(median=False).fit([3, 5])
    assert vars(levels) == {"median": False, "mean_": 4}
