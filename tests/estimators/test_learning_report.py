import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.metrics import accuracy_score, r2_score

from generators import ragged_readings
from seqae import SequenceAutoencoder
from seqae.estimators import learning_report as reports

SETTINGS = {"code_size": 3, "hidden_size": 8, "epochs": 2}


def test_r2_is_that_of_scikit_learn_over_all_known_values():
    rng = np.random.default_rng(0)
    sequences = [rng.normal(size=(length, 1)) for length in (4, 7, 2)]
    predictions = [rows + rng.normal(scale=0.3, size=rows.shape) for rows in sequences]
    sequences[1][2] = np.nan
    truth, predicted = np.concatenate(sequences), np.concatenate(predictions)
    known = ~np.isnan(truth)
    center = torch.from_numpy(truth[known].mean(keepdims=True))
    tensors = ([torch.from_numpy(rows) for rows in each] for each in (predictions, sequences))
    assert reports.r2(*tensors, center) == pytest.approx(r2_score(truth[known], predicted[known]))


def test_r2_of_sequences_that_never_change_is_one_without_error_else_zero():
    still = [torch.ones(3, 1)]
    assert reports.r2(still, still, torch.ones(1)) == 1
    assert reports.r2([torch.zeros(3, 1)], still, torch.ones(1)) == 0


def test_score_pools_all_channels_in_deviations_of_each():
    sequences = ragged_readings(20)
    autoencoder = SequenceAutoencoder(**SETTINGS).fit(sequences)
    scale = autoencoder.steps_.scaler_.scale_
    truth, predicted = (np.concatenate(rows) / scale for rows in (sequences, autoencoder.reconstruct(sequences)))
    error, deviation = np.square(truth - predicted).sum(), np.square(truth - truth.mean(axis=0)).sum()
    assert autoencoder.score(sequences) == pytest.approx(1 - error / deviation, abs=1e-5)


def test_components_are_those_of_scikit_learn_on_the_padded_matrix():
    sequences = [torch.from_numpy(rows) for rows in ragged_readings(30, channels=2)]
    train, tested = sequences[:25], sequences[25:]
    center, longest = torch.cat(train).mean(dim=0), max(map(len, train))
    flat = [
        np.pad((rows[:longest] - center).numpy(), ((0, max(longest - len(rows), 0)), (0, 0))).ravel()
        for rows in sequences
    ]
    pca = PCA(4).fit(flat[:25])
    expected = pca.inverse_transform(pca.transform(flat[25:])).reshape(len(tested), longest, 2) + center.numpy()
    for found, rows, sequence in zip(reports.pca_predictions(train, tested, 4), expected, tested):
        np.testing.assert_allclose(found, rows[: len(sequence)], atol=1e-8)


def test_components_foretell_the_mean_beyond_the_longest_training_sequence():
    train = [torch.from_numpy(rows) for rows in ragged_readings(30, channels=2)]
    (found,) = reports.pca_predictions(train, [torch.zeros(40, 2)], 2)
    mean = torch.cat(train).mean(dim=0)
    torch.testing.assert_close(found[20:], mean.expand(20, 2))


def test_a_report_is_on_what_was_held_out_if_anything_was():
    few, many = (SequenceAutoencoder(**SETTINGS).fit(ragged_readings(count)).report_ for count in (9, 40))
    assert (few.sequences, few.held_out) == (9, False) and "9 training sequences" in str(few)
    assert (many.sequences, many.held_out) == (4, True) and "4 held-out sequences" in str(many)
    assert set(many.metrics()) == {"r2", "r2_mean", "r2_pca", "length_error"} and many.mean == 0


def test_the_report_of_tokens_counts_them_and_their_information():
    rng = np.random.default_rng(0)
    sequences = [rng.integers(0, 5, length) for length in rng.integers(2, 9, 30)]
    autoencoder = SequenceAutoencoder(**SETTINGS, tokens=True, validation_fraction=0).fit(sequences)
    report, tokens = autoencoder.report_, np.concatenate(sequences)
    assert report.model == pytest.approx(accuracy_score(tokens, np.concatenate(autoencoder.reconstruct(sequences))))
    assert report.model == pytest.approx(autoencoder.score(sequences))
    counts = np.bincount(tokens)
    assert report.mean == pytest.approx(counts.max() / len(tokens))
    assert report.mean_bits == pytest.approx(np.mean(-np.log2((counts + 1) / (counts + 1).sum())[tokens]))
    nats = -autoencoder.score_samples(sequences)
    weights = np.array([len(ids) for ids in sequences])
    assert report.bits == pytest.approx(np.average(nats, weights=weights) / np.log(2), rel=1e-5)
    assert "bits a token" in str(report) and "accuracy" in report.metrics()


def test_lengths_are_compared_with_the_true_ones():
    sequences = ragged_readings(30)
    autoencoder = SequenceAutoencoder(**SETTINGS, validation_fraction=0).fit(sequences)
    told = [len(rows) for rows in autoencoder.decode(autoencoder.encode(sequences))]
    expected = np.mean([abs(length - len(rows)) for length, rows in zip(told, sequences)])
    assert autoencoder.report_.length_error == pytest.approx(expected)
