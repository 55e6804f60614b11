"""Models without recurrence are compiled by torch and learn the same."""

import copy

import pytest
import torch
from torch import nn

import seqae
from generators import normal
from seqae.batch import Batch
from seqae.modules.positional import PositionalDecoder, PositionalEncoder
from seqae.modules.self_attention import SelfAttention


def convolutions() -> seqae.Autoencoder:
    return seqae.Autoencoder(seqae.ConvEncoder(3, 4, (8, 8)), seqae.ConvDecoder(4, nn.Linear(8, 3), (8, 8)))


def attention() -> seqae.Autoencoder:
    encoder, decoder = (SelfAttention(8, 8, num_layers=1) for _ in range(2))
    return seqae.Autoencoder(PositionalEncoder(3, encoder, 4), PositionalDecoder(4, decoder, nn.Linear(8, 3)))


@pytest.mark.parametrize("make", [convolutions, attention])
def test_a_compiled_autoencoder_has_the_loss_and_the_gradients_of_the_model(make):
    torch.manual_seed(0)
    known, batch = make(), Batch.of(normal(5, 9, 2, step=(3,)))
    compiled = torch.compile(ours := copy.deepcopy(known), backend="aot_eager")
    torch._dynamo.reset()
    losses = [seqae.squared_error(model(batch).prediction.steps, batch.steps).mean() for model in (compiled, known)]
    torch.testing.assert_close(*losses)
    sum(losses).backward()
    for found, expected in zip(ours.parameters(), known.parameters()):
        torch.testing.assert_close(found.grad, expected.grad, rtol=1e-4, atol=1e-6)
    assert torch.compile(known.encoder, backend="aot_eager", fullgraph=True)(batch).shape == (3, 4)
