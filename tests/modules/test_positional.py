"""Attention pooling against a loop in numpy, and what the positional encoder and decoder do with positions and code."""

import numpy as np
import pytest
import torch
from torch import nn

from seqae.batch import Batch
from seqae.modules.convolution import Convolutions
from seqae.modules.missing import MissingValueEmbedding
from seqae.modules.positional import AttentionPooling, PositionalDecoder, PositionalEncoder
from seqae.modules.recurrent import GRU, LSTM
from seqae.modules.self_attention import SelfAttention

NETWORKS = {
    "lstm": lambda: LSTM(8, 4, bidirectional=True),
    "gru": lambda: GRU(8, 8),
    "convolutions": lambda: Convolutions(8, (8, 8)),
    "self-attention": lambda: SelfAttention(8, 8, dropout=0.2),
}
each_network = pytest.mark.parametrize("network", NETWORKS.values(), ids=list(NETWORKS))


def test_pooling_is_a_weighted_mean_of_each_part():
    torch.manual_seed(0)
    pool = AttentionPooling(6, num_queries=2)
    batch = Batch.of([torch.randn(length, 6) for length in (5, 1, 3)])
    score, offset = pool.score.weight.detach().numpy(), pool.score.bias.detach().numpy()
    value, shift = pool.value.weight.detach().numpy(), pool.value.bias.detach().numpy()
    for found, row in zip(pool(batch), batch.unpad()):
        steps, known = row.numpy(), []
        for query in range(2):
            weights = np.exp([score[query] @ step + offset[query] for step in steps])
            parts = [(value @ step + shift)[3 * query : 3 * query + 3] for step in steps]
            known.append(sum(weight * part for weight, part in zip(weights, parts)) / weights.sum())
        np.testing.assert_allclose(found.detach().numpy(), np.concatenate(known), atol=1e-5)


def test_pooling_refuses_queries_that_do_not_divide_the_vectors():
    with pytest.raises(ValueError, match="4 queries for vectors of 6"):
        AttentionPooling(6)


@each_network
def test_padding_of_any_kind_changes_no_code(network):
    torch.manual_seed(0)
    encoder = PositionalEncoder(6, network(), 4, MissingValueEmbedding()).eval()
    rows = [torch.randn(length, 3) for length in (5, 1, 9)]
    rows[0][2, 1] = torch.nan
    batch = Batch.of(rows)
    known = torch.cat([encoder(Batch.of([row])) for row in rows])
    torch.testing.assert_close(encoder(batch), known, atol=1e-5, rtol=1e-5)
    for spoilt in (torch.nan, torch.inf, 1e9):
        values = torch.cat([batch.values, torch.zeros(3, 4, 3)], dim=1)
        values[~Batch(values, batch.lengths).mask] = spoilt
        torch.testing.assert_close(encoder(Batch(values, batch.lengths)), known, atol=1e-5, rtol=1e-5)


@each_network
def test_one_step_and_two_thousand_are_read_and_written(network):
    torch.manual_seed(0)
    encoder, decoder = PositionalEncoder(3, network(), 4), PositionalDecoder(4, network(), nn.Linear(8, 3))
    batch = Batch.of([torch.randn(1, 3), torch.randn(2000, 3)])
    codes = encoder(batch)
    assert codes.isfinite().all()
    assert [row.shape for row in decoder(codes, batch.lengths).unpad()] == [(1, 3), (2000, 3)]


def test_order_of_the_steps_counts_for_self_attention():
    torch.manual_seed(0)
    encoder = PositionalEncoder(3, SelfAttention(8, 8), 4)
    batch = Batch.of([torch.randn(6, 3)])
    assert (encoder(batch) - encoder(batch.reversed())).abs().max() > 1e-3


def test_code_scales_and_shifts_the_positions():
    class Same(nn.Module):
        input_size = output_size = 2

        def forward(self, batch: Batch) -> Batch:
            return batch

    decoder = PositionalDecoder(1, Same(), nn.Identity(), frequencies=1)
    with torch.no_grad():
        decoder.from_position.weight.copy_(torch.eye(2, 4))  # the sine and cosine of a period of four steps
        decoder.from_position.bias.zero_()
        decoder.from_code.weight.copy_(torch.tensor([[1.0], [0.0], [0.0], [10.0]]))
        decoder.from_code.bias.zero_()
    found = decoder(torch.tensor([[2.0]]), torch.tensor([4])).values[0]
    known = torch.tensor([[0.0, 21.0], [3.0, 20.0], [0.0, 19.0], [-3.0, 20.0]])
    torch.testing.assert_close(found, known, atol=1e-5, rtol=0)
