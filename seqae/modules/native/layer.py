"""Layers of LSTM and GRU as one differentiable function on top of the kernel.

Where derivatives of derivatives are asked for, or torch.func looks into a layer, a formula takes the kernel's place.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from threading import Lock
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import forward_ad

from seqae.batch import Batch
from seqae.modules.native.build import lane_count, load_kernel, rounds_products
from seqae.modules.native.formula import gradients_by_formula, layer_by_formula

_MIN_STEPS = 4  # for fewer, arranging the weights takes too long
_MIN_ROUNDED_UNITS = 64  # for fewer, rounding takes longer than it saves
_MIN_READS = 16  # numbers of a step; how MKL cuts products of fewer between threads may change their last bits
T = TypeVar("T")
LayerState = tuple[Tensor, ...]
Weights = tuple[Tensor, Tensor, Tensor, Tensor]
Direction = tuple[Tensor, ...]  # its parts: both weights, base, hidden state and memory
_PARTS = 5


def can_run(batch: Batch, state: LayerState | None, *directions: Weights) -> bool:
    """Return whether the kernel can run a layer; takes the arguments of `gru`.

    It reads float32 tensors `(batch, time, input_size)` on the CPU. What is compiled goes to torch.
    """
    if torch.compiler.is_compiling() or batch.values.shape[1] < _MIN_STEPS or torch.is_autocast_enabled("cpu"):
        return False
    for tensor in (batch.values, *(state or ()), *chain(*directions)):
        plain = type(tensor) in (Tensor, nn.Parameter)
        if not plain or tensor.device.type != "cpu" or tensor.dtype != torch.float32:
            return False
    return load_kernel() is not None


def is_transformed() -> bool:
    """Return whether torch.func (vmap, grad, jvp, ...) or forward-mode derivatives look into operations."""
    if torch._C._are_functorch_transforms_active():  # one of the few questions that torch.compile can answer, too
        return True
    return not torch.compiler.is_compiling() and forward_ad._current_level >= 0


def needs_formula(*directions: Weights) -> bool:
    """Return whether the formula has to run an LSTM layer, for which torch has no derivatives that it can compile."""
    is_trained = torch.is_grad_enabled() and any(part.requires_grad for weights in directions for part in weights)
    return is_transformed() or (torch.compiler.is_compiling() and is_trained)


def lstm(batch: Batch, state: LayerState | None, *directions: Weights) -> Tensor:
    """Return the hidden states of one layer, `(batch, time, directions * hidden_size)`, zero beyond the lengths.

    Args:
        batch: Vectors `(batch, time, input_size)`; the padding is never read.
        state: Hidden state and cell before the first step, `(batch, hidden_size)` each; zeros if None. Only the first
            direction starts from it.
        directions: `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh` in the layout of `torch.nn.LSTM`; a second direction
            reads each sequence from its own last step to its first.
    """
    parts = [(weight_hh, weight_ih, bias_ih + bias_hh) for weight_ih, weight_hh, bias_ih, bias_hh in directions]
    return _run("lstm", batch, state, parts)


def gru(batch: Batch, state: LayerState | None, *directions: Weights) -> Tensor:
    """Return the hidden states of one layer, `(batch, time, directions * hidden_size)`, zero beyond the lengths.

    Args:
        batch: Vectors `(batch, time, input_size)`; the padding is never read.
        state: The hidden state before the first step, `(batch, hidden_size)`; zeros if None. Only the first direction
            starts from it.
        directions: `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh` in the layout of `torch.nn.GRU`; a second direction
            reads each sequence from its own last step to its first.
    """
    parts = []
    for weight_ih, weight_hh, bias_ih, bias_hh in directions:
        # The reset gate stands between what the candidate takes from the input and what it takes from the hidden state.
        # So there are four sums: reset, update, candidate of the input, candidate of the hidden state.
        shared = 2 * weight_hh.shape[1]
        bias = torch.cat([bias_ih[:shared] + bias_hh[:shared], bias_ih[shared:], bias_hh[shared:]])
        parts.append((weight_hh, weight_ih, bias))
    return _run("gru", batch, None if state is None else (state[0], state[0]), parts)


def _run(cell: str, batch: Batch, state: LayerState | None, parts: list[tuple[Tensor, Tensor, Tensor]]) -> Tensor:
    size = parts[0][0].shape[1]
    zeros = 2 * (parts[0][2].new_zeros(len(batch), size),)
    directions = [(*own, *(start or zeros)) for own, start in zip(parts, (state, None))]
    if is_transformed() or torch.compiler.is_compiling():
        return layer_by_formula(cell, batch.lengths, batch.values, *chain(*directions))
    with _memory_errors(cell, len(batch), batch.values.shape[1], size):
        return _run_kernel(cell, batch, directions)


def _run_kernel(cell: str, batch: Batch, directions: list[Direction]) -> Tensor:
    values, lengths, size = batch.values, batch.lengths.long().contiguous(), directions[0][0].shape[1]
    # The kernel does not check its arguments.
    assert values.shape == (*lengths.shape, values.shape[1], directions[0][1].shape[1])
    assert all(part.shape == (*lengths.shape, size) for direction in directions for part in direction[3:])
    assert all(direction[0].shape == directions[0][0].shape for direction in directions)
    assert int(lengths.min()) >= 1 and int(lengths.max()) <= values.shape[1]
    if values.stride(1) == 0:  # the same vector at every step: project it once
        directions = [_with_input(direction, values[:, 0]) for direction in directions]
        values = values.detach()[..., :0]
    inputs = [values.contiguous(), *(part.contiguous() for each in directions for part in _widen(each))]
    keep = torch.is_grad_enabled() and any(part.requires_grad for part in inputs)
    written = _Layer.apply(cell, keep, lengths, *inputs)
    return written.unflatten(2, (len(directions), -1))[..., :size].flatten(2)


def _with_input(direction: Direction, vectors: Tensor) -> Direction:
    """Return a direction that adds what vectors `(batch, input_size)` add to the sums of every step, and reads none."""
    weight_hh, weight_ih, bias, hidden, memory = direction
    base = F.pad(F.linear(vectors, weight_ih), (0, len(bias) - len(weight_ih))) + bias
    return weight_hh, weight_ih[:, :0], base, hidden, memory


def _widen(direction: Direction) -> Direction:
    """Return a direction with as many hidden units as the kernel computes; those that it has not stay zero."""
    weight_hh, weight_ih, base, hidden, memory = direction
    size = weight_hh.shape[1]
    if not (extra := -size % lane_count()):
        return direction
    weight_hh = F.pad(weight_hh.unflatten(0, (-1, size)), (0, extra, 0, extra)).flatten(0, 1)
    weight_ih = F.pad(weight_ih.unflatten(0, (-1, size)), (0, 0, 0, extra)).flatten(0, 1)
    base = F.pad(base.unflatten(-1, (4, size)), (0, extra)).flatten(-2)
    return weight_hh, weight_ih, base, F.pad(hidden, (0, extra)), F.pad(memory, (0, extra))


class _Layer(torch.autograd.Function):
    """The kernel, forward and backward. Its tensors are contiguous, its hidden units a multiple of `lane_count()`.

    It takes the values, and after them the parts of each direction.
    """

    @staticmethod
    def forward(ctx: Any, cell: str, keep: bool, lengths: Tensor, values: Tensor, *parts: Tensor) -> Tensor:
        directions = _groups(parts, _PARTS)
        units, steps = parts[0].shape[1], int(lengths.sum()) if keep else 0
        order = lengths.argsort(descending=True, stable=True)
        rounds = rounds_products() and units >= _MIN_ROUNDED_UNITS
        widths = units + values.shape[2] + 1, 4 * units, units  # reads, gates, cells
        kept = [[values.new_empty(steps, width) for width in widths] for _ in directions]
        written = values.new_empty(*values.shape[:2], len(directions) * units)
        _call(f"{cell}_forward", rounds, order, lengths, values, written, directions, kept)
        if keep:
            ctx.cell, ctx.rounds, ctx.spent, ctx.lock, ctx.parts = cell, rounds, False, Lock(), len(parts)
            ctx.save_for_backward(order, lengths, values, *parts, *chain(*kept))
        return written

    @staticmethod
    def backward(ctx: Any, d_written: Tensor) -> tuple[Tensor | None, ...]:
        order, lengths, values, *saved = ctx.saved_tensors
        parts, wanted = saved[: ctx.parts], list(ctx.needs_input_grad[3:])
        # A gradient that is itself to be differentiated, or many at once (`is_grads_batched`).
        if torch.is_grad_enabled() or is_transformed() or not torch._C._has_storage(d_written):
            return None, None, None, *gradients_by_formula(ctx.cell, lengths, [values, *parts], d_written, wanted)
        directions, kept = _groups(parts, _PARTS), _groups(saved[ctx.parts :], 3)
        with ctx.lock, _memory_errors(ctx.cell, *d_written.shape):  # another thread may go through the same graph
            if ctx.spent:  # a second pass through the same graph: the first one has overwritten the gates
                again = torch.empty_like(d_written, memory_format=torch.contiguous_format)
                _call(f"{ctx.cell}_forward", ctx.rounds, order, lengths, values, again, directions, kept)
            ctx.spent = True
            arrays = order, lengths, values, d_written.contiguous()
            found = _gradients(ctx.cell, ctx.rounds, arrays, directions, kept, wanted)
        return None, None, None, *(gradient if is_wanted else None for gradient, is_wanted in zip(found, wanted))


def _gradients(
    cell: str,
    rounds: bool,
    arrays: tuple[Tensor, Tensor, Tensor, Tensor],
    directions: list[Sequence[Tensor]],
    kept: list[Sequence[Tensor]],
    wanted: list[bool],
) -> list[Tensor]:
    """Return the gradients of the values and of the parts of each direction; one that is not wanted may be empty.

    Args:
        cell: "lstm" or "gru".
        rounds: Whether the forward pass has rounded.
        arrays: Order, lengths, values, and the gradient of what was written, as `_call` takes them.
        directions: The parts of each.
        kept: What the forward pass has kept of each; it is overwritten.
        wanted: Which gradients are wanted.
    """
    values, nothing = arrays[2], arrays[2].new_empty(0)
    found = [
        [
            torch.empty_like(values) if wanted[0] else nothing,
            torch.empty_like(base) if base.ndim > 1 else nothing,
            *map(torch.empty_like, state),
        ]
        for _, _, base, *state in directions
    ]
    _call(f"{cell}_backward", rounds, *arrays, directions, [[*own, *more] for own, more in zip(kept, found)])
    gradients = [functools.reduce(Tensor.add_, [own[0] for own in found])]
    for (reads, gates, _), (_, d_base, *d_state), is_wanted in zip(kept, found, _groups(wanted[1:], _PARTS)):
        d_weights, is_shared = [nothing, nothing], not len(d_base)
        if any(is_wanted[:2]) or (is_shared and is_wanted[2]):
            *d_weights, d_bias = _gradients_of_weights(cell, reads, gates, d_state[0].shape[1])
            d_base = d_bias if is_shared else d_base
        gradients += [*d_weights, d_base, *d_state]
    return gradients


def _gradients_of_weights(cell: str, reads: Tensor, gates: Tensor, units: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return those of both weights and of the bias, after the backward pass: `gates` has the gradients of the sums."""
    width = reads.shape[1]
    if width < _MIN_READS:
        reads = F.pad(reads, (0, _MIN_READS - width))
    sums = (reads.t() @ gates).t()[:, :width]  # the last number that a step reads is 1, for the bias
    d_hidden, d_input, d_bias = sums.tensor_split((units, width - 1), dim=1)
    if cell == "gru":  # each of them has nothing to do with one of the sums
        d_hidden, d_input = torch.cat([d_hidden[: 2 * units], d_hidden[3 * units :]]), d_input[: 3 * units]
    return d_hidden, d_input, d_bias[:, 0]


