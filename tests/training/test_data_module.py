"""Splits for Lightning: every sequence is in one part, the same for the same seed."""

import numpy as np
import pandas as pd
import pytest
import torch

import seqae
from generators import waves
from seqae.datasets import LabelledDataset
from seqae.training import SequenceDataModule


def set_up(data, **settings) -> SequenceDataModule:
    module = SequenceDataModule(data, **settings)
    module.setup("fit")
    return module


def rows(loader) -> list[list[float]]:
    return sorted(sequence.flatten().tolist() for batch in loader for sequence in batch.unpad())


def test_every_sequence_is_in_one_part():
    module = set_up(waves().sequences, batch_size=4, valid=0.2, test=0.1)
    parts = [rows(loader()) for loader in (module.train_dataloader, module.val_dataloader, module.test_dataloader)]
    assert [len(part) for part in parts] == [28, 8, 4]
    assert sorted(parts[0] + parts[1] + parts[2]) == rows(module.predict_dataloader())
    assert [len(sequence) for batch in module.predict_dataloader() for sequence in batch.unpad()] == list(
        waves().lengths
    )


def test_the_seed_chooses_the_parts():
    def parts(seed: int) -> list[int]:
        return set_up(waves(), seed=seed).test_indices.tolist()

    assert parts(0) == parts(0) != parts(1)


def test_training_has_another_order_in_each_epoch_and_similar_lengths_in_a_batch():
    sequences = [torch.zeros(1 + n % 30, 1) for n in range(600)]
    loader = set_up(sequences, batch_size=10).train_dataloader()
    spread = [int(batch.lengths.max() - batch.lengths.min()) for batch in loader]
    assert np.mean(spread) < 5
    first = [batch.lengths.tolist() for batch in loader]
    loader.batch_sampler.set_epoch(1)
    assert first != [batch.lengths.tolist() for batch in loader]


def test_a_dataset_of_any_kind_is_split():
    data = LabelledDataset(waves(), np.arange(40) % 4)
    module = set_up(data, batch_size=40)
    (batch,) = module.val_dataloader()
    assert batch.labels.tolist() == [index % 4 for index in module.valid_indices.tolist()]


def test_a_folder_of_files_is_read(tmp_path):
    for index in range(4):
        np.save(tmp_path / f"{index}.npy", np.full((3 + index, 2), index, dtype=np.float32))
    frame = pd.DataFrame({"flow": [4.0] * 9, "pressure": [4.0, 5.0] * 4 + [4.0]})
    frame.to_csv(tmp_path / "4.csv", index=False)
    (tmp_path / ".hidden").touch()
    module = set_up(tmp_path, batch_size=8, valid=0.2, test=0)
    (batch,) = module.predict_dataloader()
    assert batch.lengths.tolist() == [3, 4, 5, 6, 9] and batch.values.dtype == torch.float32
    assert [float(sequence[0, 0]) for sequence in batch.unpad()] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert len(module.test_dataloader()) == 0 and len(list(module.val_dataloader())) == 1


def test_files_of_ones_own_kind_are_read(tmp_path):
    for index in range(4):
        (tmp_path / f"{index}.txt").write_text("a" * (index + 1))
    read = lambda path: torch.tensor([ord(letter) for letter in path.read_text()])  # noqa: E731
    module = set_up(tmp_path, read=read)
    assert sum(int(batch.lengths.sum()) for batch in module.predict_dataloader()) == 10


def test_parts_that_leave_nothing_are_refused(tmp_path):
    with pytest.raises(ValueError, match="sum is below 1"):
        SequenceDataModule(waves(), valid=0.5, test=0.5)
    with pytest.raises(ValueError, match="too few for training"):
        set_up(waves().sequences[:2])
    with pytest.raises(ValueError, match="no files in"):
        set_up(tmp_path)
    assert len(set_up(waves().sequences[:1], valid=0, test=0).train_dataloader()) == 1


def test_two_set_ups_read_once(tmp_path):
    np.save(tmp_path / "0.npy", np.zeros((3, 2), dtype=np.float32))
    module = set_up(tmp_path, valid=0, test=0)
    (tmp_path / "0.npy").unlink()
    module.setup("test")
    assert isinstance(module.dataset, seqae.SequenceDataset)
