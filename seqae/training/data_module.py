"""Sequences for Lightning: a split for training, validation and test, in batches of similar lengths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightning
import numpy as np
from torch import Tensor

from seqae._files import only_files
from seqae.data._files.array_files import read_npy
from seqae.data.signals.loading import as_recordings
from seqae.datasets.loader import DataLoader, make_loader
from seqae.datasets.sequences import Dataset, SequenceDataset, as_tensors

Reader = Callable[[Path], np.ndarray | Tensor]


class SequenceDataModule(lightning.LightningDataModule):
    """Sequences for training, validation and test, split at random by a seed, in batches of similar lengths.

    Prediction goes through all of them, in their order.

    Args:
        data: A folder of files, one sequence each, in the order of their names; or a dataset; or a list of sequences
            `(time, *step)`.
        batch_size: Sequences in a batch.
        valid: The fraction of the sequences for validation; 0 is none.
        test: The fraction of the sequences for the test; 0 is none.
        seed: Seed of the split and of the order of training.
        num_workers: Processes that read ahead.
        read: Returns the sequence in a file; by default .npy files hold arrays, others tables of readings, see
            `seqae.as_recordings`.

    Raises:
        ValueError: The fractions leave nothing for training, or the folder holds no files.

    Examples:
        >>> import torch
        >>> from seqae.training import SequenceDataModule
        >>> data = SequenceDataModule([torch.randn(5 + n % 4, 3) for n in range(20)], batch_size=4, valid=0.2, test=0.1)
        >>> data.setup("fit")
        >>> len(data.train_dataloader()), len(data.val_dataloader()), len(data.test_dataloader())
        (4, 1, 1)

        For `trainer.fit(task, datamodule=data)`, `trainer.test(task, datamodule=data)`, and `trainer.predict`.
    """

    def __init__(
        self,
        data: str | Path | Dataset[Any] | Sequence[np.ndarray | Tensor],
        batch_size: int = 32,
        valid: float = 0.15,
        test: float = 0.15,
        seed: int = 0,
        num_workers: int = 0,
        read: Reader | None = None,
    ):
        super().__init__()
        if not (valid >= 0 and test >= 0 and valid + test < 1):
            raise ValueError(f"valid={valid} and test={test}. Expected fractions from 0 on whose sum is below 1")
        self.data = data
        self.batch_size = batch_size
        self.valid = valid
        self.test = test
        self.seed = seed
        self.num_workers = num_workers
        self.read = read

    def setup(self, stage: str | None = None) -> None:
        """Read the files, once, and split the sequences."""
        if hasattr(self, "dataset"):
            return
        self.dataset = _dataset(self.data, self.read or _sequence_in)
        count = len(self.dataset.lengths)
        order = np.random.default_rng(self.seed).permutation(count)
        held_out = _count(count, self.valid), _count(count, self.test)
        if sum(held_out) >= count:
            raise ValueError(
                f"{count} sequences are too few for training, validation and test. Give more, or valid=0 and test=0"
            )
        self.valid_indices, self.test_indices, self.train_indices = (
            np.sort(part) for part in np.split(order, np.cumsum(held_out))
        )

    def train_dataloader(self) -> DataLoader[Any]:
        """Return the batches for training, in another order in each epoch."""
        return self._loader(self.train_indices, shuffle=True)

    def val_dataloader(self) -> DataLoader[Any] | list[Any]:
        """Return the batches for validation; empty if there are none."""
        return self._loader(self.valid_indices) if len(self.valid_indices) else []

    def test_dataloader(self) -> DataLoader[Any] | list[Any]:
        """Return the batches for the test; empty if there are none."""
        return self._loader(self.test_indices) if len(self.test_indices) else []

    def predict_dataloader(self) -> DataLoader[Any]:
        """Return all sequences in their order."""
        return self._loader(np.arange(len(self.dataset.lengths)))

    def _loader(self, indices: np.ndarray, shuffle: bool = False) -> DataLoader[Any]:
        return make_loader(_Part(self.dataset, indices), self.batch_size, self.seed, shuffle, self.num_workers)


class _Part:
    """Some items of a dataset."""

    def __init__(self, dataset: Dataset[Any], indices: np.ndarray):
        self.dataset = dataset
        self.indices = indices
        self.lengths = np.asarray(dataset.lengths)[indices]

    def batch(self, indices: np.ndarray) -> Any:
        return self.dataset.batch(self.indices[indices])


def _count(total: int, fraction: float) -> int:
    """Return the number of sequences of a part: at least one, if it is to have any."""
    return max(1, round(total * fraction)) if fraction else 0


def _dataset(data: Any, read: Reader) -> Dataset[Any]:
    if hasattr(data, "lengths") and hasattr(data, "batch"):
        return data
    if isinstance(data, str | Path):
        files = sorted(only_files(path for path in Path(data).iterdir() if not path.name.startswith(".")))
        if not files:
            raise ValueError(f"no files in {data}. Give a folder of files, one sequence each")
        data = [read(path) for path in files]
    return SequenceDataset(as_tensors(data))


def _sequence_in(path: Path) -> np.ndarray:
    if path.suffix == ".npy":
        return read_npy(path)
    (recording,) = as_recordings(path)
    return recording.values
