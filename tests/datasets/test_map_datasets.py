"""Our datasets are torch's: its data loaders, and those of torchdata, read the same batches as ours."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import ConcatDataset, Subset
from torchdata.stateful_dataloader import StatefulDataLoader

import seqae
from seqae.datasets import (
    CorruptedDataset,
    ImageDataset,
    LabelledBatch,
    LabelledDataset,
    LengthBucketSampler,
    MapDataset,
    MaskedBatch,
    MaskedImage,
    MaskedImageDataset,
    PairBatch,
    PairDataset,
    PositivePairs,
    SequenceDataset,
    ShiftedImages,
    TreeBatch,
    TreeDataset,
    make_loader,
)
from seqae.modules.trees import Tree, balanced
from seqae.transforms.corruptions import GaussianNoise

LENGTHS = np.random.default_rng(0).integers(1, 20, 23)


def sequences(seed: int = 0) -> SequenceDataset:
    random = np.random.default_rng(seed)
    return SequenceDataset([torch.from_numpy(random.normal(size=(length, 3))) for length in LENGTHS.tolist()])


def images() -> ImageDataset:
    return ImageDataset(torch.from_numpy(np.random.default_rng(0).integers(0, 256, (23, 1, 6, 5), dtype=np.uint8)))


def masked(index: int) -> MaskedImage:
    size = (4 + index % 3, 3 + index % 5)
    pixels = np.random.default_rng(index).integers(0, 256, (3, *size), dtype=np.uint8)
    return MaskedImage(str(index), torch.from_numpy(pixels), torch.full(size, index % 2))


def trees() -> TreeDataset:
    labels = [index % 2 if index % 3 else np.arange(2 * length - 1) for index, length in enumerate(LENGTHS)]
    return TreeDataset(sequences().sequences, labels, [balanced(length) for length in LENGTHS.tolist()])


NEIGHBOURS = np.random.default_rng(0).integers(0, 23, (23, 4))
DATASETS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "sequences": (sequences, seqae.Batch.of),
    "labelled": (lambda: LabelledDataset(sequences(), np.arange(23)), LabelledBatch.of),
    "pairs": (lambda: PairDataset(sequences(), sequences(1)), PairBatch.of),
    "corrupted": (lambda: CorruptedDataset(sequences(), GaussianNoise(0.3)), seqae.Batch.of),
    "corrupted and labelled": (
        lambda: CorruptedDataset(LabelledDataset(sequences(), np.arange(23)), GaussianNoise(0.3)),
        LabelledBatch.of,
    ),
    "images": (images, seqae.Batch.of),
    "shifted images": (lambda: ShiftedImages(images()), seqae.Batch.of),
    "masks": (lambda: MaskedImageDataset([masked(index) for index in range(23)]), MaskedBatch.of),
    "trees": (trees, TreeBatch.of),
    "labels without trees": (lambda: TreeDataset(sequences().sequences, [0] * 23), TreeBatch.of),
    "positive pairs": (lambda: PositivePairs(sequences(), NEIGHBOURS), PositivePairs.collate),
}


def leaves(batch: Any) -> list[Any]:
    """Everything that a batch holds; of padded sequences the steps."""
    if isinstance(batch, seqae.Batch):
        return [*batch.unpad(), batch.lengths]
    if isinstance(batch, Tensor | Tree) or batch is None:
        return [batch]
    if isinstance(batch, tuple | list):
        return [leaf for each in batch for leaf in leaves(each)]
    return [leaf for each in vars(batch).values() for leaf in leaves(each)]


def same(one: Any, other: Any) -> bool:
    pairs = list(zip(leaves(one), leaves(other), strict=True))
    return all(torch.equal(a, b) if isinstance(a, Tensor) else a is b or a == b for a, b in pairs)


def assert_same_batches(ours: Any, theirs: Any) -> None:
    pairs = list(zip(ours, theirs, strict=True))
    assert len(pairs) > 1 and all(type(one) is type(other) and same(one, other) for one, other in pairs)


def test_every_map_dataset_of_the_library_is_tried():
    tried = {type(dataset()) for dataset, _ in DATASETS.values()}
    assert {kind for kind in MapDataset.__subclasses__() if kind.__module__.startswith("seqae.")} <= tried


@pytest.mark.parametrize("name", DATASETS)
@pytest.mark.parametrize("loader", [torch.utils.data.DataLoader, StatefulDataLoader])
def test_loaders_of_torch_read_the_same_batches(name, loader):
    dataset, collate = DATASETS[name][0](), DATASETS[name][1]
    sampler = LengthBucketSampler(dataset.lengths, 5, seed=1)
    assert_same_batches(make_loader(dataset, 5, seed=1), loader(dataset, batch_sampler=sampler, collate_fn=collate))


@pytest.mark.parametrize("loader", [torch.utils.data.DataLoader, StatefulDataLoader])
def test_so_do_their_workers(loader):
    dataset = LabelledDataset(sequences(), np.arange(23))
    sampler = LengthBucketSampler(dataset.lengths, 5, seed=1)
    theirs = loader(dataset, batch_sampler=sampler, collate_fn=LabelledBatch.of, num_workers=2)
    assert_same_batches(make_loader(dataset, 5, seed=1), theirs)


@pytest.mark.parametrize("name", DATASETS)
def test_items_are_those_of_a_batch_of_one(name):
    dataset, collate = DATASETS[name][0](), DATASETS[name][1]
    assert len(dataset) == 23 and isinstance(dataset, torch.utils.data.Dataset)
    for index in (0, 7, 22):
        assert same(collate([dataset[index]]), dataset.batch(np.array([index])))
    assert same(dataset[-1], dataset[22])
    with pytest.raises(IndexError, match="item 23 of 23"):
        dataset[23]


def test_parts_and_joins_of_torch_work():
    source = sequences()
    joined = ConcatDataset([Subset(source, [4, 2]), source])
    found = next(iter(torch.utils.data.DataLoader(joined, batch_size=3, collate_fn=seqae.Batch.of)))
    assert same(found, source.batch([4, 2, 0]))


def test_a_stateful_loader_of_torchdata_goes_on_in_the_middle_of_an_epoch():
    source = sequences()

    def loader(workers: int) -> StatefulDataLoader:
        sampler = LengthBucketSampler(source.lengths, 5, seed=1)
        sampler.set_epoch(3)
        return StatefulDataLoader(source, batch_sampler=sampler, collate_fn=seqae.Batch.of, num_workers=workers)

    whole = list(loader(0))
    for workers in (0, 2):
        iterator = iter(first := loader(workers))
        read = [next(iterator) for _ in range(2)]
        second = loader(workers)
        second.load_state_dict(first.state_dict())
        assert_same_batches(whole, [*read, *second])
