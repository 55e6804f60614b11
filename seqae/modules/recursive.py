"""Recursive autoencoders: vectors are merged two by two until one is left, along a tree.

Socher et al. 2011, https://aclanthology.org/D11-1014; unfolding: Socher et al. 2011,
https://papers.nips.cc/paper/4204.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from seqae.batch import Batch
from seqae.modules.decoders import Decoder
from seqae.modules.encoders import Encoder, embedded
from seqae.modules.merging import Composition, Decomposition, TreeBatchPlan, fold, greedy, split_errors, unfold
from seqae.modules.trees import Tree, balanced, chain


class TreeBuilder(nn.Module, ABC):
    """Says which trees grow over sequences."""

    @abstractmethod
    def forward(self, vectors: Batch, join: Composition) -> list[Tree]:
        """Return a tree for each sequence, given its leaves `(batch, time, size)`."""


class ChainTree(TreeBuilder):
    """What was read so far is merged with the next step, as by a simple recurrent network."""

    def tree(self, length: int) -> Tree:
        return chain(length)

    def forward(self, vectors: Batch, join: Composition) -> list[Tree]:
        return [chain(length) for length in vectors.lengths.tolist()]


class BalancedTree(TreeBuilder):
    """Neighbours are merged, then neighbours of these: trees of the least height, the fastest ones."""

    def tree(self, length: int) -> Tree:
        return balanced(length)

    def forward(self, vectors: Batch, join: Composition) -> list[Tree]:
        return [balanced(length) for length in vectors.lengths.tolist()]


class GreedyTree(TreeBuilder):
    """The neighbours with the least error are merged first, see `seqae.modules.merging.greedy`.

    Args:
        split: That of the autoencoder; it is not trained by the choice of trees.
    """

    def __init__(self, split: Decomposition):
        super().__init__()
        self.split = split

    def forward(self, vectors: Batch, join: Composition) -> list[Tree]:
        return greedy(vectors, join, self.split)


@dataclass(frozen=True, eq=False)
class TreeNodes:
    """Trees with a vector at each node.

    Attributes:
        nodes: `(node, size)`, in the order of the plan.
        plan: Which node is where.
    """

    nodes: Tensor
    plan: TreeBatchPlan

    @property
    def parents(self) -> Tensor:
        """What the merges made, `(merge, size)`."""
        return self.nodes[self.plan.leaves :]

    @property
    def pairs(self) -> Tensor:
        """What was merged, `(merge, 2, size)`."""
        return self.nodes[self.plan.children]

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean of `(node, size)` over the nodes of each tree, `(batch, size)`."""
        sums = values.new_zeros(len(self.plan.roots), values.shape[1]).index_add(0, self.plan.rows, values)
        return sums / torch.bincount(self.plan.rows).unsqueeze(1)


@dataclass(frozen=True)
class RootNode:
    """The code of a tree is the vector of its root."""

    def __call__(self, folded: TreeNodes) -> Tensor:
        return folded.nodes[folded.plan.roots]


@dataclass(frozen=True)
class MeanOfNodes:
    """The code of a tree is the mean vector of all its nodes, leaves and merges."""

    def __call__(self, folded: TreeNodes) -> Tensor:
        return folded.mean(folded.nodes)


class RecursiveEncoder(Encoder):
    """Merges the steps of a sequence along a tree.

    Args:
        join: Makes one vector of two.
        shape: Which trees grow: `ChainTree()`, `BalancedTree()` or `GreedyTree(split)`.
        embed: Turns steps `(steps, *step)` into vectors `(steps, size)`.
        pool: From the nodes to the code: `RootNode()` or `MeanOfNodes()`.
    """

    def __init__(
        self,
        join: Composition,
        shape: TreeBuilder,
        embed: nn.Module | None = None,
        pool: RootNode | MeanOfNodes = RootNode(),
    ):
        super().__init__()
        self.join = join
        self.shape = shape
        self.embed = embed
        self.pool = pool
        self.code_size = join.size

    def forward(self, batch: Batch) -> Tensor:
        return self.pool(self.fold(batch))

    def fold(self, batch: Batch, trees: Sequence[Tree] | None = None) -> TreeNodes:
        """Return all nodes.

        Args:
            batch: The sequences.
            trees: One for each sequence, in place of those that `shape` would choose.
        """
        vectors = embedded(batch, self.embed)
        if trees is None:
            trees = self.shape(vectors, self.join)
        plan = TreeBatchPlan.of(trees, vectors.values.device)
        return TreeNodes(fold(vectors.steps, plan, self.join), plan)


