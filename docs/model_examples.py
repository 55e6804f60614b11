"""The models that the documentation draws: each function returns a model and a few sequences that it can read.

Every public encoder and decoder has to be part of one of them; the build ends otherwise.
"""

import torch
from torch import Tensor, nn

import seqae


def readings() -> list[Tensor]:
    """Return three sequences of readings in five channels, `(time, channel)`."""
    return [torch.randn(length, 5) for length in (11, 7, 4)]


def lstm() -> tuple[nn.Module, list[Tensor]]:
    """An LSTM reads the sequence; another writes it again, and reads at each step what it wrote at the step before."""
    encoder = seqae.RecurrentEncoder(seqae.LSTM(5, 32), 8)
    decoder = seqae.AutoregressiveDecoder(8, seqae.LSTM(5, 32), nn.Linear(32, 5))
    return seqae.Autoencoder(encoder, decoder), readings()


def lstm_backwards() -> tuple[nn.Module, list[Tensor]]:
    """The same, but written from the last step to the first: what was read last is the easiest to recall."""
    encoder = seqae.RecurrentEncoder(seqae.LSTM(5, 32), 8)
    decoder = seqae.AutoregressiveDecoder(8, seqae.LSTM(5, 32), nn.Linear(32, 5))
    return seqae.Autoencoder(encoder, seqae.ReversedDecoder(decoder)), readings()


def gru_repeat() -> tuple[nn.Module, list[Tensor]]:
    """A bidirectional GRU in two layers; the decoder reads the same code at every step. Missing values are flagged."""
    reads = seqae.GRU(10, 16, 2, bidirectional=True)
    encoder = seqae.RecurrentEncoder(reads, 8, embed=seqae.MissingValueEmbedding())
    decoder = seqae.RepeatDecoder(seqae.GRU(8, 32), nn.Linear(32, 5))
    return seqae.Autoencoder(encoder, decoder), readings()


def convolutions() -> tuple[nn.Module, list[Tensor]]:
    """Dilated convolutions over time, pooled to a code of which the four largest numbers are kept."""
    encoder = seqae.ConvEncoder(5, 16, channels=(32, 64))
    decoder = seqae.ConvDecoder(16, nn.Linear(32, 5), channels=(64, 32))
    return seqae.Autoencoder(encoder, decoder, seqae.TopKCode(4)), readings()


def variational() -> tuple[nn.Module, list[Tensor]]:
    """A variational autoencoder: the encoder writes means and log-variances, the code is drawn from them."""
    encoder = seqae.ConvEncoder(5, 16, channels=(32, 64))
    decoder = seqae.ConvDecoder(8, nn.Linear(32, 5), channels=(64, 32))
    return seqae.Autoencoder(encoder, decoder, seqae.GaussianCode()), readings()


def dense() -> tuple[nn.Module, list[Tensor]]:
    """Fully connected layers over windows of twelve steps at most."""
    encoder = seqae.DenseEncoder(12, 5, 6, hidden_sizes=(64, 32))
    decoder = seqae.DenseDecoder(12, 5, 6, hidden_sizes=(32, 64))
    return seqae.Autoencoder(encoder, decoder), readings()


def mean() -> tuple[nn.Module, list[Tensor]]:
    """A baseline that is blind to order: the mean of the steps, and one prediction for all of them."""
    encoder = seqae.MeanEncoder(5, 4)
    decoder = seqae.ConstantDecoder(nn.Linear(4, 5))
    return seqae.Autoencoder(encoder, decoder), readings()


def tokens() -> tuple[nn.Module, list[Tensor]]:
    """Texts: both sides share an embedding of tokens; the head writes logits over a vocabulary of 100 tokens."""
    words = nn.Embedding(100, 24)
    encoder = seqae.RecurrentEncoder(seqae.GRU(24, 48), 16, embed=words)
    decoder = seqae.AutoregressiveDecoder(16, seqae.GRU(24, 48), nn.Linear(48, 100), embed=words)
    return seqae.Autoencoder(encoder, decoder), [torch.randint(3, 100, (length,)) for length in (11, 7, 4)]


EXAMPLES = {
    "LSTM": lstm,
    "LSTM that writes backwards": lstm_backwards,
    "Bidirectional GRU and repeated code": gru_repeat,
    "Convolutions and a k-sparse code": convolutions,
    "Variational": variational,
    "Fully connected": dense,
    "Mean and constant": mean,
    "Texts": tokens,
}
# What has no drawing, and why.
NOT_DRAWN = {"RecursiveEncoder": "what merges two vectors has no public name"}
