"""Whatever holds sequences, as batches: lists, datasets, data loaders of seqae and of torch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, cast

import numpy as np
import torch
import torch.utils.data
from torch import Tensor
from torch.utils.data.distributed import DistributedSampler

from seqae.batch import Batch
from seqae.datasets.loader import DataLoader, make_loader
from seqae.datasets.sampler import DistributedBatchSampler, LengthBucketSampler
from seqae.datasets.sequences import Dataset, SequenceDataset, as_tensors

_ADVICE = (
    "Expected a seqae.Batch, or a float tensor (batch, time, channel), which is taken as sequences of one length. Give "
    "the loader collate_fn=seqae.Batch.of, or `of` of the kind of batch that the task reads, or give fit the list of "
    "sequences (time, channel)"
)


def as_batches(data: Iterable[Any] | Dataset[Any], batch_size: int = 32, shuffle: bool = False) -> Iterable[Any]:
    """Return an iterable of batches that can be gone through again.

    Args:
        data: A `DataLoader` of seqae or of torch; a `Dataset` with `lengths` and `batch`; arrays or tensors
            `(time, *step)` in a list, or in one array `(sequences, time, *step)`; or a list of batches. Tensors of
            floats `(batch, time, channel)` that a loader yields, alone or as the one tensor of a `TensorDataset`, are
            sequences of one length.
        batch_size: Items in a batch, if `data` is no loader.
        shuffle: Whether each epoch has a new random order, if `data` is no loader.

    Raises:
        ValueError: It is clear at once that `data` cannot be read so; or, while iterating, a batch cannot.

    Examples:
        >>> import torch
        >>> [batch.lengths.tolist() for batch in as_batches([torch.zeros(length, 3) for length in (5, 2, 6)])]
        [[5, 2, 6]]
    """
    if isinstance(data, DataLoader):
        return data
    if isinstance(data, torch.utils.data.DataLoader):
        return _with_collate(data)
    if isinstance(data, list | tuple) and not data:
        raise ValueError("no sequences (an empty list). Expected at least one")
    if hasattr(data, "lengths") and callable(getattr(data, "batch", None)):
        return make_loader(cast(Dataset[Any], data), batch_size, shuffle=shuffle)
    if isinstance(data, np.ndarray | Tensor) or _is_list_of(data, np.ndarray | Tensor):
        return make_loader(SequenceDataset(as_tensors(_sequences(data))), batch_size, shuffle=shuffle)
    if isinstance(data, torch.utils.data.Dataset):
        raise ValueError(
            f"a {type(data).__name__}, which has no lengths. Expected a dataset of seqae or a list of sequences. Put "
            "it into torch.utils.data.DataLoader(..., collate_fn=seqae.Batch.of), which takes sequences (time, channel)"
        )
    if isinstance(data, Iterator) or not hasattr(data, "__iter__"):
        raise ValueError(
            f"batches in a {type(data).__name__}. Expected a list of sequences, a dataset or a data loader, which can "
            "be gone through once an epoch"
        )
    return (
        [as_batch(each) for each in data] if isinstance(data, list | tuple) else _Converted(cast(Iterable[Any], data))
    )


def as_batch(found: Any) -> Any:
    """Return what a loader yields as a batch; batches, of any kind, stay as they are.

    Raises:
        ValueError: It is neither a batch nor floats `(batch, time, channel)`.
    """
    if hasattr(found, "lengths") and hasattr(found, "to"):
        return found
    values = found[0] if isinstance(found, list | tuple) and len(found) == 1 else found
    if isinstance(values, Tensor) and values.ndim == 3 and values.is_floating_point() and 0 not in values.shape:
        return Batch.full(values.float() if values.dtype == torch.float64 else values)
    raise ValueError(f"got {_described(found)} in place of a batch. {_ADVICE}")


def deal_out(loader: Any) -> Any:
    """Return a loader, as `as_batches` returns it, of which each of the processes that train together reads a part.

    Raises:
        ValueError: The loader has no batch sampler whose batches could be dealt out.
    """
    sampler = getattr(loader, "batch_sampler", None)
    if isinstance(sampler, LengthBucketSampler | DistributedBatchSampler) or isinstance(
        getattr(loader, "sampler", None), DistributedSampler
    ):
        return loader
    if isinstance(loader, DataLoader):
        return DataLoader(loader.dataset, DistributedBatchSampler(loader.batch_sampler), loader.num_workers)
    if isinstance(loader, torch.utils.data.DataLoader) and sampler is not None:
        dealt = copy.copy(loader)
        vars(dealt)["batch_sampler"] = DistributedBatchSampler(sampler)  # torch refuses to set it
        return dealt
    raise ValueError(
        f"several processes cannot share the batches of a {type(loader).__name__} without a batch sampler. Give a list "
        "of sequences, a dataset, or a data loader of a map-style dataset"
    )


class _Collate:
    """A collate function whose result is turned into a batch.

    Args:
        collate: The collate function of a data loader of torch.
    """

    def __init__(self, collate: Callable[[Any], Any]):
        self.collate = collate

    def __call__(self, items: Any) -> Any:
        try:
            found = self.collate(items)
        except (RuntimeError, TypeError) as error:
            if "stack expects" not in str(error) and "default_collate" not in str(error):
                raise
            raise ValueError(
                f"a data loader cannot join its items ({str(error).splitlines()[0]}). {_ADVICE}"
            ) from error
        return as_batch(found)


class _Converted:
    """An iterable whose elements are turned into batches; everything else that it has, it still has.

    Args:
        loader: Any iterable.
    """

    def __init__(self, loader: Iterable[Any]):
        self.loader = loader

    def __getattr__(self, name: str) -> Any:
        if name == "loader":  # asked for by copy, before there is one
            raise AttributeError(name)
        return getattr(self.loader, name)

    def __len__(self) -> int:
        return len(self.loader)  # type: ignore[arg-type]  # a TypeError, as it would be without this class

    def __iter__(self) -> Iterator[Any]:
        return map(as_batch, self.loader)


def _with_collate(loader: torch.utils.data.DataLoader[Any]) -> torch.utils.data.DataLoader[Any]:
    """Return a data loader of torch, with the same sampler, whose collate function makes batches."""
    converted = copy.copy(loader)
    converted.collate_fn = _Collate(loader.collate_fn)
    return converted


def _sequences(data: Any) -> Sequence[Any]:
    if isinstance(data, np.ndarray | Tensor) and data.ndim < 3:
        raise ValueError(
            f"one array of shape {tuple(data.shape)}. Expected sequences (time, *step) in a list, or one array "
            "(sequences, time, *step). Put a single sequence into a list"
        )
    return data


def _is_list_of(data: Any, kinds: Any) -> bool:
    return isinstance(data, list | tuple) and all(isinstance(each, kinds) for each in data)


def _described(found: Any) -> str:
    if isinstance(found, Tensor):
        return f"a tensor of {str(found.dtype).removeprefix('torch.')} {tuple(found.shape)}"
    if isinstance(found, list | tuple):
        return f"a {type(found).__name__} of {', '.join(map(_described, found[:3]))}{', ...' if len(found) > 3 else ''}"
    return f"a {type(found).__name__}"
