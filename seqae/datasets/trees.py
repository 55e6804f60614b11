"""Batches of sequences that are to be read along trees, with a class for each node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seqae.batch import Batch
from seqae.modules.trees import Tree


@dataclass(frozen=True, eq=False)
class TreeBatch:
    """A batch with what is known of the trees over its sequences.

    Attributes:
        batch: The sequences, the leaves.
        labels: `(node,)`, tree after tree, in each first the leaves and last the root: numbers of classes, -1 where
            nothing is known.
        trees: One for each sequence; None leaves them to the model.
    """

    batch: Batch
    labels: Tensor
    trees: tuple[Tree, ...] | None = None

    def __len__(self) -> int:
        return len(self.batch)

    @property
    def lengths(self) -> Tensor:
        """`(batch,)`, the number of steps in each sequence."""
        return self.batch.lengths

    def to(self, device: torch.device | str) -> TreeBatch:
        return TreeBatch(self.batch.to(device), self.labels.to(device), self.trees)


class TreeDataset:
    """Sequences with what is known of their trees.

    Args:
        sequences: The leaves, `(time, *step)` each.
        labels: For each sequence the class of the whole, which then is that of each of its nodes (Socher et al. 2011),
            or the classes of its nodes `(node,)`, or -1 if nothing is known.
        trees: One for each sequence, if they are given.
    """

    def __init__(
        self, sequences: Sequence[Tensor], labels: Sequence[int | np.ndarray], trees: Sequence[Tree] | None = None
    ):
        self.sequences = list(sequences)
        self.lengths = np.array([len(sequence) for sequence in self.sequences], dtype=np.int64)
        if len(labels) != len(self.sequences):
            raise ValueError(f"{len(labels)} labels for {len(self.sequences)} sequences. Give one to each")
        self.labels = [self._of_nodes(number, label) for number, label in enumerate(labels)]
        self.trees = None if trees is None else list(trees)
        for number, tree in enumerate(self.trees or ()):
            if tree.leaves != self.lengths[number]:
                raise ValueError(
                    f"the tree of sequence {number} has {tree.leaves} leaves, the sequence {self.lengths[number]} "
                    "steps. Give each step a leaf"
                )

    def batch(self, indices: np.ndarray) -> TreeBatch:
        labels = torch.from_numpy(np.concatenate([self.labels[number] for number in indices]))
        trees = None if self.trees is None else tuple(self.trees[number] for number in indices)
        return TreeBatch(Batch.of([self.sequences[number] for number in indices]), labels, trees)

    def _of_nodes(self, number: int, label: int | np.ndarray) -> np.ndarray:
        nodes = 2 * int(self.lengths[number]) - 1
        if np.ndim(label) == 0:
            return np.full(nodes, label, dtype=np.int64)
        if len(label) != nodes:
            raise ValueError(
                f"sequence {number} has {len(label)} labels for {nodes} nodes ({self.lengths[number]} leaves). "
                "Give one to each node, -1 where nothing is known"
            )
        return np.asarray(label, dtype=np.int64)
