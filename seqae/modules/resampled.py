"""Codes that are the sequence itself, read by a network over time and resampled to a fixed number of positions.

As the code of a convolutional autoencoder of images is a small image, this one is a short sequence: each part of it
tells of one part of the sequence, so that what one part learns all know (for texts: Zhang et al. 2017,
https://arxiv.org/abs/1708.04729, with strides in place of the resampling, which fits any length).
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from seqae.batch import Batch
from seqae.modules.decoders import Decoder
from seqae.modules.encoders import Encoder, embed_steps
from seqae.modules.positions import PhaseModulation, ResampledCode, position_weights, resampled_places, with_log_length


class ResampledEncoder(Encoder):
    """A network over time whose vectors are resampled to as many positions for each sequence; they are the code.

    Args:
        input_size: Length of the vector read at each step.
        network: Maps vectors `(batch, time, network.input_size)` to vectors `(batch, time, network.output_size)`:
            `Convolutions`, `SelfAttention` or a `RecurrentLayer`.
        num_positions: The number of positions, each as long as the others.
        vector_size: Numbers of the code for a position.
        embed: Turns steps `(steps, *step)` into vectors `(steps, input_size)`.
        keeps_length: Whether the last number of the code is the logarithm of the length.
        mixed_size: Length of a code that is a linear function of all these numbers; None if they are the code.
    """

    def __init__(
        self,
        input_size: int,
        network: Any,
        num_positions: int,
        vector_size: int,
        embed: nn.Module | None = None,
        keeps_length: bool = False,
        mixed_size: int | None = None,
    ):
        super().__init__()
        self.input_size = input_size
        self.network = network
        self.num_positions = num_positions
        self.vector_size = vector_size
        self.embed = embed
        self.keeps_length = keeps_length
        numbers = num_positions * vector_size + keeps_length
        self.mixed_size = mixed_size
        self.code_size = numbers if mixed_size is None else mixed_size
        self.to_code = None if mixed_size is None else nn.Linear(numbers, mixed_size)
        self.from_step = nn.Linear(input_size, network.input_size)
        self.modulate = PhaseModulation(network.input_size)
        self.modulate_read = PhaseModulation(network.output_size)
        self.project = nn.Linear(network.output_size, vector_size)

    def forward(self, batch: Batch) -> Tensor:
        """Return the codes, `(batch, code_size)`, given steps `(batch, time, *step)`."""
        read = embed_steps(batch, self.embed).mask_padding().values
        places = resampled_places(batch.lengths, read.shape[1], self.num_positions).to(read.dtype)
        vectors = self.network(Batch(self.modulate(self.from_step(read), places), batch.lengths))
        vectors = self.modulate_read(vectors.mask_padding().values, places)
        weights = position_weights(batch.lengths, read.shape[1], self.num_positions).to(read.dtype)
        code = self.project(weights @ vectors).flatten(1)
        code = with_log_length(code, batch.lengths) if self.keeps_length else code
        return code if self.to_code is None else self.to_code(code)


class ResampledDecoder(Decoder):
    """Resamples the vectors of a code to the steps of a sequence; a network over time makes steps of them, all at once.

    Args:
        num_positions: Positions of the code, as in `ResampledEncoder`.
        vector_size: Numbers of the code for a position.
        network: Maps vectors `(batch, time, network.input_size)` to vectors `(batch, time, network.output_size)`.
        head: Turns vectors `(steps, network.output_size)` into predictions `(steps, *prediction)`.
        keeps_length: Whether the code has one more number, for the length.
        mixed_size: Length of a code of which a linear layer makes these numbers; None if they are the code.
    """

    def __init__(
        self,
        num_positions: int,
        vector_size: int,
        network: Any,
        head: nn.Module,
        keeps_length: bool = False,
        mixed_size: int | None = None,
    ):
        super().__init__()
        self.num_positions = num_positions
        self.vector_size = vector_size
        self.network = network
        self.head = head
        self.keeps_length = keeps_length
        self.code_at_steps = ResampledCode(num_positions, vector_size, network.input_size, keeps_length)
        numbers = self.code_at_steps.code_size
        self.mixed_size = mixed_size
        self.code_size = numbers if mixed_size is None else mixed_size
        self.from_code = None if mixed_size is None else nn.Linear(mixed_size, numbers)

    def forward(self, code: Tensor, lengths: Tensor, targets: Batch | None = None) -> Batch:
        """Return predictions `(batch, time, *prediction)`, given codes `(batch, code_size)`; see `Decoder`."""
        numbers = code if self.from_code is None else self.from_code(code)
        return self.network(Batch(self.code_at_steps(numbers, lengths), lengths)).map(self.head)
