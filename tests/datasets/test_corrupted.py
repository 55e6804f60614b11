"""A corrupted dataset: reproducible, new for other indices, labels kept."""

import numpy as np
import torch

from generators import normal
from seqae.datasets.corrupted import CorruptedDataset
from seqae.datasets.sequences import LabelledDataset, SequenceDataset
from seqae.transforms.corruptions import GaussianNoise

SEQUENCES = SequenceDataset(normal(3, 1, 4, 2, step=(2,)))
LABELLED = LabelledDataset(SEQUENCES, np.arange(4))
INDICES = np.array([2, 0])


def noise(source, indices=INDICES, seed=0) -> torch.Tensor:
    """What was added to the steps."""
    return CorruptedDataset(source, GaussianNoise(0.5), seed).batch(indices).steps - source.batch(indices).steps


def test_the_same_indices_are_corrupted_in_the_same_way_and_others_in_another():
    assert torch.equal(noise(SEQUENCES), noise(SEQUENCES))
    assert not torch.equal(noise(SEQUENCES), noise(SEQUENCES, seed=1))
    assert not torch.equal(noise(SEQUENCES)[:4], noise(SEQUENCES, np.array([2, 1]))[:4])


def test_labels_stay_with_their_sequences():
    corrupted = CorruptedDataset(LABELLED, GaussianNoise(0.5)).batch(INDICES)
    assert corrupted.labels.tolist() == [2, 0]
    assert corrupted.batch.lengths.tolist() == [4, 3]
    assert torch.equal(corrupted.batch.steps - SEQUENCES.batch(INDICES).steps, noise(SEQUENCES))


def test_lengths_are_those_of_the_source():
    assert CorruptedDataset(LABELLED, GaussianNoise(0.5)).lengths.tolist() == [3, 1, 4, 2]
