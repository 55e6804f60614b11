"""Layers on each other, as an encoder."""

import torch
from torch import nn

import seqae
from seqae import Batch
from seqae.modules.convolution import Convolutions
from seqae.modules.pooling import max_over_time
from seqae.modules.stacked import EachStep, StackedEncoder


def stack() -> StackedEncoder:
    torch.manual_seed(0)
    layers = [Convolutions(2, [5]), EachStep(nn.Sequential(nn.Linear(5, 6), nn.ReLU())), seqae.LSTM(6, 4)]
    return StackedEncoder(layers, 4, max_over_time).eval()


def test_a_code_is_the_same_alone_as_in_a_spoiled_batch():
    encoder, sequences = stack(), [torch.randn(length, 2) for length in (3, 1, 7)]
    batch = Batch.of(sequences)
    spoiled = Batch(torch.where(batch.mask.unsqueeze(-1), batch.values, torch.nan), batch.lengths)
    alone = torch.cat([encoder(Batch.of([sequence])) for sequence in sequences])
    torch.testing.assert_close(encoder(spoiled), alone, rtol=0, atol=1e-5)


def test_each_step_is_read_by_itself():
    batch = Batch.of([torch.randn(3, 2), torch.randn(2, 2)])
    layer = nn.Linear(2, 4)
    torch.testing.assert_close(EachStep(layer)(batch).steps, layer(batch.steps))


def test_saved_and_loaded_gives_the_same_codes(tmp_path):
    encoder, batch = stack(), Batch.of([torch.randn(3, 2), torch.randn(2, 2)])
    seqae.save(encoder, tmp_path / "stack")
    assert torch.equal(seqae.load(tmp_path / "stack")(batch), encoder(batch))
