"""An encoder and a decoder around any network over time, with the positions of the steps as features.

The positions are scaled and shifted by the values, and by the code (feature-wise linear modulation, Perez et al. 2018,
https://arxiv.org/abs/1709.07871): what a step is depends on the product of both, as in a wave of unknown phase.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from seqae.batch import Batch, max_length
from seqae.modules.decoders import Decoder
from seqae.modules.encoders import Encoder, embed_steps
from seqae.modules.positions import positional_features, with_log_length


class AttentionPooling(nn.Module):
    """Weighted means over time of each part of the vectors, with weights that depend on the vectors.

    The learnt queries of Lin et al. 2017, https://arxiv.org/abs/1703.03130.

    Args:
        size: Length of the vector of a step.
        num_queries: Parts of a pooled vector with weights of their own.
        output_size: Length of a pooled vector; None for `size`.

    Raises:
        ValueError: `num_queries` does not divide `output_size`.
    """

    def __init__(self, size: int, num_queries: int = 4, output_size: int | None = None):
        super().__init__()
        output_size = size if output_size is None else output_size
        if output_size % num_queries:
            raise ValueError(f"{num_queries} queries for vectors of {output_size}. Give a number that divides the size")
        self.size = size
        self.num_queries = num_queries
        self.output_size = output_size
        self.score = nn.Linear(size, num_queries)
        self.value = nn.Linear(size, output_size)

    def forward(self, batch: Batch) -> Tensor:
        """Return `(batch, output_size)`, given vectors `(batch, time, size)`."""
        vectors = batch.mask_padding().values
        weights = self.score(vectors).masked_fill(~batch.mask.unsqueeze(-1), -torch.inf).softmax(dim=1)
        parts = self.value(vectors).unflatten(-1, (self.num_queries, -1))
        return (weights.unsqueeze(-1) * parts).sum(dim=1).flatten(1)


class PositionalEncoder(Encoder):
    """A network over time that reads steps with their positions; attention pools what it writes to the code.

    Args:
        input_size: Length of the vector read at each step.
        network: Maps vectors `(batch, time, network.input_size)` to vectors `(batch, time, network.output_size)`: a
            `RecurrentLayer`, `Convolutions` or `SelfAttention`.
        code_size: Length of a code.
        embed: Turns steps `(steps, *step)` into vectors `(steps, input_size)`.
        frequencies: Periods of the positional features, 4, 8, 16, ... steps.
        num_queries: Parts into which the pooling divides the vectors.
        reads_length: Whether the code is also made of the length of the sequence.
    """

    def __init__(
        self,
        input_size: int,
        network: Any,
        code_size: int,
        embed: nn.Module | None = None,
        frequencies: int = 8,
        num_queries: int = 4,
        reads_length: bool = False,
    ):
        super().__init__()
        self.input_size = input_size
        self.network = network
        self.code_size = code_size
        self.embed = embed
        self.frequencies = frequencies
        self.num_queries = num_queries
        self.from_step = nn.Linear(input_size, network.input_size)
        self.from_position = nn.Linear(4 * frequencies, 2 * network.input_size)
        pooled_size = max(network.output_size, -(-code_size // num_queries) * num_queries)  # a code is not of less rank
        self.pool = AttentionPooling(network.output_size, num_queries, pooled_size)
        self.reads_length = reads_length
        self.project = nn.Linear(pooled_size + reads_length, code_size)

    def forward(self, batch: Batch) -> Tensor:
        """Return the codes, `(batch, code_size)`, given steps `(batch, time, *step)`."""
        read = embed_steps(batch, self.embed).mask_padding().values
        positions = positional_features(batch.lengths, read.shape[1], self.frequencies).to(read.dtype)
        scale, shift = self.from_position(positions).chunk(2, dim=-1)
        vectors = Batch(self.from_step(read) * (1 + scale) + shift, batch.lengths)
        pooled = self.pool(self.network(vectors))
        return self.project(with_log_length(pooled, batch.lengths) if self.reads_length else pooled)


class PositionalDecoder(Decoder):
    """A network over time that reads the positions of the steps, scaled and shifted by the code; all steps at once.

    Args:
        code_size: Length of a code.
        network: Maps vectors `(batch, time, network.input_size)` to vectors `(batch, time, network.output_size)`: a
            `RecurrentLayer`, `Convolutions` or `SelfAttention`.
        head: Turns vectors `(steps, network.output_size)` into predictions `(steps, *prediction)`.
        frequencies: Periods of the positional features, 4, 8, 16, ... steps.
    """

    def __init__(self, code_size: int, network: Any, head: nn.Module, frequencies: int = 8):
        super().__init__()
        self.code_size = code_size
        self.network = network
        self.head = head
        self.frequencies = frequencies
        self.from_position = nn.Linear(4 * frequencies, network.input_size)
        self.from_code = nn.Linear(code_size, 2 * network.input_size)

    def forward(self, code: Tensor, lengths: Tensor, targets: Batch | None = None) -> Batch:
        """Return predictions `(batch, time, *prediction)`, given codes `(batch, code_size)`; see `Decoder`."""
        positions = positional_features(lengths, max_length(lengths), self.frequencies).to(code.dtype)
        scale, shift = self.from_code(code).unsqueeze(1).chunk(2, dim=-1)
        vectors = Batch(self.from_position(positions) * (1 + scale) + shift, lengths)
        return self.network(vectors).map(self.head)
