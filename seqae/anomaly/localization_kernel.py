"""The evidence in rows in C++: what torch writes down and reads again is most of the time."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from seqae.anomaly.window_kernel import SOURCE
from seqae.modules.native.build import load_kernel


class Weights(NamedTuple):
    """How evidence is weighted, see `seqae.anomaly.localization`."""

    coarse: float
    least: float
    lasting: float


def localized(evidence: Sequence[Tensor], lengths: Sequence[int], rows_before: int, weights: Weights) -> Tensor | None:
    """Return what `Localization.of_rows` returns, equal but for the rounding of float64; None if it has to be by torch.

    Args:
        evidence: `(window, channel)` for each resolution, finest first.
        lengths: The number of rows that a window covers, for each of them.
        rows_before: With how many rows before it the channels of a row are compared.
        weights: How evidence is weighted.
    """
    library = load_kernel(SOURCE)
    if library is None or any(each.dtype != torch.float64 or not each.is_cpu for each in evidence):
        return None
    by_channel = [each.T if each.stride(0) == 1 else each.T.contiguous() for each in evidence]
    resolutions = (_Resolution * len(evidence))(
        *(
            _Resolution(length, each.shape[1], each.stride(0), each.data_ptr())
            for length, each in zip(lengths, by_channel)
        )
    )
    channels, count = by_channel[0].shape
    found = torch.empty(channels, count + lengths[0] - 1, dtype=torch.float64)
    own = _Localized(*found.shape, rows_before, len(evidence), *weights, resolutions, found.data_ptr())
    library.localize_rows.restype = ctypes.c_bool
    return found.T if library.localize_rows(ctypes.byref(own)) else None


class _Resolution(ctypes.Structure):
    """`Resolution` of localization.hpp."""

    _fields_ = (
        *[(name, ctypes.c_int64) for name in ("length", "count", "stride")],
        ("evidence", ctypes.c_void_p),
    )


class _Localized(ctypes.Structure):
    """`Localized` of localization.hpp."""

    _fields_ = (
        *[(name, ctypes.c_int64) for name in ("channels", "rows", "rows_before", "resolution_count")],
        *[(name, ctypes.c_double) for name in ("coarse_weight", "least_weight", "lasting_weight")],
        ("resolutions", ctypes.POINTER(_Resolution)),
        ("evidence", ctypes.c_void_p),
    )
