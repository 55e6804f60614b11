"""Nearest neighbours among codes: exact search of floats and of packed bits, approximate search, retrieval metrics.

Examples:
    >>> import numpy as np
    >>> codes = np.array([[1.0, 1.0, -1.0], [1.0, -1.0, -1.0], [-1.0, -1.0, 1.0]])
    >>> found = HammingIndex(pack_bits(codes)).search(pack_bits(codes[:1]), count=2)
    >>> found.indices, found.distances
    (array([[0, 1]]), array([[0, 1]], dtype=uint16))
    >>> labels = np.array([0, 0, 1])
    >>> precision_at_k(labels[found.indices] == labels[:1, None], 2)
    1.0
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from seqae._extras import require

Project = Callable[[np.ndarray], np.ndarray]
_QUERIES_AT_ONCE = 256  # whose distances to 60,000 codes fill 60 MB


@dataclass(frozen=True, eq=False)
class SearchResult:
    """The nearest codes of each query, the nearest first; of equally near ones that with the lower index.

    Attributes:
        indices: The index of each code, `(queries, count)`, int64.
        distances: `(queries, count)`, in the measure of the index.
    """

    indices: np.ndarray
    distances: np.ndarray


class FloatIndex:
    """Exact search by squared Euclidean distance.

    Args:
        codes: `(codes, code_size)`; kept as float32.

    Raises:
        ValueError: The codes have no two dimensions, or hold NaN or infinity.
    """

    def __init__(self, codes: np.ndarray):
        self.codes = _checked(np.asarray(codes, dtype=np.float32))
        self.squares = np.square(self.codes).sum(axis=1)

    def search(self, queries: np.ndarray, count: int) -> SearchResult:
        """Return the `count` nearest codes of each query, `(queries, code_size)`; distances are float32.

        Raises:
            ValueError: The queries do not fit the codes, or there are fewer codes than `count`.
        """
        queries = _checked_queries(np.asarray(queries, dtype=np.float32), self.codes, count)
        found = []
        for some in np.split(queries, range(_QUERIES_AT_ONCE, len(queries), _QUERIES_AT_ONCE)):
            rest = self.squares - 2 * (some @ self.codes.T)  # the query's own square changes no order
            indices = _lowest(rest, count)
            distances = np.take_along_axis(rest, indices, axis=1) + np.square(some).sum(axis=1, keepdims=True)
            found.append(SearchResult(indices, np.maximum(distances, 0)))
        return _joined(found)


class HNSWIndex:
    """Approximate search by squared Euclidean distance, along a graph of neighbours.

    Hierarchical navigable small worlds, Malkov & Yashunin 2016, https://arxiv.org/abs/1603.09320, by faiss. For
    millions of codes, or many queries: building the graph of 60,000 codes takes as long as a few thousand exact
    searches.

    Args:
        codes: `(codes, code_size)`; kept as float32.
        m: The number of neighbours of each code in the graph.
        ef: The number of candidates that a search keeps, at least as many as it returns; with more it finds more.

    Raises:
        MissingExtra: faiss is not installed.
        ValueError: The codes have no two dimensions, or hold NaN or infinity.
    """

    def __init__(self, codes: np.ndarray, m: int = 32, ef: int = 64):
        faiss = require("faiss", extra="retrieval", purpose="approximate search")
        self.codes = _checked(np.ascontiguousarray(codes, dtype=np.float32))
        self.ef = ef
        self.graph = faiss.IndexHNSWFlat(self.codes.shape[1], m)
        self.graph.hnsw.efConstruction = ef
        self.graph.add(self.codes)

    def search(self, queries: np.ndarray, count: int) -> SearchResult:
        """Return about the `count` nearest codes of each query, `(queries, code_size)`; distances are float32.

        Raises:
            ValueError: The queries do not fit the codes, or there are fewer codes than `count`.
        """
        queries = _checked_queries(np.ascontiguousarray(queries, dtype=np.float32), self.codes, count)
        self.graph.hnsw.efSearch = max(self.ef, count)
        distances, indices = self.graph.search(queries, count)
        if (indices < 0).any():  # the graph has parts that are not connected
            return FloatIndex(self.codes).search(queries, count)
        return SearchResult(indices, distances)


class HammingIndex:
    """Exact search of codes of bits by Hamming distance, the number of bits that differ.

    Args:
        codes: Packed codes `(codes, words)`, uint64, of `pack_bits`.
    """

    def __init__(self, codes: np.ndarray):
        self.codes = _checked(np.asarray(codes, dtype=np.uint64))

    def search(self, queries: np.ndarray, count: int) -> SearchResult:
        """Return the `count` nearest codes of each query, packed `(queries, words)`; distances are uint16.

        Raises:
            ValueError: The queries do not fit the codes, or there are fewer codes than `count`.
        """
        queries = _checked_queries(np.asarray(queries, dtype=np.uint64), self.codes, count)
        found = []
        for query in queries:
            distances = hamming_distance(query, self.codes)
            indices = _lowest(distances[None], count)
            found.append(SearchResult(indices, distances[indices]))
        return _joined(found)


class RerankIndex:
    """Search in two stages: short codes find a list of candidates, long codes put it in order.

    Krizhevsky & Hinton 2011, https://www.cs.toronto.edu/~hinton/absps/esann-deep-final.pdf: 28 bits, then 256.

    Args:
        short: Packed codes of few bits, `(codes, words)`, uint64.
        long: Packed codes of many bits of the same items, `(codes, words)`, uint64.
        size: The number of candidates on a list.

    Raises:
        ValueError: There are not as many short as long codes.
    """

    def __init__(self, short: np.ndarray, long: np.ndarray, size: int = 1000):
        if len(short) != len(long):
            raise ValueError(f"{len(short)} short and {len(long)} long codes. Give both of the same items")
        self.short = HammingIndex(short)
        self.long = HammingIndex(long)
        self.size = min(size, len(short))

    def search(self, queries: tuple[np.ndarray, np.ndarray], count: int) -> SearchResult:
        """Return the `count` nearest codes of each query, equally near ones in the order of the short codes.

        Args:
            queries: Packed short codes and packed long ones, `(queries, words)` each.
            count: The number of codes to return, at most as many as are on a list.

        Raises:
            ValueError: The queries do not fit the codes, or a list is shorter than `count`.
        """
        short, long = queries
        if count > self.size:
            raise ValueError(f"{count} neighbours from a list of {self.size}. Ask for fewer, or for a longer list")
        long = _checked_queries(np.asarray(long, dtype=np.uint64), self.long.codes, count)
        found = []
        for query, candidates in zip(long, self.short.search(short, self.size).indices, strict=True):
            distances = hamming_distance(query, self.long.codes[candidates])
            order = _lowest(distances[None], count)[0]
            found.append(SearchResult(candidates[order][None], distances[order][None]))
        return _joined(found)


def pack_bits(codes: np.ndarray) -> np.ndarray:
    """Return codes `(codes, code_size)` as bits, 64 a word, `(codes, words)`, uint64; values above 0 are set bits."""
    bits = np.packbits(_checked(np.asarray(codes)) > 0, axis=1)
    return np.pad(bits, [(0, 0), (0, -bits.shape[1] % 8)]).view(np.uint64)


def hamming_distance(query: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return the number of bits in which a packed code `(words,)` differs from others `(codes, words)`, `(codes,)`."""
    return np.bitwise_count(codes ^ query).sum(axis=1, dtype=np.uint16)


