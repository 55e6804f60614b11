"""Data in memory: arrays, tensors and lists as `(time, channel)`, float32 if they are float32, else float64."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

import numpy as np

_BLOCK = 2**18  # rows
MAX_MAGNITUDE = 1e140
ERASING = 1e9  # a value that is so many times further from the others than these are apart leaves nothing of them
MIN_ERASING = 1e15  # smaller ones may be readings beside rounding errors
SAMPLED_ROWS = 2000
MAX_WHOLE = 2**53  # up to it float64 holds every whole number
REFUSED = {"c": "complex numbers", "m": "durations", "M": "time stamps", "S": "text", "U": "text", "V": "records"}


def to_values(data: object, where: str = "") -> np.ndarray:
    """Return `(time, channel)` float64 or float32, not to be written: it may be the caller's own memory.

    Args:
        data: An array (NaN where it is masked), a tensor, or a list of numbers; one dimension is one channel.
        where: The name of the recording, for error messages.

    Raises:
        ValueError: It holds no real numbers, no values, or has another number of dimensions.
        TypeError: It is no array, tensor or list.
    """
    prefix = f"{where}: " if where else ""
    array = _as_array(data, prefix)
    if array.dtype.kind in REFUSED:
        raise ValueError(f"{prefix}an array of {REFUSED[array.dtype.kind]} ({array.dtype}). Readings are real numbers")
    if array.ndim not in (1, 2):
        raise ValueError(
            f"{prefix}an array of {array.ndim} dimensions {array.shape}. Expected (time, channel) or (time,). "
            "Pass several runs as a list of arrays: list(array)"
        )
    if array.size == 0:
        raise ValueError(f"{prefix}an array without values {array.shape}. A recording has at least one row and channel")
    if array.dtype.kind == "O":
        missing = np.frompyfunc(is_missing_mark, 1, 1)(array).astype(bool)
        array = np.where(missing, np.array(None, dtype=object), array)
        refuse_inexact(array, locate=lambda row: f"{prefix}row {row}")
    if array.dtype.kind == "O" and not (real := are_real(array)).all():
        row, *column = np.argwhere(~real)[0]
        item = reprlib.repr(array[(row, *column)])
        raise ValueError(f"{prefix}{item} is not a number (row {row}). Readings are real numbers")
    if isinstance(array, np.ma.MaskedArray):
        array = np.where(np.ma.getmaskarray(array), np.nan, array.data.astype(np.float64))
    refuse_inexact(array, locate=lambda row: f"{prefix}row {row}")
    with np.errstate(over="ignore"):  # values beyond float64 become infinite, and are refused as such
        return np.ascontiguousarray(array[:, None] if array.ndim == 1 else array, dtype=floating(array.dtype))


def floating(dtype: np.dtype) -> np.dtype:
    """Return the dtype in which readings of this dtype are kept."""
    return np.dtype(np.float32 if dtype == np.float32 else np.float64)


def blocks_of_rows(values: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield blocks of a long array, `(row, ...)` each, with the index of its first row: temporary arrays stay small."""
    for start in range(0, len(values), _BLOCK):
        yield start, values[start : start + _BLOCK]


def refuse_enormous(values: np.ndarray, channels: Sequence[str], locate: Callable[[int], str]) -> None:
    """Raise a ValueError if a value of `(time, channel)` is so large that its square is not finite."""
    for start, block in blocks_of_rows(values):
        for row, column in np.argwhere(abs(block) > np.float64(MAX_MAGNITUDE))[:1].tolist():
            raise ValueError(
                f"channel {channels[column]!r} is {block[row, column]:g} ({locate(start + row)}). Nothing can be "
                f"learnt from values beyond {MAX_MAGNITUDE:g}. Correct the value, or leave it empty (NaN) if it is "
                "missing"
            )


