"""Recursive autoencoders: the vectors of a sequence are merged two by two, along a tree.

Socher et al. 2011, https://aclanthology.org/D11-1014; unfolding: Socher et al. 2011,
https://papers.nips.cc/paper/4204.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from seqae.batch import Batch, max_length, moved, on_host, to_device
from seqae.modules.decoders import Decoder
from seqae.modules.encoders import Encoder, embed_steps
from seqae.modules.merging import Composition, Decomposition, TreeBatchPlan, fold, greedy, split_errors, unfold
from seqae.modules.trees import Tree, balanced, chain


class TreeBuilder(nn.Module, ABC):
    """Chooses the trees over the steps of sequences."""

    @abstractmethod
    def forward(self, vectors: Batch, composition: Composition) -> list[Tree]:
        """Return a tree for each sequence, given its leaves, `(batch, time, size)`, and how they are merged."""


class ChainTree(TreeBuilder):
    """Each step is merged with the node of all steps before, as in a simple recurrent network."""

    def tree(self, length: int) -> Tree:
        """Return the tree of a sequence of this length."""
        return chain(length)

    def forward(self, vectors: Batch, composition: Composition) -> list[Tree]:
        """Return a tree for each sequence, given its leaves, `(batch, time, size)`."""
        return [chain(length) for length in on_host(vectors.lengths).tolist()]


class BalancedTree(TreeBuilder):
    """Merges neighbours, then the neighbours of these: trees of minimum height, the fastest to compute."""

    def tree(self, length: int) -> Tree:
        """Return the tree of a sequence of this length."""
        return balanced(length)

    def forward(self, vectors: Batch, composition: Composition) -> list[Tree]:
        """Return a tree for each sequence, given its leaves, `(batch, time, size)`."""
        return [balanced(length) for length in on_host(vectors.lengths).tolist()]


class GreedyTree(TreeBuilder):
    """The neighbours with the lowest reconstruction error are merged first, see `seqae.modules.greedy`.

    Args:
        decomposition: The decomposition of the autoencoder; the choice of trees does not train it.
    """

    def __init__(self, decomposition: Decomposition):
        super().__init__()
        self.decomposition = decomposition

    def forward(self, vectors: Batch, composition: Composition) -> list[Tree]:
        """Return a tree for each sequence, given its leaves, `(batch, time, size)`."""
        return greedy(vectors, composition, self.decomposition)


@dataclass(frozen=True, eq=False)
class TreeNodes:
    """Trees with a vector at each node.

    Attributes:
        vectors: `(node, size)`, in the order of the plan.
        plan: Tells which node is in which row.
    """

    vectors: Tensor
    plan: TreeBatchPlan

    @property
    def parents(self) -> Tensor:
        """The vectors of the merges, `(merge, size)`."""
        return self.vectors[self.plan.leaves :]

    @property
    def pairs(self) -> Tensor:
        """The vectors of both children of each merge, `(merge, 2, size)`."""
        return self.vectors[self.plan.children]

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean over the nodes of each tree, `(batch, size)`, of values `(node, size)`."""
        sums = values.new_zeros(len(self.plan.roots), values.shape[1]).index_add(0, self.plan.rows, values)
        counts = moved(torch.tensor([2 * tree.leaves - 1 for tree in self.plan.trees], device="cpu"), values.device)
        return sums / counts.unsqueeze(1)


@dataclass(frozen=True)
class RootNode:
    """The code of a tree is the vector of its root."""

    def __call__(self, nodes: TreeNodes) -> Tensor:
        """Return the codes, `(batch, size)`."""
        return nodes.vectors[nodes.plan.roots]


@dataclass(frozen=True)
class MeanOfNodes:
    """The code of a tree is the mean vector of all its nodes, leaves and merges."""

    def __call__(self, nodes: TreeNodes) -> Tensor:
        """Return the codes, `(batch, size)`."""
        return nodes.mean(nodes.vectors)


class RecursiveEncoder(Encoder):
    """The steps of each sequence, merged along a tree.

    Args:
        composition: Maps the vectors of two children to that of their parent.
        tree_builder: Chooses the trees: `ChainTree()`, `BalancedTree()` or `GreedyTree(decomposition)`.
        embed: Turns steps `(steps, *step)` into vectors `(steps, size)`.
        pool: Maps the vectors of all nodes to the code: `RootNode()` or `MeanOfNodes()`.
    """

    def __init__(
        self,
        composition: Composition,
        tree_builder: TreeBuilder,
        embed: nn.Module | None = None,
        pool: RootNode | MeanOfNodes = RootNode(),
    ):
        super().__init__()
        self.composition = composition
        self.tree_builder = tree_builder
        self.embed = embed
        self.pool = pool
        self.code_size = composition.size

    def forward(self, batch: Batch) -> Tensor:
        """Return the codes, `(batch, code_size)`, given steps `(batch, time, *step)`."""
        return self.pool(self.fold(batch))

    def fold(self, batch: Batch, trees: Sequence[Tree] | None = None) -> TreeNodes:
        """Return the vectors of all nodes.

        Args:
            batch: The sequences, `(batch, time, *step)`.
            trees: One tree for each sequence, in place of those that `tree_builder` would choose.
        """
        vectors = embed_steps(batch, self.embed)
        if trees is None:
            trees = self.tree_builder(vectors, self.composition)
        plan = TreeBatchPlan.of(trees, vectors.values.device)
        return TreeNodes(fold(vectors.steps, plan, self.composition), plan)


