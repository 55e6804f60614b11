"""Whole batches of trees give what plain recursion gives."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import seqae
from seqae import Batch
from seqae.modules.merging import Composition, Decomposition, TreeBatchPlan, fold, greedy
from seqae.modules.recursive import (
    BalancedTree,
    ChainTree,
    ChildReconstruction,
    GreedyTree,
    MeanOfNodes,
    RecursiveAutoencoder,
    RecursiveEncoder,
    SubtreeReconstruction,
    UnfoldingDecoder,
)
from seqae.modules.trees import Tree, balanced, chain

SIZE = 6


def random_tree(leaves: int, random: np.random.Generator) -> Tree:
    """Merge neighbours in any order."""
    roots, merges = list(range(leaves)), []
    while len(roots) > 1:
        at = int(random.integers(len(roots) - 1))
        merges.append(roots[at : at + 2])
        roots[at : at + 2] = [leaves + len(merges) - 1]
    return Tree.of(np.array(merges))


def some(lengths: list[int], seed: int = 0) -> list[Tensor]:
    torch.manual_seed(seed)
    return [torch.randn(length, SIZE) for length in lengths]


def recursion(leaves: Tensor, tree: Tree, composition: Composition) -> list[Tensor]:
    """One node at a time."""
    nodes = list(leaves)
    for left, right in tree.merges.tolist():
        nodes.append(composition(torch.cat([nodes[left], nodes[right]]).unsqueeze(0))[0])
    return nodes


def merge_errors(nodes: list[Tensor], tree: Tree, decomposition: Decomposition) -> list[Tensor]:
    sizes = [1] * tree.leaves + tree.sizes.tolist()
    errors = []
    for parent, (left, right) in zip(nodes[tree.leaves :], tree.merges.tolist()):
        first, second = decomposition(parent.unsqueeze(0))[0]
        total = (
            sizes[left] * (first - nodes[left]).square().sum() + sizes[right] * (second - nodes[right]).square().sum()
        )
        errors.append(total / (sizes[left] + sizes[right]))
    return errors


def model(error: ChildReconstruction | SubtreeReconstruction | None = None, head: bool = False) -> RecursiveAutoencoder:
    torch.manual_seed(1)
    encoder = RecursiveEncoder(Composition(SIZE), BalancedTree())
    return RecursiveAutoencoder(
        encoder, Decomposition(SIZE), error or ChildReconstruction(), nn.Linear(SIZE, 3) if head else None
    )


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(0, 1000))
def test_all_nodes_errors_and_gradients_equal_those_of_plain_recursion(lengths, seed):
    random, sequences, ours = np.random.default_rng(seed), some(lengths, seed), model()
    trees = [random_tree(length, random) for length in lengths]
    output = ours(Batch.of(sequences), trees)
    expected, total = [], torch.zeros(())
    for sequence, tree in zip(sequences, trees):
        nodes = recursion(sequence, tree, ours.encoder.composition)
        errors = merge_errors(nodes, tree, ours.decomposition)
        expected.append((torch.stack(nodes), torch.stack(errors) if errors else torch.zeros(0)))
        total = total + sum(errors)
    plan, start = output.nodes.plan, 0
    for found, tree, (nodes, errors) in zip(output.trees(), trees, expected):
        torch.testing.assert_close(found.errors, errors, rtol=1e-4, atol=1e-5)
        indices = plan.indices[start : start + len(tree)]
        torch.testing.assert_close(output.nodes.vectors[indices], nodes, rtol=0, atol=1e-5)
        start += len(tree)
    if max(lengths) > 1:
        parameters = list(ours.parameters())
        gradients = torch.autograd.grad(output.errors.sum(), parameters)
        for gradient, wanted in zip(gradients, torch.autograd.grad(total, parameters)):
            torch.testing.assert_close(gradient, wanted, rtol=1e-3, atol=1e-4)


def test_gradients_of_leaves_and_weights_agree_with_differences():
    torch.manual_seed(0)
    composition, plan = Composition(3).double(), TreeBatchPlan.of([chain(4), balanced(5), chain(1)])
    leaves = torch.randn(10, 3, dtype=torch.float64, requires_grad=True)
    weights = (composition.linear.weight, composition.linear.bias)
    assert torch.autograd.gradcheck(lambda leaves, *_: fold(leaves, plan, composition), (leaves, *weights))


def slow_greedy(sequence: Tensor, composition: Composition, decomposition: Decomposition) -> list[list[int]]:
    """Every pair is tried anew before each merge."""
    roots, merges = [(number, vector, 1) for number, vector in enumerate(sequence)], []
    while len(roots) > 1:
        tried = []
        for (_, left, few), (_, right, many) in pairwise(roots):
            joint = composition(torch.cat([left, right]).unsqueeze(0))
            first, second = decomposition(joint)[0]
            error = few * (first - left).square().sum() + many * (second - right).square().sum()
            tried.append((float(error) / (few + many), joint[0]))
        at = min(range(len(tried)), key=lambda merge: tried[merge][0])
        merges.append([roots[at][0], roots[at + 1][0]])
        joint = (len(sequence) + len(merges) - 1, tried[at][1], roots[at][2] + roots[at + 1][2])
        roots[at : at + 2] = [joint]
    return merges


def test_greedy_merges_the_neighbours_that_are_best_told_from_their_joint_vector():
    sequences, ours = some([5, 1, 12, 2, 8]), model()
    with torch.no_grad():
        trees = greedy(Batch.of(sequences), ours.encoder.composition, ours.decomposition)
        for sequence, tree in zip(sequences, trees):
            assert tree.merges.tolist() == slow_greedy(sequence, ours.encoder.composition, ours.decomposition)
            again = Tree.of(tree.merges)
            assert again.heights.tolist() == tree.heights.tolist() and again.sizes.tolist() == tree.sizes.tolist()


def test_among_equal_pairs_the_first_is_merged_in_every_batch():
    same, ours = torch.ones(7, SIZE), model()
    alone = greedy(Batch.of([same]), ours.encoder.composition, ours.decomposition)[0]
    for others in (some([3, 9]), some([30, 2, 2, 7])):
        together = greedy(Batch.of([*others, same]), ours.encoder.composition, ours.decomposition)[-1]
        assert together.merges.tolist() == alone.merges.tolist()


def test_unfolding_compares_all_leaves_under_a_node():
    sequences, ours = some([4, 1, 6]), model(error=SubtreeReconstruction())
    trees = [random_tree(len(sequence), np.random.default_rng(0)) for sequence in sequences]
    found = ours(Batch.of(sequences), trees).trees()

    def missed(number: int, vector: Tensor, sequence: Tensor, tree: Tree) -> Tensor:
        if number < tree.leaves:
            return (vector - sequence[number]).square().sum()
        halves = ours.decomposition(vector.unsqueeze(0))[0]
        return sum(
            missed(child, half, sequence, tree) for child, half in zip(tree.merges[number - tree.leaves], halves)
        )

    for sequence, tree, output in zip(sequences, trees, found):
        nodes = recursion(sequence, tree, ours.encoder.composition)
        for merge, size in enumerate(tree.sizes):
            wanted = missed(tree.leaves + merge, nodes[tree.leaves + merge], sequence, tree) / size
            torch.testing.assert_close(output.errors[merge], wanted)


def test_the_mean_of_the_logits_is_what_a_linear_head_says_of_the_mean_node():
    sequences, ours = some([4, 1, 6]), model(head=True)
    means = RecursiveEncoder(ours.encoder.composition, BalancedTree(), pool=MeanOfNodes())(Batch.of(sequences))
    torch.testing.assert_close(ours(Batch.of(sequences)).sentence_logits, ours.head(means))


def test_logits_need_a_head():
    with pytest.raises(ValueError, match="no head"):
        _ = model()(Batch.of(some([2]))).sentence_logits


@pytest.mark.parametrize("shape", [ChainTree(), BalancedTree()])
def test_the_unfolding_decoder_splits_the_code_along_the_tree(shape):
    torch.manual_seed(0)
    decoder = UnfoldingDecoder(Decomposition(SIZE), shape, nn.Identity())
    codes, lengths = torch.randn(3, SIZE), [5, 1, 2]
    written = decoder(codes, torch.tensor(lengths)).unpad()
    for code, length, found in zip(codes, lengths, written):
        tree, vectors = shape.tree(length), {2 * length - 2: code}
        for merge in reversed(range(length - 1)):
            halves = decoder.decomposition(vectors[length + merge].unsqueeze(0))[0]
            vectors |= dict(zip(tree.merges[merge].tolist(), halves))
        torch.testing.assert_close(found, torch.stack([vectors[leaf] for leaf in range(length)]))


def test_reconstruction_learns_what_repeats():
    torch.manual_seed(0)
    decomposition = Decomposition(SIZE)
    ours = RecursiveAutoencoder(RecursiveEncoder(Composition(SIZE), GreedyTree(decomposition)), decomposition)
    plane = torch.randn(2, SIZE) / 3
    batch = Batch.of([torch.randn(length, 2) @ plane for length in (5, 8, 6)])
    optimizer = torch.optim.Adam(ours.parameters(), lr=0.01)
    losses = []
    for _ in range(150):
        losses.append(ours(batch).errors.mean())
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < losses[0] / 3


def test_saved_and_loaded_the_greedy_trees_and_the_errors_are_the_same(tmp_path):
    torch.manual_seed(0)
    decomposition, batch = Decomposition(SIZE), Batch.of(some([5, 3]))
    ours = RecursiveAutoencoder(
        RecursiveEncoder(Composition(SIZE), GreedyTree(decomposition)),
        decomposition,
        SubtreeReconstruction(),
        nn.Linear(SIZE, 2),
    )
    loaded = seqae.load(seqae.save(ours.eval(), tmp_path / "model"))
    assert loaded.encoder.tree_builder.decomposition is loaded.decomposition
    assert torch.equal(loaded(batch).errors, ours(batch).errors)
    assert torch.equal(loaded(batch).sentence_logits, ours(batch).sentence_logits)
