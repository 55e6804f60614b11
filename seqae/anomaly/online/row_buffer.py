"""Rows that come at the end and go at the start, without moving those in between each time."""

from __future__ import annotations

import numpy as np

SPARE_ROWS = 64  # that a new array has room for beyond twice the rows that it holds


class RowBuffer:
    """Consecutive rows in one array.

    What `rows` was is never written to: where the room ends, those that are held move to another array.

    Args:
        rows: The first rows, `(row, ...)`.
    """

    def __init__(self, rows: np.ndarray):
        self._start, self._stop = 0, len(rows)  # of the rows that are held
        self._hold(np.ascontiguousarray(rows))

    def __reduce__(self) -> tuple[type[RowBuffer], tuple[np.ndarray]]:
        """Make a copy with an array of its own."""
        return RowBuffer, (self.rows.copy(),)

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._stop - self._start

    @property
    def rows(self) -> np.ndarray:
        """The rows, `(row, ...)`."""
        return self._array[self._start : self._stop]

    @property
    def address(self) -> int:
        """Where the rows begin in memory, contiguous; true until rows are appended."""
        return self._address + self._start * self._array.strides[0]

    def append(self, rows: np.ndarray | tuple[bool]) -> None:
        """Add rows `(row, ...)` of the shape and type of the others."""
        self.extend(len(rows))
        self._array[self._stop - len(rows) : self._stop] = rows

    def extend(self, count: int = 1) -> None:
        """Add rows that are yet to be written."""
        if self._stop + count > len(self._array):
            held = self.rows
            array = np.empty((2 * (len(held) + count) + SPARE_ROWS, *held.shape[1:]), held.dtype)
            array[: len(held)] = held
            self._start, self._stop = 0, len(held)
            self._hold(array)
        self._stop += count

    def drop(self, count: int) -> None:
        """Remove the first rows, all of them if they are fewer."""
        self._start = min(self._start + count, self._stop)

    def _hold(self, array: np.ndarray) -> None:
        self._array, self._address = array, int(array.ctypes.data)
