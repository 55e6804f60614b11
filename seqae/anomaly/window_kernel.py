"""The evidence in many windows in C++: torch spends most of the time on writing down what is read once."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import TypeGuard, cast
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from seqae.anomaly.evidence import Surprise, WindowEvidence
from seqae.anomaly.linear_windows import LinearWindowModel, squares
from seqae.anomaly.window_models import WindowModel
from seqae.anomaly.windows import largest_in_windows, means_of_columns
from seqae.modules.native.build import load_kernel

SOURCE = Path(__file__).with_name("window_kernel.cpp")
_OF_SURPRISE = ("degrees", "scale", "dimensions", "usual", "least", "quiet", "quiet_power")
_FEW = 50  # windows that are judged sooner than the weights are arranged
_LEAST_CHANNELS = 3  # from which on Fourier transforms take less time than products
_MOST_CHANNELS = 64  # whose spectra take 32 MiB at each resolution (with squares 64), of twice as many four times that
_SPARE = 32  # numbers that the kernel may read and write after those of the last window
_KERNELS: WeakKeyDictionary[WindowEvidence, WindowKernel] = WeakKeyDictionary()


def judge(evidence: WindowEvidence, rows: Tensor, missing: Tensor) -> Tensor:
    """Return what `evidence.of_rows(rows, missing)` returns, in the quickest way."""
    if len(rows) < evidence.length + _FEW or not is_linear(evidence.model):
        return evidence.of_rows(rows, missing)
    library = load_kernel(SOURCE)
    if library is None:
        return evidence.of_rows(rows, missing)
    found = _kernel_of(evidence, library)(rows, missing)
    if evidence.accepted is not None and (is_far := found.sum(dim=1) > evidence.accepted.least).any():
        is_filled = largest_in_windows(missing.to(rows.dtype), evidence.length)[is_far] > 0 if missing.any() else None
        found[is_far] = evidence.of_distances(evidence.distances_of(evidence.windows_of(rows)[is_far], is_filled))
    return found


def _kernel_of(evidence: WindowEvidence, library: ctypes.CDLL) -> WindowKernel:
    """Return a kernel that is kept as long as the evidence is; a large one is not, as its use takes longer by far."""
    if evidence.values.center.shape[1] > _MOST_CHANNELS:
        return WindowKernel(evidence, library)
    if evidence not in _KERNELS:
        _KERNELS[evidence] = WindowKernel(evidence, library)
    return _KERNELS[evidence]


def is_linear(model: WindowModel) -> TypeGuard[LinearWindowModel]:
    """Return whether the kernels compute a model."""
    return isinstance(model, LinearWindowModel) and model.weight.dtype == torch.float64 and model.weight.is_cpu


def usual_of(surprise: Surprise) -> np.ndarray:
    """Return the parts of a surprise as `Usual` of surprise.hpp has them, `(kind, channel, part)`."""
    parts = (getattr(surprise, name) for name in _OF_SURPRISE)
    return np.stack(np.broadcast_arrays(*parts), axis=-1).astype(np.float64)


class WindowKernel:
    """Judges windows as `WindowEvidence.of_rows` does: equal but for the rounding of float64.

    Args:
        evidence: Fitted evidence whose model is linear.
        library: `window_kernel.cpp`, built.
    """

    def __init__(self, evidence: WindowEvidence, library: ctypes.CDLL):
        self.library = library
        steps, channels = evidence.values.center.shape
        columns = -(-steps // library.column_lanes()) * library.column_lanes()
        model = cast(LinearWindowModel, evidence.model)
        weight, center = _residuals_of(model)
        self.has_squares = model.has_squares
        residual_factor = torch.from_numpy(evidence.residuals.factor)
        weight = weight @ residual_factor
        of_residuals = _at(evidence.residuals.center) @ residual_factor
        factor = torch.from_numpy(evidence.values.factor)
        parts = {
            "weight": weight,
            "residual": (center @ weight)[:, None] + of_residuals,
            "factor": factor,
            "value": _at(evidence.values.center) @ factor,
        }
        self._parts = {name: F.pad(part, (0, columns - steps)).contiguous() for name, part in parts.items()}
        if _LEAST_CHANNELS <= channels <= _MOST_CHANNELS and 2 * steps <= library.spectrum_points():
            self._parts["spectra"] = _spectra_of(self._parts["weight"].unflatten(1, (-1, steps)), library)
        self._parts["usual"] = torch.from_numpy(usual_of(cast(Surprise, evidence.surprise)))
        addresses = {name: part.data_ptr() for name, part in self._parts.items()}
        inputs = 2 * channels if self.has_squares else channels
        self.windows = _Windows(channels, inputs, steps, evidence.rows_per_step, columns, **addresses)

    def __call__(self, rows: Tensor, missing: Tensor) -> Tensor:
        """Return the evidence in windows that start at every row, `(window, channel)`, of no accepted deviations.

        Args:
            rows: Filled rows, `(row, channel)` float64.
            missing: `(row, channel)` bool, True where a value was filled in.

        Raises:
            MemoryError: There is too little memory.
        """
        length = self.windows.window * self.windows.rows_per_step
        count, padded = len(rows) - length + 1, rows.new_zeros(rows.shape[1], len(rows) + _SPARE)
        padded[:, : len(rows)] = rows.T
        steps = means_of_columns(padded, self.windows.rows_per_step).contiguous()
        found, filled = torch.empty_like(steps), None
        steps = torch.cat([steps, squares(steps)]) if self.has_squares else steps
        if missing.any():
            is_filled = largest_in_windows(missing.to(rows.dtype), length)
            filled = F.pad(is_filled.T, (0, steps.shape[1] - count)).contiguous()
        address = None if filled is None else filled.data_ptr()
        piece = _Piece(count, steps.shape[1], steps.data_ptr(), address, found.data_ptr())
        self.library.judge_windows.restype = ctypes.c_bool
        if not self.library.judge_windows(ctypes.byref(self.windows), ctypes.byref(piece)):
            raise MemoryError
        return found[:, :count].T


def _residuals_of(model: LinearWindowModel) -> tuple[Tensor, Tensor]:
    """Return what makes windows residuals, `(channel, input * time, time)`, and their center, `(input * time,)`.

    The inputs are the channels, and their squares if the model sees them.
    """
    sizes = model.window, model.channels
    parts = [(model.weight, model.center)] + ([(model.square_weight, model.square_center)] if model.has_squares else [])
    weight = torch.cat([-weight.view(*sizes, *sizes).permute(1, 3, 2, 0) for weight, _ in parts], dim=1)
    of_channels = weight[:, : model.channels]
    of_channels.diagonal(dim1=0, dim2=1).add_(torch.eye(model.window, dtype=weight.dtype)[..., None])
    return weight.flatten(1, 2), torch.cat([center.view(sizes).T.flatten() for _, center in parts])


def _spectra_of(weight: Tensor, library: ctypes.CDLL) -> Tensor:
    """Return the spectra of the weight `(channel, input, time, column)` as `Filters` of spectra.hpp has them."""
    pairs = torch.complex(weight[..., ::2], weight[..., 1::2])
    spectra = torch.fft.ifft(pairs, library.spectrum_points(), dim=2)
    by_filters = spectra.unflatten(3, (-1, library.column_lanes() // 2)).unflatten(2, (4, -1))
    # (channel, input, point / quarter, point % quarter, pair / filters, pair % filters)
    return torch.view_as_real(by_filters.permute(0, 3, 2, 4, 1, 5)).contiguous()


def _at(center: np.ndarray) -> Tensor:
    """Return a center `(time, channel)` as rows of channels, `(channel, 1, time)`."""
    return torch.from_numpy(center).T[:, None]


_POINTER, _SIZE = ctypes.c_void_p, ctypes.c_int64


class _Windows(ctypes.Structure):
    """`Windows` of window_kernel.cpp."""

    _fields_ = (
        *[(name, _SIZE) for name in ("channels", "inputs", "window", "rows_per_step", "columns")],
        *[(name, _POINTER) for name in ("weight", "residual", "spectra", "factor", "value", "usual")],
    )


class _Piece(ctypes.Structure):
    """`Piece` of window_kernel.cpp."""

    _fields_ = (
        *[(name, _SIZE) for name in ("count", "stride")],
        *[(name, _POINTER) for name in ("steps", "filled", "evidence")],
    )
