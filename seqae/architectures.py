"""Autoencoders for sequences of any lengths, by the name of their architecture, with settings that learn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import nn

from seqae.autoencoder import Autoencoder, LengthPredictor
from seqae.modules.codes import Bottleneck, GaussianCode
from seqae.modules.convolution import Convolutions
from seqae.modules.decoders import Decoder
from seqae.modules.encoders import Encoder, RecurrentEncoder
from seqae.modules.positional import PositionalDecoder, PositionalEncoder
from seqae.modules.recurrent import GRU, LSTM, RecurrentLayer, init_forget_gate_bias, init_orthogonal
from seqae.modules.resampled import ResampledDecoder, ResampledEncoder
from seqae.modules.self_attention import SelfAttention

Architecture = Literal["resampled", "lstm", "gru", "conv", "attention"]
NUM_LAYERS: dict[Architecture, int] = {"resampled": 2, "lstm": 1, "gru": 1, "conv": 4, "attention": 1}
HIDDEN_SIZES: dict[Architecture, int] = {"resampled": 32, "lstm": 96, "gru": 64, "conv": 64, "attention": 64}
POSITIONS, MIN_VECTOR_SIZE = 32, 8  # of the short sequence from which a resampled code is made
ATTENTION_DROPOUT = 0.1  # without it, self-attention learns a few hundred sequences by heart


def build_autoencoder(
    architecture: Architecture,
    input_size: int,
    head: Callable[[int], nn.Module],
    *,
    code_size: int = 16,
    hidden_size: int | None = None,
    num_layers: int | None = None,
    embed: nn.Module | None = None,
    bottleneck: Bottleneck | None = None,
    length: LengthPredictor | None = None,
) -> Autoencoder:
    """Return an untrained autoencoder whose decoder writes all steps at once from their positions and the code.

    Args:
        architecture: The network over time of encoder and decoder: "lstm" and "gru" read in both directions, "conv"
            are dilated convolutions, "attention" is self-attention; "resampled" are convolutions, too, between which
            any sequence is 32 positions long, and a code is a linear function of all of them. It restores most; where
            the parts of a sequence may lie anywhere, codes of the others tell kinds of sequences better.
        input_size: Length of the vector that the encoder reads at each step.
        head: Returns a module that turns vectors of the given size into predictions `(steps, *prediction)`.
        code_size: Length of a code.
        hidden_size: Length of the vectors that the network writes, a multiple of 4; None chooses by the architecture.
        num_layers: The number of layers of encoder and decoder each; None chooses by the architecture.
        embed: Turns steps `(steps, *step)` into vectors `(steps, input_size)`; None if they are such vectors.
        bottleneck: Applied to the code between encoder and decoder.
        length: Learns the length of a sequence from its code.

    Raises:
        ValueError: There is no such architecture, or `hidden_size` is no multiple of 4.
    """
    if architecture not in NUM_LAYERS:
        raise ValueError(f"no architecture {architecture!r}. Expected {', '.join(NUM_LAYERS)} or an Autoencoder")
    hidden_size = HIDDEN_SIZES[architecture] if hidden_size is None else hidden_size
    if hidden_size < 4 or hidden_size % 4:
        raise ValueError(f"a hidden_size of {hidden_size}. Expected a multiple of 4")
    layers = num_layers or NUM_LAYERS[architecture]
    written = code_size * (2 if isinstance(bottleneck, GaussianCode) else 1)
    reads_length = length is not None
    encoder: Encoder
    decoder: Decoder
    if architecture == "resampled":
        layout = POSITIONS, max(MIN_VECTOR_SIZE, -(-code_size // POSITIONS))  # not fewer numbers than the code
        channels = (hidden_size,) * layers
        reading, writing = Convolutions(hidden_size, channels), Convolutions(hidden_size, channels)
        encoder = ResampledEncoder(input_size, reading, *layout, embed, reads_length, written)
        decoder = ResampledDecoder(*layout, writing, head(hidden_size), mixed_size=code_size)
        return Autoencoder(encoder, decoder, bottleneck, length)
    if architecture in ("lstm", "gru"):
        rnn = _recurrent(architecture, input_size, hidden_size, layers)
        encoder = RecurrentEncoder(rnn, written, embed, reads_length=reads_length)
    else:
        reader = _network(architecture, hidden_size, layers)
        encoder = PositionalEncoder(input_size, reader, written, embed, reads_length=reads_length)
    network = _network(architecture, hidden_size, layers)
    decoder = PositionalDecoder(code_size, network, head(network.output_size))
    return Autoencoder(encoder, decoder, bottleneck, length)


def _network(architecture: Architecture, size: int, layers: int) -> RecurrentLayer | Convolutions | SelfAttention:
    if architecture == "conv":
        return Convolutions(size, (size,) * layers)
    if architecture == "attention":
        return SelfAttention(size, size, layers, dropout=ATTENTION_DROPOUT)
    return _recurrent(architecture, size, size, layers)


def _recurrent(architecture: Architecture, input_size: int, size: int, layers: int) -> RecurrentLayer:
    if architecture == "gru":
        return init_orthogonal(GRU(input_size, size // 2, layers, bidirectional=True))
    return init_forget_gate_bias(init_orthogonal(LSTM(input_size, size // 2, layers, bidirectional=True)))
