import numpy as np
import pytest
import torch
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_score

from generators import chirps, ragged_readings
from seqae import SequenceAutoencoder, SequenceClassifier, SequenceEncoder, load, save

SEQUENCES, LABELS = chirps()
TRAIN, TEST = slice(0, 40), slice(40, 60)
SMALL = SequenceEncoder(code_size=8, hidden_size=16, epochs=3)


@pytest.fixture(scope="module")
def classifier() -> SequenceClassifier:
    names = np.array(["slow", "quick"])[LABELS]
    return SequenceClassifier(SMALL, epochs=20, learning_rate=1e-2).fit(SEQUENCES[TRAIN], names[TRAIN])


def test_classes_of_unseen_sequences_are_recognised(classifier):
    names = np.array(["slow", "quick"])[LABELS]
    assert classifier.classes_.tolist() == ["quick", "slow"]
    assert classifier.score(SEQUENCES[TEST], names[TEST]) >= 0.9
    assert not hasattr(SMALL, "autoencoder_")  # a clone was fitted


def test_probabilities_are_in_the_order_of_the_classes(classifier):
    probabilities = classifier.predict_proba(SEQUENCES[TEST])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-12)
    assert probabilities.shape == (20, 2) and (probabilities >= 0).all()
    np.testing.assert_array_equal(
        classifier.classes_[probabilities.argmax(axis=1)], classifier.predict(SEQUENCES[TEST])
    )
    assert roc_auc_score(LABELS[TEST], probabilities[:, 0]) > 0.95  # quick
    codes = classifier.autoencoder_.encode(SEQUENCES[TEST])
    weight, bias = (each.detach().double().numpy() for each in (classifier.head_.weight, classifier.head_.bias))
    odds = np.exp(codes @ weight.T + bias)
    np.testing.assert_allclose(probabilities, odds / odds.sum(axis=1, keepdims=True), atol=1e-5)


@pytest.mark.parametrize("kind", [SequenceEncoder, SequenceAutoencoder])
def test_a_fitted_encoder_is_copied_and_fine_tuned(kind):
    encoder = kind(code_size=16, hidden_size=16, epochs=3).fit(SEQUENCES)
    before = encoder.transform(SEQUENCES)
    classifier = SequenceClassifier(encoder, epochs=3, learning_rate=5e-3).fit(SEQUENCES[TRAIN], LABELS[TRAIN] == 1)
    assert classifier.classes_.tolist() == [False, True]
    np.testing.assert_array_equal(encoder.transform(SEQUENCES), before)
    assert not np.allclose(classifier.autoencoder_.encode(SEQUENCES), before)
    known = classifier.predict_proba(SEQUENCES)
    encoder.fit(ragged_readings(channels=1))
    np.testing.assert_array_equal(classifier.predict_proba(SEQUENCES), known)


def test_a_fitted_encoder_stays_so_in_a_search_if_it_is_frozen():
    encoder = SequenceEncoder(code_size=8, hidden_size=16, epochs=3).fit(SEQUENCES)
    frozen = SequenceClassifier(FrozenEstimator(encoder), epochs=0)
    head = SequenceClassifier(encoder, epochs=0).fit(SEQUENCES, LABELS).predict_proba(SEQUENCES)
    search = GridSearchCV(frozen, {"epochs": [0]}, cv=2).fit(SEQUENCES, LABELS)
    np.testing.assert_allclose(search.predict_proba(SEQUENCES), head)


def test_the_penalised_code_of_an_own_autoencoder_is_classified_before_its_bottleneck():
    from seqae import GaussianCode

    autoencoder = SequenceAutoencoder(code_size=4, hidden_size=8, bottleneck=GaussianCode(), epochs=1).fit(SEQUENCES)
    classifier = SequenceClassifier(autoencoder, epochs=1).fit(SEQUENCES, LABELS)
    assert classifier.head_.in_features == 8  # means and deviations


def test_texts_films_and_missing_values_are_classified():
    encoder = SequenceEncoder(code_size=8, hidden_size=8, epochs=1)
    sentences = ["good good day", "bad bad day", "good film", "bad film"] * 5
    words = SequenceClassifier(encoder, epochs=30, learning_rate=3e-2).fit(sentences, ["+", "-", "+", "-"] * 5)
    assert words.score(sentences, ["+", "-", "+", "-"] * 5) == 1
    films = [np.full((2 + n % 3, 1, 8, 8), n % 2, dtype=np.uint8) for n in range(12)]
    seen = SequenceClassifier(encoder, epochs=30, learning_rate=1e-2).fit(films, np.arange(12) % 2)
    assert seen.score(films, np.arange(12) % 2) == 1
    holes = [np.where(np.arange(len(rows))[:, None] == 1, np.nan, rows) for rows in SEQUENCES]
    assert np.isfinite(SequenceClassifier(SMALL, epochs=1).fit(holes, LABELS).predict_proba(holes)).all()


def test_without_an_encoder_one_is_pretrained():
    classifier = SequenceClassifier(epochs=1).fit(SEQUENCES[:12], LABELS[:12])
    assert classifier.autoencoder_.get_params()["code_size"] == SequenceEncoder().code_size
    assert classifier.encoder is None and len(classifier.history_["train"]) == 1


def test_scorers_of_probabilities_take_it():
    scores = cross_val_score(SequenceClassifier(SMALL, epochs=1), SEQUENCES, LABELS, cv=2, scoring="roc_auc")
    assert np.isfinite(scores).all()


def test_a_saved_classifier_answers_as_before(classifier, tmp_path):
    again = load(save(classifier, tmp_path / "classifier"))
    np.testing.assert_array_equal(again.predict_proba(SEQUENCES[TEST]), classifier.predict_proba(SEQUENCES[TEST]))
    np.testing.assert_array_equal(again.predict(SEQUENCES[TEST]), classifier.predict(SEQUENCES[TEST]))


def test_the_callers_random_state_is_not_touched():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    SequenceClassifier(SMALL, epochs=1).fit(SEQUENCES, LABELS)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("settings", "labels", "message"),
    [
        ({}, LABELS[:-1], "59 classes .y. for 60 sequences"),
        ({}, None, "requires y to be passed"),
        ({}, LABELS + 0.5, "Unknown label type"),
        ({"encoder": 3}, LABELS, "encoder=3. Expected a SequenceEncoder, a SequenceAutoencoder or None"),
        ({"epochs": -1}, LABELS, "epochs=-1. Expected a whole number of at least 0"),
        ({"batch_size": 0.5}, LABELS, "batch_size=0.5. Expected a whole number of at least 1"),
    ],
)
def test_bad_settings_and_labels_are_named(settings, labels, message):
    with pytest.raises((ValueError, TypeError), match=message):
        SequenceClassifier(**{"encoder": SMALL, "epochs": 1, **settings}).fit(SEQUENCES, labels)
