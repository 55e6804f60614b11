"""What a model reads is corrupted while it trains, what it has to write is not."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from generators import normal
from seqae.autoencoder import AutoencoderOutput
from seqae.batch import Batch
from seqae.losses import squared_error
from seqae.training.tasks.reconstruction import Reconstruction
from seqae.transforms.corruptions import GaussianNoise


class Echo(nn.Module):
    """Writes what it reads, and asks a penalty of 1 for the first code and 2 for the second one."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[Batch] = []

    def forward(self, batch: Batch, targets: Batch) -> AutoencoderOutput:
        self.read += [batch, targets]
        return AutoencoderOutput(batch, torch.zeros(2, 3), torch.tensor([1.0, 2.0]))

    def reconstruct(self, batch: Batch) -> Batch:
        return batch


def test_the_loss_is_the_distance_of_the_written_from_the_clean_values_and_the_penalty_of_the_codes():
    batch, model = Batch.of(normal(5, 3, step=(2,))), Echo()
    loss = Reconstruction(model, squared_error, corrupt=GaussianNoise(0.5)).training_step(batch, 0)
    corrupted, targets = model.read
    assert targets is batch and not torch.equal(corrupted.values, batch.values)
    error = (corrupted.steps - batch.steps).square().mean()
    assert float(loss) == pytest.approx(float(error) + 1.5) and error > 0.05


def test_what_is_held_out_is_read_as_it_is():
    batch = Batch.of(normal(5, 3, step=(2,)))
    loss, count = Reconstruction(Echo(), squared_error, corrupt=GaussianNoise(0.5)).held_out_loss(batch)
    assert (float(loss), count) == (0, 16)
