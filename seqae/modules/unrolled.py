"""All steps of a convolutional LSTM, with their gradients written by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.nn.grad import conv2d_weight

aten = torch.ops.aten


class Unrolled(torch.autograd.Function):
    """Hidden maps and cells after each step, `(steps, hidden, height, width)` each.

    All films' first steps come first, then all second ones, and so on; longer films stand before shorter ones, so that
    those that go on are always the first ones. A backward pass by autograd would ask for the gradient of the weights
    at each step; here one convolution over all steps finds it, and nothing is kept but what the gradients read.

    `Unrolled.apply(read, weight, hidden, cell, running)`:
        read: What the gates in, keep, new and out get from elsewhere, `(steps, 4 * hidden, height, width)`.
        weight: Of the convolution from hidden maps to gates.
        hidden: Maps before the first step, `(films, hidden, height, width)`.
        cell: Likewise.
        running: How many films have a first step, a second one, and so on; all of them have a first one.
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx, read: Tensor, weight: Tensor, hidden: Tensor, cell: Tensor, running: Sequence[int]
    ) -> tuple[Tensor, Tensor]:
        films, size = hidden.shape[:2]
        hiddens, cells = (start.new_empty(films + len(read), *start.shape[1:]) for start in (hidden, cell))
        hiddens[:films], cells[:films] = hidden, cell
        gates, squashed = torch.empty_like(read, memory_format=torch.contiguous_format), torch.empty_like(hiddens)
        for before, after in _steps(films, running):
            here = slice(after.start - films, after.stop - films)
            recurred = F.conv2d(hiddens[before], weight, padding=weight.shape[-1] // 2)
            step = torch.add(read[here], recurred, out=gates[here])
            entering, keeping, new, leaving = step.chunk(4, dim=1)
            step[:, : 2 * size].sigmoid_()
            new.tanh_()
            leaving.sigmoid_()
            torch.mul(keeping, cells[before], out=cells[after]).addcmul_(entering, new)
            torch.mul(leaving, torch.tanh(cells[after], out=squashed[after]), out=hiddens[after])
        ctx.save_for_backward(weight, hiddens, cells, gates, squashed)
        ctx.running = running
        return hiddens[films:], cells[films:]

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, of_hiddens: Tensor, of_cells: Tensor) -> tuple[Tensor | None, ...]:
        weight, hiddens, cells, gates, squashed = ctx.saved_tensors
        films, padding = len(hiddens) - len(gates), weight.shape[-1] // 2
        of_gates, of_hidden, of_cell = torch.empty_like(gates), of_hiddens[:0], of_cells[:0]
        steps = list(_steps(films, ctx.running))
        for before, after in reversed(steps):
            here = slice(after.start - films, after.stop - films)
            of_hidden, of_cell = _plus(of_hiddens[here], of_hidden), _plus(of_cells[here], of_cell)
            entering, keeping, new, leaving = gates[here].chunk(4, dim=1)
            of_cell += aten.tanh_backward(of_hidden * leaving, squashed[after])
            of_entering, of_keeping, of_new, of_leaving = of_gates[here].chunk(4, dim=1)
            aten.sigmoid_backward.grad_input(of_cell * new, entering, grad_input=of_entering)
            aten.sigmoid_backward.grad_input(of_cell * cells[before], keeping, grad_input=of_keeping)
            aten.tanh_backward.grad_input(of_cell * entering, new, grad_input=of_new)
            aten.sigmoid_backward.grad_input(of_hidden * squashed[after], leaving, grad_input=of_leaving)
            of_hidden, of_cell = F.conv_transpose2d(of_gates[here], weight, padding=padding), of_cell * keeping
        read_from = torch.cat([hiddens[before] for before, _ in steps])
        return of_gates, conv2d_weight(read_from, weight.shape, of_gates, padding=padding), of_hidden, of_cell, None


def _steps(films: int, running: Sequence[int]) -> Iterator[tuple[slice, slice]]:
    """Yield where the states before and after each step stand if those before the first one stand first."""
    starts = list(accumulate(running, initial=films))
    for count, before, after in zip(running, [0, *starts], starts):
        yield slice(before, before + count), slice(after, after + count)


def _plus(states: Tensor, of_later: Tensor) -> Tensor:
    """Add gradients that come from a later step, which fewer films have."""
    total = states.clone()
    total[: len(of_later)] += of_later
    return total
