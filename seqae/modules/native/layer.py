"""Layers of LSTM and GRU as one differentiable function on top of the kernel."""

from __future__ import annotations

import ctypes

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable

from seqae.batch import Batch
from seqae.modules.native.build import load_kernel

_LANES = 8  # units that the kernel computes side by side
_FEWEST_STEPS = 4  # for less, arranging the weights takes too long
State = tuple[Tensor, ...]
Weights = tuple[Tensor, Tensor, Tensor, Tensor]


def is_supported(batch: Batch, start: State | None, weights: Weights) -> bool:
    """Whether the kernel can run a layer, and is the quicker way; takes the same as `gru`.

    Graphs that are recorded go to torch. A second derivative needs `SEQAE_NATIVE=0`.
    """
    if batch.values.shape[1] < _FEWEST_STEPS or torch.is_autocast_enabled("cpu"):
        return False
    for tensor in (batch.values, *(start or ()), *weights):
        plain = type(tensor) in (Tensor, nn.Parameter)
        if not plain or tensor.device.type != "cpu" or tensor.dtype != torch.float32:
            return False
    recorded = torch.compiler.is_compiling() or torch.jit.is_tracing()
    return not recorded and load_kernel() is not None


def is_supported_lstm(batch: Batch, start: State | None, weights: Weights) -> bool:
    """The same for `lstm`; torch is quicker if the state is large and the batch small (measured with AVX2)."""
    return weights[1].shape[1] <= (128 if len(batch) < 4 else 512) and is_supported(batch, start, weights)


def lstm(batch: Batch, start: State | None, weights: Weights) -> Tensor:
    """Return the hidden states of one layer, `(batch, time, hidden_size)`, zero beyond the lengths.

    Args:
        batch: Vectors `(batch, time, input_size)`; the padding is never read.
        start: Hidden state and cell before the first step, `(batch, hidden_size)` each; zeros if None.
        weights: In the order and layout of `torch.nn.LSTM`: of input and hidden state, and their biases.
    """
    of_input, of_hidden, input_bias, hidden_bias = weights
    return _run("lstm", batch, start, of_input, of_hidden, input_bias + hidden_bias)


def gru(batch: Batch, start: State | None, weights: Weights) -> Tensor:
    """Return the hidden states of one layer, `(batch, time, hidden_size)`, zero beyond the lengths.

    Args:
        batch: Vectors `(batch, time, input_size)`; the padding is never read.
        start: The hidden state before the first step, `(batch, hidden_size)`; zeros if None.
        weights: In the order and layout of `torch.nn.GRU`: of input and hidden state, and their biases.
    """
    of_input, of_hidden, input_bias, hidden_bias = weights
    size = of_hidden.shape[1]
    # The reset gate stands between what the candidate takes from the input and what it takes from the hidden
    # state. So the kernel wants four sums: reset, update, candidate of the input, candidate of the hidden state.
    of_input, input_bias = (torch.cat([part, torch.zeros_like(part[:size])]) for part in (of_input, input_bias))
    of_hidden, hidden_bias = (
        torch.cat([part[: 2 * size], torch.zeros_like(part[:size]), part[2 * size :]])
        for part in (of_hidden, hidden_bias)
    )
    start = None if start is None else (start[0], start[0])
    return _run("gru", batch, start, of_input, of_hidden, input_bias + hidden_bias)


