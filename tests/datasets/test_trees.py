"""Batches with trees and a class for each node."""

import numpy as np
import pytest
import torch

from seqae.datasets.trees import TreeDataset
from seqae.modules.trees import balanced, chain

WORDS = [torch.tensor([5, 6, 7]), torch.tensor([8]), torch.tensor([3, 4])]


def test_the_class_of_a_sentence_is_that_of_its_nodes():
    found = TreeDataset(WORDS, [2, 0, -1]).batch(np.array([2, 0]))
    assert found.labels.tolist() == [-1] * 3 + [2] * 5
    assert found.lengths.tolist() == [2, 3] and found.trees is None and len(found) == 2


def test_trees_and_classes_of_nodes_stay_with_their_sentence():
    trees = [chain(3), chain(1), balanced(2)]
    source = TreeDataset(WORDS, [np.array([1, 2, 3, 4, 5]), np.array([6]), 7], trees)
    found = source.batch(np.array([1, 0])).to("cpu")
    assert found.labels.tolist() == [6, 1, 2, 3, 4, 5] and found.trees == (trees[1], trees[0])


def test_what_does_not_fit_is_refused_by_number():
    with pytest.raises(ValueError, match="2 labels for 3 sequences"):
        TreeDataset(WORDS, [0, 1])
    with pytest.raises(ValueError, match="sequence 0 has 3 labels for 5 nodes"):
        TreeDataset(WORDS, [np.zeros(3), 1, 1])
    with pytest.raises(ValueError, match="tree of sequence 1 has 2 leaves, the sequence 1 steps"):
        TreeDataset(WORDS, [0, 1, 1], [chain(3), chain(2), chain(2)])
