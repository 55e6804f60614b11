"""Recurrent layers over padded batches: by the kernel of `seqae.modules.native` where it supports them, else by torch.

Sequences are padded, never packed: `pack_padded_sequence` leaves the fast path of torch as soon as
two lengths differ, and its backward pass is then quadratic in time (5 to 60 times slower on a CPU).
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable
from itertools import chain, repeat
from typing import TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqae.batch import Batch, extent_of, is_exporting
from seqae.modules import native
from seqae.modules.native import Weights

R = TypeVar("R", bound="RecurrentLayer")
Run = Callable[[Batch, "tuple[Tensor, ...] | None", Weights], Tensor]
State = list[tuple[Tensor, ...]]  # for each layer: (hidden, cell) or (hidden,), each (batch, hidden_size)


class RecurrentLayer(nn.Module, ABC):
    """Layers of recurrent cells that read `(batch, time, input_size)` and stop at each sequence's own end.

    On a CPU a kernel in C++ computes them in single precision; `SEQAE_NATIVE=0` in the environment leaves all to torch.
    After `torch.set_float32_matmul_precision("medium")` it rounds what it multiplies to bfloat16 on a CPU with AMX,
    so that hidden states differ from the exact ones by up to 0.009, see `seqae.modules.native`.
    `torch.compile` makes a loop over the steps of layers that are trained, in one graph with the rest, in place of the
    kernel and of cuDNN.

    Args:
        input_size: Length of the vector read at each step.
        hidden_size: Length of the hidden state of each layer and direction.
        num_layers: Number of stacked layers.
        bidirectional: Whether each layer also reads every sequence from its last step to its first.
        dropout: Probability with which a hidden unit of each layer but the last is set to zero while training, as in
            `torch.nn.LSTM`.

    Raises:
        ValueError: `dropout` is no probability below 1.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
    ):
        super().__init__()
        if not 0 <= dropout < 1:
            raise ValueError(f"a dropout of {dropout}. Expected a probability from 0 up to, but not, 1")
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.forward_layers = self._stack()
        self.backward_layers = self._stack() if bidirectional else nn.ModuleList()

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
    def _cell(self, vectors: Tensor, state: tuple[Tensor, ...], weights: Weights) -> tuple[Tensor, ...]:
        """Return the state of a layer after one more step, `(batch, hidden_size)` each."""

    @abstractmethod
    def _run(self, batch: Batch, state: tuple[Tensor, ...] | None, *directions: Weights) -> Tensor:
        """Return the hidden states of one layer, `(batch, time, directions * hidden_size)`; it reads no padding.

        Only the first direction starts from the state. A second one reads each sequence from its own last step.
        """

    def _run_each(self, run: Run, batch: Batch, state: tuple[Tensor, ...] | None, *directions: Weights) -> Tensor:
        """Return what `_run` does, by a function that runs one direction over sequences as they are."""
        hidden = run(batch, state, directions[0])
        if len(directions) == 1:
            return hidden
        backward = Batch(run(batch.reversed(), None, directions[1]), batch.lengths).reversed()
        return torch.cat([hidden, backward.values], dim=-1)

    def _scan(self, batch: Batch, state: tuple[Tensor, ...] | None, weights: Weights) -> Tensor:
        """Run one direction step after step: `torch.export` freezes the time of `torch.lstm` and `torch.gru`."""
        from torch._higher_order_ops.scan import scan  # torch has no public name for it yet

        def step(before: tuple[Tensor, ...], vectors: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
            after = self._cell(vectors, before, weights)
            return after, after[0].clone()  # a result may not share memory with the state

        if state is None:
            state = self.initial_state(_zeros(batch, self.hidden_size))[0]
        return scan(step, state, batch.mask_padding().values.transpose(0, 1))[1].transpose(0, 1)

    @abstractmethod
    def initial_state(self, hidden: Tensor) -> State:
        """Return the state before the first step, with the hidden state `(batch, hidden_size)` in every layer."""

    def forward(self, batch: Batch, state: State | None = None) -> Batch:
        """Return the top layer's hidden states, `(batch, time, output_size)`.

        Args:
            batch: Vectors `(batch, time, input_size)`.
            state: The state before the first step, zeros if None; only for one direction.

        Raises:
            ValueError: Vectors, lengths or state are of another size.
        """
        self._check(batch, state)
        run = functools.partial(self._run_each, self._scan) if is_exporting() else self._run
        stacks = [self.forward_layers, self.backward_layers] if self.bidirectional else [self.forward_layers]
        for index, layers in enumerate(zip(*stacks)):
            if index and self.dropout and self.training:
                batch = batch.map(self._drop)
            hidden = run(batch, None if state is None else state[index], *map(_weights, layers))
            batch = Batch(hidden, batch.lengths)
        return batch

    def last_output(self, hidden: Batch) -> Tensor:
        """Return the last output of each direction, `(batch, output_size)`, given the output of `forward`."""
        rows = torch.arange(hidden.values.shape[0], device=hidden.values.device)
        last = hidden.values[rows, hidden.lengths - 1]
        if not self.bidirectional:
            return last
        return torch.cat([last[:, : self.hidden_size], hidden.values[:, 0, self.hidden_size :]], dim=-1)

    def step(self, vectors: Tensor, state: State) -> State:
        """Return the state after one more step that reads `(batch, input_size)`; only for one direction."""
        after: State = []
        for layer, before in zip(self.forward_layers, state):
            read = self._drop(vectors) if after and self.dropout and self.training else vectors
            after.append(self._cell(read, before, _weights(layer)))
            vectors = after[-1][0]
        return after

    def _drop(self, vectors: Tensor) -> Tensor:
        return F.dropout(vectors, self.dropout)

    def _check(self, batch: Batch, state: State | None) -> None:
        values, lengths = batch.values, batch.lengths
        if values.ndim != 3 or values.shape[2] != self.input_size:
            is_plain = values.ndim == 2 and self.input_size == 1
            remedy = "Give them a channel: sequence[:, None]" if is_plain else "Embed the steps"
            raise ValueError(
                f"steps of shape {tuple(values.shape[2:])}; this layer reads vectors of {self.input_size}. "
                f"{remedy}, or give another input_size"
            )
        shortest, longest, _ = extent_of(lengths) or (1, values.shape[1], True)
        if shortest < 1 or longest > values.shape[1]:
            raise ValueError(
                f"lengths from {shortest} to {longest} in a batch of {values.shape[1]} steps. "
                "A length is at least 1 and at most the number of steps"
            )
        expected = (values.shape[0], self.hidden_size)
        for part in (part for of_layer in state or () for part in of_layer):
            if part.shape != expected:
                raise ValueError(f"an initial state of shape {tuple(part.shape)}; this layer starts from {expected}")


class LSTM(RecurrentLayer):
    """Long short-term memory (Hochreiter & Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735)."""

    def initial_state(self, hidden: Tensor) -> State:
        """Return hidden states as given, `(batch, hidden_size)`, and cells of zeros, for every layer."""
        return [(hidden, torch.zeros_like(hidden)) for _ in self.forward_layers]

    def run_autoregressive(self, state: State, first: Tensor, readout: nn.Linear, time: int) -> Tensor:
        """Return the hidden states `(batch, time, hidden_size)` of one layer that reads its own output.

        A step reads `readout(hidden of the step before)`, the first one reads `first`. A linear readout
        folds into the recurrent matrix, so this costs one call and not one for each step:
        W_ih (W h + b) + W_hh h = (W_hh + W_ih W) h + W_ih b.

        Args:
            state: The state before the first step.
            first: The input of the first step, `(batch, input_size)`.
            readout: Maps the hidden state to the input of the next step.
            time: The number of steps.
        """
        (layer,) = self.forward_layers
        weight_ih, weight_hh, bias_ih, bias_hh = _weights(layer)
        recurrent = weight_hh + weight_ih @ readout.weight
        if readout.bias is not None:
            bias_hh = bias_hh + weight_ih @ readout.bias
        hidden = state[0][0]
        # The fold lets the first step read readout(hidden), too: make up for the difference.
        reads = torch.cat(
            [(first - readout(hidden)).unsqueeze(1), first.new_zeros(len(first), time - 1, first.shape[1])], 1
        )
        return self._run(Batch.full(reads), state[0], (weight_ih, recurrent, bias_ih, bias_hh))

    def _layer(self, input_size: int) -> nn.RNNBase:
        return nn.RNNBase("LSTM", input_size, self.hidden_size, batch_first=True)

    def _cell(self, vectors: Tensor, state: tuple[Tensor, ...], weights: Weights) -> tuple[Tensor, ...]:
        return torch.lstm_cell(vectors, state, *weights)

    def _run(self, batch: Batch, state: tuple[Tensor, ...] | None, *directions: Weights) -> Tensor:
        if _lacks_bfloat16_lstm(batch):
            with torch.autocast("cpu", enabled=False):
                parts = None if state is None else tuple(part.float() for part in state)
                return self._run(Batch(batch.values.float(), batch.lengths), parts, *directions)
        if native.needs_formula(*directions) or native.is_supported("lstm", batch, state, *directions):
            return native.lstm(batch, state, *directions)
        return self._run_each(self._by_torch, batch, state, *directions)

    def _by_torch(self, batch: Batch, state: tuple[Tensor, ...] | None, weights: Weights) -> Tensor:
        values, hidden, cell = _for_torch(batch, state or 2 * (_zeros(batch, self.hidden_size),))
        return torch.lstm(values, (hidden, cell), weights, True, 1, 0.0, self.training, False, True)[0]


class GRU(RecurrentLayer):
    """Gated recurrent units (Cho et al. 2014, https://arxiv.org/abs/1406.1078)."""

    def initial_state(self, hidden: Tensor) -> State:
        """Return hidden states as given, `(batch, hidden_size)`, for every layer."""
        return [(hidden,) for _ in self.forward_layers]

    def _layer(self, input_size: int) -> nn.RNNBase:
        return nn.RNNBase("GRU", input_size, self.hidden_size, batch_first=True)

    def _cell(self, vectors: Tensor, state: tuple[Tensor, ...], weights: Weights) -> tuple[Tensor, ...]:
        return (torch.gru_cell(vectors, state[0], *weights),)

    def _run(self, batch: Batch, state: tuple[Tensor, ...] | None, *directions: Weights) -> Tensor:
        if native.is_transformed() or native.is_supported("gru", batch, state, *directions):
            return native.gru(batch, state, *directions)
        return self._run_each(self._by_torch, batch, state, *directions)

    def _by_torch(self, batch: Batch, state: tuple[Tensor, ...] | None, weights: Weights) -> Tensor:
        values, hidden = _for_torch(batch, state or (_zeros(batch, self.hidden_size),))
        return torch.gru(values, hidden, weights, True, 1, 0.0, self.training, False, True)[0]


def init_forget_gate_bias(lstm: LSTM, bias: float = 1.0) -> LSTM:
    """Raise the bias of an untrained LSTM's forget gates, so that it remembers for longer at first; return it.

    Jozefowicz et al. 2015, https://proceedings.mlr.press/v37/jozefowicz15.html.

    Args:
        lstm: The layer whose weights are changed in place.
        bias: Added to the bias of the forget gates; a cell then lasts for about `exp(bias)` steps.
    """
    with torch.no_grad():
        for layer in [*lstm.forward_layers, *lstm.backward_layers]:
            _weights(layer)[2][lstm.hidden_size : 2 * lstm.hidden_size] += bias
    return lstm


def _lacks_bfloat16_lstm(batch: Batch) -> bool:
    """Whether autocast would call an LSTM in bfloat16 that oneDNN does not have on this processor: it raises."""
    if batch.values.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
        return False
    return torch.backends.cpu.get_cpu_capability() != "AVX512"


def init_orthogonal(rnn: R) -> R:
    """Make the recurrent weights of an untrained layer orthogonal, so that states neither grow nor fade; return it.

    The matrix of each gate is orthogonal (Saxe et al. 2014, https://arxiv.org/abs/1312.6120); the input weights are
    those of Glorot & Bengio 2010, https://proceedings.mlr.press/v9/glorot10a.html.

    Args:
        rnn: The layer whose weights are changed in place.
    """
    for layer in [*rnn.forward_layers, *rnn.backward_layers]:
        weight_ih, weight_hh, *_ = _weights(layer)
        nn.init.xavier_uniform_(weight_ih)
        for gate in weight_hh.detach().split(rnn.hidden_size):
            nn.init.orthogonal_(gate)
    return rnn


def _weights(layer: nn.Module) -> Weights:
    # The names are set at run time, so that their types are not known before.
    return cast("Weights", (layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0))


def _zeros(batch: Batch, hidden_size: int) -> Tensor:
    return batch.values.new_zeros(batch.values.shape[0], hidden_size)


def _for_torch(batch: Batch, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return inputs for torch: values that are finite beyond the lengths, and states `(layer, batch, hidden_size)`."""
    return batch.mask_padding().values, *(part.unsqueeze(0) for part in state)
