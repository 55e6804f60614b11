"""Scores of images, against the same things written as loops."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqae.evaluation.images import image_cross_entropy, psnr, squared_distance, ssim
from seqae.losses import binary_cross_entropy


def pictures(seed, shape=(3, 2, 14, 13)):
    random = np.random.default_rng(seed)
    return random.random(shape), random.random(shape)


@given(st.integers(0, 1000))
def test_cross_entropy_is_the_error_that_trains(seed):
    found, truth = pictures(seed)
    logits = torch.from_numpy(np.log(found / (1 - found)))
    known = binary_cross_entropy(logits, torch.from_numpy(truth)).mean(dim=(1, 2, 3))
    np.testing.assert_allclose(image_cross_entropy(found, truth), known, rtol=1e-6)


def test_a_wrong_certainty_costs_as_much_as_allowed():
    image = np.zeros((1, 1, 2, 2))
    assert image_cross_entropy(image + 1, image, eps=0.01)[0] == pytest.approx(-np.log(0.01))
    assert image_cross_entropy(image, image, eps=0.01)[0] == pytest.approx(-np.log(0.99))


def test_ten_decibels_are_a_tenth_of_the_squared_error():
    found, truth = pictures(0)
    nearer = truth + (found - truth) / np.sqrt(10)
    np.testing.assert_allclose(squared_distance(nearer, truth) * 10, squared_distance(found, truth))
    np.testing.assert_allclose(psnr(nearer, truth) - psnr(found, truth), 10)
    assert psnr(truth, truth) == pytest.approx([120] * 3)


def slow_similarity(one, other):
    """The formula of Wang et al. 2004 for one channel, window by window."""
    offsets = np.arange(11) - 5
    window = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    window /= window.sum()
    found = []
    for row in range(one.shape[0] - 10):
        for column in range(one.shape[1] - 10):
            a, b = (image[row : row + 11, column : column + 11] for image in (one, other))
            a_mean, b_mean = (window * a).sum(), (window * b).sum()
            a_spread, b_spread = (window * (a - a_mean) ** 2).sum(), (window * (b - b_mean) ** 2).sum()
            common = (window * (a - a_mean) * (b - b_mean)).sum()
            light = (2 * a_mean * b_mean + 1e-4) / (a_mean**2 + b_mean**2 + 1e-4)
            found.append(light * (2 * common + 9e-4) / (a_spread + b_spread + 9e-4))
    return np.mean(found)


def test_similarity_is_the_formula_window_by_window():
    found, truth = pictures(1)
    known = [np.mean([slow_similarity(*pair) for pair in zip(a, b)]) for a, b in zip(found, truth)]
    np.testing.assert_allclose(ssim(found, truth), known, rtol=1e-9)
    np.testing.assert_allclose(ssim(truth, truth), 1)
    assert ssim(truth[:, :, :1, :1], truth[:, :, :1, :1]) == pytest.approx([1] * 3)
