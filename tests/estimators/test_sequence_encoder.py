import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from seqae import SequenceClassifier, SequenceEncoder

SMALL = {"code_size": 6, "channels": (8, 8), "epochs": 2}


@parametrize_with_checks([SequenceEncoder(**SMALL)])
def test_it_keeps_the_rules_of_scikit_learn(estimator, check):
    check(estimator)


def chirps(count: int = 60) -> tuple[list[np.ndarray], np.ndarray]:
    """Two classes, slow and quick, of lengths 8 to 30, two channels."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, count)
    sequences = []
    for label in labels:
        time = np.arange(random.integers(8, 31))[:, None]
        sequences.append(
            np.sin((0.4 + 0.8 * label) * time + random.uniform(0, 6, 2)) + 0.1 * random.normal(size=(len(time), 2))
        )
    return sequences, labels


def test_codes_of_unlabelled_sequences_serve_a_classifier():
    sequences, labels = chirps()
    pipeline = make_pipeline(SequenceEncoder(code_size=16, channels=(16, 16), epochs=15), LogisticRegression())
    assert pipeline.fit(sequences[:40], labels[:40]).score(sequences[40:], labels[40:]) >= 0.9


def test_a_code_does_not_depend_on_its_neighbours():
    sequences, _ = chirps(12)
    encoder = SequenceEncoder(**SMALL).fit(sequences)
    alone = np.concatenate([encoder.transform([sequence]) for sequence in sequences])
    np.testing.assert_allclose(encoder.transform(sequences), alone, atol=1e-5)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda rows: rows[:0], "sequence 3 of 6 has the shape"),
        (lambda rows: rows[:, :1], "2 channels"),
        (lambda rows: rows * np.nan, "sequence 3 of 6 holds NaN"),
    ],
)
def test_a_bad_sequence_is_named(spoil, message):
    sequences, _ = chirps(6)
    sequences[3] = spoil(sequences[3])
    with pytest.raises(ValueError, match=message):
        SequenceEncoder(**SMALL).fit(sequences)


def test_the_callers_random_state_is_not_touched():
    import torch

    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    SequenceEncoder(**SMALL).fit(chirps(8)[0])
    assert torch.equal(torch.rand(3), expected)


def test_a_classifier_is_fine_tuned_on_a_copy_of_the_encoder():
    sequences, labels = chirps()
    encoder = SequenceEncoder(code_size=16, channels=(16, 16), epochs=5).fit(sequences[:40])
    before = encoder.transform(sequences)
    classifier = SequenceClassifier(encoder, epochs=20, learning_rate=5e-3).fit(sequences[:40], labels[:40] == 1)
    assert np.mean(classifier.predict(sequences[40:]) == (labels[40:] == 1)) >= 0.9
    assert classifier.classes_.tolist() == [False, True]
    np.testing.assert_array_equal(encoder.transform(sequences), before)


def test_what_is_fitted_is_described_by_its_attributes():
    sequences, _ = chirps(12)
    encoder = SequenceEncoder(**SMALL).fit(sequences)
    steps = np.concatenate(sequences)
    np.testing.assert_allclose(encoder.mean_, steps.mean(axis=0))
    np.testing.assert_allclose(encoder.scale_, steps.std(axis=0))
    assert encoder.n_channels_ == 2 and len(encoder.history_["train"]) == 2
    np.testing.assert_allclose(np.concatenate(encoder.scaled(sequences)).std(axis=0), 1, rtol=1e-4)
