"""All merges of a whole batch of trees: level by level if the trees are known, merge by merge if they are to be found.

Plain recursion handles one node at a time. Nodes of one height depend on lower ones only, so that all of them, of all
trees, are one matrix product.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable

from seqae.batch import Batch
from seqae.modules.trees import Tree


class Composition(nn.Module):
    """Makes one vector of two: `tanh(W [left; right] + b)`.

    Args:
        size: Length of each vector.
    """

    def __init__(self, size: int):
        super().__init__()
        self.size = size
        self.linear = nn.Linear(2 * size, size)

    def forward(self, pairs: Tensor) -> Tensor:
        """Return `(pair, size)`, given `(pair, 2 * size)`."""
        return self.linear(pairs).tanh()


class Decomposition(nn.Module):
    """Makes two vectors of one, to see how much of them is left.

    Args:
        size: Length of each vector.
    """

    def __init__(self, size: int):
        super().__init__()
        self.size = size
        self.linear = nn.Linear(size, 2 * size)

    def forward(self, nodes: Tensor) -> Tensor:
        """Return the left and the right vector of each node, `(node, 2, size)`, given `(node, size)`."""
        return self.linear(nodes).unflatten(1, (2, self.size))


@dataclass(frozen=True, eq=False)
class TreeBatchPlan:
    """Trees of a batch in the order in which they are computed: all leaves, then all merges of height 1, of 2, ...

    A node's place in this order is the row of its vector.

    Attributes:
        trees: One for each sequence.
        children: `(merge, 2)`, places of what is merged.
        levels: How many merges there are of each height.
        rows: `(node,)`, the sequence to which a node belongs.
        sizes: `(node,)`, leaves under a node; 1 for a leaf.
        places: `(node,)`, tree after tree, the place of each node in the tree's own numbering.
        roots: `(batch,)`, the places of the roots.
    """

    trees: tuple[Tree, ...]
    children: Tensor
    levels: tuple[int, ...]
    rows: Tensor
    sizes: Tensor
    places: Tensor
    roots: Tensor

    @classmethod
    def of(cls, trees: Sequence[Tree], device: torch.device | str = "cpu") -> TreeBatchPlan:
        """Plan for trees whose leaves lie one after the other, as in `Batch.steps`."""
        leaves = np.array([tree.leaves for tree in trees])
        heights = np.concatenate([tree.heights for tree in trees])
        sizes = np.concatenate([tree.sizes for tree in trees])
        order = np.argsort(heights, kind="stable")
        leaf_row, merge_row = (np.repeat(np.arange(len(trees)), counts) for counts in (leaves, leaves - 1))
        # Tree after tree, in each first the leaves and then the merges: so trees number their nodes.
        first = _starts(2 * leaves - 1)
        own_leaf = np.arange(len(leaf_row)) + (first - _starts(leaves))[leaf_row]
        own_merge = np.arange(len(merge_row)) + (first + leaves - _starts(leaves - 1))[merge_row]
        places = np.empty(len(leaf_row) + len(merge_row), dtype=np.int64)
        places[np.concatenate([own_leaf, own_merge[order]])] = np.arange(len(places))
        merges = np.concatenate([tree.merges for tree in trees]) + first[merge_row, None]
        arrays = (
            places[merges[order]],
            np.concatenate([leaf_row, merge_row[order]]),
            np.concatenate([np.ones_like(leaf_row), sizes[order]]),
            places,
            places[first + 2 * leaves - 2],
        )
        children, *others = (torch.from_numpy(array).to(device) for array in arrays)
        return cls(tuple(trees), children, tuple(np.bincount(heights)[1:].tolist()), *others)

    @property
    def leaves(self) -> int:
        """The number of leaves of all trees."""
        return len(self.rows) - len(self.children)


def fold(leaves: Tensor, plan: TreeBatchPlan, join: Composition) -> Tensor:
    """Return the vectors of all nodes, `(node, size)`, given those of the leaves, `(leaf, size)`."""
    return _Fold.apply(leaves, join.linear.weight, join.linear.bias, plan.children, plan.levels)


def greedy(vectors: Batch, join: Composition, split: Decomposition) -> list[Tree]:
    """Merge, again and again, the two neighbours that can best be told from their joint vector.

    Socher et al. 2011, https://aclanthology.org/D11-1014: the error of a merge is weighted by the leaves under each
    side. All sequences of the batch do their next merge at the same time.

    Args:
        vectors: The leaves, `(batch, time, size)`.
        join: Makes one vector of two.
        split: Makes two vectors of one.
    """
    order = vectors.lengths.argsort(descending=True, stable=True)
    with torch.no_grad():
        search = _Search(Batch(vectors.mask_padding().values[order], vectors.lengths[order]), join, split)
        longest = int(vectors.lengths.max())
        still = (vectors.lengths.unsqueeze(1) > torch.arange(1, longest, device=order.device)).sum(dim=0).tolist()
        for number, count in enumerate(still):
            search.merge(number, count)
    return search.trees(order)


def unfold(vectors: Tensor, places: Tensor, plan: TreeBatchPlan, split: Decomposition) -> tuple[Tensor, Tensor, Tensor]:
    """Split nodes again and again, down to the leaves.

    Args:
        vectors: Of the nodes to begin with, `(start, size)`.
        places: Of these nodes, `(start,)`.
        plan: What is under each node.
        split: Makes two vectors of one.

    Returns:
        Vectors of leaves `(found, size)`, the places of these leaves `(found,)`, and from which start each came.
    """
    starts, found = torch.arange(len(places), device=places.device), []
    while len(places):
        is_leaf = places < plan.leaves
        found.append((vectors[is_leaf], places[is_leaf], starts[is_leaf]))
        vectors = split(vectors[~is_leaf]).flatten(0, 1)
        places = plan.children[places[~is_leaf] - plan.leaves].flatten()
        starts = starts[~is_leaf].repeat_interleave(2)
    vectors, places, starts = (torch.cat(parts) for parts in zip(*found))
    return vectors, places, starts


def split_errors(parents: Tensor, pairs: Tensor, sizes: Tensor, split: Decomposition) -> Tensor:
    """Return the weighted error of each merge, `(merge,)`: squared, summed over the numbers of a vector.

    Args:
        parents: `(merge, size)`.
        pairs: What was merged, `(merge, 2, size)`.
        sizes: `(merge, 2)`, leaves under each.
        split: Makes two vectors of one.
    """
    errors = (split(parents) - pairs).square().sum(dim=-1)
    return (errors * sizes).sum(dim=-1) / sizes.sum(dim=-1)


class _Fold(torch.autograd.Function):
    """One buffer for all nodes, and one product for the gradient of the weights: twice as fast as autograd."""

    @staticmethod
    def forward(
        ctx: FunctionCtx, leaves: Tensor, weight: Tensor, bias: Tensor, children: Tensor, levels: tuple[int, ...]
    ) -> Tensor:
        size = leaves.shape[1]
        nodes = leaves.new_empty(len(leaves) + len(children), size)
        nodes[: len(leaves)] = leaves
        pairs = leaves.new_empty(len(children), 2 * size)
        done = 0
        for count in levels:
            part, made = slice(done, done + count), slice(len(leaves) + done, len(leaves) + done + count)
            torch.index_select(nodes, 0, children[part].reshape(-1), out=pairs[part].view(-1, size))
            torch.tanh(torch.addmm(bias, pairs[part], weight.T), out=nodes[made])
            done += count
        ctx.save_for_backward(nodes, pairs, weight, children)
        ctx.levels = levels
        return nodes

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, upper: Tensor) -> tuple[Tensor | None, ...]:
        nodes, pairs, weight, children = ctx.saved_tensors
        size, leaves = nodes.shape[1], len(nodes) - len(children)
        below = upper.clone()  # gradients of all nodes; those of the children are added level by level
        inner = torch.empty_like(nodes[leaves:])  # before the tanh
        done = len(children)
        for count in reversed(ctx.levels):
            done -= count
            part, made = slice(done, done + count), slice(leaves + done, leaves + done + count)
            torch.mul(below[made], 1 - nodes[made].square(), out=inner[part])
            below.index_add_(0, children[part].reshape(-1), (inner[part] @ weight).view(-1, size))
        return below[:leaves], inner.T @ pairs, inner.sum(dim=0), None, None


class _Search:
    """Greedy merging under way. All sequences lie in a row; a node stands at the place of its first leaf.

    Args:
        vectors: The leaves, longest sequences first, so that those that still merge are the first ones.
        join: Makes one vector of two.
        split: Makes two vectors of one.
    """

    def __init__(self, vectors: Batch, join: Composition, split: Decomposition):
        self.join, self.split, self.lengths = join, split, vectors.lengths
        count, time = vectors.values.shape[:2]
        self.nodes = vectors.values.reshape(count * time, -1).clone()
        place = torch.arange(count * time, device=self.lengths.device)
        self.start = place[::time]
        self.end = self.start + self.lengths
        self.number, self.before, self.after = place % time, place - 1, place + 1
        self.size, self.height = torch.ones_like(place), torch.zeros_like(place)
        self.joined = torch.zeros_like(self.nodes)  # with the node after it
        self.error = self.nodes.new_full((count, time), math.inf)  # of that
        self.found = place.new_zeros(4, max(time - 1, 0), count)
        self._try(place[(self.number + 1 < self.lengths.repeat_interleave(time))])

    def merge(self, number: int, count: int) -> None:
        """Do merge `number` in the first `count` sequences."""
        errors = self.error[:count]
        # The first of those that are equal but for rounding, so that a tree is the same in every batch.
        nearly = errors <= errors.amin(dim=1, keepdim=True) * (1 + 1e-4)
        at = nearly.to(torch.uint8).argmax(dim=1) + self.start[:count]
        right = self.after[at]
        size = self.size[at] + self.size[right]
        height = torch.maximum(self.height[at], self.height[right]) + 1
        self.found[:, number, :count] = torch.stack([self.number[at], self.number[right], height, size])
        self.nodes[at] = self.joined[at]
        self.number[at], self.size[at], self.height[at] = self.lengths[:count] + number, size, height
        after, before = self.after[right], self.before[at]
        self.error.view(-1)[torch.cat([at, right])] = math.inf
        self.after[at] = after
        follows, leads = after < self.end[:count], before >= self.start[:count]
        self.before[after[follows]] = at[follows]
        self._try(torch.cat([at[follows], before[leads]]))

    def trees(self, order: Tensor) -> list[Tree]:
        """Return the trees in the order in which the sequences came."""
        left, right, heights, sizes = self.found.cpu().numpy().transpose(0, 2, 1).copy()
        merges, counts = np.stack([left, right], axis=2), (self.lengths - 1).tolist()
        ranks = order.argsort().tolist()
        return [Tree(*(each[rank, : counts[rank]] for each in (merges, heights, sizes))) for rank in ranks]

    def _try(self, places: Tensor) -> None:
        """Join nodes with those after them and keep the errors."""
        both = torch.stack([places, self.after[places]], dim=1)
        pairs = self.nodes[both]
        joined = self.join(pairs.flatten(1))
        self.joined[places] = joined
        self.error.view(-1)[places] = split_errors(joined, pairs, self.size[both], self.split)


def _starts(counts: np.ndarray) -> np.ndarray:
    """Return where each part begins, if parts of these sizes lie one after the other."""
    return np.cumsum(counts) - counts
