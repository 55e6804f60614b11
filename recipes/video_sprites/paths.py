"""Autoencoder parts for paths `(batch, time, coordinate)`: the network writes changes of velocity, not positions.

A recurrent layer that has to predict positions to a thousandth learns slowly; one that corrects a straight line learns
fast, and its reflections at walls generalise to every position.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqae import Batch
from seqae.modules import Decoder, Encoder, RecurrentLayer


class PathEncoder(Encoder):
    """The last position and velocity, and a projection of the last state of a recurrence over both.

    Args:
        rnn: Its `input_size` is twice the number of coordinates; one direction only.
        code_size: Length of a code: the coordinates twice, and the rest for the recurrent layer.
        velocity_scale: Factor of velocities, which are small beside positions.
    """

    def __init__(self, rnn: RecurrentLayer, code_size: int, velocity_scale: float = 8.0):
        super().__init__()
        self.rnn = rnn
        self.code_size = code_size
        self.velocity_scale = velocity_scale
        self.project = nn.Linear(rnn.output_size, code_size - rnn.input_size)

    def forward(self, batch: Batch) -> Tensor:
        """Return the codes, `(batch, code_size)`, of paths `(batch, time, coordinate)`."""
        positions = batch.mask_padding().values
        velocities = torch.cat([torch.zeros_like(positions[:, :1]), positions.diff(dim=1)], dim=1)
        read = torch.cat([positions, self.velocity_scale * velocities], dim=-1)
        hidden = self.rnn(Batch(read, batch.lengths))
        last = read[torch.arange(len(batch), device=read.device), batch.lengths - 1]
        return torch.cat([last, self.project(self.rnn.last_output(hidden))], dim=1)


class PathDecoder(Decoder):
    """A recurrence that goes on from the last position, reading its position and velocity at each step.

    It writes means and, after them, logarithms of variances, for `seqae.gaussian_nll`.

    Args:
        code_size: The code size of the `PathEncoder`.
        rnn: Its `input_size` is twice the number of coordinates; one direction only.
        velocity_scale: The velocity scale of the encoder.
    """

    def __init__(self, code_size: int, rnn: RecurrentLayer, velocity_scale: float = 8.0):
        super().__init__()
        self.code_size = code_size
        self.rnn = rnn
        self.velocity_scale = velocity_scale
        self.start = nn.Linear(code_size - rnn.input_size, rnn.hidden_size)
        self.head = nn.Linear(rnn.hidden_size, rnn.input_size)
        # At first: straight on, to within a twentieth.
        nn.init.zeros_(self.head.weight)
        with torch.no_grad():
            self.head.bias.copy_(torch.tensor([0.0, -6.0]).repeat_interleave(rnn.input_size // 2))

    def forward(self, code: Tensor, lengths: Tensor, targets: Batch | None = None) -> Batch:
        """Return positions and logarithms of variances, `(batch, time, 2 * coordinate)`, given `(batch, code_size)`."""
        coordinates = self.rnn.input_size // 2
        position, velocity = code[:, :coordinates], code[:, coordinates : 2 * coordinates] / self.velocity_scale
        state = self.rnn.initial_state(self.start(code[:, 2 * coordinates :]).tanh())
        written = []
        for _ in range(int(lengths.max())):
            state = self.rnn.step(torch.cat([position, self.velocity_scale * velocity], dim=1), state)
            change, log_variance = self.head(state[-1][0]).chunk(2, dim=1)
            velocity = velocity + change / self.velocity_scale
            position = position + velocity
            written.append(torch.cat([position, log_variance], dim=1))
        return Batch(torch.stack(written, dim=1), lengths)
