"""The estimators keep the rules of scikit-learn, by its own checks and in its own tools."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from generators import ragged_readings
from seqae import SequenceAutoencoder, SequenceClassifier, SequenceEncoder

SMALL = {"code_size": 3, "hidden_size": 8, "epochs": 1}
ENCODER = SequenceEncoder(code_size=8, hidden_size=16, epochs=1)


@parametrize_with_checks(
    [
        SequenceAutoencoder(hidden_size=8, epochs=1),
        SequenceEncoder(hidden_size=8, epochs=1),
        SequenceClassifier(ENCODER, epochs=8, learning_rate=3e-2),
    ]
)
def test_it_keeps_the_rules_of_scikit_learn(estimator, check):
    check(estimator)


BOTH = [SequenceAutoencoder(**SMALL), SequenceEncoder(**SMALL)]


@pytest.mark.parametrize("estimator", BOTH)
def test_codes_of_ragged_sequences_come_as_a_frame_if_asked_for(estimator):
    adapted = clone(estimator).set_output(transform="pandas").fit(ragged_readings())
    codes = adapted.transform(ragged_readings(5))
    name = type(estimator).__name__.lower()
    assert isinstance(codes, pd.DataFrame) and len(codes) == 5
    assert list(codes) == list(adapted.get_feature_names_out()) == [f"{name}{number}" for number in range(3)]


@pytest.mark.parametrize("estimator", [*BOTH, SequenceClassifier(ENCODER)])
def test_parameters_are_read_set_and_cloned(estimator):
    changed = clone(estimator).set_params(batch_size=7)
    assert changed.get_params()["batch_size"] == 7 and estimator.get_params()["batch_size"] == 32
    assert clone(changed).batch_size == 7
    with pytest.raises(ValueError, match="Invalid parameter 'kernel'"):
        changed.set_params(kernel=3)


def test_parameters_of_the_encoder_in_a_classifier_are_set_by_their_path():
    assert clone(SequenceClassifier(ENCODER)).set_params(encoder__code_size=5).encoder.code_size == 5


@pytest.mark.parametrize("estimator", [*BOTH, SequenceClassifier(ENCODER, epochs=1)])
def test_fit_returns_the_estimator_and_forgets_what_it_was_fitted_to_before(estimator):
    rows, labels = np.random.default_rng(0).normal(size=(12, 5)), np.arange(12) % 2
    once = clone(estimator)
    with pytest.raises(NotFittedError):
        getattr(once, "predict", getattr(once, "transform", None))(rows)
    assert not hasattr(once, "n_features_in_")
    assert once.fit(rows, labels) is once and once.n_features_in_ == 5
    once.fit(ragged_readings(), labels)
    assert not hasattr(once, "n_features_in_")
    fresh = clone(estimator).fit(ragged_readings(), labels)
    answers = [
        getattr(each, "predict_proba", getattr(each, "transform", None))(ragged_readings(4)) for each in (once, fresh)
    ]
    np.testing.assert_array_equal(*answers)


@pytest.mark.parametrize("estimator", [*BOTH, SequenceClassifier(ENCODER, epochs=1)])
def test_a_pickle_answers_as_what_was_pickled(estimator):
    adapted = clone(estimator).fit(ragged_readings(), np.arange(12) % 2)
    again = pickle.loads(pickle.dumps(adapted))
    answers = [
        getattr(each, "predict_proba", getattr(each, "transform", None))(ragged_readings(4))
        for each in (adapted, again)
    ]
    np.testing.assert_array_equal(*answers)


@pytest.mark.parametrize("estimator", BOTH)
def test_ragged_sequences_go_through_searches_pipelines_and_unions(estimator):
    sequences, labels = ragged_readings(), np.arange(12) % 2
    search = GridSearchCV(
        make_pipeline(clone(estimator), LogisticRegression()), {f"{_step(estimator)}__code_size": [2, 4]}, cv=2
    )
    assert search.fit(sequences, labels).predict(sequences).shape == (12,)
    assert sorted(params[f"{_step(estimator)}__code_size"] for params in search.cv_results_["params"]) == [2, 4]
    scores = cross_val_score(make_pipeline(clone(estimator), LogisticRegression()), sequences, labels, cv=3)
    assert np.isfinite(scores).all() and len(scores) == 3
    union = FeatureUnion([("small", clone(estimator)), ("large", clone(estimator).set_params(code_size=5))])
    assert union.fit_transform(sequences).shape == (12, 8)
    assert make_pipeline(clone(estimator), PCA(2)).fit_transform(sequences).shape == (12, 2)


def test_a_search_ranks_autoencoders_by_what_they_reconstruct():
    waves = [np.sin(np.arange(12) / 3 + phase) for phase in np.random.default_rng(0).uniform(0, 6, 60)]
    settings = {"hidden_size": 16, "epochs": 30, "learning_rate": 1e-2}
    search = GridSearchCV(SequenceAutoencoder(**settings), {"code_size": [1, 3]}, cv=2, refit=False).fit(waves)
    assert search.best_params_ == {"code_size": 3}  # phase takes two numbers


def test_folds_are_fitted_in_other_processes():
    pipeline = make_pipeline(SequenceEncoder(**SMALL), LogisticRegression())
    alone, together = (
        cross_val_score(pipeline, ragged_readings(), np.arange(12) % 2, cv=2, n_jobs=jobs) for jobs in (1, 2)
    )
    np.testing.assert_array_equal(alone, together)


def test_another_number_of_columns_is_named_with_a_way_out():
    adapted = SequenceAutoencoder(**SMALL).fit(np.random.default_rng(0).normal(size=(12, 5)))
    with pytest.raises(ValueError, match=r"X has 6 features, .* Give arrays in a list"):
        adapted.encode(np.ones((2, 6)))
    assert adapted.encode([np.ones(6), np.ones(3)]).shape == (2, 3)


def test_any_random_state_of_scikit_learn_will_do():
    codes = [
        SequenceAutoencoder(**SMALL, random_state=state).fit_transform(ragged_readings())
        for state in (3, np.int64(3), np.random.RandomState(3), np.random.RandomState(3), None)
    ]
    np.testing.assert_array_equal(codes[0], codes[1])
    np.testing.assert_array_equal(codes[2], codes[3])
    assert not np.array_equal(codes[3], codes[4])


def _step(estimator: object) -> str:
    return type(estimator).__name__.lower()
