"""Numpy arrays as text, exactly, and as tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

TEXT = "UO"  # strings, also as Python objects: pandas and scikit-learn keep names so
_NUMBERS = "biufmM"  # truth values, integers, floats, durations, dates
_MAX_BYTES = 64 * 2**20


def check_dtype(dtype: np.dtype) -> None:
    """Refuse types that cannot be kept exactly in both files.

    Raises:
        ValueError: The array holds records, complex numbers or extended floats.
    """
    if dtype.kind not in TEXT + _NUMBERS or (dtype.kind == "f" and dtype.itemsize > 8):
        raise ValueError(f"an array of {dtype} cannot be saved. Make it an array of numbers or strings")


def to_text(array: np.ndarray) -> dict[str, Any]:
    """Describe an array of any shape: type, shape, values in row-major order."""
    check_dtype(array.dtype)
    description: dict[str, Any] = {"dtype": array.dtype.str, "shape": list(array.shape)}
    values = to_storage(array).ravel().tolist()
    if array.dtype.kind not in TEXT:
        return {**description, "values": " ".join(map(_digits, values))}
    _check_strings(values)
    return {**description, "values": values}


def from_text(description: dict[str, Any]) -> np.ndarray:
    """Return the array, of any shape, that `to_text` described."""
    dtype = np.dtype(description["dtype"])
    check_dtype(dtype)
    values = description["values"]
    if dtype.kind in TEXT:
        _check_strings(values)
    else:
        values = [(float if dtype.kind == "f" else int)(digits) for digits in values.split()]
    if dtype.itemsize * len(values) > _MAX_BYTES:
        raise ValueError(f"an array of {len(values)} times {dtype.itemsize} bytes is too large for text")
    stored = np.array(values, dtype=_storage_dtype(dtype)).reshape(description["shape"])
    return from_storage(stored, dtype)


def to_tensor(array: np.ndarray) -> Tensor:
    """Return an array of any shape as a tensor."""
    return torch.from_numpy(np.array(to_storage(array), order="C"))


def to_storage(array: np.ndarray) -> np.ndarray:
    """Return an array of any shape in this machine's byte order, dates and durations as integers."""
    native = array.astype(array.dtype.newbyteorder("="))
    return native.view(_storage_dtype(array.dtype))


def from_storage(stored: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return the array, of any shape, that `to_storage` converted.

    Raises:
        ValueError: The stored array has another dtype than `to_storage` gives it.
    """
    if stored.dtype != _storage_dtype(dtype):
        raise ValueError(f"an array of {dtype} is stored as {stored.dtype}, not as {_storage_dtype(dtype)}")
    return stored.view(dtype.newbyteorder("=")).astype(dtype, copy=False)


def _check_strings(values: list) -> None:
    if strange := [value for value in values if type(value) is not str]:
        raise ValueError(f"an array holds {strange[0]!r} as an object. Make it an array of numbers or strings")


def _storage_dtype(dtype: np.dtype) -> np.dtype:
    return np.dtype(np.int64) if dtype.kind in "mM" else dtype.newbyteorder("=")


def _digits(value: float) -> str:
    return repr(value) if isinstance(value, float) else str(int(value))
