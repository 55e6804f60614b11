import copy
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from generators import spoiled
from seqae import Batch
from seqae.batch import extent_of, max_length, on_host

ragged = st.lists(st.integers(1, 9), min_size=1, max_size=6).map(lambda n: [torch.randn(k, 2) for k in n])


@given(ragged)
def test_steps_and_with_steps_are_inverse(sequences):
    batch = Batch.of(sequences)
    assert torch.equal(batch.with_steps(batch.steps).values, batch.values)
    assert torch.equal(torch.cat(batch.unpad()), batch.steps)


@given(ragged)
def test_the_mask_is_true_at_steps(sequences):
    batch = Batch.of(sequences)
    time = batch.values.shape[1]
    assert batch.mask.tolist() == [[step < len(row) for step in range(time)] for row in sequences]


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


@given(ragged)
def test_lengths_on_another_device_are_known_here(sequences):
    batch = Batch.of(sequences).to("meta")  # which could not tell them
    assert batch.lengths.device == batch.values.device == torch.device("meta")
    assert on_host(batch.lengths).tolist() == list(map(len, sequences))
    assert max_length(batch.lengths) == batch.values.shape[1]
    assert batch.is_unpadded == (len(set(map(len, sequences))) == 1)
    assert batch.steps.shape == (sum(map(len, sequences)), 2)
    assert batch.map(torch.sin).mask_padding().reversed().to("meta").lengths is batch.lengths


def test_lengths_made_on_another_device_are_known_here():
    values = torch.empty(3, 4, 2, device="meta")
    assert on_host(Batch.full(values).lengths).tolist() == [4, 4, 4]
    assert on_host(Batch.of(list(values)).lengths).tolist() == [4, 4, 4]


def test_lengths_that_are_written_to_are_asked_for_again():
    lengths = Batch.of([torch.ones(4), torch.ones(2)]).to("meta").lengths
    lengths += 1
    with pytest.raises(NotImplementedError, match="meta"):  # a device that can tell would
        on_host(lengths)


def test_lengths_remember_what_they_are_until_they_are_written_to():
    lengths = Batch.of([torch.zeros(3), torch.zeros(1)]).lengths
    assert extent_of(lengths)[:2] == (1, 3)
    lengths[1] = 2
    assert extent_of(lengths)[:2] == (2, 3)
    assert Batch(torch.tensor([[1, 2, 3], [4, 5, 6]]), lengths).steps.tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda lengths: pickle.loads(pickle.dumps(lengths))])
def test_a_copy_of_lengths_has_no_memory_of_what_they_were(copied):
    lengths = Batch.of([torch.zeros(3), torch.zeros(1)]).lengths
    lengths[0] = 2
    assert extent_of(copied(lengths))[:2] == (1, 2)


def test_lengths_without_a_count_of_writes_are_always_asked():
    with torch.inference_mode():
        batch = Batch.of([torch.zeros(3), torch.zeros(1)])
        batch.lengths[1] = 3
        assert batch.is_unpadded and max_length(batch.lengths) == 3


def test_remembered_lengths_are_those_of_any_amount_of_padding():
    batch = Batch.of([torch.tensor([1, 2, 3]), torch.tensor([4])])
    wide = Batch(torch.tensor([[1, 2, 3, 9, 9], [4, 9, 9, 9, 9]]), batch.lengths)
    assert wide.steps.tolist() == batch.steps.tolist() == [1, 2, 3, 4]
    assert not wide.is_unpadded and wide.map(lambda steps: steps).values.tolist()[1] == [4, 0, 0, 0, 0]
