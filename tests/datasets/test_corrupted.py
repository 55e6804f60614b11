"""A damaged source: reproducible, new for other numbers, labels kept."""

import numpy as np
import torch

from generators import normal
from seqae.datasets.corrupted import CorruptedDataset
from seqae.datasets.sequences import LabelledDataset, SequenceDataset
from seqae.transforms.corruptions import GaussianNoise

SEQUENCES = SequenceDataset(normal(3, 1, 4, 2, step=(2,)))
LABELLED = LabelledDataset(SEQUENCES, np.arange(4))
NUMBERS = np.array([2, 0])


def noise(source, numbers=NUMBERS, seed=0) -> torch.Tensor:
    """What was added to the steps."""
    return CorruptedDataset(source, GaussianNoise(0.5), seed).batch(numbers).steps - source.batch(numbers).steps


def test_the_same_numbers_are_damaged_in_the_same_way_and_others_in_another():
    assert torch.equal(noise(SEQUENCES), noise(SEQUENCES))
    assert not torch.equal(noise(SEQUENCES), noise(SEQUENCES, seed=1))
    assert not torch.equal(noise(SEQUENCES)[:4], noise(SEQUENCES, np.array([2, 1]))[:4])


def test_labels_stay_with_their_sequences():
    damaged = CorruptedDataset(LABELLED, GaussianNoise(0.5)).batch(NUMBERS)
    assert damaged.labels.tolist() == [2, 0]
    assert damaged.batch.lengths.tolist() == [4, 3]
    assert torch.equal(damaged.batch.steps - SEQUENCES.batch(NUMBERS).steps, noise(SEQUENCES))


def test_lengths_are_those_of_the_source():
    assert CorruptedDataset(LABELLED, GaussianNoise(0.5)).lengths.tolist() == [3, 1, 4, 2]