def iterative_quantisation(rows: np.ndarray, num_bits: int, num_iterations: int = 50, seed: int = 0) -> Project:
    """Fit iterative quantisation (ITQ): principal components, rotated so that their signs lose little.

    Gong & Lazebnik 2011, https://doi.org/10.1109/CVPR.2011.5995432, a baseline that needs no network.

    Args:
        rows: The vectors that it is fitted to, `(items, size)`.
        num_bits: The number of bits of a code, at most the size of a vector.
        num_iterations: The number of iterations.
        seed: Seed of the first rotation.

    Returns:
        A function from vectors `(items, size)` to real codes `(items, num_bits)`, whose signs are the bits.

    Raises:
        ValueError: `num_bits` is not between 1 and the size of a vector.
    """
    if not 1 <= num_bits <= rows.shape[1]:
        raise ValueError(f"{num_bits} bits from rows of {rows.shape[1]} values. Ask for 1 to {rows.shape[1]}")
    mean = rows.mean(axis=0)
    _, directions = np.linalg.eigh(np.cov(rows, rowvar=False))
    components = directions[:, ::-1][:, :num_bits]
    projected = (rows - mean) @ components
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((num_bits, num_bits)))
    for _ in range(num_iterations):
        left, _, right = np.linalg.svd(np.where(projected @ rotation > 0, 1.0, -1.0).T @ projected)
        rotation = (left @ right).T
    return lambda others: (others - mean) @ components @ rotation


