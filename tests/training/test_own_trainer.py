"""Tasks in a Trainer of one's own: plain data loaders, and a word if nothing was learnt."""

from __future__ import annotations

import warnings

import lightning
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from seqae import Autoencoder, Batch, ConstantDecoder, MeanEncoder, Reconstruction, fit, squared_error
from seqae.training import TrainingWarning

ROWS = torch.randn(20, 7, 3, generator=torch.Generator().manual_seed(0))


def task() -> Reconstruction:
    torch.manual_seed(0)
    model = Autoencoder(MeanEncoder(3, 2), ConstantDecoder(nn.Linear(2, 3)))
    return Reconstruction(model, squared_error, learning_rate=1e-4)


def train(loader: object, valid: object = None) -> Reconstruction:
    trained = task()
    trainer = lightning.Trainer(
        max_epochs=1, logger=False, enable_progress_bar=False, enable_model_summary=False,
        enable_checkpointing=False, accelerator="cpu",
    )  # fmt: skip
    trainer.fit(trained, loader, valid)
    return trained


def weights(trained: Reconstruction) -> Tensor:
    return torch.cat([each.detach().flatten() for each in trained.parameters()])


@pytest.mark.filterwarnings("ignore")
def test_tensors_of_plain_loaders_are_sequences_of_one_length():
    expected = weights(train(DataLoader(list(ROWS), batch_size=5, collate_fn=Batch.of)))
    for data in (ROWS, TensorDataset(ROWS), list(ROWS), list(ROWS.double().numpy())):
        loader = DataLoader(data, batch_size=5)
        assert torch.equal(weights(train(loader, loader)), expected)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("data", [TensorDataset(ROWS, torch.arange(20)), TensorDataset(ROWS[:, :, 0]), ROWS.long()])
def test_what_are_no_sequences_is_refused_with_the_function_that_makes_batches(data):
    with pytest.raises(ValueError, match=r"collate_fn=seqae\.Batch\.of"):
        train(DataLoader(data, batch_size=5))


@pytest.mark.filterwarnings("ignore")
def test_the_error_of_torch_for_unequal_lengths_has_the_advice_as_a_note():
    with pytest.raises(RuntimeError, match="stack expects") as caught:
        train(DataLoader([ROWS[0], ROWS[1, :4]], batch_size=2))
    assert "collate_fn=seqae.Batch.of" in caught.value.__notes__[-1]


@pytest.mark.filterwarnings("ignore:.*(num_workers|val_dataloader|logging interval|workers)")
def test_a_trainer_of_ones_own_says_once_that_nothing_was_learnt_as_fit_does():
    loader = DataLoader(list(ROWS), batch_size=5, collate_fn=Batch.of)
    for run in (
        lambda: train(loader),
        lambda: train(loader, loader),
        lambda: fit(task(), loader, epochs=1, progress=False),
    ):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            run()
        told = [str(each.message) for each in caught if issubclass(each.category, TrainingWarning)]
        assert len(told) == 1 and "little more than the mean" in told[0]
