"""Windows of rows at several time resolutions, and the way back from windows to rows.

All of these are sums, maxima and slices of tensors, so that a row's result depends on the rows around it alone.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def windows_of(rows: Tensor, window: int, rows_per_step: int) -> Tensor:
    """Return the windows that start at every row, `(window, time, channel)`; a step is the mean of consecutive rows.

    Args:
        rows: `(row, channel)`, at least `window * rows_per_step` of them.
        window: The number of steps in a window.
        rows_per_step: The number of rows in a step.
    """
    steps = _means(rows, rows_per_step)
    count = len(rows) - window * rows_per_step + 1
    return torch.stack([steps[step * rows_per_step :][:count] for step in range(window)], dim=1)


def least_over_windows(values: Tensor, length: int) -> Tensor:
    """Return the smallest value of the windows that cover each row, `(row, value)`.

    Args:
        values: `(window, value)`, of the windows of `length` rows that start at every row but the last ones.
        length: The number of rows in a window.
    """
    padded = _for_all_rows(values, length)
    return -F.max_pool1d(-padded.T[None], length, stride=1)[0].T


def mean_over_windows(values: Tensor, length: int) -> Tensor:
    """Return the mean value of the windows that cover each row, `(row, value)`.

    Args:
        values: `(window, value)`, of the windows of `length` rows that start at every row but the last ones.
        length: The number of rows in a window.
    """
    return _means(_for_all_rows(values, length), length)


def least_lately(values: Tensor, before: int) -> Tensor:
    """Return the smallest value of each row and of those up to `before` rows before it, both `(row, value)`."""
    padded = F.pad(-values.T[None], (before, 0), value=-torch.inf)
    return -F.max_pool1d(padded, before + 1, stride=1)[0].T


def largest_in_windows(values: Tensor, length: int) -> Tensor:
    """Return the largest value of the rows in each window, `(window, value)`.

    Args:
        values: `(row, value)`, at least `length` rows.
        length: The number of rows in a window.
    """
    return F.max_pool1d(values.T[None], length, stride=1)[0].T


def _for_all_rows(values: Tensor, length: int) -> Tensor:
    """Repeat the first window and the last one, so that as many windows cover the rows at the ends as any other."""
    first, last = values[:1].expand(length - 1, -1), values[-1:].expand(length - 1, -1)
    return torch.cat([first, values, last])


def _means(values: Tensor, length: int) -> Tensor:
    """Return the mean of each `length` consecutive values, `(value - length + 1, ...)`.

    Sums of 1, 2, 4, ... values are put together: unlike differences of a running sum they are exact to rounding,
    however large the values before them were.
    """
    count, total, done, block, size = len(values) - length + 1, None, 0, values, 1
    while True:
        if length & size:
            part = block[done : done + count]
            total = part if total is None else total + part
            done += size
        if 2 * size > length:
            break
        block = block[:-size] + block[size:]
        size *= 2
    assert total is not None
    return total / length
