"""Convolutional codes of images, and the calibrated baseline beside them."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from image_conv import calibrated, errors, main
from scipy.special import expit

import seqae


def test_calibration_finds_the_logistic_function_behind_gray_pixels():
    values = np.random.default_rng(0).normal(size=(50, 16))
    new = np.linspace(-1, 2, 16)[None]
    np.testing.assert_allclose(calibrated(values, expit(4 * values - 2))(new), expit(4 * new - 2), atol=1e-3)


def test_wrong_pixels_are_counted_for_each_image():
    truth = np.array([[0.0, 1.0, 1.0], [0.0, 0.0, 1.0]])
    found = errors(np.array([[0.9, 0.9, 0.1], [0.4, 0.2, 0.6]]), truth)
    assert found["wrong pixels"] == 1.0
    assert found["squared error"] == pytest.approx((0.81 + 0.01 + 0.81 + 0.16 + 0.04 + 0.16) / 2)


@pytest.mark.parametrize("hidden_sizes", [(), (7, 6)], ids=str)
def test_linear_layers_shorten_the_code_of_gray_images(tmp_path, hidden_sizes):
    main(code_size=5, hidden_sizes=hidden_sizes, gray=True, smoke=True, out=tmp_path)
    model = seqae.load(tmp_path / "image_conv" / "latest" / "model")
    images = seqae.data.read_images("digits")[1].subset(np.arange(3))
    assert seqae.encode(model, images).shape == (3, 5)
