"""An autoencoder whose code is a maximum over time: features for classifiers."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from seqae.autoencoder import Autoencoder, LengthPredictor
from seqae.modules.codes import Bottleneck, GaussianCode
from seqae.modules.convolution import Convolutions
from seqae.modules.encoders import ConvEncoder
from seqae.modules.pooling import max_over_time
from seqae.modules.positional import PositionalDecoder


def max_pooled_autoencoder(
    input_size: int,
    head: Callable[[int], nn.Module],
    *,
    code_size: int,
    hidden_size: int,
    num_layers: int | None = None,
    embed: nn.Module | None = None,
    bottleneck: Bottleneck | None = None,
    length: LengthPredictor | None = None,
) -> Autoencoder:
    """Return an untrained autoencoder of dilated convolutions with the maximum over time as its code.

    The encoder of Franceschi et al. 2019, https://arxiv.org/abs/1901.10738: what a maximum keeps is whether something
    happened, not when, which classifiers like. The vectors of a layer are twice as long as those of the one before.

    Args:
        input_size: Length of the vector that the encoder reads at each step.
        head: Returns a module that turns vectors of the given size into predictions `(steps, *prediction)`.
        code_size: Length of a code.
        hidden_size: Length of the vectors of the last layer of the encoder.
        num_layers: The number of layers of encoder and decoder each; None for 3.
        embed: Turns steps `(steps, *step)` into vectors `(steps, input_size)`; None if they are such vectors.
        bottleneck: Applied to the code between encoder and decoder.
        length: Learns the length of a sequence from its code.
    """
    layers = num_layers or 3
    channels = [max(hidden_size >> layer, 4) for layer in reversed(range(layers))]
    written = code_size * (2 if isinstance(bottleneck, GaussianCode) else 1)
    encoder = ConvEncoder(input_size, written, channels, embed=embed, pool=max_over_time)
    network = Convolutions(channels[0], channels)
    return Autoencoder(encoder, PositionalDecoder(code_size, network, head(network.output_size)), bottleneck, length)
