"""Vectors of words from the company they keep, by counting: nothing is trained, and seldom words are not left out.

The main directions of how much more often words stand together than by chance are what skip-gram vectors come to (Levy
& Goldberg 2014, https://papers.nips.cc/paper/5477). By scikit-learn and scipy (extra `sklearn`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from seqae._extras import require


def word_vectors(documents: Sequence[Sequence[Tensor]], known: int, size: int, window: int = 5) -> np.ndarray:
    """Return a vector for each word, `(known, size)`: one half tells of neighbours, the other of documents.

    Words near in a sentence tell what a word is like, those of the whole document what it is about. Numbers have mean
    0 and variance 1 over all words that are read, and no two of them go together.

    Args:
        documents: Sentences of each, `(time,)` numbers of words.
        known: How many words there are.
        size: Length of a vector.
        window: Steps up to which two words of a sentence stand together.
    """
    require("scipy.sparse", extra="sklearn", purpose="vectors of words")
    sentences = [sentence.numpy() for document in documents for sentence in document]
    words = np.concatenate(sentences)
    sentence = np.repeat(np.arange(len(sentences)), [len(each) for each in sentences])
    document = np.repeat(np.arange(len(documents)), [len(each) for each in documents])[sentence]
    shares = np.bincount(words, minlength=known) / len(words)
    near = truncated_svd(_surprise(_neighbours(words, sentence, known, window), 0.75), size - size // 2)
    about = truncated_svd(_surprise(_occurrences(words, document, known), 1.0), size // 2)
    return np.hstack([_whitened(vectors, shares) for vectors in (near, about)]).astype(np.float32)


def truncated_svd(matrix: Any, size: int) -> np.ndarray:
    """Return the place of each row of a sparse matrix along its main directions, `(row, size)`.

    Directions count by the root of their strength; those that a small matrix does not have are zeros.
    """
    from sklearn.utils.extmath import randomized_svd

    found = min(size, *matrix.shape)
    rows, strengths, _ = randomized_svd(matrix, found, n_iter=2, random_state=0)
    return np.pad(rows * np.sqrt(strengths), ((0, 0), (0, size - found)))


def _neighbours(words: np.ndarray, sentence: np.ndarray, known: int, reach: int) -> Any:
    """Return how often words stand near each other, a sparse `(known, known)`."""
    from scipy.sparse import csr_matrix

    pairs = [np.empty((2, 0), dtype=np.int64)]
    for distance in range(1, min(reach, len(words) - 1) + 1):
        near = sentence[distance:] == sentence[:-distance]
        pairs.append(np.stack([words[:-distance][near], words[distance:][near]]))
    left, right = np.concatenate(pairs, axis=1)
    counts = csr_matrix((np.ones(len(left), dtype=np.float32), (left, right)), (known, known))
    return (counts + counts.T).tocsr()


def _occurrences(words: np.ndarray, document: np.ndarray, known: int) -> Any:
    """Return which words stand in which document, a sparse `(known, documents)` of ones."""
    from scipy.sparse import csr_matrix

    found = csr_matrix((np.ones(len(words), dtype=np.float32), (words, document)), (known, document[-1] + 1))
    found.sum_duplicates()
    found.data[:] = 1
    return found


def _surprise(counts: Any, power: float) -> Any:
    """Return how much more often than by chance, in nats, zero where it is less (positive mutual information).

    Args:
        counts: Sparse, `(word, context)`.
        power: Of the shares of contexts; below 1 seldom ones surprise less.
    """
    from scipy.sparse import csr_matrix

    pairs = counts.tocoo()
    words, contexts = (np.asarray(counts.sum(axis=axis)).ravel() for axis in (1, 0))
    chance = contexts**power / max((contexts**power).sum(), 1e-12)
    nats = np.log(pairs.data / (words[pairs.row] * chance[pairs.col]))
    more = nats > 0
    return csr_matrix((nats[more].astype(np.float32), (pairs.row[more], pairs.col[more])), counts.shape)


def _whitened(vectors: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Turn and stretch vectors until their numbers have variance 1 over words that are so frequent, `(word, size)`."""
    middle = vectors - shares @ vectors
    variances, directions = np.linalg.eigh(middle.T @ (middle * shares[:, None]))
    lengths = np.where(variances > 1e-6 * variances[-1], 1 / np.sqrt(np.maximum(variances, 1e-30)), 0.0)
    return middle @ directions * lengths
