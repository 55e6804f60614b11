"""Loaders read every item once an epoch, in batches of similar length, in an order that is a function of the seed."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data._utils.pin_memory import pin_memory

from seqae.batch import Batch
from seqae.datasets import DataLoader, LabelledBatch, LengthBucketSampler, PairBatch, SequenceDataset, make_loader
from seqae.datasets.masks import MaskedBatch
from seqae.datasets.trees import TreeBatch
from seqae.training.tasks.bag_of_words import BagOfWordsBatch

LENGTHS = np.random.default_rng(0).integers(1, 100, 95)


def dataset() -> SequenceDataset:
    """Sequences that hold nothing but their own index."""
    return SequenceDataset([torch.full((length,), index) for index, length in enumerate(LENGTHS.tolist())])


def indices_of(loader: DataLoader) -> list[list[int]]:
    return [batch.values[:, 0].tolist() for batch in loader]


def test_each_item_is_read_once_an_epoch_in_full_batches():
    batches = indices_of(make_loader(dataset(), 10))
    assert len(batches) == len(make_loader(dataset(), 10)) == 10
    assert sorted(map(len, batches)) == [5] + [10] * 9
    assert sorted(index for batch in batches for index in batch) == list(range(95))


def test_it_is_a_data_loader_with_a_length_bucket_sampler():
    sampler = LengthBucketSampler(LENGTHS, 10, 3)
    assert indices_of(make_loader(dataset(), 10, seed=3)) == [batch.tolist() for batch in sampler]


def test_items_of_a_batch_have_similar_lengths():
    spread = [np.ptp(LENGTHS[batch]) for batch in indices_of(make_loader(dataset(), 10))]
    random = [np.ptp(LENGTHS[batch]) for batch in np.split(np.random.default_rng(1).permutation(90), 9)]
    assert np.mean(spread) < 0.3 * np.mean(random)


def test_the_order_is_a_function_of_seed_and_epoch():
    first = indices_of(make_loader(dataset(), 10, seed=1))
    assert indices_of(make_loader(dataset(), 10, seed=1)) == first != indices_of(make_loader(dataset(), 10, seed=2))
    loader = make_loader(dataset(), 10, seed=1)
    loader.batch_sampler.set_epoch(1)
    assert indices_of(loader) != first


def test_without_shuffling_the_order_is_that_of_the_dataset():
    batches = indices_of(make_loader(dataset(), 30, shuffle=False))
    assert batches == [list(range(30)), list(range(30, 60)), list(range(60, 90)), list(range(90, 95))]


def test_workers_read_the_same_batches():
    alone, workers = (make_loader(dataset(), 10, seed=1, num_workers=number) for number in (0, 2))
    for one, other in zip(alone, workers, strict=True):
        assert torch.equal(one.values, other.values) and torch.equal(one.lengths, other.lengths)


@pytest.mark.parametrize("read", [0, 3, 9])
def test_a_loader_goes_on_after_the_batches_that_were_read(read):
    loader, resumed = make_loader(dataset(), 10, seed=1), make_loader(dataset(), 10, seed=1)
    iterator = iter(loader)
    before = [next(iterator).values[:, 0].tolist() for _ in range(read)]
    resumed.load_state_dict(loader.state_dict())
    assert before + indices_of(resumed) == indices_of(make_loader(dataset(), 10, seed=1))


def test_a_batch_of_no_items_is_refused():
    with pytest.raises(ValueError, match="a batch of 0 sequences"):
        make_loader(dataset(), 0)


def test_after_a_whole_epoch_a_loader_begins_the_next_one():
    loader, resumed = make_loader(dataset(), 10, seed=1), make_loader(dataset(), 10, seed=1)
    whole = indices_of(loader)
    resumed.load_state_dict(loader.state_dict())
    assert indices_of(resumed) == whole


def tensors_of(batch) -> list[Tensor]:
    parts = [getattr(batch, part.name) for part in dataclasses.fields(batch)]
    nested = [tensors_of(part) if dataclasses.is_dataclass(part) else [part] for part in parts]
    return [part for each in nested for part in each if isinstance(part, Tensor)]


BATCH, FEW = Batch.of([torch.ones(3), torch.ones(2)]), torch.tensor([0, 1])


@pytest.mark.parametrize(
    "batch",
    [
        BATCH,
        LabelledBatch(BATCH, FEW),
        PairBatch(BATCH, BATCH),
        TreeBatch(BATCH, FEW, ()),
        BagOfWordsBatch(BATCH, FEW, FEW),
        MaskedBatch(torch.ones(2, 1, 4, 4), torch.ones(2, 4, 4), FEW, FEW),
    ],
)
def test_all_tensors_of_a_batch_are_pinned_by_torch(batch, monkeypatch):
    monkeypatch.setattr(Tensor, "pin_memory", lambda tensor, *device: -tensor)  # which takes a GPU
    pinned = pin_memory(batch)
    assert type(pinned) is type(batch)
    assert len(tensors_of(pinned)) == len(tensors_of(batch)) >= 2
    for found, known in zip(tensors_of(pinned), tensors_of(batch)):
        assert torch.equal(found, -known)
