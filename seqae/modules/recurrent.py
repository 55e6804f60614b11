"""Recurrence over padded batches: by the kernel of `seqae.modules.native` where it suits, else by torch.

Sequences are padded, never packed: `pack_padded_sequence` leaves the fast path of torch as soon as
two lengths differ, and its backward pass is then quadratic in time (5 to 60 times slower on a CPU).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import chain, repeat

import torch
from torch import Tensor, nn

from seqae.batch import Batch
from seqae.modules import native

State = list[tuple[Tensor, ...]]  # for each layer: (hidden, cell) or (hidden,), each (batch, hidden_size)


class RecurrentLayer(nn.Module, ABC):
    """Layers of recurrent cells that read `(batch, time, input_size)` and stop at each sequence's own end.

    Args:
        input_size: Length of the vector read at each step.
        hidden_size: Length of the hidden state of each layer and direction.
        num_layers: How many layers stand on each other.
        bidirectional: Whether each layer also reads every sequence from its last step to its first.
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, bidirectional: bool = False):
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.ahead = self._stack()
        self.back = self._stack() if bidirectional else nn.ModuleList()

    @property
    def output_size(self) -> int:
        """Length of the vector written at each step."""
        return self.hidden_size * (2 if self.bidirectional else 1)

    def _stack(self) -> nn.ModuleList:
        # One size after the other: a saved model that claims a million layers must not fill the memory.
        sizes = chain([self.input_size], repeat(self.output_size, self.num_layers - 1))
        return nn.ModuleList(self._layer(size) for size in sizes)

    @abstractmethod
    def _layer(self, input_size: int) -> nn.RNNBase:
        """Return one layer of one direction."""

    @abstractmethod
    def _cell(self, vectors: Tensor, state: tuple[Tensor, ...], layer: nn.RNNBase) -> tuple[Tensor, ...]:
        """Return the state of a layer after one more step, `(batch, hidden_size)` each."""

    @abstractmethod
    def _sweep(self, batch: Batch, start: tuple[Tensor, ...] | None, weights: tuple[Tensor, ...]) -> Tensor:
        """Return the hidden states of one layer, `(batch, time, hidden_size)`; it reads no padding."""

    @abstractmethod
    def start(self, hidden: Tensor) -> State:
        """Return the state in which every layer begins, given `(batch, hidden_size)`."""

    def forward(self, batch: Batch, start: State | None = None) -> Batch:
        """Return the top layer's hidden states, `(batch, time, output_size)`.

        Args:
            batch: Vectors `(batch, time, input_size)`.
            start: The state before the first step, zeros if None; only for one direction.
        """
        self._check(batch, start)
        for number, layer in enumerate(self.ahead):
            hidden = self._sweep(batch, None if start is None else start[number], _weights(layer))
            if self.bidirectional:
                backwards = self._sweep(batch.reversed(), None, _weights(self.back[number]))
                hidden = torch.cat([hidden, Batch(backwards, batch.lengths).reversed().values], dim=-1)
            batch = Batch(hidden, batch.lengths)
        return batch

    def final(self, hidden: Batch) -> Tensor:
        """Return what each direction wrote last, `(batch, output_size)`, given what `forward` returned."""
        rows = torch.arange(len(hidden), device=hidden.values.device)
        last = hidden.values[rows, hidden.lengths - 1]
        if not self.bidirectional:
            return last
        return torch.cat([last[:, : self.hidden_size], hidden.values[:, 0, self.hidden_size :]], dim=-1)

    def step(self, vectors: Tensor, state: State) -> State:
        """Return the state after one more step that reads `(batch, input_size)`; only for one direction."""
        after = []
        for layer, before in zip(self.ahead, state):
            after.append(self._cell(vectors, before, layer))
            vectors = after[-1][0]
        return after

    def _check(self, batch: Batch, start: State | None) -> None:
        values, lengths = batch.values, batch.lengths
        if values.ndim != 3 or values.shape[2] != self.input_size:
            raise ValueError(
                f"steps of shape {tuple(values.shape[2:])}; this recurrence reads {self.input_size} numbers. "
                "Embed the steps, or give another input_size"
            )
        if int(lengths.min()) < 1 or int(lengths.max()) > values.shape[1]:
            raise ValueError(
                f"lengths from {int(lengths.min())} to {int(lengths.max())} in a batch of {values.shape[1]} steps. "
                "A length is at least 1 and at most the number of steps"
            )
        expected = (len(batch), self.hidden_size)
        for part in (part for state in start or () for part in state):
            if part.shape != expected:
                raise ValueError(f"a start of shape {tuple(part.shape)}; this recurrence starts from {expected}")


