"""Windows of rows at several time resolutions, and the way back from windows to rows.

All of these are sums, maxima and slices of tensors, so that a row's result depends on the rows around it alone.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def windows_of(rows: Tensor, window: int, rows_per_step: int) -> Tensor:
    """Return the windows that start at every row, `(window, time, channel)`; a step is the mean of consecutive rows.

    They share their memory.

    Args:
        rows: `(row, channel)`, at least `window * rows_per_step` of them.
        window: The number of steps in a window.
        rows_per_step: The number of rows in a step.
    """
    steps = steps_of(rows, rows_per_step)
    return steps.unfold(1, (window - 1) * rows_per_step + 1, 1)[..., ::rows_per_step].permute(1, 2, 0)


def steps_of(rows: Tensor, rows_per_step: int) -> Tensor:
    """Return the steps that start at every row `(row, channel)`, `(channel, step)`: means of consecutive rows."""
    return means_of_columns(rows.T.contiguous(), rows_per_step)


def least_over_windows(values: Tensor, length: int) -> Tensor:
    """Return the smallest value of the windows that cover each row, `(row, value)`.

    Args:
        values: `(window, value)`, of the windows of `length` rows that start at every row but the last ones.
        length: The number of rows in a window.
    """
    return _chosen(_for_all_rows(values, length), length, torch.minimum).T


def mean_over_windows(values: Tensor, length: int) -> Tensor:
    """Return the mean value of the windows that cover each row, `(row, value)`.

    Args:
        values: `(window, value)`, of the windows of `length` rows that start at every row but the last ones.
        length: The number of rows in a window.
    """
    return means_of_columns(_for_all_rows(values, length), length).T


def least_lately(values: Tensor, before: int) -> Tensor:
    """Return the smallest value of each row and of those up to `before` rows before it, both `(row, value)`."""
    none = torch.full((values.shape[1], before), torch.inf, dtype=values.dtype)
    return _chosen(torch.cat([none, values.T], dim=1), before + 1, torch.minimum).T


def largest_in_windows(values: Tensor, length: int) -> Tensor:
    """Return the largest value of the rows in each window, `(window, value)`.

    Args:
        values: `(row, value)`, at least `length` rows.
        length: The number of rows in a window.
    """
    return _chosen(values.T, length, torch.maximum).T


def _for_all_rows(values: Tensor, length: int) -> Tensor:
    """Repeat the first window and the last one, so that as many windows cover the rows at the ends as any other.

    Args:
        values: `(window, value)`.
        length: The number of rows in a window.

    Returns:
        `(value, window)`.
    """
    first, last = values[:1].T.expand(-1, length - 1), values[-1:].T.expand(-1, length - 1)
    return torch.cat([first, values.T, last], dim=1)


def _chosen(values: Tensor, length: int, choose: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Return the smallest or the largest of each `length` consecutive columns, `(value, column - length + 1)`.

    That of 1, 2, 4, ... columns, of which two may overlap.

    Args:
        values: `(value, column)`.
        length: The number of columns.
        choose: `torch.minimum` or `torch.maximum`.
    """
    size = 1
    while 2 * size <= length:
        values = choose(values[:, :-size], values[:, size:])
        size *= 2
    return values if size == length else choose(values[:, : size - length], values[:, length - size :])


def means_of_columns(values: Tensor, length: int) -> Tensor:
    """Return the mean of each `length` consecutive columns, `(value, column - length + 1)`.

    Sums of 1, 2, 4, ... columns are put together: unlike differences of a running sum they are exact to rounding,
    however large the values before them were.

    Args:
        values: `(value, column)`.
        length: The number of columns.
    """
    count, total, done, block, size = values.shape[1] - length + 1, None, 0, values, 1
    while True:
        if length & size:
            part = block[:, done : done + count]
            total = part if total is None else total + part
            done += size
        if 2 * size > length:
            break
        block = block[:, :-size] + block[:, size:]
        size *= 2
    assert total is not None
    return total if length == 1 else total / length
