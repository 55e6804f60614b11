"""Neighbours in a space of codes: exact search over numbers and packed bits, a graph, how good what was found is.

index = PackedIndex(pack(codes))
found = index.search(pack(queries), count=10)
precision(labels[found.numbers] == query_labels[:, None], 10)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from seqae._extras import require

Project = Callable[[np.ndarray], np.ndarray]
_QUERIES = 256  # that are compared together: their distances to 60,000 codes fill 60 MB


@dataclass(frozen=True, eq=False)
class SearchResult:
    """What a search found, the nearest first; of equally near codes the one with the lower number.

    Attributes:
        numbers: Of the codes, `(query, count)`.
        distances: `(query, count)`, in the index's own measure.
    """

    indices: np.ndarray
    distances: np.ndarray


class Index(Protocol):
    """Codes that can be searched."""

    def search(self, queries: np.ndarray, count: int) -> SearchResult:
        """Return the `count` nearest codes of each query."""


class FloatIndex:
    """Codes made of numbers, by squared Euclidean distance.

    Args:
        codes: `(code, code_size)`.
    """

    def __init__(self, codes: np.ndarray):
        self.codes = _checked(np.asarray(codes, dtype=np.float32))
        self.squares = np.square(self.codes).sum(axis=1)

    def search(self, queries: np.ndarray, count: int) -> SearchResult:
        queries = _matching(np.asarray(queries, dtype=np.float32), self.codes, count)
        found = []
        for some in np.split(queries, range(_QUERIES, len(queries), _QUERIES)):
            rest = self.squares - 2 * (some @ self.codes.T)  # the query's own square changes no order
            numbers = _lowest(rest, count)
            distances = np.take_along_axis(rest, numbers, axis=1) + np.square(some).sum(axis=1, keepdims=True)
            found.append(SearchResult(numbers, np.maximum(distances, 0)))
        return _joined(found)


class HNSWIndex:
    """Codes made of numbers, by squared Euclidean distance, along a graph of neighbours: soon, and nearly always right.

    Malkov & Yashunin 2016 (HNSW), https://arxiv.org/abs/1603.09320, as faiss has it. For millions of codes, or many
    questions: making the graph of 60,000 codes takes as long as a few thousand exact searches.

    Args:
        codes: `(code, code_size)`.
        m: Neighbours of each code in the graph.
        ef: Codes that a search keeps in view, at least as many as it returns; more find more.

    Raises:
        MissingExtra: faiss is not installed.
    """

    def __init__(self, codes: np.ndarray, m: int = 32, ef: int = 64):
        faiss = require("faiss", extra="retrieval", purpose="a graph of codes")
        self.codes = _checked(np.ascontiguousarray(codes, dtype=np.float32))
        self.ef = ef
        self.graph = faiss.IndexHNSWFlat(self.codes.shape[1], m)
        self.graph.hnsw.efConstruction = ef
        self.graph.add(self.codes)

    def search(self, queries: np.ndarray, count: int) -> SearchResult:
        queries = _matching(np.ascontiguousarray(queries, dtype=np.float32), self.codes, count)
        self.graph.hnsw.efSearch = max(self.ef, count)
        distances, numbers = self.graph.search(queries, count)
        if (numbers < 0).any():  # the graph has parts that no link joins
            return FloatIndex(self.codes).search(queries, count)
        return SearchResult(numbers, distances)


class HammingIndex:
    """Codes made of bits, by the number of bits in which they differ.

    Args:
        codes: `(code, word)`, of `pack`.
    """

    def __init__(self, codes: np.ndarray):
        self.codes = _checked(np.asarray(codes, dtype=np.uint64))

    def search(self, queries: np.ndarray, count: int) -> SearchResult:
        queries = _matching(np.asarray(queries, dtype=np.uint64), self.codes, count)
        found = []
        for query in queries:
            distances = hamming_distance(query, self.codes)
            numbers = _lowest(distances[None], count)
            found.append(SearchResult(numbers, distances[numbers]))
        return _joined(found)


class RerankIndex:
    """Short codes find a list of candidates, long codes put it in order.

    Krizhevsky & Hinton 2011, https://www.cs.toronto.edu/~hinton/absps/esann-deep-final.pdf: 28 bits, then 256.

    Args:
        short: Packed codes of few bits, `(code, word)`.
        long: Packed codes of the same things, of many bits, `(code, word)`.
        size: Candidates on a list.
    """

    def __init__(self, short: np.ndarray, long: np.ndarray, size: int = 1000):
        if len(short) != len(long):
            raise ValueError(f"{len(short)} short and {len(long)} long codes. Give both of the same things")
        self.short = HammingIndex(short)
        self.long = HammingIndex(long)
        self.size = min(size, len(short))

    def search(self, queries: tuple[np.ndarray, np.ndarray], count: int) -> SearchResult:
        """Return the `count` nearest codes of each query, of equally near ones first what the short code puts first.

        Args:
            queries: Packed short codes and packed long ones, `(query, word)` each.
            count: How many to return, at most as many as are on a list.
        """
        short, long = queries
        if count > self.size:
            raise ValueError(f"{count} neighbours from a list of {self.size}. Ask for fewer, or for a longer list")
        long = _matching(np.asarray(long, dtype=np.uint64), self.long.codes, count)
        found = []
        for query, listed in zip(long, self.short.search(short, self.size).indices, strict=True):
            distances = hamming_distance(query, self.long.codes[listed])
            order = _lowest(distances[None], count)[0]
            found.append(SearchResult(listed[order][None], distances[order][None]))
        return _joined(found)


def pack_bits(codes: np.ndarray) -> np.ndarray:
    """Return bits, 64 in a word: `(code, word)` from `(code, code_size)`; numbers above 0 are set bits."""
    bits = np.packbits(_checked(np.asarray(codes)) > 0, axis=1)
    return np.pad(bits, [(0, 0), (0, -bits.shape[1] % 8)]).view(np.uint64)


def hamming_distance(query: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return in how many bits a code `(word,)` differs from each of others `(code, word)`, `(code,)`."""
    return np.bitwise_count(codes ^ query).sum(axis=1, dtype=np.uint16)


