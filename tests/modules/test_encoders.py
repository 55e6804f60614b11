"""Encoders beyond the contract, see test_contract.py."""

import torch
from torch import nn

import seqae
from seqae import Batch
from seqae.inference import evaluating
from seqae.modules.encoders import MeanMaxEncoder, NullEncoder
from seqae.modules.tokens import TiedHead


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


def language_model(words=7, size=8):
    torch.manual_seed(0)
    embedding = nn.Embedding(words, size)
    decoder = seqae.AutoregressiveDecoder(2, seqae.LSTM(size, size), TiedHead(embedding), embedding)
    return seqae.Autoencoder(NullEncoder(2), decoder)


def test_a_language_model_sees_the_tokens_before_and_no_other():
    model, tokens = language_model(), torch.tensor([[3, 4, 5, 6, 2]])
    later = torch.tensor([[3, 4, 6, 3, 2]])
    first, second = (model(batch, targets=batch).prediction.values for batch in map(seqae.Batch.full, (tokens, later)))
    torch.testing.assert_close(first[:, :3], second[:, :3])  # the third is written after reading two
    assert not torch.allclose(first[:, 3], second[:, 3])


def test_probabilities_of_all_texts_of_a_length_add_up_to_one():
    model = language_model(words=4)
    texts = torch.cartesian_prod(*[torch.arange(4)] * 3)
    with evaluating(model):
        predicted = model(seqae.Batch.full(texts), targets=seqae.Batch.full(texts)).prediction
        nats = seqae.token_cross_entropy(predicted.steps, texts.flatten()).unflatten(0, texts.shape).sum(dim=1)
    torch.testing.assert_close((-nats).exp().sum(), torch.tensor(1.0))