class LSTM(RecurrentLayer):
    """Long short-term memory (Hochreiter & Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735)."""

    def start(self, hidden: Tensor) -> State:
        return [(hidden, torch.zeros_like(hidden)) for _ in self.ahead]

    def run_autoregressive(self, state: State, first: Tensor, readout: nn.Linear, time: int) -> Tensor:
        """Return the hidden states `(batch, time, hidden_size)` of one layer that reads its own output.

        A step reads `readout(hidden of the step before)`, the first one reads `first`. A linear readout
        folds into the recurrent matrix, so this costs one call and not one for each step:
        W_ih (W h + b) + W_hh h = (W_hh + W_ih W) h + W_ih b.

        Args:
            state: The state before the first step.
            first: What the first step reads, `(batch, input_size)`.
            readout: From the hidden state to what the next step reads.
            time: The number of steps.
        """
        (layer,) = self.ahead
        recurrent = layer.weight_hh_l0 + layer.weight_ih_l0 @ readout.weight
        bias = layer.bias_hh_l0
        if readout.bias is not None:
            bias = bias + layer.weight_ih_l0 @ readout.bias
        hidden = state[0][0]
        # The fold lets the first step read readout(hidden), too: make up for the difference.
        reads = torch.cat(
            [(first - readout(hidden)).unsqueeze(1), first.new_zeros(len(first), time - 1, first.shape[1])], 1
        )
        return self._sweep(Batch.full(reads), state[0], (layer.weight_ih_l0, recurrent, layer.bias_ih_l0, bias))

    def _layer(self, input_size: int) -> nn.LSTM:
        return nn.LSTM(input_size, self.hidden_size, batch_first=True)

    def _cell(self, vectors: Tensor, state: tuple[Tensor, ...], layer: nn.RNNBase) -> tuple[Tensor, ...]:
        return torch.lstm_cell(vectors, state, *_weights(layer))

    def _sweep(self, batch: Batch, start: tuple[Tensor, ...] | None, weights: tuple[Tensor, ...]) -> Tensor:
        if native.is_supported_lstm(batch, start, weights):
            return native.lstm(batch, start, weights)
        values, hidden, cell = _for_torch(batch, start or 2 * (_zeros(batch, self.hidden_size),))
        return torch.lstm(values, (hidden, cell), weights, True, 1, 0.0, self.training, False, True)[0]


class GRU(RecurrentLayer):
    """Gated recurrent units (Cho et al. 2014, https://arxiv.org/abs/1406.1078)."""

    def start(self, hidden: Tensor) -> State:
        return [(hidden,) for _ in self.ahead]

    def _layer(self, input_size: int) -> nn.GRU:
        return nn.GRU(input_size, self.hidden_size, batch_first=True)

    def _cell(self, vectors: Tensor, state: tuple[Tensor, ...], layer: nn.RNNBase) -> tuple[Tensor, ...]:
        return (torch.gru_cell(vectors, state[0], *_weights(layer)),)

    def _sweep(self, batch: Batch, start: tuple[Tensor, ...] | None, weights: tuple[Tensor, ...]) -> Tensor:
        if native.is_supported(batch, start, weights):
            return native.gru(batch, start, weights)
        values, hidden = _for_torch(batch, start or (_zeros(batch, self.hidden_size),))
        return torch.gru(values, hidden, weights, True, 1, 0.0, self.training, False, True)[0]


def init_forget_gate_bias(lstm: LSTM, bias: float = 1.0) -> LSTM:
    """Let an LSTM that has not learnt yet keep its cells, so that what it read long ago reaches the end; return it.

    Jozefowicz et al. 2015, https://proceedings.mlr.press/v37/jozefowicz15.html.

    Args:
        lstm: Whose weights are changed.
        bias: Added to the gates that keep; a cell then lasts for about e to this power steps.
    """
    with torch.no_grad():
        for layer in [*lstm.ahead, *lstm.back]:
            layer.bias_ih_l0[lstm.hidden_size : 2 * lstm.hidden_size] += bias
    return lstm


def _weights(layer: nn.RNNBase) -> tuple[Tensor, ...]:
    return layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0


def _zeros(batch: Batch, hidden_size: int) -> Tensor:
    return batch.values.new_zeros(len(batch), hidden_size)


def _for_torch(batch: Batch, start: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return what torch wants: values that are finite beyond the lengths, and states of `(layer, batch, ...)`."""
    return batch.mask_padding().values, *(part.unsqueeze(0) for part in start)
