import numpy as np
import pytest
import torch
from torch import nn

import seqae
from seqae.generation import (
    decode_codes,
    frechet_distance,
    interpolate,
    manifold_grid,
    sample_fitted_gaussian,
    sample_prior,
    two_sample_accuracy,
)

RANDOM = np.random.default_rng(0)


def test_decoded_is_what_the_decoder_writes_whatever_the_mode():
    model = seqae.Autoencoder(
        seqae.MeanEncoder(2, 3), seqae.ConstantDecoder(nn.Sequential(nn.Linear(3, 2), nn.Dropout()))
    )
    codes = RANDOM.normal(size=(600, 3))
    expected = model.decoder.head[0](torch.tensor(codes, dtype=torch.float32)).detach().numpy()
    found = decode_codes(model, codes, length=4)
    assert found.shape == (600, 4, 2) and model.training
    assert np.allclose(found, expected[:, None], atol=1e-6)


def test_codes_like_others_have_their_mean_and_covariance():
    codes = RANDOM.normal(size=(2000, 3)) @ RANDOM.normal(size=(3, 3)) + [1, 2, 3]
    drawn = sample_fitted_gaussian(codes, 200_000)
    assert np.allclose(drawn.mean(axis=0), codes.mean(axis=0), atol=0.03)
    assert np.allclose(np.cov(drawn.T), np.cov(codes.T), atol=0.06)
    assert sample_fitted_gaussian(codes[:, :1], 5).shape == (5, 1)
    assert np.array_equal(sample_prior(3, 2, seed=1), sample_prior(3, 2, seed=1))


def test_the_plane_has_as_much_chance_in_each_cell():
    grid = manifold_grid(5).reshape(5, 5, 2)
    assert np.allclose(grid, -grid[::-1, ::-1]) and (np.diff(grid[0, :, 0]) > 0).all() and grid[0, 0, 1] > 0
    drawn = RANDOM.standard_normal(200_000)
    assert np.allclose([(drawn < line).mean() for line in grid[0, :, 0]], [0.1, 0.3, 0.5, 0.7, 0.9], atol=0.01)


def test_between_two_codes_lies_a_straight_line():
    first, second = RANDOM.normal(size=(2, 4, 3))
    way = interpolate(first, second, 5)
    assert np.allclose(way[:, 0], first) and np.allclose(way[:, -1], second)
    assert np.allclose(way[:, 2], (first + second) / 2)
    with pytest.raises(ValueError, match="1 codes on the line"):
        interpolate(first, second, 1)


def test_frechet_distance_of_normal_distributions():
    rows = RANDOM.normal(size=(100_000, 2))
    assert frechet_distance(rows, rows) == pytest.approx(0, abs=1e-9)
    # Means 3 apart; deviations 1 and 2 along one axis, 1 and 1 along the other.
    other = RANDOM.normal(size=(100_000, 2)) * [2, 1] + [0, 3]
    assert frechet_distance(rows, other) == pytest.approx(9 + 1, rel=0.02)


def test_neighbours_tell_apart_what_differs_only():
    rows, alike = RANDOM.normal(size=(2, 600, 3))
    assert 0.42 < two_sample_accuracy(rows, alike) < 0.58
    assert two_sample_accuracy(rows, alike + 50) == 1
    assert two_sample_accuracy(rows, rows + 1e-6) < 0.05
    with pytest.raises(ValueError, match="600 real and 599 generated"):
        two_sample_accuracy(rows, alike[1:])