@dataclass(frozen=True)
class ChildReconstruction:
    """The error of a merge: how far its two children are from what can be told of them, weighted by their leaves."""

    def __call__(self, folded: TreeNodes, split: Decomposition) -> Tensor:
        sizes = folded.plan.sizes[folded.plan.children]
        return split_errors(folded.parents, folded.pairs, sizes, split)


@dataclass(frozen=True)
class SubtreeReconstruction:
    """The error of a merge: how far its leaves are from those that are unfolded from it, in the mean of the leaves.

    Socher et al. 2011, https://papers.nips.cc/paper/4204. It costs as many splits as there are pairs of a node and
    one below it.
    """

    def __call__(self, folded: TreeNodes, split: Decomposition) -> Tensor:
        plan = folded.plan
        merges = torch.arange(len(plan.children), device=plan.children.device)
        vectors, places, above = unfold(folded.parents, merges + plan.leaves, plan, split)
        missed = (vectors - folded.nodes[places]).square().sum(dim=1)
        return missed.new_zeros(len(merges)).index_add(0, above, missed) / plan.sizes[plan.leaves :]


@dataclass(frozen=True, eq=False)
class RecursiveOutput:
    """What a recursive autoencoder makes of a batch.

    Attributes:
        folded: The nodes.
        errors: `(merge,)`, of each merge in the order of the plan.
        logits: `(node, class)`, of each node in the order of the plan; None without a head.
    """

    folded: TreeNodes
    errors: Tensor
    logits: Tensor | None

    @property
    def sentence_logits(self) -> Tensor:
        """The mean over the nodes of each tree, `(batch, class)`: what a linear head says of the mean node."""
        if self.logits is None:
            raise ValueError("this autoencoder has no head. Give it one, for example nn.Linear(size, 2)")
        return self.folded.mean(self.logits)

    def trees(self) -> list[TreeOutput]:
        """Return what belongs to each sequence, node by node in the order of its tree."""
        plan, found, start = self.folded.plan, [], 0
        for tree in plan.trees:
            places = plan.places[start : start + len(tree)]
            logits = None if self.logits is None else self.logits[places]
            found.append(TreeOutput(tree, self.errors[places[tree.leaves :] - plan.leaves], logits))
            start += len(tree)
        return found


@dataclass(frozen=True, eq=False)
class TreeOutput:
    """The tree of one sequence.

    Attributes:
        tree: What was merged with what.
        errors: `(merge,)`.
        logits: `(node, class)`, leaves first; None without a head.
    """

    tree: Tree
    errors: Tensor
    logits: Tensor | None


class RecursiveAutoencoder(nn.Module):
    """Reconstructs at every merge and, if it has a head, names a class at every node.

    Args:
        encoder: Merges.
        split: Takes merges apart; a `GreedyTree` encoder has the same one.
        loss: What a merge has to keep: `ChildReconstruction()`, its two children, or `SubtreeReconstruction()`, all its leaves.
        head: From nodes `(node, size)` to logits `(node, class)`.
    """

    def __init__(
        self,
        encoder: RecursiveEncoder,
        split: Decomposition,
        loss: ChildReconstruction | SubtreeReconstruction = ChildReconstruction(),
        head: nn.Module | None = None,
    ):
        super().__init__()
        self.encoder = encoder
        self.split = split
        self.loss = loss
        self.head = head

    def forward(self, batch: Batch, trees: Sequence[Tree] | None = None) -> RecursiveOutput:
        """Grow trees, or take those given."""
        folded = self.encoder.fold(batch, trees)
        logits = None if self.head is None else self.head(folded.nodes)
        return RecursiveOutput(folded, self.loss(folded, self.split), logits)


class UnfoldingDecoder(Decoder):
    """Splits the code, then the halves, and so on along a tree that follows from the length.

    Args:
        split: Makes two vectors of one; its size is that of a code.
        shape: `ChainTree()` or `BalancedTree()`.
        head: From leaves `(steps, size)` to predictions `(steps, *prediction)`.
    """

    def __init__(self, split: Decomposition, shape: ChainTree | BalancedTree, head: nn.Module):
        super().__init__()
        self.split = split
        self.shape = shape
        self.head = head

    def forward(self, code: Tensor, lengths: Tensor, targets: Batch | None = None) -> Batch:
        plan = TreeBatchPlan.of([self.shape.tree(length) for length in lengths.tolist()], code.device)
        vectors, places, _ = unfold(code, plan.roots, plan, self.split)
        empty = Batch(code.new_zeros(len(code), int(lengths.max()), 0), lengths)
        return empty.with_steps(self.head(vectors[places.argsort()]))
