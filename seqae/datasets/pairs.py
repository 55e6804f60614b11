"""Sequences and what is to be written for them, and how they are kept apart for a test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seqae.batch import Batch
from seqae.datasets.sequences import Dataset, SequenceDataset
from seqae.text.vocabulary import BytePairs, Vocabulary


@dataclass(frozen=True, eq=False)
class PairBatch:
    """A batch of sources and, row by row, their targets.

    Attributes:
        source: What is read.
        target: What is to be written; of another length and kind.
    """

    source: Batch
    target: Batch

    def __len__(self) -> int:
        return len(self.source)

    @property
    def lengths(self) -> Tensor:
        """`(batch,)`, the number of steps of source and target together."""
        return self.source.lengths + self.target.lengths

    def to(self, device: torch.device | str) -> PairBatch:
        return PairBatch(self.source.to(device), self.target.to(device))


class PairDataset:
    """Two lists of sequences side by side; a source for `Loader`.

    Args:
        sources: What is read.
        targets: What is to be written, as many.
    """

    def __init__(self, sources: Dataset, targets: Dataset):
        if len(sources.lengths) != len(targets.lengths):
            raise ValueError(f"{len(sources.lengths)} sources for {len(targets.lengths)} targets. Give one to each")
        self.sources = sources
        self.targets = targets

    @property
    def lengths(self) -> np.ndarray:
        """The number of steps of source and target together, `(pairs,)`: like goes with like."""
        return self.sources.lengths + self.targets.lengths

    def batch(self, indices: np.ndarray) -> PairBatch:
        return PairBatch(self.sources.batch(indices), self.targets.batch(indices))


def encoded_pairs(
    pairs: Sequence[tuple[str, str]], reads: Vocabulary | BytePairs, writes: Vocabulary | BytePairs
) -> PairDataset:
    """Return pairs of texts as tokens of two vocabularies."""
    sources = SequenceDataset([reads.encode(source) for source, _ in pairs])
    return PairDataset(sources, SequenceDataset([writes.encode(target) for _, target in pairs]))


def split_pairs(
    pairs: Sequence[tuple[str, str]], shares: Sequence[float], seed: int = 0
) -> list[list[tuple[str, str]]]:
    """Return parts of pairs such that no text, first or second, stands in two of them; upper case counts as lower.

    Pairs that share a text go to the same part, and so do those that share one with them. The largest such family
    goes to the first part; in a corpus of chat, whose answers repeat, it holds a quarter of all.

    Args:
        pairs: Texts and their translations or replies.
        shares: Of the pairs that each part gets, about; they add up to one. The first is that of training.
        seed: Of the order.

    Raises:
        ValueError: A part would be empty.
    """
    if not np.isclose(sum(shares), 1) or min(shares) <= 0:
        raise ValueError(f"shares {', '.join(map(str, shares))} of the pairs. Expected positive ones that add up to 1")
    family = _families([(first.casefold().strip(), second.casefold().strip()) for first, second in pairs])
    sizes = np.bincount(family)
    order = np.random.default_rng(seed).permutation(len(sizes))
    order = order[np.argsort(sizes[order] < sizes.max(initial=0), kind="stable")]  # the largest ones first
    # A family lies where its middle lies among all pairs in a row.
    middles = (np.cumsum(sizes[order]) - sizes[order] / 2) / sizes.sum()
    part_of = np.empty(len(sizes), dtype=np.int64)
    part_of[order] = np.searchsorted(np.cumsum(shares)[:-1], middles, side="right")
    part_of[order[:1]] = 0
    parts = [[pair for pair, own in zip(pairs, part_of[family]) if own == part] for part in range(len(shares))]
    if not all(parts):
        raise ValueError(
            f"{len(pairs)} pairs in {len(sizes)} families without a text in common are too few for {len(shares)} parts."
            " Give more pairs"
        )
    return parts


def _families(pairs: list[tuple[str, str]]) -> np.ndarray:
    """Return the number of each pair's family, `(pairs,)`: those that are connected by shared texts."""
    parent: dict[tuple[int, str], tuple[int, str]] = {}

    def head(text: tuple[int, str]) -> tuple[int, str]:
        parent.setdefault(text, text)
        while parent[text] != text:
            parent[text] = text = parent[parent[text]]
        return text

    for first, second in pairs:
        parent[head((0, first))] = head((1, second))
    heads = [head((0, first)) for first, _ in pairs]
    numbers = {found: number for number, found in enumerate(dict.fromkeys(heads))}
    return np.array([numbers[found] for found in heads], dtype=np.int64)
