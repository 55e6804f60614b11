"""Positions of steps as features, counted from both ends of a sequence, its length, and what a code says of a step."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from seqae.batch import max_length

_PHASES = 4  # periods of 2, 4, 8 and 16 positions


class ResampledCode(nn.Module):
    """What a code of `ResampledEncoder` says of each step: the vectors of its positions, resampled to the steps.

    Args:
        num_positions: Positions of the code.
        vector_size: Numbers of the code for a position.
        size: Length of the vector of a step.
        keeps_length: Whether the code has one more number, for the length.
    """

    def __init__(self, num_positions: int, vector_size: int, size: int, keeps_length: bool = False):
        super().__init__()
        self.num_positions = num_positions
        self.vector_size = vector_size
        self.size = size
        self.keeps_length = keeps_length
        self.code_size = num_positions * vector_size + keeps_length
        self.from_code = nn.Conv1d(vector_size, size, kernel_size=3, padding=1)
        self.modulate = PhaseModulation(size)

    def forward(self, code: Tensor, lengths: Tensor) -> Tensor:
        """Return vectors `(batch, time, size)`, given codes `(batch, code_size)` and lengths `(batch,)`."""
        vectors = code[:, : self.num_positions * self.vector_size].unflatten(1, (self.num_positions, -1))
        vectors = self.from_code(vectors.transpose(1, 2)).transpose(1, 2)
        places = resampled_places(lengths, max_length(lengths), self.num_positions).to(code.dtype)
        weights = step_weights(lengths, places.shape[1], self.num_positions).to(code.dtype)
        return self.modulate(weights @ vectors, places)


class PhaseModulation(nn.Module):
    """Scales and shifts the vectors of steps by where they lie between the positions of a code.

    Feature-wise linear modulation (Perez et al. 2018, https://arxiv.org/abs/1709.07871).

    Args:
        size: Length of a vector.
    """

    def __init__(self, size: int):
        super().__init__()
        self.size = size
        self.from_phase = nn.Linear(2 * _PHASES, 2 * size)

    def forward(self, vectors: Tensor, places: Tensor) -> Tensor:
        """Return vectors `(batch, time, size)`, given such and `places` `(batch, time)`, see `resampled_places`."""
        angles = places.unsqueeze(-1) * math.pi / 2.0 ** torch.arange(_PHASES, device=places.device)
        scale, shift = self.from_phase(torch.cat([angles.sin(), angles.cos()], dim=-1)).chunk(2, dim=-1)
        return vectors * (1 + scale) + shift


def resampled_places(lengths: Tensor, time: int, num_positions: int) -> Tensor:
    """Return the middle of each step on an axis on which a sequence is `num_positions` long, `(batch, time)`."""
    return (torch.arange(time, device=lengths.device) + 0.5) * num_positions / lengths.unsqueeze(1)


def position_weights(lengths: Tensor, time: int, num_positions: int) -> Tensor:
    """Return the weight of each step at each position, `(batch, position, time)`: triangles around its middle.

    They sum to one at each position; those of padding are 0.
    """
    places = resampled_places(lengths, time, num_positions)
    reach = (num_positions / lengths).clamp(min=1)  # at least to the next step
    distance = (places.unsqueeze(1) - _middles(num_positions, places).unsqueeze(1)).abs()
    steps = torch.arange(time, device=lengths.device) < lengths.unsqueeze(1)
    weights = (1 - distance / reach.view(-1, 1, 1)).clamp(min=0) * steps.unsqueeze(1)
    return weights / weights.sum(dim=-1, keepdim=True)


def step_weights(lengths: Tensor, time: int, num_positions: int) -> Tensor:
    """Return the weight of each position at each step, `(batch, time, position)`: linear interpolation."""
    places = resampled_places(lengths, time, num_positions).clamp(0.5, num_positions - 0.5)
    return (1 - (places.unsqueeze(-1) - _middles(num_positions, places)).abs()).clamp(min=0)


def _middles(num_positions: int, like: Tensor) -> Tensor:
    """Return the middles of the positions on that axis, `(num_positions,)`, with the dtype and device of a tensor."""
    return torch.arange(num_positions, device=like.device, dtype=like.dtype) + 0.5


def positional_features(lengths: Tensor, time: int, frequencies: int) -> Tensor:
    """Return sines and cosines of the positions from the start and from the end, `(batch, time, 4 * frequencies)`.

    Their periods are 4, 8, 16, ... steps (Vaswani et al. 2017, https://arxiv.org/abs/1706.03762).

    Args:
        lengths: The number of steps of each sequence, `(batch,)`.
        time: The number of steps of the longest sequence.
        frequencies: The number of periods.
    """
    steps = torch.arange(time, device=lengths.device)
    to_end = lengths.unsqueeze(1) - 1 - steps
    return torch.cat([_waves(steps.expand_as(to_end), frequencies), _waves(to_end, frequencies)], dim=-1)


def with_log_length(vectors: Tensor, lengths: Tensor) -> Tensor:
    """Return vectors `(batch, size)` with the logarithm of each sequence's length `(batch,)`, `(batch, size + 1)`.

    A pooled vector holds little of the length, which a decoder that tells it needs.
    """
    return torch.cat([vectors, lengths.to(vectors.dtype).log().unsqueeze(1)], dim=1)


def _waves(steps: Tensor, frequencies: int) -> Tensor:
    periods = 4.0 * 2.0 ** torch.arange(frequencies, device=steps.device)
    angles = 2 * math.pi * steps.unsqueeze(-1) / periods
    return torch.cat([angles.sin(), angles.cos()], dim=-1)
