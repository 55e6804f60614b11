"""Recursive autoencoders learn to reconstruct merges and to name classes."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import seqae
from seqae import Batch
from seqae.datasets.loader import make_loader
from seqae.datasets.trees import TreeBatch, TreeDataset
from seqae.modules.merging import Composition, Decomposition
from seqae.modules.recursive import BalancedTree, MeanOfNodes, RecursiveAutoencoder, RecursiveEncoder
from seqae.modules.trees import Tree, balanced
from seqae.training.tasks.recursive import TreeReconstruction

SIZE, WORDS = 8, 6


def model(head: bool = True) -> RecursiveAutoencoder:
    torch.manual_seed(0)
    encoder = RecursiveEncoder(Composition(SIZE), BalancedTree(), nn.Embedding(WORDS, SIZE), MeanOfNodes())
    return RecursiveAutoencoder(encoder, Decomposition(SIZE), head=nn.Linear(SIZE, 2) if head else None)


def test_the_loss_is_the_sum_of_three_means_over_what_is_known():
    ours = model()
    batch = Batch.of([torch.tensor([0, 1, 2]), torch.tensor([3])])
    labels = torch.tensor([0, 1, -1, 1, 0, 1])
    tree = Tree.of(np.array([[1, 2], [0, 3]]))
    loss = TreeReconstruction(ours, reconstruction=0.3, nodes=0.7).training_step(
        TreeBatch(batch, labels, (tree, balanced(1))), 0
    )
    grown = ours(batch, (tree, balanced(1)))
    logits = torch.cat([each.logits for each in grown.trees()])
    known = labels >= 0
    expected = 0.3 * grown.errors.mean() + 0.7 * F.cross_entropy(logits[known], labels[known])
    expected = expected + F.cross_entropy(grown.sentence_logits, torch.tensor([0, 1]))
    torch.testing.assert_close(loss, expected)


def test_without_a_head_or_labels_the_error_of_merges_is_all():
    ours, batch = model(head=False), Batch.of([torch.tensor([0, 1, 2]), torch.tensor([3, 4])])
    nothing = TreeBatch(batch, torch.full((8,), -1))
    loss = TreeReconstruction(ours, reconstruction=0.5).training_step(nothing, 0)
    torch.testing.assert_close(loss, 0.5 * ours(batch).errors.mean())
    headed = TreeReconstruction(model(), reconstruction=0.5).training_step(nothing, 0)
    torch.testing.assert_close(headed, 0.5 * model()(batch).errors.mean())


def test_what_words_are_for_and_against_is_learnt_with_fit():
    random = np.random.default_rng(0)
    sentences = [torch.from_numpy(random.integers(0, WORDS, length)) for length in random.integers(1, 9, 120)]
    labels = [int(((words < 3) * 2 - 1).sum() > 0) for words in sentences]
    source, ours = TreeDataset(sentences, labels), model()
    loader = make_loader(source, 16)
    history = seqae.fit(TreeReconstruction(ours, learning_rate=0.02), loader, loader, epochs=8, progress=False)
    assert history.valid[-1] < history.valid[0]
    with torch.no_grad():
        found = ours(Batch.of(sentences)).sentence_logits.argmax(dim=1)
    assert (found == torch.tensor(labels)).float().mean() > 0.9