@dataclass(frozen=True)
class ChildReconstruction:
    """The error of a merge: the distance of its two children to their reconstruction, weighted by their leaves.

    Socher et al. 2011, https://aclanthology.org/D11-1014.
    """

    def __call__(self, nodes: TreeNodes, decomposition: Decomposition) -> Tensor:
        """Return the error of each merge, `(merge,)`, in the order of the plan."""
        sizes = nodes.plan.sizes[nodes.plan.children]
        return split_errors(nodes.parents, nodes.pairs, sizes, decomposition)


@dataclass(frozen=True)
class SubtreeReconstruction:
    """The error of a merge: the mean distance of its leaves to those unfolded from it.

    Socher et al. 2011, https://papers.nips.cc/paper/4204. It costs one decomposition for each pair of a node and one
    below it.
    """

    def __call__(self, nodes: TreeNodes, decomposition: Decomposition) -> Tensor:
        """Return the error of each merge, `(merge,)`, in the order of the plan."""
        plan = nodes.plan
        merges = to_device(torch.arange(plan.leaves, len(plan.rows), device="cpu"), plan.children.device)
        vectors, leaves, above = unfold(nodes.parents, merges, plan, decomposition)
        distances = (vectors - nodes.vectors[leaves]).square().sum(dim=1)
        return distances.new_zeros(len(merges)).index_add(0, above, distances) / plan.sizes[plan.leaves :]


@dataclass(frozen=True, eq=False)
class RecursiveOutput:
    """The output of a recursive autoencoder.

    Attributes:
        nodes: The vectors of all nodes.
        errors: `(merge,)`, the reconstruction error of each merge in the order of the plan.
        logits: `(node, class)`, for each node in the order of the plan; None without a head.
    """

    nodes: TreeNodes
    errors: Tensor
    logits: Tensor | None

    @property
    def sentence_logits(self) -> Tensor:
        """The mean over the nodes of each tree, `(batch, class)`: for a linear head, the logits of the mean node.

        Raises:
            ValueError: The autoencoder has no head.
        """
        if self.logits is None:
            raise ValueError("this autoencoder has no head. Give it one, for example nn.Linear(size, 2)")
        return self.nodes.mean(self.logits)

    def trees(self) -> list[TreeOutput]:
        """Return the output for each sequence, node by node in the order of its tree."""
        plan, found, start = self.nodes.plan, [], 0
        for tree in plan.trees:
            indices = plan.indices[start : start + len(tree)]
            logits = None if self.logits is None else self.logits[indices]
            found.append(TreeOutput(tree, self.errors[indices[tree.leaves :] - plan.leaves], logits))
            start += len(tree)
        return found


@dataclass(frozen=True, eq=False)
class TreeOutput:
    """The tree of one sequence.

    Attributes:
        tree: The merges of the tree.
        errors: `(merge,)`, the reconstruction error of each merge.
        logits: `(node, class)`, leaves first; None without a head.
    """

    tree: Tree
    errors: Tensor
    logits: Tensor | None


class RecursiveAutoencoder(nn.Module):
    """Reconstructs the children of every merge and, with a head, classifies every node.

    Socher et al. 2011, https://aclanthology.org/D11-1014.

    Args:
        encoder: The encoder, which merges the steps.
        decomposition: Reconstructs the children of a merge; give a `GreedyTree` of the encoder the same object.
        loss: `ChildReconstruction()`, of the two children, or `SubtreeReconstruction()`, of all leaves.
        head: Maps nodes `(node, size)` to logits `(node, class)`.
    """

    def __init__(
        self,
        encoder: RecursiveEncoder,
        decomposition: Decomposition,
        loss: ChildReconstruction | SubtreeReconstruction = ChildReconstruction(),
        head: nn.Module | None = None,
    ):
        super().__init__()
        self.encoder = encoder
        self.decomposition = decomposition
        self.loss = loss
        self.head = head

    def forward(self, batch: Batch, trees: Sequence[Tree] | None = None) -> RecursiveOutput:
        """Merge along the given trees, or along trees that the encoder chooses.

        Args:
            batch: The sequences, `(batch, time, *step)`.
            trees: One tree for each sequence.
        """
        nodes = self.encoder.fold(batch, trees)
        logits = None if self.head is None else self.head(nodes.vectors)
        return RecursiveOutput(nodes, self.loss(nodes, self.decomposition), logits)


class UnfoldingDecoder(Decoder):
    """Decomposes the code, then its children, and so on along a tree that follows from the length.

    Args:
        decomposition: Maps a parent to its two children; its size is that of a code.
        tree_builder: `ChainTree()` or `BalancedTree()`.
        head: Maps leaves `(steps, size)` to predictions `(steps, *prediction)`.
    """

    def __init__(self, decomposition: Decomposition, tree_builder: ChainTree | BalancedTree, head: nn.Module):
        super().__init__()
        self.decomposition = decomposition
        self.tree_builder = tree_builder
        self.head = head

    def forward(self, code: Tensor, lengths: Tensor, targets: Batch | None = None) -> Batch:
        """Return predictions `(batch, time, *prediction)`, given codes `(batch, code_size)`; see `Decoder`."""
        trees = [self.tree_builder.tree(length) for length in on_host(lengths).tolist()]
        plan = TreeBatchPlan.of(trees, code.device)
        vectors, leaves, _ = unfold(code, plan.roots, plan, self.decomposition)
        empty = Batch(code.new_zeros(len(code), max_length(lengths), 0), lengths)
        return empty.with_steps(self.head(vectors[leaves.argsort()]))
