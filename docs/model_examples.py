"""The models that the documentation draws: each function returns a model and a few sequences that it can read.

Every public encoder and decoder has to be part of one of them; the build ends otherwise.
"""

import torch
from torch import Tensor, nn

import seqae
import seqae.modules


def readings() -> list[Tensor]:
    """Return three sequences of readings in five channels, `(time, channel)`."""
    return [torch.randn(length, 5) for length in (11, 7, 4)]


def lstm() -> tuple[nn.Module, list[Tensor]]:
    """An LSTM reads the sequence; another writes it again, and reads at each step what it wrote at the step before."""
    encoder = seqae.RecurrentEncoder(seqae.LSTM(5, 32), 8)
    decoder = seqae.AutoregressiveDecoder(8, seqae.LSTM(5, 32), nn.Linear(32, 5))
    return seqae.Autoencoder(encoder, decoder), readings()


def lstm_backwards() -> tuple[nn.Module, list[Tensor]]:
    """The same, but written from the last step to the first: what was read last is easiest to recall."""
    encoder = seqae.RecurrentEncoder(seqae.LSTM(5, 32), 8)
    decoder = seqae.AutoregressiveDecoder(8, seqae.LSTM(5, 32), nn.Linear(32, 5))
    return seqae.Autoencoder(encoder, seqae.ReversedDecoder(decoder)), readings()


def gru_repeat() -> tuple[nn.Module, list[Tensor]]:
    """A bidirectional GRU in two layers; the decoder reads the same code at every step. Missing values are flagged."""
    rnn = seqae.GRU(10, 16, 2, bidirectional=True)
    encoder = seqae.RecurrentEncoder(rnn, 8, embed=seqae.MissingValueEmbedding())
    decoder = seqae.RepeatDecoder(seqae.GRU(8, 32), nn.Linear(32, 5))
    return seqae.Autoencoder(encoder, decoder), readings()


def convolutions() -> tuple[nn.Module, list[Tensor]]:
    """Dilated convolutions over time, pooled to a code of which the four largest entries are kept."""
    encoder = seqae.ConvEncoder(5, 16, channels=(32, 64))
    decoder = seqae.ConvDecoder(16, nn.Linear(32, 5), channels=(64, 32))
    return seqae.Autoencoder(encoder, decoder, seqae.TopKCode(4)), readings()


def resampled() -> tuple[nn.Module, list[Tensor]]:
    """Convolutions; between them any sequence is brought to 32 positions, of all of which the code is made."""
    model = seqae.build_autoencoder("resampled", 5, lambda size: nn.Linear(size, 5), code_size=8, hidden_size=32)
    return model, readings()


def self_attention() -> tuple[nn.Module, list[Tensor]]:
    """Self-attention over steps and their positions; the decoder reads positions that the code scales and shifts."""
    model = seqae.build_autoencoder("attention", 5, lambda size: nn.Linear(size, 5), code_size=8, hidden_size=32)
    return model, readings()


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


def mean_max() -> tuple[nn.Module, list[Tensor]]:
    """A code that is not learnt by itself: the mean of the steps beside the mean and the maximum of a GRU's states."""
    encoder = seqae.MeanMaxEncoder(seqae.GRU(5, 8))
    decoder = seqae.RepeatDecoder(seqae.GRU(21, 32), nn.Linear(32, 5))
    return seqae.Autoencoder(encoder, decoder), readings()


def segment_means() -> tuple[nn.Module, list[Tensor]]:
    """The mean states of an LSTM in the first and in the second half of each sequence."""
    encoder = seqae.SegmentMeanEncoder(seqae.LSTM(5, 8), num_segments=2)
    decoder = seqae.RepeatDecoder(seqae.LSTM(16, 32), nn.Linear(32, 5))
    return seqae.Autoencoder(encoder, decoder), readings()


def stacked() -> tuple[nn.Module, list[Tensor]]:
    """Layers of any kind, one after the other: one on each step alone, then an LSTM, whose last state is the code."""
    layers = [seqae.TimeDistributed(nn.Sequential(nn.Linear(5, 16), nn.ReLU())), seqae.LSTM(16, 24)]
    encoder = seqae.StackedEncoder(layers, 24)
    decoder = seqae.RepeatDecoder(seqae.LSTM(24, 32), nn.Linear(32, 5))
    return seqae.Autoencoder(encoder, decoder), readings()


