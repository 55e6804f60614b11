"""Convolutional LSTM: inputs, hidden states and cells are maps.

Shi et al. 2015, https://arxiv.org/abs/1506.04214, without the peephole connections from cells to gates.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqae.batch import Batch, moved, on_host
from seqae.modules.decoders import Decoder
from seqae.modules.encoders import Encoder

State = tuple[Tensor, Tensor]  # hidden maps and cells


class ConvLSTM(nn.Module):
    """One layer that reads maps `(batch, time, channels, height, width)` and stops at each sequence's own end.

    The convolution of the inputs runs once over all frames of the batch; each step then needs one convolution of the
    hidden maps.

    Args:
        channels: Channels of the input maps; 0 for a layer that reads nothing and starts from a given state.
        hidden: Channels of the hidden maps and of the cells.
        kernel_size: Height and width of both convolutions, odd.

    Raises:
        ValueError: `kernel_size` is even.
    """

    def __init__(self, channels: int, hidden: int, kernel_size: int = 3):
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"a kernel of {kernel_size} x {kernel_size} has no middle. Give an odd size")
        self.channels = channels
        self.hidden = hidden
        self.kernel_size = kernel_size
        padding = kernel_size // 2
        self.input_conv = nn.Conv2d(channels, 4 * hidden, kernel_size, padding=padding) if channels else None
        self.hidden_conv = nn.Conv2d(hidden, 4 * hidden, kernel_size, padding=padding)
        with torch.no_grad():  # the forget gates, so that it remembers at first (Jozefowicz et al. 2015)
            _bias(self.hidden_conv)[hidden : 2 * hidden] += 1

    def forward(self, batch: Batch, state: State | None = None) -> tuple[Batch, State]:
        """Return hidden maps `(batch, time, hidden, height, width)`, and hidden maps and cells after the last steps.

        Args:
            batch: Maps, `(batch, time, channels, height, width)`.
            state: Hidden maps and cells before the first step, `(batch, hidden, height, width)` each; zeros if None.

        Raises:
            ValueError: The steps are no maps of `channels` channels.
        """
        if self.input_conv is None or batch.values.ndim != 5 or batch.values.shape[2] != self.channels:
            raise ValueError(
                f"steps of shape {tuple(batch.values.shape[2:])}; this ConvLSTM reads maps of {self.channels} "
                "channels. Embed the steps, or give another number of channels"
            )
        if state is None:
            zeros = batch.values.new_zeros(len(batch), self.hidden, *batch.values.shape[3:])
            state = zeros, zeros
        weight, bias = self.input_conv.weight, _bias(self.input_conv) + _bias(self.hidden_conv)
        return self._run(
            lambda rows, times: F.conv2d(batch.values[rows, times], weight, bias, padding=self.kernel_size // 2),
            state,
            batch.lengths,
        )

    def run_without_input(self, state: State, lengths: Tensor) -> tuple[Batch, State]:
        """Run the layer for steps without input.

        Args:
            state: Hidden maps and cells before the first step, `(batch, hidden, height, width)` each.
            lengths: Steps of each sequence, `(batch,)`.
        """
        bias = _bias(self.hidden_conv).reshape(-1, 1, 1)
        return self._run(lambda rows, times: bias.expand(len(rows), -1, *state[0].shape[2:]), state, lengths)

    def _run(self, inputs: Callable[[Tensor, Tensor], Tensor], state: State, lengths: Tensor) -> tuple[Batch, State]:
        """Run all sequences side by side, the longest first: those that have ended cost nothing.

        Args:
            inputs: Returns the inputs of the gates without the hidden maps' part, given row and time of each step.
            state: Hidden maps and cells before the first steps.
            lengths: Steps of each sequence, `(batch,)`.
        """
        known = on_host(lengths)  # so that the order of the steps is known without the device
        order = known.argsort(descending=True, stable=True)
        running = torch.arange(int(known.max()), device=known.device).unsqueeze(1) < known[order]  # (time, batch)
        times, ranks = running.nonzero(as_tuple=True)
        rows, counts = order[ranks], running.sum(dim=1)
        first = counts.cumsum(dim=0) - counts  # where each time begins among the steps
        last = first[known - 1] + order.argsort()
        order, times, rows, last = (moved(each, lengths.device) for each in (order, times, rows, last))
        dtype = self.hidden_conv.weight.dtype
        device_type = lengths.device.type
        with (  # cells are sums over time: keep them precise
            torch.autocast(device_type, enabled=False)
            if torch.amp.is_autocast_available(device_type)
            else nullcontext()
        ):
            hidden, cells = self._loop(
                inputs(rows, times).to(dtype), state[0][order].to(dtype), state[1][order].to(dtype), counts.tolist()
            )
        maps = hidden.new_zeros(len(lengths), len(counts), *hidden.shape[1:])
        return Batch(maps.index_put((rows, times), hidden), lengths), (hidden[last], cells[last])

    def _loop(self, inputs: Tensor, hidden: Tensor, cell: Tensor, counts: list[int]) -> State:
        """Return hidden maps and cells after each step, `(steps, hidden, height, width)`, in the order of the inputs.

        Args:
            inputs: Gate inputs, `(steps, 4 * hidden, height, width)`: all first steps, then all second ones, ...
            hidden: Maps before the first step, the longest sequences first.
            cell: Cells before the first step, in the same order.
            counts: The number of sequences that have a first step, a second one, ...
        """
        all_hidden, all_cells = [], []
        weight, padding = self.hidden_conv.weight, self.kernel_size // 2
        for step, count in zip(inputs.split(counts), counts):
            gates = step + F.conv2d(hidden[:count], weight, padding=padding)
            input_gate, forget_gate, new, output_gate = gates.chunk(4, dim=1)
            cell = forget_gate.sigmoid() * cell[:count] + input_gate.sigmoid() * new.tanh()
            hidden = output_gate.sigmoid() * cell.tanh()
            all_hidden.append(hidden)
            all_cells.append(cell)
        return torch.cat(all_hidden), torch.cat(all_cells)


class ConvLSTMEncoder(Encoder):
    """The last hidden maps and cells of a ConvLSTM, flattened: the code is a small stack of maps.

    Args:
        conv_lstm: The ConvLSTM that reads the maps.
        height: Height of the maps in pixels.
        width: Width of the maps in pixels.
        embed: Turns frames `(steps, *step)` into maps `(steps, channels, height, width)`; None if they are maps.
    """

    def __init__(self, conv_lstm: ConvLSTM, height: int, width: int, embed: nn.Module | None = None):
        super().__init__()
        self.conv_lstm = conv_lstm
        self.height = height
        self.width = width
        self.embed = embed
        self.code_size = 2 * conv_lstm.hidden * height * width

    def forward(self, batch: Batch) -> Tensor:
        """Return the codes, `(batch, code_size)`, given frames `(batch, time, *step)`.

        Raises:
            ValueError: The maps have another size than `height` and `width`.
        """
        maps = batch if self.embed is None else batch.map(self.embed)
        if maps.values.shape[-2:] != (self.height, self.width):
            raise ValueError(
                f"maps of {maps.values.shape[-2]} x {maps.values.shape[-1]}; this encoder's code has maps of "
                f"{self.height} x {self.width}. Give frames of one size, and its size here"
            )
        return torch.cat(self.conv_lstm(maps)[1], dim=1).flatten(start_dim=1)


class ConvLSTMDecoder(Decoder):
    """A ConvLSTM that starts from the states in the code and reads nothing: the forecasting network of Shi et al. 2015.

    Args:
        conv_lstm: `ConvLSTM(0, hidden)` with `hidden` as the encoder's.
        height: Height of the maps in the code.
        width: Width of the maps in the code.
        head: Turns hidden maps `(steps, hidden, height, width)` into predictions `(steps, *prediction)`.

    Raises:
        ValueError: The ConvLSTM reads inputs.
    """

    def __init__(self, conv_lstm: ConvLSTM, height: int, width: int, head: nn.Module):
        super().__init__()
        if conv_lstm.channels:
            raise ValueError(f"a ConvLSTM that reads {conv_lstm.channels} channels. Give ConvLSTM(0, hidden) to decode")
        self.conv_lstm = conv_lstm
        self.height = height
        self.width = width
        self.head = head
        self.code_size = 2 * conv_lstm.hidden * height * width

    def forward(self, code: Tensor, lengths: Tensor, targets: Batch | None = None) -> Batch:
        """Return predictions `(batch, time, *prediction)`, given codes `(batch, code_size)`; see `Decoder`."""
        hidden, cell = code.unflatten(1, (2 * self.conv_lstm.hidden, self.height, self.width)).chunk(2, dim=1)
        return self.conv_lstm.run_without_input((hidden, cell), lengths)[0].map(self.head)


def _bias(convolution: nn.Conv2d) -> Tensor:
    assert convolution.bias is not None
    return convolution.bias