def iterative_quantisation(rows: np.ndarray, num_bits: int, rounds: int = 50, seed: int = 0) -> Project:
    """Return what turns rows into numbers whose signs are bits: principal components, turned towards the corners.

    Gong & Lazebnik 2011 (ITQ), https://doi.org/10.1109/CVPR.2011.5995432, a baseline that needs no training.

    Args:
        rows: What it is fitted to, `(thing, number)`.
        num_bits: At most as many as a row has numbers.
        rounds: Turns.
        seed: Of the first turn.
    """
    if not 1 <= num_bits <= rows.shape[1]:
        raise ValueError(f"{num_bits} bits from rows of {rows.shape[1]} numbers. Ask for 1 to {rows.shape[1]}")
    mean = rows.mean(axis=0)
    _, directions = np.linalg.eigh(np.cov(rows, rowvar=False))
    components = directions[:, ::-1][:, :num_bits]
    places = (rows - mean) @ components
    turn, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((num_bits, num_bits)))
    for _ in range(rounds):
        left, _, right = np.linalg.svd(np.where(places @ turn > 0, 1.0, -1.0).T @ places)
        turn = (left @ right).T
    return lambda others: (others - mean) @ components @ turn


def precision_at_k(relevant: np.ndarray, count: int) -> float:
    """Return the share of relevant ones among the first `count` that were found, mean over queries.

    Args:
        relevant: `(query, found)`, whether it is what was looked for, the nearest first.
        count: How many are looked at.
    """
    return float(relevant[:, :count].mean())


def mean_average_precision(relevant: np.ndarray, count: int | None = None) -> float:
    """Return the mean over queries of the precision at each relevant place, mean over these places.

    With a `count` only the first so many places are looked at, as hashing papers do: those relevant ones that are
    farther away do not count. A query without a relevant place counts 0.

    Args:
        relevant: `(query, found)`, whether it is what was looked for, the nearest first.
        count: How many are looked at; all by default.
    """
    seen = relevant[:, :count]
    places = np.arange(1, seen.shape[1] + 1)
    total = np.array([(np.cumsum(row) * row / places).sum() for row in seen])
    return float((total / np.maximum(seen.sum(axis=1), 1)).mean())


def neighbour_purity(codes: np.ndarray, labels: np.ndarray, k: int = 10) -> float:
    """Return the share of each code's nearest neighbours that are of its class.

    Args:
        codes: `(code, code_size)`.
        labels: `(code,)`.
        k: How many are looked at; a code is not its own neighbour.
    """
    near = FloatIndex(codes).search(codes, k + 1).indices
    own = near == np.arange(len(codes))[:, None]
    own[~own.any(axis=1), -1] = True  # among many that are the same it may not have found itself
    others = near[~own].reshape(len(codes), k)
    return float((labels[others] == labels[:, None]).mean())


def _checked(codes: np.ndarray) -> np.ndarray:
    if codes.ndim != 2 or 0 in codes.shape:
        raise ValueError(f"codes of shape {codes.shape}. Expected (code, numbers), neither of them 0")
    if codes.dtype.kind == "f" and not np.isfinite(codes).all():
        row = int(np.flatnonzero(~np.isfinite(codes).all(axis=1))[0])
        raise ValueError(f"code {row} holds NaN or infinity, which is near to nothing. Leave it out")
    return codes


def _matching(queries: np.ndarray, codes: np.ndarray, count: int) -> np.ndarray:
    if _checked(queries).shape[1] != codes.shape[1]:
        raise ValueError(f"queries of {queries.shape[1]} numbers among codes of {codes.shape[1]}. Encode both alike")
    if not 1 <= count <= len(codes):
        raise ValueError(f"{count} neighbours among {len(codes)} codes. Ask for 1 to {len(codes)}")
    return queries


def _lowest(distances: np.ndarray, count: int) -> np.ndarray:
    """Return the places of the lowest in each row, `(row, count)`, lowest first, of equal ones the first."""
    if count > distances.shape[1] // 8 or distances.dtype == np.uint16:  # sorting 16 bits takes no comparisons
        return np.argsort(distances, axis=1, kind="stable")[:, :count]
    limit = np.partition(distances, count - 1, axis=1)[:, count - 1 : count]
    rows = [np.flatnonzero(near) for near in distances <= limit]  # more than count where some are equally near
    order = [near[np.argsort(row[near], kind="stable")[:count]] for near, row in zip(rows, distances)]
    return np.stack(order)


def _joined(found: list[SearchResult]) -> SearchResult:
    return SearchResult(
        np.concatenate([part.indices for part in found]), np.concatenate([part.distances for part in found])
    )
