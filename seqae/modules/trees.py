"""Binary trees over sequences, given by their merges."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np


@dataclass(eq=False)  # not frozen: it may be part of a batch
class Tree:
    """A binary tree, as the list of its merges.

    The leaves are nodes 0, 1, ... from first to last; merge k creates node `leaves + k` from two earlier nodes. The
    last node is the root. Heights and sizes are computed once and shared by every batch with the tree.

    Attributes:
        merges: `(leaves - 1, 2)` int64, the left and the right child of each merge.
        heights: `(leaves - 1,)` int64, the height of each merge above the leaves, at least 1.
        sizes: `(leaves - 1,)` int64, leaves under each merge.
    """

    merges: np.ndarray
    heights: np.ndarray
    sizes: np.ndarray

    @classmethod
    def of(cls, merges: np.ndarray) -> Tree:
        """Return the tree with these merges, `(leaves - 1, 2)` indices of nodes.

        Raises:
            ValueError: A merge reads a node that does not exist yet, or that is merged already.
        """
        merges = np.asarray(merges, dtype=np.int64).reshape(-1, 2)
        leaves = len(merges) + 1
        _check(merges, leaves)
        heights, sizes = [0] * leaves, [1] * leaves
        for left, right in merges.tolist():
            heights.append(max(heights[left], heights[right]) + 1)
            sizes.append(sizes[left] + sizes[right])
        return cls(merges, np.array(heights[leaves:], dtype=np.int64), np.array(sizes[leaves:], dtype=np.int64))

    @property
    def leaves(self) -> int:
        """The number of leaves."""
        return len(self.merges) + 1

    def __len__(self) -> int:
        """Return the number of nodes, leaves and merges."""
        return 2 * len(self.merges) + 1


@lru_cache(maxsize=4096)
def chain(leaves: int) -> Tree:
    """Return the tree that merges the node of all leaves so far with the next leaf."""
    before = np.concatenate([[0], leaves + np.arange(leaves)])[: leaves - 1]
    return Tree.of(np.stack([before, np.arange(1, leaves)], axis=1))


@lru_cache(maxsize=4096)
def balanced(leaves: int) -> Tree:
    """Return a tree of minimum height: neighbours are merged, then neighbours of these, and so on."""
    roots = list(range(leaves))
    merges: list[tuple[int, int]] = []
    while len(roots) > 1:
        pairs = list(zip(roots[::2], roots[1::2]))
        parents = range(leaves + len(merges), leaves + len(merges) + len(pairs))
        roots = [*parents, *roots[2 * len(pairs) :]]
        merges += pairs
    return Tree.of(np.array(merges))


def _check(merges: np.ndarray, leaves: int) -> None:
    late = (merges < 0) | (merges >= leaves + np.arange(leaves - 1)[:, None])
    if late.any():
        number = int(np.flatnonzero(late.any(axis=1))[0])
        raise ValueError(
            f"merge {number} of {leaves - 1} reads the nodes {merges[number].tolist()}. It may read those from 0 to "
            f"{leaves + number - 1}: the {leaves} leaves and the nodes of earlier merges"
        )
    nodes, counts = np.unique(merges, return_counts=True)
    if (counts > 1).any():
        raise ValueError(f"node {nodes[counts > 1][0]} is merged more than once. Each node has one parent")
