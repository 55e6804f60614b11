"""Encoders whose codes are made of means and the largest states."""

import torch
from torch import nn

import seqae
from seqae import Batch
from seqae.modules.encoders import MeanMaxEncoder


def test_code_is_means_and_largest_states_of_each_text_alone():
    torch.manual_seed(0)
    encoder = MeanMaxEncoder(seqae.LSTM(3, 4), nn.Embedding(9, 3))
    texts = [torch.tensor([1, 2, 3, 4]), torch.tensor([5])]
    codes = encoder(Batch.of(texts))
    assert codes.shape == (2, encoder.code_size)
    for text, code in zip(texts, codes):
        read = encoder.embed(text)
        states = encoder.rnn(Batch.full(read.unsqueeze(0))).values[0]
        torch.testing.assert_close(code, torch.cat([read.mean(dim=0), states.mean(dim=0), states.amax(dim=0)]))
