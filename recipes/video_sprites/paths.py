"""Paths of things that move, `(batch, time, coordinate)`: what is written is where they go, not where they are.

A recurrence that has to write places to a thousandth learns it slowly; one that corrects "as far again as the last
step" learns it soon, and what it learns of walls and turns holds wherever it is.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqae.batch import Batch
from seqae.modules.decoders import Decoder
from seqae.modules.encoders import Encoder
from seqae.modules.recurrent import RecurrentLayer


class PathEncoder(Encoder):
    """The last place, the last step, and what a recurrence over places and steps has kept.

    Args:
        rnn: Its `input_size` is twice the number of coordinates; only for one direction.
        code_size: Length of a code: the coordinates twice, and what is left for the recurrent layer.
        stretch: Of steps, which are small beside places.
    """

    def __init__(self, rnn: RecurrentLayer, code_size: int, stretch: float = 8.0):
        super().__init__()
        self.rnn = rnn
        self.code_size = code_size
        self.stretch = stretch
        self.project = nn.Linear(rnn.output_size, code_size - rnn.input_size)

    def forward(self, batch: Batch) -> Tensor:
        places = batch.mask_padding().values
        steps = torch.cat([torch.zeros_like(places[:, :1]), places.diff(dim=1)], dim=1)
        read = torch.cat([places, self.stretch * steps], dim=-1)
        hidden = self.rnn(Batch(read, batch.lengths))
        last = read[torch.arange(len(batch), device=read.device), batch.lengths - 1]
        return torch.cat([last, self.project(self.rnn.last_output(hidden))], dim=1)


class PathDecoder(Decoder):
    """A recurrence that goes on from the last place, and at each step reads where it is and how it got there.

    It writes means and, after them, logarithms of variances, for `seqae.gaussian_nll`.

    Args:
        code_size: Of a `PathEncoder`.
        rnn: Its `input_size` is twice the number of coordinates; only for one direction.
        stretch: That of the encoder.
    """

    def __init__(self, code_size: int, rnn: RecurrentLayer, stretch: float = 8.0):
        super().__init__()
        self.code_size = code_size
        self.rnn = rnn
        self.stretch = stretch
        self.start = nn.Linear(code_size - rnn.input_size, rnn.hidden_size)
        self.head = nn.Linear(rnn.hidden_size, rnn.input_size)
        # In the beginning: straight on, to within a twentieth.
        nn.init.zeros_(self.head.weight)
        with torch.no_grad():
            self.head.bias.copy_(torch.tensor([0.0, -6.0]).repeat_interleave(rnn.input_size // 2))

    def forward(self, code: Tensor, lengths: Tensor, targets: Batch | None = None) -> Batch:
        coordinates = self.rnn.input_size // 2
        place, step = code[:, :coordinates], code[:, coordinates : 2 * coordinates] / self.stretch
        state = self.rnn.initial_state(self.start(code[:, 2 * coordinates :]).tanh())
        written = []
        for _ in range(int(lengths.max())):
            state = self.rnn.step(torch.cat([place, self.stretch * step], dim=1), state)
            change, log_variance = self.head(state[-1][0]).chunk(2, dim=1)
            step = step + change / self.stretch
            place = place + step
            written.append(torch.cat([place, log_variance], dim=1))
        return Batch(torch.stack(written, dim=1), lengths)
