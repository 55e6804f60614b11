"""Everything that obviously holds sequences is read as batches; everything else is refused, in one sentence."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchdata.stateful_dataloader import StatefulDataLoader

import seqae
from seqae.datasets import LabelledDataset, as_batches, make_loader

VALUES = torch.randn(20, 7, 3, generator=torch.Generator().manual_seed(0))
RAGGED = [VALUES[index, : 1 + index % 7] for index in range(20)]


def steps_of(batches: Any) -> list[list[torch.Tensor]]:
    return [batch.unpad() for batch in batches]


def assert_same(batches: Any, expected: list[list[torch.Tensor]]) -> None:
    for one, other in zip(steps_of(batches), expected, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("loader", [DataLoader, StatefulDataLoader])
@pytest.mark.parametrize("data", [TensorDataset(VALUES), VALUES, list(VALUES)], ids=["TensorDataset", "tensor", "list"])
@pytest.mark.parametrize("workers", [0, 1])
def test_loaders_of_full_tensors_are_taken(loader, data, workers):
    own = loader(data, batch_size=8, num_workers=workers)
    assert_same(as_batches(own), [list(VALUES[:8]), list(VALUES[8:16]), list(VALUES[16:])])
    assert not isinstance(next(iter(own)), seqae.Batch)  # the caller's loader stays as it is


def test_a_loader_with_its_collate_function_is_taken_as_it_is():
    assert_same(
        as_batches(DataLoader(RAGGED, batch_size=8, collate_fn=seqae.Batch.of)), [RAGGED[:8], RAGGED[8:16], RAGGED[16:]]
    )


@pytest.mark.parametrize(
    "data",
    [
        RAGGED,
        tuple(RAGGED),
        [each.numpy() for each in RAGGED],
        [each.double().numpy() for each in RAGGED],
        seqae.SequenceDataset(RAGGED),
    ],
    ids=["tensors", "tuple", "arrays", "doubles", "dataset"],
)
def test_lists_and_datasets_are_read_in_batches(data):
    assert_same(as_batches(data, 8), [RAGGED[:8], RAGGED[8:16], RAGGED[16:]])
    assert [len(batch) for batch in as_batches(data)] == [20]
    first, again = (steps_of(as_batches(data, 8, shuffle=True)) for _ in range(2))
    assert [len(each) for each in first[0]] == [len(each) for each in again[0]] != [len(each) for each in RAGGED[:8]]


def test_one_array_of_sequences_is_a_list_of_them():
    assert_same(as_batches(VALUES.numpy(), 16), [list(VALUES[:16]), list(VALUES[16:])])


def test_batches_and_our_loaders_stay_as_they_are():
    batches = [seqae.Batch.of(RAGGED[:3]), seqae.Batch.of(RAGGED[3:])]
    assert as_batches(batches) == batches
    loader = make_loader(LabelledDataset(seqae.SequenceDataset(RAGGED), np.arange(20)), 8)
    assert as_batches(loader) is loader


def test_an_iterable_of_the_callers_own_keeps_what_it_has():
    class Own:
        sampler = "its sampler"

        def __iter__(self):
            return iter([VALUES[:4], seqae.Batch.of(RAGGED)])

        def __len__(self):
            return 2

    batches: Any = as_batches(Own())
    assert len(batches) == 2 and batches.sampler == "its sampler"
    for _ in range(2):
        assert_same(batches, [list(VALUES[:4]), RAGGED])


@pytest.mark.parametrize(
    ("data", "described"),
    [
        (DataLoader(TensorDataset(VALUES[:, :, 0]), 8), r"a list of a tensor of float32 \(8, 7\)"),
        (DataLoader(VALUES[:, :, 0], 8), r"a tensor of float32 \(8, 7\)"),
        (DataLoader(VALUES, batch_size=None), r"a tensor of float32 \(7, 3\)"),
        (DataLoader(VALUES.unsqueeze(1), 8), r"a tensor of float32 \(8, 1, 7, 3\)"),
        (DataLoader(VALUES.long(), 8), r"a tensor of int64 \(8, 7, 3\)"),
        (DataLoader(TensorDataset(VALUES, VALUES), 8), r"a list of a tensor of float32 \(8, 7, 3\), a tensor"),
        (DataLoader(RAGGED, 8), "stack expects each tensor to be equal size"),
        (DataLoader(RAGGED, 8, collate_fn=list), r"a list of a tensor of float32 \(1, 3\), .*\.\.\."),
        (DataLoader([{"x": each} for each in VALUES], 8), "a dict"),
    ],
    ids=["2-D dataset", "2-D", "single items", "4-D", "integers", "two tensors", "ragged", "list", "dict"],
)
def test_what_could_be_several_things_is_refused_with_what_to_do(data, described):
    with pytest.raises(ValueError, match=f"{described}.* collate_fn=seqae.Batch.of"):
        list(as_batches(data))


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (TensorDataset(VALUES), "a TensorDataset, which has no lengths.*collate_fn=seqae.Batch.of"),
        (iter([seqae.Batch.of(RAGGED)]), "batches in a list_iterator.*gone through once an epoch"),
        (seqae.Batch.of(RAGGED), "batches in a Batch"),
        (VALUES[0], r"one array of shape \(7, 3\).*into a list"),
        ([VALUES[0], VALUES[0][:0]], "sequence 1 of 2 is empty"),
        ([np.array(["a"])], "sequence 0 holds <U1 values"),
        (3, "batches in a int"),
        ([], "no sequences"),
        ([[1.0, 2.0], [3.0]], "got a list of a float, a float in place of a batch"),
    ],
    ids=["dataset", "iterator", "batch", "one sequence", "empty", "texts", "number", "nothing", "lists"],
)
def test_what_holds_no_batches_is_refused_at_once(data, match):
    with pytest.raises(ValueError, match=match):
        as_batches(data)


@pytest.mark.parametrize("data", [RAGGED, DataLoader(TensorDataset(VALUES), 8), seqae.SequenceDataset(RAGGED)])
def test_fit_trains_on_all_of_them(data):
    torch.manual_seed(0)
    model = seqae.Autoencoder(seqae.MeanEncoder(3, 2), seqae.ConstantDecoder(nn.Linear(2, 3)))
    task = seqae.Reconstruction(model, seqae.squared_error, learning_rate=0.05)
    history = seqae.fit(task, data, data, epochs=5, progress=False)
    assert history.train[-1] < history.train[0] and len(history.valid) == 5
