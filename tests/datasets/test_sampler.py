"""Several processes read disjoint parts of each batch, of equal work; together they read what one would."""

from typing import Any

import numpy as np
import pytest
import torch

from seqae.datasets import DataLoader, LengthBucketSampler, SequenceDataset

LENGTHS = np.random.default_rng(0).integers(1, 100, 95)


def parts(lengths: np.ndarray, batch_size: int, world_size: int, **settings: Any) -> list[list[np.ndarray]]:
    return [
        list(LengthBucketSampler(lengths, batch_size, num_replicas=world_size, rank=rank, **settings))
        for rank in range(world_size)
    ]


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("world_size", [2, 3])
def test_each_batch_of_all_together_is_one_of_a_single_process(world_size, shuffle):
    together = parts(LENGTHS, 4, world_size, seed=5, shuffle=shuffle)
    alone = list(LengthBucketSampler(LENGTHS, 4 * world_size, seed=5, shuffle=shuffle))
    assert len(alone) == len(together[0]) > 5
    for *dealt, whole in zip(*together, alone, strict=True):
        assert sorted(np.concatenate(dealt)) == sorted(whole)


@pytest.mark.parametrize("items", range(2, 30))
@pytest.mark.parametrize(("world_size", "batch_size"), [(1, 3), (2, 3), (3, 1), (4, 2)])
def test_every_item_is_read_once_in_as_many_batches_by_each(items, world_size, batch_size):
    if items < world_size:
        with pytest.raises(ValueError, match=f"{items} items for {world_size} processes"):
            parts(LENGTHS[:items], batch_size, world_size)
        return
    together = parts(LENGTHS[:items], batch_size, world_size)
    counts = {len(own) for own in together}
    sampler = LengthBucketSampler(LENGTHS[:items], batch_size, num_replicas=world_size, rank=0)
    assert counts == {len(sampler)}
    assert sorted(np.concatenate([batch for own in together for batch in own])) == list(range(items))
    sizes = [[len(batch) for batch in batches] for batches in zip(*together)]
    assert all(max(each) - min(each) <= 1 and max(each) <= batch_size + 1 and min(each) > 0 for each in sizes)


def test_work_is_equal():
    lengths = np.exp(np.random.default_rng(0).uniform(np.log(10), np.log(1000), 4000)).astype(int)
    work = [[lengths[batch].max() * len(batch) for batch in own] for own in parts(lengths, 8, 4)]
    waited = np.max(work, axis=0).sum() / np.mean(work, axis=0).sum()  # a step takes as long as its slowest process
    assert waited < 1.02


def test_processes_follow_the_epoch_and_resume():
    source = SequenceDataset([torch.full((length,), index) for index, length in enumerate(LENGTHS.tolist())])

    def loader(rank: int) -> DataLoader:
        return DataLoader(source, LengthBucketSampler(LENGTHS, 6, num_replicas=2, rank=rank))

    for rank in (0, 1):
        first = [batch.values[:, 0].tolist() for batch in loader(rank)]
        later, resumed = loader(rank), loader(rank)
        for each in (later, resumed):
            each.batch_sampler.set_epoch(1)
        second = [batch.values[:, 0].tolist() for batch in later]
        assert second != first and len(second) == len(first)
        resumed.load_state_dict({"batches_read": 3})
        assert [batch.values[:, 0].tolist() for batch in resumed] == second[3:]


@pytest.mark.parametrize(
    ("settings", "match"), [({"rank": 1}, "Give both"), ({"num_replicas": 2, "rank": 2}, "rank 2 of 2")]
)
def test_a_process_that_is_none_is_refused(settings, match):
    with pytest.raises(ValueError, match=match):
        LengthBucketSampler(LENGTHS, 4, **settings)


def test_batches_come_in_no_order_of_length_and_hold_no_neighbours():
    lengths = np.arange(1, 1001)
    sorted_together = [int(lengths[batch].mean()) for batch in LengthBucketSampler(lengths, 10, bucket_size=100)]
    assert sorted_together != sorted(sorted_together)
    at_random = list(LengthBucketSampler(lengths, 10, bucket_size=1))
    assert not any(np.ptp(batch) == 9 for batch in at_random)
    within_buckets = list(LengthBucketSampler(lengths, 10, bucket_size=10))
    assert np.mean([np.ptp(batch) == 9 for batch in within_buckets]) < 0.1
