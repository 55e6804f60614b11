"""Layers of LSTM and GRU that read one sequence step by step, with weights that are arranged once."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from seqae.modules.native.build import lane_count, load_kernel
from seqae.modules.native.layer import Weights


class NativeStream:
    """The kernel, and the state of one sequence.

    Args:
        cell: Of which kind the layers are.
        layers: The weights of each, float32 on the CPU, in the layout of `torch.nn.LSTM` or `torch.nn.GRU`. They are
            copied.
        library: The kernel.
    """

    def __init__(self, cell: Literal["lstm", "gru"], layers: Sequence[Weights], library: ctypes.CDLL):
        self.hidden_size = layers[0][1].shape[1]
        units = self.hidden_size + -self.hidden_size % lane_count()
        sizes = [layer[0].shape[1] for layer in layers]
        self._panels = [_arrange(_four_sums(each) if cell == "gru" else each, units) for each in layers]
        self._reads = [np.zeros(size + units, np.float32) for size in sizes]
        self._before = [reads[size:] for reads, size in zip(self._reads, sizes)]  # behind the input, the hidden state
        self._memory = [np.zeros(units, np.float32) for _ in layers]
        self._hidden = [np.zeros(units, np.float32) for _ in layers]
        self._structures = (_Stream * len(layers))(
            *[
                _Stream(size, units, panels.data_ptr(), base.data_ptr(), *[each.ctypes.data for each in arrays])
                for size, (panels, base), *arrays in zip(sizes, self._panels, self._reads, self._memory, self._hidden)
            ]
        )
        self._input, self._output = self._reads[0][: sizes[0]], self._hidden[-1][: self.hidden_size]
        # Calls are so short that to let go of Python's lock would cost more, and another thread might keep it.
        step = getattr(ctypes.PyDLL(library._name), f"{cell}_step")
        step.restype = ctypes.c_bool
        self._step, self._arguments = step, (ctypes.byref(self._structures), ctypes.c_int64(len(layers)))

    @classmethod
    def of(cls, cell: Literal["lstm", "gru"], layers: Sequence[Weights]) -> NativeStream | None:
        """Return the layers; None if the kernel can't be built or does not read their weights."""
        parts = [part for layer in layers for part in layer]
        if any(part.device.type != "cpu" or part.dtype != torch.float32 for part in parts):
            return None
        library = load_kernel()
        return None if library is None else cls(cell, layers, library)

    def push(self, vector: np.ndarray) -> np.ndarray | None:
        """Read one step, `(input_size,)`, and return the last layer's hidden state, `(hidden_size,)` float32.

        None if the step is not finite; nothing has changed then.
        """
        self._input[:] = vector
        return self._output.copy() if self._step(*self._arguments) else None

    @property
    def hidden(self) -> np.ndarray:
        """The hidden states, `(layer, hidden_size)` float32."""
        return np.stack([before[: self.hidden_size] for before in self._before])

    @property
    def memory(self) -> np.ndarray:
        """The cells of an LSTM, `(layer, hidden_size)` float32; the hidden states of a GRU."""
        return np.stack([memory[: self.hidden_size] for memory in self._memory])

    def set_state(self, hidden: np.ndarray, memory: np.ndarray) -> None:
        """Go on from a state, `(layer, hidden_size)` each."""
        for number in range(len(self._before)):
            self._before[number][: self.hidden_size] = hidden[number]
            self._memory[number][: self.hidden_size] = memory[number]


def _four_sums(weights: Weights) -> Weights:
    """Return the weights of a GRU layer for four sums, `(4 * hidden_size, ...)`, with zeros where there are none."""
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    size = weight_hh.shape[1]
    weight_ih, bias_ih = (torch.cat([part, torch.zeros_like(part[:size])]) for part in (weight_ih, bias_ih))
    weight_hh, bias_hh = (
        torch.cat([part[: 2 * size], torch.zeros_like(part[:size]), part[2 * size :]]) for part in (weight_hh, bias_hh)
    )
    return weight_ih, weight_hh, bias_ih, bias_hh


def _arrange(weights: Weights, units: int) -> tuple[Tensor, Tensor]:
    """Return weights as the kernel goes through them, `(number,)`, and what it adds, `(4 * units,)`."""
    weight_ih, weight_hh, bias_ih, bias_hh = (part.detach() for part in weights)
    size, inputs = weight_hh.shape[1], weight_ih.shape[1]
    whole, base = weight_hh.new_zeros(4, units, inputs + units), weight_hh.new_zeros(4, units)
    whole[:, :size, :inputs] = weight_ih.unflatten(0, (4, size))
    whole[:, :size, inputs : inputs + size] = weight_hh.unflatten(0, (4, size))
    base[:, :size] = (bias_ih + bias_hh).unflatten(0, (4, size))
    panels = [part.permute(2, 0, 1).flatten() for part in whole.split(2 * lane_count(), dim=1)]
    return torch.cat(panels), base.flatten()


class _Stream(ctypes.Structure):
    """`Stream` of recurrence.cpp."""

    _fields_ = (
        *[(name, ctypes.c_int64) for name in ("inputs", "units")],
        *[(name, ctypes.c_void_p) for name in ("panels", "base", "reads", "memory", "hidden")],
    )
