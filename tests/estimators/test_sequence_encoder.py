import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from generators import chirps, ragged_readings
from seqae import SequenceEncoder, encode

SMALL = {"code_size": 6, "hidden_size": 8, "epochs": 2}


def test_codes_of_unlabelled_sequences_serve_a_classifier():
    sequences, labels = chirps()
    pipeline = make_pipeline(SequenceEncoder(code_size=16, hidden_size=16, epochs=15), LogisticRegression())
    assert pipeline.fit(sequences[:40], labels[:40]).score(sequences[40:], labels[40:]) >= 0.9


def test_what_happens_once_is_in_the_code_whenever_it_happens():
    quiet = [np.random.default_rng(n).normal(scale=0.1, size=30) for n in range(40)]
    shifted = []
    for at, rows in enumerate(quiet):
        rows[10 + at % 10] += 5
    for at in (40, 47):  # far from both ends, which convolutions see, too
        rows = np.zeros(90)
        rows[at] = 5
        shifted.append(rows)
    encoder = SequenceEncoder(code_size=8, hidden_size=16, epochs=3).fit(quiet)
    early, late, none = encoder.transform([*shifted, np.zeros(90)])
    assert np.linalg.norm(early - late) < 1e-4 * np.linalg.norm(early - none)


def test_the_callers_random_state_is_not_touched():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    SequenceEncoder(**SMALL).fit(ragged_readings())
    assert torch.equal(torch.rand(3), expected)


def test_its_autoencoder_does_all_that_an_autoencoder_does():
    sequences = ragged_readings()
    encoder = SequenceEncoder(**SMALL).fit(sequences)
    autoencoder = encoder.autoencoder_
    codes = encoder.transform(sequences)
    np.testing.assert_array_equal(codes, autoencoder.encode(sequences))
    np.testing.assert_allclose(codes, encode(autoencoder.model_, autoencoder.to_tensors(sequences)), atol=1e-5)
    assert [rows.shape for rows in autoencoder.decode(codes, [len(rows) for rows in sequences])] == [
        rows.shape for rows in sequences
    ]
    assert len(autoencoder.history_["train"]) == 2 and autoencoder.report_.sequences == 1


def test_without_epochs_the_weights_are_the_first_ones():
    sequences = ragged_readings()
    untrained = SequenceEncoder(**{**SMALL, "epochs": 0}).fit(sequences)
    assert untrained.autoencoder_.history_ == {"train": [], "valid": []}
    trained = SequenceEncoder(**SMALL).fit(sequences)
    assert not np.allclose(untrained.transform(sequences), trained.transform(sequences))


def test_texts_and_missing_values_have_codes_too():
    assert SequenceEncoder(**SMALL).fit_transform(["a dog", "the cat sat", "a cat"]).shape == (3, 6)
    sequences = ragged_readings()
    sequences[1][1, 0] = np.nan
    assert np.isfinite(SequenceEncoder(**SMALL).fit_transform(sequences)).all()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda rows: rows[:0], "sequence 3 of 12 is empty"),
        (lambda rows: rows[:, :1], "sequence 3 has steps of shape"),
        (lambda rows: rows * np.nan, "sequence 3 has no value"),
        (lambda rows: rows * np.inf, "sequence 3 is infinite"),
    ],
)
def test_a_bad_sequence_is_named(spoil, message):
    sequences = ragged_readings()
    sequences[3] = spoil(sequences[3])
    with pytest.raises(ValueError, match=message):
        SequenceEncoder(**SMALL).fit(sequences)