def _run(cell: str, batch: Batch, start: State | None, of_input: Tensor, of_hidden: Tensor, bias: Tensor) -> Tensor:
    values, lengths, size = batch.values, batch.lengths.long().contiguous(), of_hidden.shape[1]
    # The kernel trusts what it is given.
    assert values.shape == (*lengths.shape, values.shape[1], of_input.shape[1])
    assert all(part.shape == (*lengths.shape, size) for part in start or ())
    assert int(lengths.min()) >= 1 and int(lengths.max()) <= values.shape[1]
    base = bias.expand(len(values), -1)
    if values.stride(1) == 0:  # the same vector at every step: project it once
        base = F.linear(values[:, 0], of_input, bias)
        values, of_input = values.detach()[..., :0], of_input[:, :0]
    hidden, memory = start or [base.new_zeros(len(values), size)] * 2
    if extra := -size % _LANES:  # units that stay zero
        of_hidden, of_input = (part.unflatten(0, (4, size)) for part in (of_hidden, of_input))
        of_hidden, of_input = F.pad(of_hidden, (0, extra, 0, extra)), F.pad(of_input, (0, 0, 0, extra))
        of_hidden, of_input = of_hidden.flatten(0, 1), of_input.flatten(0, 1)
        base = F.pad(base.unflatten(1, (4, size)), (0, extra)).flatten(1)
        hidden, memory = F.pad(hidden, (0, extra)), F.pad(memory, (0, extra))
    inputs = [part.contiguous() for part in (values, torch.cat([of_hidden, of_input], 1), base, hidden, memory)]
    keep = torch.is_grad_enabled() and any(part.requires_grad for part in inputs)
    return _Layer.apply(cell, keep, lengths, *inputs)[..., :size]


class _Layer(torch.autograd.Function):
    """The kernel, forwards and backwards. Its tensors are contiguous, its units a multiple of eight."""

    @staticmethod
    def forward(ctx: FunctionCtx, cell: str, keep: bool, lengths: Tensor, *inputs: Tensor) -> Tensor:
        values, weights = inputs[:2]
        units, steps = len(weights) // 4, int(lengths.sum()) if keep else 0
        order = lengths.argsort(descending=True, stable=True)
        kept = [weights.new_empty(steps, width) for width in (weights.shape[1], 4 * units, units)]
        written = weights.new_empty(*values.shape[:2], units)
        _call(f"{cell}_forward", order, lengths, *inputs, written, *kept)
        if keep:
            ctx.cell, ctx.spent = cell, False
            ctx.save_for_backward(order, lengths, *inputs, *kept)
        return written

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, d_written: Tensor) -> tuple[Tensor | None, ...]:
        order, lengths, *inputs, reads, gates, cells = ctx.saved_tensors
        if ctx.spent:  # a second pass through the same graph: the first one has overwritten the gates
            again = torch.empty_like(d_written, memory_format=torch.contiguous_format)
            _call(f"{ctx.cell}_forward", order, lengths, *inputs, again, reads, gates, cells)
        ctx.spent = True
        d_values, d_weights, *d_rest = (torch.empty_like(part) for part in inputs)
        if not ctx.needs_input_grad[3]:
            d_values = d_values.new_empty(0)
        d_written = d_written.contiguous()
        _call(f"{ctx.cell}_backward", order, lengths, *inputs, d_written, reads, gates, cells, d_values, *d_rest)
        if ctx.needs_input_grad[4]:
            torch.mm(gates.t(), reads, out=d_weights)  # by now, gates holds the gradients of the sums
        found = (None, None, None, d_values, d_weights, *d_rest)
        return tuple(gradient if wanted else None for gradient, wanted in zip(found, ctx.needs_input_grad))


class _Arguments(ctypes.Structure):
    """`Arguments` of recurrence.cpp."""

    _fields_ = (
        *[(name, ctypes.c_int64) for name in ("batch", "time", "inputs", "units", "threads")],
        *[(name, ctypes.c_void_p) for name in ("order", "lengths", "values", "weights", "base", "hidden", "memory")],
        *[(name, ctypes.c_void_p) for name in ("written", "reads", "gates", "cells")],
        *[(name, ctypes.c_void_p) for name in ("d_values", "d_base", "d_hidden", "d_memory")],
    )


def _call(function: str, *tensors: Tensor) -> None:
    """Call the kernel with tensors in the order of `_Arguments`; an empty one arrives as a null pointer."""
    values, weights = tensors[2:4]
    sizes = (*values.shape, len(weights) // 4, torch.get_num_threads())
    getattr(load_kernel(), function)(ctypes.byref(_Arguments(*sizes, *[tensor.data_ptr() for tensor in tensors])))
