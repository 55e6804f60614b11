"""How fast a recursive autoencoder learns, beside plain recursion over one tree at a time. Prints one table.

    python tests/benchmarks/trees.py --quick

Trees of 10 to 30 leaves, vectors of 100 numbers, 5000 words, the errors of all merges, Adam. A unit is a merge. Both
compute the same numbers. Called by race.py with the name of a contestant, it is that contestant, see contestants.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from contestants import THREADS, Work
from contestants import main as contest
from race import race
from torch import Tensor, nn

import seqae
from seqae.batch import Batch
from seqae.modules.merging import Composition, Decomposition
from seqae.modules.recursive import BalancedTree, RecursiveAutoencoder, RecursiveEncoder
from seqae.modules.trees import Tree

SIZE, WORDS, FEW, MANY = 100, 5000, 64, 512


def model() -> RecursiveAutoencoder:
    encoder = RecursiveEncoder(Composition(SIZE), BalancedTree(), nn.Embedding(WORDS, SIZE))
    return RecursiveAutoencoder(encoder, Decomposition(SIZE))


def forest(count: int) -> tuple[list[Tensor], list[Tree]]:
    """Return words and trees that merge neighbours in any order."""
    random, trees = np.random.default_rng(0), []
    for leaves in random.integers(10, 31, count).tolist():
        alive, merges = list(range(leaves)), []
        while len(alive) > 1:
            at = int(random.integers(len(alive) - 1))
            merges.append(alive[at : at + 2])
            alive[at : at + 2] = [leaves + len(merges) - 1]
        trees.append(Tree.of(np.array(merges)))
    return [torch.from_numpy(random.integers(0, WORDS, tree.leaves)) for tree in trees], trees


def recursive_errors(model: RecursiveAutoencoder, words: Tensor, tree: Tree) -> Tensor:
    """Return the sum of the errors of one tree, one node at a time."""
    leaves, join, split = model.encoder.embed(words), model.encoder.composition, model.decomposition
    sizes, errors = [1] * tree.leaves + tree.sizes.tolist(), []
    merges = tree.merges.tolist()

    def vector(node: int) -> Tensor:
        if node < tree.leaves:
            return leaves[node : node + 1]
        left, right = merges[node - tree.leaves]
        first, second = vector(left), vector(right)
        parent = join(torch.cat([first, second], dim=1))
        told = split(parent)[0]
        share = sizes[left] / sizes[node]
        errors.append(share * (told[0] - first).square().sum() + (1 - share) * (told[1] - second).square().sum())
        return parent

    vector(len(tree) - 1)
    return sum(errors)


def by_seqae(count: int) -> Work:
    seqae.configure_runtime(THREADS)
    words, trees = forest(count)
    ours = model()
    optimizer = torch.optim.Adam(ours.parameters(), fused=True)

    def work() -> int:
        loss = ours(Batch.of(words), trees).errors.sum() / count
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return sum(len(tree.merges) for tree in trees)

    return work


def few_by_seqae(quick: bool) -> Work:
    return by_seqae(FEW)


def many_by_seqae(quick: bool) -> Work:
    return by_seqae(MANY)


def by_recursion(quick: bool) -> Work:
    words, trees = forest(FEW)
    theirs = model()
    optimizer = torch.optim.Adam(theirs.parameters())

    def work() -> int:
        loss = sum(recursive_errors(theirs, *each) for each in zip(words, trees)) / FEW
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return sum(len(tree.merges) for tree in trees)

    return work


def ratios(quick: bool) -> dict[int, tuple[float, float]]:
    """Return merges per second of seqae and of recursion, by the number of trees in a batch."""
    names = ["many_by_seqae", "few_by_seqae", "by_recursion"]
    many, few, plain = race(names, 3 if quick else 7, quick, Path(__file__)).values()
    return {MANY: (1 / many, 1 / plain), FEW: (1 / few, 1 / plain)}


if __name__ == "__main__":
    if sys.argv[1:] and not sys.argv[1].startswith("-"):
        contest(*sys.argv[1:], contestants=globals())
    else:
        for count, (ours, plain) in ratios("--quick" in sys.argv).items():
            print(f"{count:4} trees {ours / plain:6.1f} x   {ours:.0f} against {plain:.0f} merges/s")