def precision_at_k(relevant: np.ndarray, k: int) -> float:
    """Return the fraction of the first `k` results that are relevant, the mean over queries.

    Args:
        relevant: Whether each result is relevant, the nearest first, `(queries, results)`, bool.
        k: The number of results that count.
    """
    return float(relevant[:, :k].mean())


def mean_average_precision(relevant: np.ndarray, k: int | None = None) -> float:
    """Return the mean over queries of the average precision, the mean of the precisions at each relevant result.

    With a `k` only the first `k` results count, as papers on hashing do: relevant ones after them are ignored. A query
    without a relevant result has an average precision of 0.

    Args:
        relevant: Whether each result is relevant, the nearest first, `(queries, results)`, bool.
        k: The number of results that count; all by default.
    """
    seen = relevant[:, :k]
    ranks = np.arange(1, seen.shape[1] + 1)
    total = np.array([(np.cumsum(row) * row / ranks).sum() for row in seen])
    return float((total / np.maximum(seen.sum(axis=1), 1)).mean())


def neighbour_purity(codes: np.ndarray, labels: np.ndarray, k: int = 10) -> float:
    """Return the fraction of each code's nearest neighbours that are of its class, the mean over codes.

    Args:
        codes: Codes `(codes, code_size)`.
        labels: The class of each code, `(codes,)`.
        k: The number of neighbours that count; a code is not its own neighbour.
    """
    near = FloatIndex(codes).search(codes, k + 1).indices
    own = near == np.arange(len(codes))[:, None]
    own[~own.any(axis=1), -1] = True  # among many equal codes one may not have found itself
    others = near[~own].reshape(len(codes), k)
    return float((labels[others] == labels[:, None]).mean())


def _checked(codes: np.ndarray) -> np.ndarray:
    if codes.ndim != 2 or 0 in codes.shape:
        raise ValueError(f"codes of shape {codes.shape}. Expected (codes, code_size), neither of them 0")
    if codes.dtype.kind == "f" and not np.isfinite(codes).all():
        row = int(np.flatnonzero(~np.isfinite(codes).all(axis=1))[0])
        raise ValueError(f"code {row} holds NaN or infinity, which is near to nothing. Leave it out")
    return codes


def _checked_queries(queries: np.ndarray, codes: np.ndarray, count: int) -> np.ndarray:
    if _checked(queries).shape[1] != codes.shape[1]:
        raise ValueError(f"queries of size {queries.shape[1]} among codes of size {codes.shape[1]}. Encode both alike")
    if not 1 <= count <= len(codes):
        raise ValueError(f"{count} neighbours among {len(codes)} codes. Ask for 1 to {len(codes)}")
    return queries


def _lowest(distances: np.ndarray, count: int) -> np.ndarray:
    """Return the indices of the lowest in each row, `(rows, count)`, lowest first, of equal ones the first."""
    if count > distances.shape[1] // 8 or distances.dtype == np.uint16:  # sorting 16 bits takes no comparisons
        return np.argsort(distances, axis=1, kind="stable")[:, :count]
    largest = np.partition(distances, count - 1, axis=1)[:, count - 1 : count]
    rows = [np.flatnonzero(near) for near in distances <= largest]  # more than count where some are equally near
    order = [near[np.argsort(row[near], kind="stable")[:count]] for near, row in zip(rows, distances)]
    return np.stack(order)


def _joined(found: list[SearchResult]) -> SearchResult:
    return SearchResult(
        np.concatenate([part.indices for part in found]), np.concatenate([part.distances for part in found])
    )