def _groups(parts: Sequence[T], size: int) -> list[Sequence[T]]:
    return [parts[first : first + size] for first in range(0, len(parts), size)]


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
        *[(name, ctypes.c_int64) for name in ("batch", "time", "inputs", "units", "threads", "from_end")],
        *[(name, ctypes.c_int64) for name in ("base_stride", "written_stride", "rounds")],
        *[(name, ctypes.c_void_p) for name in ("order", "lengths", "values", "recurrent", "input")],
        *[(name, ctypes.c_void_p) for name in ("base", "hidden", "memory")],
        *[(name, ctypes.c_void_p) for name in ("written", "reads", "gates", "cells")],
        *[(name, ctypes.c_void_p) for name in ("d_values", "d_base", "d_hidden", "d_memory")],
    )


def _call(
    function: str,
    rounds: bool,
    order: Tensor,
    lengths: Tensor,
    values: Tensor,
    written: Tensor,
    directions: Sequence[Sequence[Tensor]],
    further: Sequence[Sequence[Tensor]],
) -> None:
    """Call the kernel for all directions.

    Args:
        function: Its name.
        rounds: Whether it multiplies numbers that are rounded to bfloat16.
        order: The sequences from the longest to the shortest, `(batch,)`.
        lengths: Steps of each sequence, `(batch,)`.
        values: What is read, `(batch, time, input_size)`.
        written: The hidden states, `(batch, time, directions * units)`, or their gradient.
        directions: The parts of each.
        further: Of each direction what stands after `written` in `_Arguments`. An empty tensor is a null pointer.
    """
    units, arguments = directions[0][0].shape[1], (_Arguments * len(directions))()
    for number, (parts, more) in enumerate(zip(directions, further)):
        base = parts[2]
        sizes = (*values.shape, units, torch.get_num_threads(), number)
        strides = 0 if base.ndim == 1 else base.shape[1], written.shape[2], rounds
        pointers = [
            tensor.data_ptr() for tensor in (order, lengths, values, *parts, written[..., number * units :], *more)
        ]
        arguments[number] = _Arguments(*sizes, *strides, *pointers)
    call = getattr(load_kernel(), function)
    call.restype = ctypes.c_bool
    if not call(arguments, ctypes.c_int64(len(directions))):
        raise MemoryError
