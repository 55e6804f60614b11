"""LSTM whose states are maps: what is read and kept has a place.

Shi et al. 2015, https://arxiv.org/abs/1506.04214, without the connections from cells to gates, as is usual.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqae.batch import Batch
from seqae.modules.decoders import Decoder
from seqae.modules.encoders import Encoder
from seqae.modules.unrolled import Unrolled


class ConvLSTM(nn.Module):
    """One layer that reads maps `(batch, time, channels, height, width)` and stops at each sequence's own end.

    What all frames put into the gates is computed for the whole batch at once; what remains for each step is one
    convolution of the hidden maps.

    Args:
        channels: Of what is read; 0 to read nothing and go on from a start.
        hidden: Channels of the hidden maps and of the cells.
        kernel_size: Height and width of both convolutions, odd.
    """

    def __init__(self, channels: int, hidden: int, kernel_size: int = 3):
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"a kernel of {kernel_size} x {kernel_size} has no middle. Give an odd size")
        self.channels = channels
        self.hidden = hidden
        self.kernel_size = kernel_size
        self.read = nn.Conv2d(channels, 4 * hidden, kernel_size, padding=kernel_size // 2) if channels else None
        self.recur = nn.Conv2d(hidden, 4 * hidden, kernel_size, padding=kernel_size // 2)
        with torch.no_grad():  # to remember in the beginning (Jozefowicz et al. 2015)
            self.recur.bias[hidden : 2 * hidden] += 1

    def forward(self, batch: Batch, start: tuple[Tensor, Tensor] | None = None) -> tuple[Batch, tuple[Tensor, Tensor]]:
        """Return hidden maps `(batch, time, hidden, height, width)`, and hidden maps and cells after the last steps.

        Args:
            batch: What is read.
            start: Hidden maps and cells before the first step, `(batch, hidden, height, width)`; zeros if None.
        """
        if self.read is None or batch.values.ndim != 5 or batch.values.shape[2] != self.channels:
            raise ValueError(
                f"steps of shape {tuple(batch.values.shape[2:])}; this ConvLSTM reads maps of {self.channels} "
                "channels. Embed the steps, or give another number of channels"
            )
        if start is None:
            zeros = batch.values.new_zeros(len(batch), self.hidden, *batch.values.shape[3:])
            start = zeros, zeros
        weight, bias = self.read.weight, self.read.bias + self.recur.bias
        return self._run(
            lambda films, times: F.conv2d(batch.values[films, times], weight, bias, padding=self.kernel_size // 2),
            start,
            batch.lengths,
        )

    def go_on(self, start: tuple[Tensor, Tensor], lengths: Tensor) -> tuple[Batch, tuple[Tensor, Tensor]]:
        """Return the same for steps at which nothing is read."""
        bias = self.recur.bias.reshape(-1, 1, 1)
        return self._run(lambda films, times: bias.expand(len(films), -1, *start[0].shape[2:]), start, lengths)

    def _run(
        self, read: Callable[[Tensor, Tensor], Tensor], start: tuple[Tensor, Tensor], lengths: Tensor
    ) -> tuple[Batch, tuple[Tensor, Tensor]]:
        """Run all films side by side, the longest first: those that have ended cost nothing.

        Args:
            read: Returns what the gates get from elsewhere, given numbers of films and times `(steps,)`.
            start: Hidden maps and cells before the first steps.
            lengths: Of the films.
        """
        order = lengths.argsort(descending=True, stable=True)
        time = torch.arange(int(lengths.max()), device=lengths.device).unsqueeze(1)
        goes_on = time < lengths[order]  # (time, film)
        times, ranks = goes_on.nonzero(as_tuple=True)
        films = order[ranks]
        running = goes_on.sum(dim=1)
        given = [part.to(self.recur.weight) for part in (read(films, times), start[0][order], start[1][order])]
        with torch.autocast(lengths.device.type, enabled=False):  # cells are sums of too many numbers for that
            states = Unrolled.apply(given[0], self.recur.weight, *given[1:], running.tolist())
        first = running.cumsum(dim=0) - running  # where each time begins among the steps
        last = first[lengths - 1] + order.argsort()
        hidden = states[0].new_zeros(len(lengths), len(time), *states[0].shape[1:])
        return Batch(hidden.index_put((films, times), states[0]), lengths), (states[0][last], states[1][last])


class ConvLSTMEncoder(Encoder):
    """The last hidden maps and cells of a ConvLSTM, side by side: the code is a small stack of maps.

    Args:
        conv_lstm: Reads maps.
        height: Of the maps.
        width: Of the maps.
        embed: Turns frames `(steps, *step)` into maps `(steps, channels, height, width)`; None if they are.
    """

    def __init__(self, conv_lstm: ConvLSTM, height: int, width: int, embed: nn.Module | None = None):
        super().__init__()
        self.conv_lstm = conv_lstm
        self.height = height
        self.width = width
        self.embed = embed
        self.code_size = 2 * conv_lstm.hidden * height * width

    def forward(self, batch: Batch) -> Tensor:
        maps = batch if self.embed is None else batch.map(self.embed)
        if maps.values.shape[-2:] != (self.height, self.width):
            raise ValueError(
                f"maps of {maps.values.shape[-2]} x {maps.values.shape[-1]}; this encoder's code has maps of "
                f"{self.height} x {self.width}. Give frames of one size, and its size here"
            )
        return torch.cat(self.conv_lstm(maps)[1], dim=1).flatten(start_dim=1)


class ConvLSTMDecoder(Decoder):
    """Goes on from the states in the code and reads nothing: the forecasting network of Shi et al. 2015.

    Args:
        conv_lstm: Of 0 channels and as many hidden ones as the encoder's.
        height: Of the maps in the code.
        width: Of the maps in the code.
        head: Turns hidden maps `(steps, hidden, height, width)` into predictions `(steps, *prediction)`.
    """

    def __init__(self, conv_lstm: ConvLSTM, height: int, width: int, head: nn.Module):
        super().__init__()
        if conv_lstm.channels:
            raise ValueError(f"a ConvLSTM that reads {conv_lstm.channels} channels. Give ConvLSTM(0, hidden) to decode")
        self.conv_lstm = conv_lstm
        self.height = height
        self.width = width
        self.head = head

    def forward(self, code: Tensor, lengths: Tensor, targets: Batch | None = None) -> Batch:
        hidden, cell = code.unflatten(1, (2 * self.conv_lstm.hidden, self.height, self.width)).chunk(2, dim=1)
        return self.conv_lstm.go_on((hidden, cell), lengths)[0].map(self.head)
