"""The same layer by operations of torch: slower than the kernel, and differentiable as often as one likes."""

from __future__ import annotations

import torch
from torch import Tensor

from seqae.batch import Batch

_Memory = tuple[Tensor, Tensor]  # hidden state, and memory: the cell of an LSTM, the hidden state of a GRU


def gradients_by_formula(
    cell: str, lengths: Tensor, inputs: list[Tensor], d_written: Tensor, wanted: list[bool]
) -> list[Tensor | None]:
    """Return the gradients of the inputs that are wanted; they can be differentiated if gradients are enabled.

    Args:
        cell: "lstm" or "gru".
        lengths: Steps of each sequence, `(batch,)`.
        inputs: Values, and of each direction both weights, base, hidden state and memory, as the kernel takes them;
            see `Arguments` of recurrence.cpp.
        d_written: The gradient of the hidden states, `(batch, time, directions * units)`.
        wanted: Which of the inputs want a gradient.
    """
    keep = torch.is_grad_enabled()
    with torch.enable_grad():
        inputs = [part.view_as(part) for part in inputs]  # one tensor may stand for two inputs, or depend on another
        written = layer_by_formula(cell, lengths, *inputs)
    asked = [part for part, is_wanted in zip(inputs, wanted) if is_wanted]
    found = iter(torch.autograd.grad(written, asked, d_written, create_graph=keep, materialize_grads=True))
    return [next(found) if is_wanted else None for is_wanted in wanted]


def layer_by_formula(cell: str, lengths: Tensor, values: Tensor, *parts: Tensor) -> Tensor:
    """Return the hidden states, `(batch, time, directions * units)`, zero beyond the lengths.

    Takes what the kernel takes: of each direction both weights, base, hidden state and memory.
    """
    batch = Batch(values, lengths)
    forward = _direction_by_formula(cell, batch, *parts[:5])
    if len(parts) == 5:
        return forward
    backward = Batch(_direction_by_formula(cell, batch.reversed(), *parts[5:]), lengths).reversed()
    return torch.cat([forward, backward.values], dim=-1)


def _direction_by_formula(
    cell: str,
    batch: Batch,
    weight_hh: Tensor,
    weight_ih: Tensor,
    base: Tensor,
    hidden: Tensor,
    memory: Tensor,
) -> Tensor:
    run_cell, written = {"lstm": _lstm, "gru": _gru}[cell], []
    for step, vectors in enumerate(batch.mask_padding().values.unbind(dim=1)):
        hidden, memory = run_cell(vectors @ weight_ih.t(), hidden @ weight_hh.t(), base, memory)
        written.append(torch.where((step < batch.lengths).unsqueeze(1), hidden, 0.0))
    return torch.stack(written, dim=1)


def _lstm(of_input: Tensor, of_hidden: Tensor, base: Tensor, memory: Tensor) -> _Memory:
    """Return hidden state and cell after a step, `(batch, units)` each, from the sums `(batch, 4 * units)`."""
    read, keep, candidate, show = (base + of_input + of_hidden).chunk(4, dim=1)
    memory = keep.sigmoid() * memory + read.sigmoid() * candidate.tanh()
    return show.sigmoid() * memory.tanh(), memory


def _gru(of_input: Tensor, of_hidden: Tensor, base: Tensor, memory: Tensor) -> _Memory:
    """Return the hidden state after a step, `(batch, units)`, twice, from the sums `(batch, 3 * units)`.

    The reset gate stands between those of the candidate, so that four numbers are added to them.
    """
    (reset, update, candidate), of_memory = of_input.chunk(3, dim=1), of_hidden.chunk(3, dim=1)
    added = base.chunk(4, dim=-1)
    reset, update = (reset + of_memory[0] + added[0]).sigmoid(), (update + of_memory[1] + added[1]).sigmoid()
    candidate = (candidate + added[2] + reset * (of_memory[2] + added[3])).tanh()
    memory = candidate + update * (memory - candidate)
    return memory, memory