def refuse_erasing(values: np.ndarray, channels: Sequence[str], locate: Callable[[int], str]) -> None:
    """Raise a ValueError if a value of `(time, channel)` is so large that all others of its channel look the same.

    The others are known by a sample of rows, without the hundredth of it at either end.
    """
    sample = values[:: max(len(values) // SAMPLED_ROWS, 1)]
    for column, channel in enumerate(channels):
        known = sample[~np.isnan(sample[:, column]), column]
        if not len(known):
            continue
        low, middle, high = np.quantile(known, [0.01, 0.5, 0.99], method="nearest")
        usual = max(high - low, abs(middle))
        for start, block in blocks_of_rows(values[:, column]) if usual > 0 else ():
            sizes = np.abs(block - middle)
            if (sizes > max(ERASING * usual, MIN_ERASING)).any():
                row = int(np.nanargmax(sizes))
                raise ValueError(
                    f"channel {channel!r} is {block[row]:g} ({locate(start + row)}), so much that its other values, "
                    f"{low:g} to {high:g}, would look the same beside it. Correct the value, or leave it empty (NaN) "
                    "if it is missing"
                )


def refuse_infinite(values: np.ndarray, channels: Sequence[str], locate: Callable[[int], str]) -> None:
    """Raise a ValueError if a value of `(time, channel)` is infinite; `locate` returns the position of a row."""
    for start, block in blocks_of_rows(values):
        infinite = np.isinf(block)
        for row, column in np.argwhere(infinite)[:1].tolist() if infinite.any() else []:
            raise ValueError(
                f"channel {channels[column]!r} is infinite ({locate(start + row)}). Readings are finite. "
                "Correct the value, or leave it empty (NaN) if it is missing"
            )


def refuse_inexact(values: np.ndarray, channel: str = "", locate: Callable[[int], str] = "row {}".format) -> None:
    """Raise a ValueError if a whole number is so large that float64 rounds it: its neighbours would look the same.

    Args:
        values: An array of any shape; numbers that are no whole ones are passed over.
        channel: Its name, if it is one channel.
        locate: Returns the position of a row.
    """
    if values.dtype.kind == "O":
        rounded = np.frompyfunc(_is_rounded, 1, 1)(values).astype(bool)
    elif values.dtype.kind in "iu" and values.dtype.itemsize == 8:
        rounded = _are_rounded(np.ma.filled(values, 0))
    else:
        return
    for place in np.argwhere(rounded)[:1].tolist():
        what = f"column {channel!r} holds " if channel else ""
        raise ValueError(
            f"{what}{values[tuple(place)]} ({locate(place[0])}), a whole number that float64 rounds, so that "
            "its neighbours look the same. Expected readings below 2**53. Subtract the first value from all"
            + (f", or leave the column out: ignore=[{channel!r}]" if channel else "")
        )


def is_missing_mark(item: object) -> bool:
    """Whether an object stands for a missing value: None, numpy's masked, NA and NaT of pandas."""
    return item is None or item is np.ma.masked or type(item).__name__ in ("NAType", "NaTType")


def are_real(items: np.ndarray) -> np.ndarray:
    """Return where an array of objects, of any shape, holds a real number, a boolean or None; bool, same shape."""
    return np.frompyfunc(_is_real, 1, 1)(items).astype(bool)


def _is_real(item: object) -> bool:
    try:
        return item is None or (isinstance(item, (Real, Decimal, np.bool_)) and float(item) is not None)
    except OverflowError:  # an integer beyond float64
        return False


def _are_rounded(numbers: np.ndarray) -> np.ndarray:
    """Return which whole numbers of 64 bits float64 rounds, bool, of the same shape."""
    if not numbers.size or max(abs(int(numbers.min())), int(numbers.max())) <= MAX_WHOLE:
        return np.zeros(numbers.shape, dtype=bool)
    with np.errstate(all="ignore"):
        near = numbers.astype(np.float64)
        return (near >= 2.0 ** (63 if numbers.dtype.kind == "i" else 64)) | (near.astype(numbers.dtype) != numbers)


def _is_rounded(item: object) -> bool:
    try:
        return isinstance(item, Integral) and int(float(item)) != int(item)
    except OverflowError:
        return False  # beyond float64, which is no number here


def _as_array(data: Any, prefix: str) -> np.ndarray:
    if hasattr(data, "get_mask") and hasattr(data, "get_data"):  # a masked tensor of torch
        return np.ma.masked_array(_as_array(data.get_data(), prefix), mask=~data.get_mask().cpu().numpy())
    if hasattr(data, "detach"):  # a torch tensor; numpy has no bfloat16
        data = data.detach().cpu()
        data = data if str(data.layout) == "torch.strided" else data.to_dense()
        is_short = data.is_floating_point() and data.element_size() < 4
        return (data.double() if is_short else data).numpy()
    if isinstance(data, np.ndarray):
        return data
    if not isinstance(data, (list, tuple)):
        raise TypeError(
            f"{prefix}cannot read a {type(data).__name__}. Expected the path of a file or folder, a pandas or "
            "polars frame, an Arrow table, an array of numbers, or a list of these"
        )
    lengths = [len(row) if isinstance(row, (list, tuple)) else 1 for row in data]
    for row, length in enumerate(lengths):
        if length != lengths[0]:
            raise ValueError(
                f"{prefix}row {row} has {length} values, row 0 has {lengths[0]}. Rows need one value for each channel. "
                "Pass several runs as a list of arrays"
            )
    return np.array(data, dtype=object)
