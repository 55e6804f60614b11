"""Pairs of sequences, of which the second is to be written given the first, and how to split them for a test."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seqae.batch import Batch
from seqae.datasets.sequences import Dataset, MapDataset, SequenceDataset
from seqae.text.vocabulary import BytePairs, Vocabulary


@dataclass(eq=False)  # not frozen: see Batch
class PairBatch:
    """A batch of sources and, row by row, their targets.

    Attributes:
        source: The sequences that are read, `(batch, time, *step)`.
        target: The sequences to be written, `(batch, time, *step)`; of other lengths and another kind.
    """

    source: Batch
    target: Batch

    @classmethod
    def of(cls, items: Iterable[tuple[Tensor, Tensor]]) -> PairBatch:
        """Return a batch of pairs, `(time, *step)` each; the collate function for a DataLoader."""
        sources, targets = zip(*items)
        return cls(Batch.of(sources), Batch.of(targets))

    def __len__(self) -> int:
        return len(self.source)

    @property
    def lengths(self) -> Tensor:
        """The number of steps of source and target together, `(batch,)`."""
        return self.source.lengths + self.target.lengths

    def to(self, device: torch.device | str) -> PairBatch:
        """Return the same batch on a device."""
        return PairBatch(self.source.to(device), self.target.to(device))

    def pin_memory(self) -> PairBatch:
        """Return the same batch in memory from which a GPU copies while it computes."""
        return PairBatch(self.source.pin_memory(), self.target.pin_memory())

    def unpad(self) -> list[tuple[Tensor, Tensor]]:
        """Return the pairs, each sequence of its own length, `(time, *step)`."""
        return list(zip(self.source.unpad(), self.target.unpad()))


class PairDataset(MapDataset):
    """Two datasets of sequences side by side.

    Args:
        sources: The sequences that are read.
        targets: The sequences to be written, as many.

    Raises:
        ValueError: There are not as many sources as targets.
    """

    def __init__(self, sources: Dataset[Batch], targets: Dataset[Batch]):
        if len(sources.lengths) != len(targets.lengths):
            raise ValueError(f"{len(sources.lengths)} sources for {len(targets.lengths)} targets. Give one to each")
        self.sources = sources
        self.targets = targets

    @property
    def lengths(self) -> np.ndarray:
        """The number of steps of source and target together, `(pairs,)`."""
        return self.sources.lengths + self.targets.lengths

    def batch(self, indices: np.ndarray) -> PairBatch:
        """Return the pairs at `indices`, source and target `(batch, time, *step)`, padded separately."""
        return PairBatch(self.sources.batch(indices), self.targets.batch(indices))


def encoded_pairs(
    pairs: Sequence[tuple[str, str]],
    source_vocabulary: Vocabulary | BytePairs,
    target_vocabulary: Vocabulary | BytePairs,
) -> PairDataset:
    """Return pairs of texts as tokens `(time,)` of two vocabularies, int64."""
    sources = SequenceDataset([source_vocabulary.encode(source) for source, _ in pairs])
    return PairDataset(sources, SequenceDataset([target_vocabulary.encode(target) for _, target in pairs]))


def split_pairs(
    pairs: Sequence[tuple[str, str]], fractions: Sequence[float], seed: int = 0
) -> list[list[tuple[str, str]]]:
    """Split pairs such that no text, source or target, is in two parts; upper and lower case count as the same.

    Pairs that have a text in common go to the same part, and so do those that have one in common with them. The largest
    such group goes to the first part; in a corpus of chat, whose answers repeat, it holds a quarter of all pairs.

    Args:
        pairs: Texts and their translations or replies.
        fractions: The fraction of the pairs that each part gets, approximately; they add up to 1. The first part is for
            training.
        seed: Seed of the order.

    Raises:
        ValueError: The fractions do not add up to 1, or a part would be empty.
    """
    if not np.isclose(sum(fractions), 1) or min(fractions) <= 0:
        raise ValueError(
            f"fractions {', '.join(map(str, fractions))} of the pairs. Expected positive ones that add up to 1"
        )
    group = _groups([(first.casefold().strip(), second.casefold().strip()) for first, second in pairs])
    sizes = np.bincount(group)
    order = np.random.default_rng(seed).permutation(len(sizes))
    order = order[np.argsort(sizes[order] < sizes.max(initial=0), kind="stable")]  # the largest ones first
    # The middle of a group among all pairs in a row decides its part.
    middles = (np.cumsum(sizes[order]) - sizes[order] / 2) / sizes.sum()
    part_of = np.empty(len(sizes), dtype=np.int64)
    part_of[order] = np.searchsorted(np.cumsum(fractions)[:-1], middles, side="right")
    part_of[order[:1]] = 0
    parts = [[pair for pair, own in zip(pairs, part_of[group]) if own == part] for part in range(len(fractions))]
    if not all(parts):
        raise ValueError(
            f"{len(pairs)} pairs in {len(sizes)} groups without a text in common are too few for {len(fractions)} "
            "parts. Give more pairs"
        )
    return parts


def _groups(pairs: list[tuple[str, str]]) -> np.ndarray:
    """Return the index of each pair's group, `(pairs,)`: pairs are in one group if common texts connect them."""
    parent: dict[tuple[int, str], tuple[int, str]] = {}

    def root(text: tuple[int, str]) -> tuple[int, str]:
        parent.setdefault(text, text)
        while parent[text] != text:
            parent[text] = text = parent[parent[text]]
        return text

    for first, second in pairs:
        parent[root((0, first))] = root((1, second))
    roots = [root((0, first)) for first, _ in pairs]
    indices = {found: index for index, found in enumerate(dict.fromkeys(roots))}
    return np.array([indices[found] for found in roots], dtype=np.int64)
