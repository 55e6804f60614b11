import numpy as np
import pytest
import torch

from seqae.datasets.positive_pairs import PositivePairs
from seqae.datasets.sequences import SequenceDataset

SOURCE = SequenceDataset([torch.full((1, 1), float(number)) for number in range(6)])
NEXT = np.arange(1, 7)[:, None] % 6  # each sequence's only neighbour is the one after it


@pytest.mark.parametrize("steps", [0, 1, 4])
def test_the_second_half_is_as_many_steps_away(steps):
    values = PositivePairs(SOURCE, NEXT, steps).batch(np.array([3, 0, 5])).values.flatten()
    assert values[:3].tolist() == [3, 0, 5]
    assert values[3:].tolist() == [(number + steps) % 6 for number in (3, 0, 5)]


def test_a_walk_is_a_function_of_seed_and_indices():
    near = np.tile(np.arange(6), (6, 1))
    walks = [PositivePairs(SOURCE, near, 2, seed).batch(np.arange(6)).values.flatten().tolist() for seed in (1, 1, 2)]
    assert walks[0] == walks[1] != walks[2]


def test_neighbours_of_others_are_refused():
    with pytest.raises(ValueError, match="neighbours of 5 sequences for 6"):
        PositivePairs(SOURCE, NEXT[:5])
