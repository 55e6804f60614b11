"""Sequences that are read along trees, with a class for each node."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seqae.batch import Batch, moved
from seqae.datasets.sequences import MapDataset
from seqae.modules.trees import Tree


@dataclass(eq=False)  # not frozen: see Batch
class TreeBatch:
    """A batch with labels of the nodes of its trees, and perhaps the trees.

    Attributes:
        batch: The sequences, whose steps are the leaves, `(batch, time, *step)`.
        labels: The index of each node's class, -1 where unknown, `(nodes,)`; tree after tree, in each first the leaves
            and last the root.
        trees: One tree for each sequence; None leaves them to the model.
    """

    batch: Batch
    labels: Tensor
    trees: tuple[Tree, ...] | None = None

    @classmethod
    def of(cls, items: Iterable[tuple[Tensor, Tensor, Tree | None]]) -> TreeBatch:
        """Return a batch of sequences `(time, *step)`, the labels of their nodes `(nodes,)`, and trees or None.

        It is the collate function for a DataLoader.
        """
        sequences, labels, trees = zip(*items)
        return cls(Batch.of(sequences), torch.cat(labels), None if None in trees else trees)

    def __len__(self) -> int:
        return len(self.batch)

    @property
    def lengths(self) -> Tensor:
        """The number of steps of each sequence, `(batch,)`."""
        return self.batch.lengths

    def to(self, device: torch.device | str) -> TreeBatch:
        """Return the same batch on a device."""
        return TreeBatch(self.batch.to(device), moved(self.labels, device), self.trees)

    def pin_memory(self) -> TreeBatch:
        """Return the same batch in memory from which a GPU copies while it computes."""
        return TreeBatch(self.batch.pin_memory(), self.labels.pin_memory(), self.trees)

    def unpad(self) -> list[tuple[Tensor, Tensor, Tree | None]]:
        """Return each sequence `(time, *step)` with the labels of its nodes `(nodes,)` and its tree, or None."""
        labels = self.labels.split((2 * self.lengths - 1).tolist())
        return list(zip(self.batch.unpad(), labels, self.trees or [None] * len(self)))


class TreeDataset(MapDataset):
    """Sequences with labels of the nodes of their trees.

    Args:
        sequences: Tensors `(time, *step)`, whose steps are the leaves.
        labels: For each sequence the class of the whole, which then is that of each of its nodes (Socher et al. 2011,
            https://aclanthology.org/D11-1014), or the classes of its nodes `(nodes,)`, or -1 if they are unknown.
        trees: One tree for each sequence; None if they are not known.

    Raises:
        ValueError: The labels or the leaves of a tree do not fit its sequence; names it.
    """

    def __init__(
        self, sequences: Sequence[Tensor], labels: Sequence[int | np.ndarray], trees: Sequence[Tree] | None = None
    ):
        self.sequences = list(sequences)
        self._lengths = np.array([len(sequence) for sequence in self.sequences], dtype=np.int64)
        if len(labels) != len(self.sequences):
            raise ValueError(f"{len(labels)} labels for {len(self.sequences)} sequences. Give one to each")
        self.labels = [self._node_labels(index, np.asarray(label)) for index, label in enumerate(labels)]
        self.trees = None if trees is None else list(trees)
        for index, tree in enumerate(self.trees or ()):
            if tree.leaves != self.lengths[index]:
                raise ValueError(
                    f"the tree of sequence {index} has {tree.leaves} leaves, the sequence {self.lengths[index]} "
                    "steps. Give each step a leaf"
                )

    @property
    def lengths(self) -> np.ndarray:
        """The number of leaves of each sequence, `(sequences,)`."""
        return self._lengths

    def batch(self, indices: np.ndarray) -> TreeBatch:
        """Return the sequences at `indices`, `(batch, time, *step)`, with the labels of their nodes, `(nodes,)`."""
        labels = torch.from_numpy(np.concatenate([self.labels[index] for index in indices]))
        trees = None if self.trees is None else tuple(self.trees[index] for index in indices)
        return TreeBatch(Batch.of([self.sequences[index] for index in indices]), labels, trees)

    def _node_labels(self, index: int, label: np.ndarray) -> np.ndarray:
        """Return the label of each node, `(nodes,)`."""
        nodes = 2 * int(self.lengths[index]) - 1
        if label.ndim == 0:
            return np.full(nodes, label, dtype=np.int64)
        if len(label) != nodes:
            raise ValueError(
                f"sequence {index} has {len(label)} labels for {nodes} nodes ({self.lengths[index]} leaves). "
                "Give one to each node, -1 where nothing is known"
            )
        return np.asarray(label, dtype=np.int64)
