import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqae.datasets.loader import DataLoader
from seqae.datasets.sampler import LengthBucketSampler
from seqae.datasets.sequences import SequenceDataset, as_tensors

lengths = st.lists(st.integers(1, 100), min_size=1, max_size=80)


@given(lengths, st.integers(1, 16), st.integers(0, 5), st.booleans())
def test_every_sequence_comes_once_in_each_epoch(lengths, batch_size, epoch, shuffle):
    order = LengthBucketSampler(lengths, batch_size, seed=3, shuffle=shuffle)
    order.set_epoch(epoch)
    batches = list(order)
    assert len(batches) == len(order)
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))


@given(lengths, st.integers(1, 16))
def test_order_is_a_function_of_seed_and_epoch(lengths, batch_size):
    def order(seed, epoch):
        order = LengthBucketSampler(lengths, batch_size, seed)
        order.set_epoch(epoch)
        return [batch.tolist() for batch in order]

    assert order(1, 2) == order(1, 2)


def test_epochs_and_seeds_give_other_orders():
    orders = []
    for seed, epoch in ((0, 0), (0, 1), (1, 0)):
        order = LengthBucketSampler(np.ones(50), 8, seed)
        order.set_epoch(epoch)
        orders.append(np.concatenate(list(order)).tolist())
    assert len(set(map(tuple, orders))) == 3


def test_buckets_leave_little_padding():
    random = np.random.default_rng(0)
    lengths = np.exp(random.uniform(np.log(10), np.log(1000), 20_000)).astype(int)

    def useful(pool):
        return lengths.sum() / sum(
            lengths[batch].max() * len(batch) for batch in LengthBucketSampler(lengths, 256, bucket_size=pool)
        )

    assert useful(pool=1) < 0.3
    assert useful(pool=50) > 0.9


def test_loader_goes_on_in_the_middle_of_an_epoch():
    source = SequenceDataset([torch.full((1 + n % 7, 1), float(n)) for n in range(50)])

    def loader():
        loader = DataLoader(source, LengthBucketSampler(source.lengths, 4, seed=5))
        loader.batch_sampler.set_epoch(2)
        return loader

    whole = [batch.steps.tolist() for batch in loader()]
    first = loader()
    some = [batch.steps.tolist() for _, batch in zip(range(5), first)]
    second = loader()
    second.load_state_dict(first.state_dict())
    assert some + [batch.steps.tolist() for batch in second] == whole
    assert [batch.steps.tolist() for batch in second] == whole  # the next epoch is a whole one


def test_empty_sequence_is_named():
    with pytest.raises(ValueError, match="sequence 1 of 2 is empty"):
        as_tensors([np.ones((3, 2)), np.ones((0, 2))])
    with pytest.raises(ValueError, match=r"sequence 0 holds .* values"):
        as_tensors([np.array(["a", "b"])])


def test_arrays_of_any_layout_become_tensors_and_stay_as_they_are():
    original = np.arange(12.0).reshape(6, 2)
    variants = [
        original,
        original.astype(">f8"),
        np.asfortranarray(original),
        original[::-1][::-1],
        original.astype("f4"),
    ]
    original.flags.writeable = False
    for tensor in as_tensors(variants):
        assert tensor.dtype == torch.float32 and tensor.tolist() == original.tolist()
        tensor += 1
    assert original[0, 0] == 0
