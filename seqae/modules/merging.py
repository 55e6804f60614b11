"""All merges of a whole batch of trees: level by level if the trees are given, merge by merge if they are searched.

Plain recursion computes one node at a time. Nodes of one height depend on lower ones only, so that all of them, of all
trees, are one matrix product.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from seqae.batch import Batch, on_host, places_of, to_device
from seqae.modules.trees import Tree


class Composition(nn.Module):
    """The vector of a node from those of its two children: `tanh(W [left; right] + b)`.

    Args:
        size: Length of each vector.
    """

    def __init__(self, size: int):
        super().__init__()
        self.size = size
        self.linear = nn.Linear(2 * size, size)

    def forward(self, pairs: Tensor) -> Tensor:
        """Return the vectors of parents, `(merge, size)`, given both children side by side, `(merge, 2 * size)`."""
        return self.linear(pairs).tanh()


class Decomposition(nn.Module):
    """The vectors of two children reconstructed from that of their parent: `W parent + b`.

    Args:
        size: Length of each vector.
    """

    def __init__(self, size: int):
        super().__init__()
        self.size = size
        self.linear = nn.Linear(size, 2 * size)

    def forward(self, nodes: Tensor) -> Tensor:
        """Return the left and the right child of each node, `(node, 2, size)`, given `(node, size)`."""
        return self.linear(nodes).unflatten(1, (2, self.size))


@dataclass(frozen=True, eq=False)
class TreeBatchPlan:
    """The order in which the trees of a batch are computed: all leaves, then all merges of height 1, of height 2, ...

    A node's index in this order is the row of its vector. All tensors are int64.

    Attributes:
        trees: One tree for each sequence.
        children: `(merge, 2)`, indices of the two children.
        levels: The number of merges of each height.
        rows: `(node,)`, the sequence to which a node belongs.
        sizes: `(node,)`, leaves under a node; 1 for a leaf.
        indices: `(node,)`, the index of each node, tree after tree in each tree's own numbering.
        roots: `(batch,)`, indices of the roots.
    """

    trees: tuple[Tree, ...]
    children: Tensor
    levels: tuple[int, ...]
    rows: Tensor
    sizes: Tensor
    indices: Tensor
    roots: Tensor

    @classmethod
    def of(cls, trees: Sequence[Tree], device: torch.device | str = "cpu") -> TreeBatchPlan:
        """Return the plan for trees whose leaves lie one after the other, `(leaf, size)` as in `Batch.steps`."""
        leaves = np.array([tree.leaves for tree in trees])
        heights = np.concatenate([tree.heights for tree in trees])
        sizes = np.concatenate([tree.sizes for tree in trees])
        order = np.argsort(heights, kind="stable")
        leaf_row, merge_row = (np.repeat(np.arange(len(trees)), counts) for counts in (leaves, leaves - 1))
        # A tree numbers its leaves first and then its merges; the trees follow each other.
        first = _starts(2 * leaves - 1)
        leaf_numbers = np.arange(len(leaf_row)) + (first - _starts(leaves))[leaf_row]
        merge_numbers = np.arange(len(merge_row)) + (first + leaves - _starts(leaves - 1))[merge_row]
        indices = np.empty(len(leaf_row) + len(merge_row), dtype=np.int64)
        indices[np.concatenate([leaf_numbers, merge_numbers[order]])] = np.arange(len(indices))
        merges = np.concatenate([tree.merges for tree in trees]) + first[merge_row, None]
        arrays = (
            indices[merges[order]],
            np.concatenate([leaf_row, merge_row[order]]),
            np.concatenate([np.ones_like(leaf_row), sizes[order]]),
            indices,
            indices[first + 2 * leaves - 2],
        )
        children, *others = (to_device(torch.from_numpy(array), device) for array in arrays)
        return cls(tuple(trees), children, tuple(np.bincount(heights)[1:].tolist()), *others)

    @property
    def leaves(self) -> int:
        """The number of leaves of all trees."""
        return len(self.rows) - len(self.children)


def fold(leaves: Tensor, plan: TreeBatchPlan, composition: Composition) -> Tensor:
    """Return the vectors of all nodes in the order of the plan, `(node, size)`, given the leaves, `(leaf, size)`."""
    return _Fold.apply(leaves, composition.linear.weight, composition.linear.bias, plan.children, plan.levels)


def greedy(vectors: Batch, composition: Composition, decomposition: Decomposition) -> list[Tree]:
    """Return trees that merge, again and again, the two neighbours with the lowest reconstruction error.

    Socher et al. 2011, https://aclanthology.org/D11-1014: the error of a merge is weighted by the leaves under each
    child. All sequences of the batch do their next merge at the same time.

    Args:
        vectors: The leaves, `(batch, time, size)`.
        composition: Maps two children to their parent.
        decomposition: Maps a parent to its two children.
    """
    order = vectors.lengths.argsort(descending=True, stable=True)
    with torch.no_grad():
        search = _Search(
            Batch(vectors.mask_padding().values[order], vectors.lengths[order]), composition, decomposition
        )
        longest = int(vectors.lengths.max())
        counts = (vectors.lengths.unsqueeze(1) > torch.arange(1, longest, device=order.device)).sum(dim=0).tolist()
        for number, count in enumerate(counts):
            search.merge(number, count)
    return search.trees(order)


def unfold(
    vectors: Tensor, nodes: Tensor, plan: TreeBatchPlan, decomposition: Decomposition
) -> tuple[Tensor, Tensor, Tensor]:
    """Decompose nodes again and again, down to the leaves.

    Args:
        vectors: The nodes to start from, `(start, size)`.
        nodes: Their indices, `(start,)`.
        plan: The nodes under each node.
        decomposition: Maps a parent to its two children.

    Returns:
        Vectors of leaves `(found, size)`, the indices of these leaves `(found,)`, and the row of the start from which
        each came `(found,)`.
    """
    device, known, children = nodes.device, on_host(nodes), on_host(plan.children)
    starts, found = torch.arange(len(known), device=known.device), []
    while len(known):
        is_leaf = known < plan.leaves
        found.append((vectors.index_select(0, places_of(is_leaf, device)), known[is_leaf], starts[is_leaf]))
        vectors = decomposition(vectors.index_select(0, places_of(~is_leaf, device))).flatten(0, 1)
        known = children[known[~is_leaf] - plan.leaves].flatten()
        starts = starts[~is_leaf].repeat_interleave(2)
    vectors, known, starts = (torch.cat(parts) for parts in zip(*found))
    return vectors, to_device(known, device), to_device(starts, device)


def split_errors(parents: Tensor, pairs: Tensor, sizes: Tensor, decomposition: Decomposition) -> Tensor:
    """Return the reconstruction error of each merge, `(merge,)`: the squared distance, weighted by leaves.

    Args:
        parents: Vectors of the parents, `(merge, size)`.
        pairs: The two children, `(merge, 2, size)`.
        sizes: Leaves under each child, `(merge, 2)`.
        decomposition: Maps a parent to its two children.
    """
    errors = (decomposition(parents) - pairs).square().sum(dim=-1)
    return (errors * sizes).sum(dim=-1) / sizes.sum(dim=-1)


class _Fold(torch.autograd.Function):
    """One buffer for all nodes, and one product for the gradient of the weights: twice as fast as autograd."""

    @staticmethod
    def forward(
        ctx: Any, leaves: Tensor, weight: Tensor, bias: Tensor, children: Tensor, levels: tuple[int, ...]
    ) -> Tensor:
        size = leaves.shape[1]
        nodes = leaves.new_empty(len(leaves) + len(children), size)
        nodes[: len(leaves)] = leaves
        pairs = leaves.new_empty(len(children), 2 * size)
        done = 0
        for count in levels:
            part, parents = slice(done, done + count), slice(len(leaves) + done, len(leaves) + done + count)
            torch.index_select(nodes, 0, children[part].reshape(-1), out=pairs[part].view(-1, size))
            torch.tanh(torch.addmm(bias, pairs[part], weight.T), out=nodes[parents])
            done += count
        ctx.save_for_backward(nodes, pairs, weight, children)
        ctx.levels = levels
        return nodes

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_output: Tensor) -> tuple[Tensor | None, ...]:
        nodes, pairs, weight, children = ctx.saved_tensors
        size, leaves = nodes.shape[1], len(nodes) - len(children)
        d_nodes = d_output.clone()  # those of the children are added level by level
        d_sums = torch.empty_like(nodes[leaves:])  # gradients before the tanh
        done = len(children)
        for count in reversed(ctx.levels):
            done -= count
            part, parents = slice(done, done + count), slice(leaves + done, leaves + done + count)
            torch.mul(d_nodes[parents], 1 - nodes[parents].square(), out=d_sums[part])
            d_nodes.index_add_(0, children[part].reshape(-1), (d_sums[part] @ weight).view(-1, size))
        return d_nodes[:leaves], d_sums.T @ pairs, d_sums.sum(dim=0), None, None


class _Search:
    """The state of greedy merging. All sequences are concatenated; a node has the position of its first leaf.

    Args:
        vectors: The leaves, `(batch, time, size)`, longest sequences first, so that those that still merge come first.
        composition: Maps two children to their parent.
        decomposition: Maps a parent to its two children.
    """

    def __init__(self, vectors: Batch, composition: Composition, decomposition: Decomposition):
        self.composition, self.decomposition, self.lengths = composition, decomposition, vectors.lengths
        count, time = vectors.values.shape[:2]
        self.nodes = vectors.values.reshape(count * time, -1).clone()
        position = torch.arange(count * time, device=self.lengths.device)
        self.start = position[::time]
        self.end = self.start + self.lengths
        self.number, self.before, self.after = position % time, position - 1, position + 1
        self.size, self.height = torch.ones_like(position), torch.zeros_like(position)
        self.merged = torch.zeros_like(self.nodes)  # the merge of each node with the node after it
        self.error = self.nodes.new_full((count, time), math.inf)  # the error of that merge
        self.found = position.new_zeros(4, max(time - 1, 0), count)
        self._update(position[(self.number + 1 < self.lengths.repeat_interleave(time))])

    def merge(self, number: int, count: int) -> None:
        """Do merge `number` in the first `count` sequences."""
        errors = self.error[:count]
        # The first of those that are equal up to rounding, so that a tree is the same in every batch.
        nearly = errors <= errors.amin(dim=1, keepdim=True) * (1 + 1e-4)
        at = nearly.to(torch.uint8).argmax(dim=1) + self.start[:count]
        right = self.after[at]
        size = self.size[at] + self.size[right]
        height = torch.maximum(self.height[at], self.height[right]) + 1
        self.found[:, number, :count] = torch.stack([self.number[at], self.number[right], height, size])
        self.nodes[at] = self.merged[at]
        self.number[at], self.size[at], self.height[at] = self.lengths[:count] + number, size, height
        after, before = self.after[right], self.before[at]
        self.error.view(-1)[torch.cat([at, right])] = math.inf
        self.after[at] = after
        follows, leads = after < self.end[:count], before >= self.start[:count]
        self.before[after[follows]] = at[follows]
        self._update(torch.cat([at[follows], before[leads]]))

    def trees(self, order: Tensor) -> list[Tree]:
        """Return the trees in the order in which the sequences came."""
        left, right, heights, sizes = self.found.cpu().numpy().transpose(0, 2, 1).copy()
        merges, counts = np.stack([left, right], axis=2), (self.lengths - 1).tolist()
        ranks = order.argsort().tolist()
        return [Tree(*(each[rank, : counts[rank]] for each in (merges, heights, sizes))) for rank in ranks]

    def _update(self, positions: Tensor) -> None:
        """Compute the merges of nodes with those after them, and their errors."""
        both = torch.stack([positions, self.after[positions]], dim=1)
        pairs = self.nodes[both]
        merged = self.composition(pairs.flatten(1))
        self.merged[positions] = merged
        self.error.view(-1)[positions] = split_errors(merged, pairs, self.size[both], self.decomposition)


def _starts(counts: np.ndarray) -> np.ndarray:
    """Return where each part begins, if parts of these sizes lie one after the other."""
    return np.cumsum(counts) - counts