def images() -> tuple[nn.Module, list[Tensor]]:
    """Images of 28 x 28, sequences of one step: convolutions halve them twice, transposed ones enlarge them again."""
    encoder = seqae.ImageEncoder(seqae.modules.conv_encoder((1, 16, 8)), 8 * 7 * 7)
    decoder = seqae.ConstantDecoder(seqae.modules.conv_decoder((8, 16, 1), 28, 28))
    return seqae.Autoencoder(encoder, decoder), [torch.rand(1, 1, 28, 28) for _ in range(3)]


def conv_lstm() -> tuple[nn.Module, list[Tensor]]:
    """Video: the states of a ConvLSTM are maps of 16 x 16; its last ones are the code, from which another goes on."""
    encoder = seqae.ConvLSTMEncoder(seqae.modules.ConvLSTM(1, 8), 16, 16)
    decoder = seqae.ConvLSTMDecoder(seqae.modules.ConvLSTM(0, 8), 16, 16, nn.Conv2d(8, 1, 3, padding=1))
    return seqae.Autoencoder(encoder, decoder), [torch.rand(length, 1, 16, 16) for length in (11, 7, 4)]


def video_as_one_image() -> tuple[nn.Module, list[Tensor]]:
    """Video: the maps of all frames, brought to four positions, are channels of one image; so is the code, 8 x 8."""
    embed, head = nn.Conv2d(1, 4, 4, 2, 1), nn.ConvTranspose2d(4, 1, 4, 2, 1)
    encoder = seqae.modules.ResampledMapsEncoder(embed, nn.Conv2d(4 * 4, 6, 3, padding=1), 4, (6, 8, 8))
    decoder = seqae.modules.ResampledMapsDecoder(nn.Conv2d(6, 4 * 4, 3, padding=1), 4, (6, 8, 8), head)
    return seqae.Autoencoder(encoder, decoder), [torch.rand(length, 1, 16, 16) for length in (11, 7, 4)]


def recursive() -> tuple[nn.Module, list[Tensor]]:
    """Two neighbours are merged to one vector until a single one is left; the decoder splits it again by levels."""
    shape = seqae.modules.BalancedTree()
    encoder = seqae.RecursiveEncoder(seqae.modules.Composition(8), shape, nn.Linear(5, 8))
    decoder = seqae.modules.UnfoldingDecoder(seqae.modules.Decomposition(8), shape, nn.Linear(8, 5))
    return seqae.Autoencoder(encoder, decoder), readings()


def language_model() -> tuple[nn.Module, list[Tensor]]:
    """A baseline for texts: the code is always zero, so that the decoder learns what is said without being told."""
    words = nn.Embedding(100, 24)
    decoder = seqae.AutoregressiveDecoder(1, seqae.GRU(24, 48), nn.Linear(48, 100), embed=words)
    return seqae.Autoencoder(seqae.modules.NullEncoder(), decoder), [torch.randint(3, 100, (n,)) for n in (11, 7, 4)]


def variational_texts() -> tuple[nn.Module, list[Tensor]]:
    """Means that are normalized over the batch keep a text's code from falling silent (posterior collapse)."""
    words = nn.Embedding(100, 24)
    encoder = seqae.RecurrentEncoder(seqae.LSTM(24, 48), 16, embed=words)
    decoder = seqae.AutoregressiveDecoder(8, seqae.LSTM(24, 48), nn.Linear(48, 100), embed=words)
    model = seqae.Autoencoder(seqae.modules.BatchNormPosterior(encoder, 0.7), decoder, seqae.GaussianCode())
    return model, [torch.randint(3, 100, (length,)) for length in (11, 7, 4)]


EXAMPLES = {
    "LSTM": lstm,
    "LSTM that writes backwards": lstm_backwards,
    "Bidirectional GRU and repeated code": gru_repeat,
    "Convolutions and a k-sparse code": convolutions,
    "Resampled": resampled,
    "Self-attention": self_attention,
    "Variational": variational,
    "Fully connected": dense,
    "Mean and constant": mean,
    "Means and maxima of states": mean_max,
    "Means of segments": segment_means,
    "Stacked layers": stacked,
    "Texts": tokens,
    "Variational texts": variational_texts,
    "Language model": language_model,
    "Recursive": recursive,
    "Images": images,
    "Video": conv_lstm,
    "Video as one image": video_as_one_image,
}
