import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from generators import spoiled
from seqae import Batch

ragged = st.lists(st.integers(1, 9), min_size=1, max_size=6).map(lambda n: [torch.randn(k, 2) for k in n])


@given(ragged)
def test_steps_and_with_steps_are_inverse(sequences):
    batch = Batch.of(sequences)
    assert torch.equal(batch.with_steps(batch.steps).values, batch.values)
    assert torch.equal(torch.cat(batch.unpad()), batch.steps)


@given(ragged)
def test_reversing_flips_each_sequence_and_twice_gives_it_back(sequences):
    batch = Batch.of(sequences)
    for found, sequence in zip(batch.reversed().unpad(), sequences):
        assert torch.equal(found, sequence.flip(0))
    assert torch.equal(batch.reversed().reversed().values, batch.values)


@given(ragged)
def test_map_equals_a_loop_over_sequences(sequences):
    batch = Batch.of(sequences)
    for found, sequence in zip(batch.map(torch.sin).unpad(), sequences):
        assert torch.equal(found, sequence.sin())


@given(ragged)
def test_zero_padding_leaves_the_steps_and_clears_the_rest(sequences):
    batch = Batch.of(sequences)
    assert torch.equal(spoiled(batch).mask_padding().values, batch.values)


def test_sequences_with_other_steps_are_named():
    with pytest.raises(ValueError, match=r"sequence 1 has steps of shape \(3,\), sequence 0 of shape \(2,\)"):
        Batch.of([torch.ones(4, 2), torch.ones(4, 3)])


def test_no_sequences_at_all_is_an_error():
    with pytest.raises(ValueError, match="at least one"):
        Batch.of([])


def test_an_empty_sequence_is_named():
    with pytest.raises(ValueError, match="sequence 1 of 2 is empty"):
        Batch.of([torch.ones(2, 3), torch.ones(0, 3)])


def test_full_batch_has_no_padding():
    batch = Batch.full(torch.randn(3, 4, 2))
    assert batch.is_unpadded and batch.mask.all() and batch.lengths.tolist() == [4, 4, 4]
