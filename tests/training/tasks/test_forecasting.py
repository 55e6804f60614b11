"""Composites in training: read the first steps, write them again, foretell the others."""

import pytest
import torch
from torch import nn

import seqae
from generators import waves
from seqae import Batch
from seqae.datasets.loader import make_loader
from seqae.modules.composite import CompositeAutoencoder, split_at
from seqae.training.tasks.forecasting import ReconstructAndForecast


def model(past: bool = True, future: bool = True) -> CompositeAutoencoder:
    def decoder():
        return seqae.RepeatDecoder(seqae.LSTM(8, 16), nn.Linear(16, 1))

    encoder = seqae.RecurrentEncoder(seqae.LSTM(1, 16), 8)
    return CompositeAutoencoder(encoder, decoder() if past else None, decoder() if future else None)


def test_cut_parts_each_sequence_after_its_first_steps():
    batch = Batch.of([torch.arange(5.0), torch.arange(4.0)])
    past, future = split_at(batch, 3)
    assert [part.tolist() for part in past.unpad()] == [[0, 1, 2], [0, 1, 2]]
    assert [part.tolist() for part in future.unpad()] == [[3, 4], [3]]


@pytest.mark.parametrize("steps", [0, 4])
def test_cut_leaves_a_step_to_each_side(steps):
    with pytest.raises(ValueError, match=f"{steps} steps of the past, and a sequence of 4"):
        split_at(Batch.of([torch.zeros(5), torch.zeros(4)]), steps)


def test_the_loss_is_the_mean_of_both_errors():
    torch.manual_seed(0)
    batch = Batch.of([torch.randn(7, 1), torch.randn(9, 1)])
    task = ReconstructAndForecast(model(), seqae.squared_error, context_length=4)
    past, future = split_at(batch, 4)
    expected = [
        torch.cat([(said - true).square() for said, true in zip(found.unpad(), part.unpad())]).mean()
        for found, part in zip((task.model.reconstruct(past), task.model(past, future.lengths).future), (past, future))
    ]
    torch.testing.assert_close(task.training_step(batch, 0), (expected[0] + expected[1]) / 2)


@pytest.mark.parametrize(("past", "future"), [(True, True), (True, False), (False, True)])
def test_it_learns_whatever_it_has_to_write(past, future):
    torch.manual_seed(0)
    source = waves(shortest=12, longest=14)
    task = ReconstructAndForecast(model(past, future), seqae.squared_error, context_length=8, learning_rate=0.02)
    history = seqae.fit(
        task,
        make_loader(source, 10),
        make_loader(source, 40, shuffle=False),
        epochs=25,
        patience=25,
        progress=False,
    )
    assert history.valid[-1] < 0.4 * history.valid[0]
