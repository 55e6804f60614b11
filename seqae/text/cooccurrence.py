"""Word vectors by counting co-occurrences, without training; rare words get vectors, too.

The singular vectors of the positive pointwise mutual information, which is what skip-gram vectors approximate (Levy &
Goldberg 2014, https://papers.nips.cc/paper/5477).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor


def word_vectors(documents: Sequence[Sequence[Tensor]], vocabulary_size: int, size: int, window: int = 5) -> np.ndarray:
    """Return a vector for each word, `(vocabulary_size, size)` float32: one half from neighbours, one from documents.

    Neighbours in a sentence reflect grammar and meaning, documents the topic. The components of a half have mean 0
    and variance 1 over all occurrences of words, and are uncorrelated.

    Args:
        documents: The sentences of each document, `(time,)` int64 ids of words each.
        vocabulary_size: The number of words.
        size: Length of a vector.
        window: The largest distance of two neighbours in a sentence, in words.
    """
    sentences = [sentence.numpy() for document in documents for sentence in document]
    words = np.concatenate(sentences)
    sentence = np.repeat(np.arange(len(sentences)), [len(each) for each in sentences])
    document = np.repeat(np.arange(len(documents)), [len(each) for each in documents])[sentence]
    frequencies = np.bincount(words, minlength=vocabulary_size) / len(words)
    near = truncated_svd(ppmi(_neighbours(words, sentence, vocabulary_size, window), 0.75), size - size // 2)
    about = truncated_svd(ppmi(_occurrences(words, document, vocabulary_size), 1.0), size // 2)
    return np.hstack([_whitened(vectors, frequencies) for vectors in (near, about)]).astype(np.float32)


def truncated_svd(matrix: Any, size: int) -> np.ndarray:
    """Return the left singular vectors of a sparse matrix times the roots of its singular values, `(row, size)`.

    Halko et al. 2011, https://arxiv.org/abs/0909.4061. Components beyond the size of a small matrix are zeros.

    Args:
        matrix: A sparse matrix `(row, column)`.
        size: The number of components.
    """
    from sklearn.utils.extmath import randomized_svd

    found = min(size, *matrix.shape)
    vectors, singular_values, _ = randomized_svd(matrix, found, n_iter=2, random_state=0)
    return np.pad(vectors * np.sqrt(singular_values), ((0, 0), (0, size - found)))


def _neighbours(words: np.ndarray, sentence: np.ndarray, vocabulary_size: int, window: int) -> Any:
    """Return how often two words are neighbours, sparse `(vocabulary_size, vocabulary_size)`."""
    from scipy.sparse import csr_matrix

    pairs = [np.empty((2, 0), dtype=np.int64)]
    for distance in range(1, min(window, len(words) - 1) + 1):
        near = sentence[distance:] == sentence[:-distance]
        pairs.append(np.stack([words[:-distance][near], words[distance:][near]]))
    left, right = np.concatenate(pairs, axis=1)
    counts = csr_matrix((np.ones(len(left), dtype=np.float32), (left, right)), (vocabulary_size, vocabulary_size))
    return (counts + counts.T).tocsr()


def _occurrences(words: np.ndarray, document: np.ndarray, vocabulary_size: int) -> Any:
    """Return which words occur in which document, sparse `(vocabulary_size, documents)` of ones."""
    from scipy.sparse import csr_matrix

    found = csr_matrix((np.ones(len(words), dtype=np.float32), (words, document)), (vocabulary_size, document[-1] + 1))
    found.sum_duplicates()
    found.data[:] = 1
    return found


def ppmi(counts: Any, power: float) -> Any:
    """Return the positive pointwise mutual information in nats, sparse `(word, context)`.

    Levy et al. 2015, https://aclanthology.org/Q15-1016.

    Args:
        counts: The number of times that a word occurs in a context, sparse `(word, context)`.
        power: Exponent of the contexts' frequencies; below 1 rare contexts have less weight.
    """
    from scipy.sparse import csr_matrix

    pairs = counts.tocoo()
    words, contexts = (np.asarray(counts.sum(axis=axis)).ravel() for axis in (1, 0))
    context_p = contexts**power / max((contexts**power).sum(), 1e-12)
    nats = np.log(pairs.data / (words[pairs.row] * context_p[pairs.col]))
    positive = nats > 0
    return csr_matrix((nats[positive].astype(np.float32), (pairs.row[positive], pairs.col[positive])), counts.shape)


def _whitened(vectors: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """Return vectors `(word, size)` whitened over words of these frequencies `(word,)`: mean 0, covariance 1."""
    centred = vectors - frequencies @ vectors
    variances, directions = np.linalg.eigh(centred.T @ (centred * frequencies[:, None]))
    scales = np.where(variances > 1e-6 * variances[-1], 1 / np.sqrt(np.maximum(variances, 1e-30)), 0.0)
    return centred @ directions * scales
