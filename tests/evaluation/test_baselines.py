"""The baseline of principal components, worked out in another way."""

import numpy as np
import pytest

from seqae.evaluation import pca_reconstruction


def images(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 2, 3)) @ np.diag([3.0, 1.0, 0.2]) + 5


def test_it_is_the_projection_on_the_eigenvectors_of_the_covariance_of_the_training_items():
    train, test = images(40, 0), images(7, 1)
    rows, mean = train.reshape(40, 6), train.reshape(40, 6).mean(axis=0)
    axes = np.linalg.eigh(np.cov(rows, rowvar=False))[1][:, -2:]
    expected = (test.reshape(7, 6) - mean) @ axes @ axes.T + mean
    np.testing.assert_allclose(pca_reconstruction(train, test, 2), expected.reshape(7, 2, 3))


def test_all_components_reconstruct_everything():
    test = images(7, 1)
    np.testing.assert_allclose(pca_reconstruction(images(40, 0), test, 6), test)


def test_codes_hold_the_variance_in_descending_order():
    train = images(400, 0)
    reconstruction, codes = pca_reconstruction(train, train, 3, return_codes=True)
    assert codes.shape == (400, 3)
    np.testing.assert_allclose(codes.mean(axis=0), 0, atol=1e-12)
    eigenvalues = np.linalg.eigvalsh(np.cov(train.reshape(400, 6), rowvar=False))[::-1]
    np.testing.assert_allclose(codes.var(axis=0, ddof=1), eigenvalues[:3])
    np.testing.assert_array_equal(reconstruction, pca_reconstruction(train, train, 3))


def test_the_type_of_the_items_is_kept():
    train = images(40, 0).astype(np.float32)
    assert pca_reconstruction(train, train, 2).dtype == np.float32


@pytest.mark.parametrize("n_components", [0, 7])
def test_a_number_of_components_that_cannot_be_is_named(n_components):
    with pytest.raises(ValueError, match=f"{n_components} components of 40 items of 6 values. Ask for 1 to 6"):
        pca_reconstruction(images(40, 0), images(7, 1), n_components)


def test_items_may_be_flat_on_one_side():
    train, test = images(40, 0), images(7, 1)
    found = pca_reconstruction(train.reshape(40, 6), test, 2)
    np.testing.assert_array_equal(found, pca_reconstruction(train, test, 2))


def test_items_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"training items of shape \(2, 3\), test items of \(2, 2\)"):
        pca_reconstruction(images(40, 0), images(7, 1)[..., :2], 2)
