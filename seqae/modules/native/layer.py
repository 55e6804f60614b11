"""Layers of LSTM and GRU as one differentiable function on top of the kernel.

Where derivatives of derivatives are asked for, or torch.func looks into a layer, a formula takes the kernel's place.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import forward_ad

from seqae.batch import Batch
from seqae.modules.native.build import lane_count, load_kernel
from seqae.modules.native.formula import gradients_by_formula, layer_by_formula

_MIN_STEPS = 4  # for fewer, arranging the weights takes too long
LayerState = tuple[Tensor, ...]
Weights = tuple[Tensor, Tensor, Tensor, Tensor]


def can_run(batch: Batch, state: LayerState | None, weights: Weights) -> bool:
    """Return whether the kernel can run a layer; takes the arguments of `gru`.

    It reads float32 tensors `(batch, time, input_size)` on the CPU. What is compiled goes to torch.
    """
    if torch.compiler.is_compiling() or batch.values.shape[1] < _MIN_STEPS or torch.is_autocast_enabled("cpu"):
        return False
    for tensor in (batch.values, *(state or ()), *weights):
        plain = type(tensor) in (Tensor, nn.Parameter)
        if not plain or tensor.device.type != "cpu" or tensor.dtype != torch.float32:
            return False
    return load_kernel() is not None


def is_transformed() -> bool:
    """Return whether torch.func (vmap, grad, jvp, ...) or forward-mode derivatives look into operations."""
    if torch._C._are_functorch_transforms_active():  # one of the few questions that torch.compile can answer, too
        return True
    return not torch.compiler.is_compiling() and forward_ad._current_level >= 0


def needs_formula(weights: Weights) -> bool:
    """Return whether the formula has to run an LSTM layer, for which torch has no derivatives that it can compile."""
    is_trained = torch.is_grad_enabled() and any(part.requires_grad for part in weights)
    return is_transformed() or (torch.compiler.is_compiling() and is_trained)


def lstm(batch: Batch, state: LayerState | None, weights: Weights) -> Tensor:
    """Return the hidden states of one layer, `(batch, time, hidden_size)`, zero beyond the lengths.

    Args:
        batch: Vectors `(batch, time, input_size)`; the padding is never read.
        state: Hidden state and cell before the first step, `(batch, hidden_size)` each; zeros if None.
        weights: `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh` in the layout of `torch.nn.LSTM`.
    """
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    return _run("lstm", batch, state, weight_ih, weight_hh, bias_ih + bias_hh)


def gru(batch: Batch, state: LayerState | None, weights: Weights) -> Tensor:
    """Return the hidden states of one layer, `(batch, time, hidden_size)`, zero beyond the lengths.

    Args:
        batch: Vectors `(batch, time, input_size)`; the padding is never read.
        state: The hidden state before the first step, `(batch, hidden_size)`; zeros if None.
        weights: `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh` in the layout of `torch.nn.GRU`.
    """
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    # The reset gate stands between what the candidate takes from the input and what it takes from the hidden state.
    # So there are four sums: reset, update, candidate of the input, candidate of the hidden state.
    shared = 2 * weight_hh.shape[1]
    bias = torch.cat([bias_ih[:shared] + bias_hh[:shared], bias_ih[shared:], bias_hh[shared:]])
    state = None if state is None else (state[0], state[0])
    return _run("gru", batch, state, weight_ih, weight_hh, bias)


def _run(
    cell: str, batch: Batch, state: LayerState | None, weight_ih: Tensor, weight_hh: Tensor, bias: Tensor
) -> Tensor:
    if is_transformed() or torch.compiler.is_compiling():
        hidden, memory = state or 2 * (bias.new_zeros(len(batch), weight_hh.shape[1]),)
        return layer_by_formula(cell, batch.lengths, batch.values, weight_hh, weight_ih, bias, hidden, memory)
    with _memory_errors(cell, len(batch), batch.values.shape[1], weight_hh.shape[1]):
        return _run_kernel(cell, batch, state, weight_ih, weight_hh, bias)


def _run_kernel(
    cell: str, batch: Batch, state: LayerState | None, weight_ih: Tensor, weight_hh: Tensor, bias: Tensor
) -> Tensor:
    values, lengths, size = batch.values, batch.lengths.long().contiguous(), weight_hh.shape[1]
    # The kernel does not check its arguments.
    assert values.shape == (*lengths.shape, values.shape[1], weight_ih.shape[1])
    assert all(part.shape == (*lengths.shape, size) for part in state or ())
    assert int(lengths.min()) >= 1 and int(lengths.max()) <= values.shape[1]
    base = bias  # the same for every sequence
    if values.stride(1) == 0:  # the same vector at every step: project it once
        base = F.pad(F.linear(values[:, 0], weight_ih), (0, len(bias) - len(weight_ih))) + bias
        values, weight_ih = values.detach()[..., :0], weight_ih[:, :0]
    hidden, memory = state or 2 * (bias.new_zeros(len(values), size),)
    if extra := -size % lane_count():  # hidden units that stay zero
        weight_hh, weight_ih = (part.unflatten(0, (-1, size)) for part in (weight_hh, weight_ih))
        weight_hh, weight_ih = F.pad(weight_hh, (0, extra, 0, extra)), F.pad(weight_ih, (0, 0, 0, extra))
        weight_hh, weight_ih = weight_hh.flatten(0, 1), weight_ih.flatten(0, 1)
        base = F.pad(base.unflatten(-1, (4, size)), (0, extra)).flatten(-2)
        hidden, memory = F.pad(hidden, (0, extra)), F.pad(memory, (0, extra))
    inputs = [part.contiguous() for part in (values, weight_hh, weight_ih, base, hidden, memory)]
    keep = torch.is_grad_enabled() and any(part.requires_grad for part in inputs)
    return _Layer.apply(cell, keep, lengths, *inputs)[..., :size]


class _Layer(torch.autograd.Function):
    """The kernel, forward and backward. Its tensors are contiguous, its hidden units a multiple of `lane_count()`."""

    @staticmethod
    def forward(ctx: Any, cell: str, keep: bool, lengths: Tensor, *inputs: Tensor) -> Tensor:
        values, weight_hh, weight_ih = inputs[:3]
        units, steps = weight_hh.shape[1], int(lengths.sum()) if keep else 0
        order = lengths.argsort(descending=True, stable=True)
        kept = [values.new_empty(steps, width) for width in (units + weight_ih.shape[1] + 1, 4 * units, units)]
        written = values.new_empty(*values.shape[:2], units)
        _call(f"{cell}_forward", order, lengths, *inputs, written, *kept)
        if keep:
            ctx.cell, ctx.spent, ctx.lock = cell, False, Lock()
            ctx.save_for_backward(order, lengths, *inputs, *kept)
        return written

    @staticmethod
    def backward(ctx: Any, d_written: Tensor) -> tuple[Tensor | None, ...]:
        order, lengths, *inputs, reads, gates, cells = ctx.saved_tensors
        wanted = list(ctx.needs_input_grad[3:])
        # A gradient that is itself to be differentiated, or many at once (`is_grads_batched`).
        if torch.is_grad_enabled() or is_transformed() or not torch._C._has_storage(d_written):
            return None, None, None, *gradients_by_formula(ctx.cell, lengths, inputs, d_written, wanted)
        with ctx.lock, _memory_errors(ctx.cell, *d_written.shape):  # another thread may go through the same graph
            if ctx.spent:  # a second pass through the same graph: the first one has overwritten the gates
                again = torch.empty_like(d_written, memory_format=torch.contiguous_format)
                _call(f"{ctx.cell}_forward", order, lengths, *inputs, again, reads, gates, cells)
            ctx.spent = True
            values, weight_hh, _, base, *state = inputs
            nothing, is_shared = d_written.new_empty(0), base.ndim == 1
            d_values = torch.empty_like(values) if wanted[0] else nothing
            d_weights, d_base = [nothing, nothing], nothing if is_shared else torch.empty_like(base)
            d_state = [torch.empty_like(part) for part in state]
            found = [d_values, d_base, *d_state]
            _call(f"{ctx.cell}_backward", order, lengths, *inputs, d_written.contiguous(), reads, gates, cells, *found)
            if any(wanted[1:3]) or (is_shared and wanted[3]):
                # By now, gates holds the gradients of the sums. The last number that a step reads is 1, for the bias.
                sums = (reads.t() @ gates).t()
                d_hidden, d_input, d_bias = sums.tensor_split(((units := weight_hh.shape[1]), sums.shape[1] - 1), dim=1)
                if ctx.cell == "gru":  # each of them has nothing to do with one of the sums
                    d_hidden, d_input = torch.cat([d_hidden[: 2 * units], d_hidden[3 * units :]]), d_input[: 3 * units]
                d_weights, d_base = [d_hidden, d_input], d_bias[:, 0] if is_shared else d_base
        found = [d_values, *d_weights, d_base, *d_state]
        return None, None, None, *(gradient if is_wanted else None for gradient, is_wanted in zip(found, wanted))


@contextmanager
def _memory_errors(cell: str, batch: int, time: int, units: int) -> Iterator[None]:
    """Say which layer has too little memory, whether torch asked for it, which raises a RuntimeError, or the kernel."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "allocate memory" not in str(error):
            raise
        raise MemoryError(
            f"too little memory for a layer of {cell.upper()} with {units} hidden units over {batch} "
            f"sequences of up to {time} steps. Take fewer sequences at a time (a smaller batch_size), shorter ones, or "
            "fewer hidden units"
        ) from error


class _Arguments(ctypes.Structure):
    """`Arguments` of recurrence.cpp."""

    _fields_ = (
        *[(name, ctypes.c_int64) for name in ("batch", "time", "inputs", "units", "threads", "base_stride")],
        *[(name, ctypes.c_void_p) for name in ("order", "lengths", "values", "recurrent", "input")],
        *[(name, ctypes.c_void_p) for name in ("base", "hidden", "memory")],
        *[(name, ctypes.c_void_p) for name in ("written", "reads", "gates", "cells")],
        *[(name, ctypes.c_void_p) for name in ("d_values", "d_base", "d_hidden", "d_memory")],
    )


def _call(function: str, *tensors: Tensor) -> None:
    """Call the kernel with tensors in the order of `_Arguments`; an empty one arrives as a null pointer."""
    values, weight_hh, _, base = tensors[2:6]
    sizes = (*values.shape, weight_hh.shape[1], torch.get_num_threads(), 0 if base.ndim == 1 else base.shape[1])
    arguments = _Arguments(*sizes, *[tensor.data_ptr() for tensor in tensors])
    call = getattr(load_kernel(), function)
    call.restype = ctypes.c_bool
    if not call(ctypes.byref(arguments)):
        raise MemoryError
