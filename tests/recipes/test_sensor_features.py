"""Baselines beside codes of sequences, with as many numbers."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sensor_features import gestures, new_encoder, reduced, resampled, statistics


def test_straight_lines_of_any_length_are_resampled_to_the_same_line():
    lines = [np.stack([np.linspace(0, 3, length), np.linspace(1, -1, length)], axis=1) for length in (2, 5, 40)]
    expected = np.concatenate([[0, 1, 2, 3], [1, 1 / 3, -1 / 3, -1]])
    np.testing.assert_allclose(resampled(lines, steps=4), np.tile(expected, (3, 1)), atol=1e-12)


@pytest.mark.parametrize("size", [1, 3, 100])
def test_components_are_no_more_than_the_code_has_numbers(size):
    train, test = gestures(30, seed=0), gestures(7, seed=1)
    assert reduced(statistics, train, size)(test.sequences).shape == (7, min(size, 4))


def test_components_do_not_depend_on_the_sequences_to_be_described():
    train, test = gestures(30, seed=0), gestures(9, seed=1)
    features = reduced(resampled, train, 5)
    np.testing.assert_allclose(features(test.sequences)[:2], features(test.sequences[:2]), atol=1e-9)


@pytest.mark.parametrize("network", ["max-pooled", "resampled"])
def test_an_encoder_of_no_epochs_is_the_same_network_before_it_learns(network):
    sequences = gestures(20, seed=0).sequences
    untrained, again, trained = (
        new_encoder(network, 5, epochs, seed=3).fit(sequences).transform(sequences) for epochs in (0, 0, 1)
    )
    assert trained.shape == untrained.shape == (20, 5)
    assert np.array_equal(untrained, again) and not np.allclose(untrained, trained)
