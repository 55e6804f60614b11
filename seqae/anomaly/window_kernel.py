"""The evidence in many windows in C++: torch spends most of the time on writing down what is read once."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import TypeGuard, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from seqae.anomaly.evidence import Surprise, WindowEvidence
from seqae.anomaly.window_models import LinearWindowModel, WindowModel
from seqae.anomaly.windows import largest_in_windows, steps_of
from seqae.modules.native.build import load_kernel

SOURCE = Path(__file__).with_name("window_kernel.cpp")
_OF_SURPRISE = ("degrees", "scale", "dimensions", "usual", "least", "quiet", "quiet_power")
_FEW = 50  # windows that are judged sooner than the weights are arranged
_SPARE = 32  # numbers that the kernel may read after those of the last window


def judge(evidence: WindowEvidence, rows: Tensor, missing: Tensor) -> Tensor:
    """Return what `evidence.of_rows(rows, missing)` returns, in the quickest way."""
    if len(rows) < evidence.length + _FEW or not is_linear(evidence.model):
        return evidence.of_rows(rows, missing)
    library = load_kernel(SOURCE)
    return evidence.of_rows(rows, missing) if library is None else WindowKernel(evidence, library)(rows, missing)


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
        self.evidence, self.library = evidence, library
        steps, channels = evidence.values.center.shape
        columns = -(-steps // library.column_lanes()) * library.column_lanes()
        weight, center = _residuals_of(cast(LinearWindowModel, evidence.model))
        residual_factor = torch.from_numpy(evidence.residuals.factor)
        weight = weight @ residual_factor
        of_residuals = _at(evidence.residuals.center) @ residual_factor
        factor = torch.from_numpy(evidence.values.factor)
        parts = {
            "weight": weight,
            "residual": center @ weight + of_residuals,
            "factor": factor,
            "value": _at(evidence.values.center) @ factor,
        }
        self._parts = {name: F.pad(part, (0, columns - steps)).contiguous() for name, part in parts.items()}
        self._parts["usual"] = torch.from_numpy(usual_of(cast(Surprise, evidence.surprise)))
        addresses = {name: part.data_ptr() for name, part in self._parts.items()}
        self.windows = _Windows(channels, steps, evidence.rows_per_step, columns, **addresses)

    def __call__(self, rows: Tensor, missing: Tensor) -> Tensor:
        """Return the evidence in windows that start at every row, `(window, channel)`, as `WindowEvidence.of_rows`."""
        own = self.evidence
        count, steps = len(rows) - own.length + 1, F.pad(steps_of(rows, own.rows_per_step), (0, _SPARE))
        is_filled = largest_in_windows(missing.to(rows.dtype), own.length) if missing.any() else None
        filled = None if is_filled is None else F.pad(is_filled.T, (0, steps.shape[1] - count)).contiguous()
        found = torch.empty_like(steps)
        address = None if filled is None else filled.data_ptr()
        piece = _Piece(count, steps.shape[1], steps.data_ptr(), address, found.data_ptr())
        self.library.judge_windows(ctypes.byref(self.windows), ctypes.byref(piece))
        evidence = found[:, :count].T
        if own.accepted is not None and (is_far := evidence.sum(dim=1) > own.accepted.least).any():
            windows = own.windows_of(rows)[is_far]
            of_far = own.distances_of(windows, None if is_filled is None else is_filled[is_far] > 0)
            evidence[is_far] = own.of_distances(of_far)
        return evidence


def _residuals_of(model: LinearWindowModel) -> tuple[Tensor, Tensor]:
    """Return what makes windows residuals, `(channel, channel * time, time)`, and their center, `(channel * time,)`."""
    sizes = model.window, model.channels
    weight = -model.weight.view(*sizes, *sizes).permute(1, 3, 2, 0)
    weight.diagonal(dim1=0, dim2=1).add_(torch.eye(model.window, dtype=weight.dtype)[..., None])
    return weight.flatten(1, 2), model.center.view(sizes).T.flatten()


def _at(center: np.ndarray) -> Tensor:
    """Return a center `(time, channel)` as rows of channels, `(channel, 1, time)`."""
    return torch.from_numpy(center).T[:, None]


_POINTER, _SIZE = ctypes.c_void_p, ctypes.c_int64


class _Windows(ctypes.Structure):
    """`Windows` of window_kernel.cpp."""

    _fields_ = (
        *[(name, _SIZE) for name in ("channels", "window", "rows_per_step", "columns")],
        *[(name, _POINTER) for name in ("weight", "residual", "factor", "value", "usual")],
    )


class _Piece(ctypes.Structure):
    """`Piece` of window_kernel.cpp."""

    _fields_ = (
        *[(name, _SIZE) for name in ("count", "stride")],
        *[(name, _POINTER) for name in ("steps", "filled", "evidence")],
    )
