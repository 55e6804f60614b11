"""Words that keep the same company get similar vectors."""

import numpy as np
import pytest
import torch

from seqae.text.cooccurrence import ppmi, truncated_svd, word_vectors


@pytest.fixture
def documents() -> list[list[torch.Tensor]]:
    """Words 0 to 3 and 4 to 7 never meet; 8 is in every sentence."""
    random = np.random.default_rng(0)
    starts = (random.integers(0, 2, 200) * 4).tolist()
    return [[torch.from_numpy(np.append(at + random.integers(0, 4, 6), 8)) for _ in range(3)] for at in starts]


def test_words_that_meet_are_more_alike_than_words_that_never_do(documents):
    vectors = word_vectors(documents, 9, 4)[:8]
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    alike = unit @ unit.T
    same = np.arange(8) // 4 == (np.arange(8) // 4)[:, None]
    assert alike[same].min() > alike[~same].max() + 0.5


def test_components_have_mean_0_and_variance_1_over_what_is_read(documents):
    read = torch.cat([sentence for document in documents for sentence in document]).numpy()
    vectors = word_vectors(documents, 9, 4)[read]
    near, about = vectors[:, :2], vectors[:, 2:]
    for half in (near, about):
        np.testing.assert_allclose(half.mean(axis=0), 0, atol=1e-4)
        filled = half.std(axis=0) > 0.5  # documents of two kinds have fewer directions than were asked for
        assert filled.any()
        np.testing.assert_allclose(np.cov(half[:, filled].T), np.eye(filled.sum()), atol=2e-3)


def test_words_that_are_never_read_and_texts_of_one_word_are_no_fault():
    vectors = word_vectors([[torch.tensor([0])], [torch.tensor([2, 3]), torch.tensor([2])]], 5, 6)
    assert vectors.shape == (5, 6) and np.isfinite(vectors).all()


def test_singular_vectors_keep_the_products_of_rows():
    from scipy.sparse import csr_matrix

    square = np.random.default_rng(0).normal(size=(6, 3))
    square = square @ square.T  # symmetric, of rank 3
    found = truncated_svd(csr_matrix(square), 5)
    np.testing.assert_allclose(found @ found.T, square, atol=1e-6)
    assert not found[:, 3:].round(5).any()


@pytest.mark.parametrize("power", [1.0, 0.75])
def test_ppmi_is_the_positive_logarithm_of_joint_over_chance(power):
    from scipy.sparse import csr_matrix

    counts = np.random.default_rng(0).integers(0, 5, (6, 4)).astype(float)
    contexts = counts.sum(axis=0) ** power / (counts.sum(axis=0) ** power).sum()
    with np.errstate(divide="ignore"):
        expected = np.log(counts / counts.sum() / (counts.sum(axis=1, keepdims=True) / counts.sum() * contexts))
    found = ppmi(csr_matrix(counts), power).toarray()
    np.testing.assert_allclose(found, np.maximum(expected, 0), atol=1e-6)
    assert 0 < np.count_nonzero(found) < np.count_nonzero(counts)
