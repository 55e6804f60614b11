"""Windows over long recordings: views of the rows, never copies of them all, and the way back to rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np


def window_starts(rows: int, window: int, stride: int) -> np.ndarray:
    """Return the first row of each window over some rows, `(window,)` int64; the last window ends at the last row."""
    last = max(rows - window, 0)
    return np.unique(np.append(np.arange(0, last, stride), last))


def over_windows(
    rows: np.ndarray, window: int, stride: int, function: Callable[[np.ndarray], np.ndarray], batch_size: int = 512
) -> Iterator[tuple[int, np.ndarray]]:
    """Apply a function to all windows and average its values for a row over the windows that cover the row.

    Memory does not depend on the number of rows: finished rows are yielded as they come. NaN is left out of the mean;
    a row that has nothing else gets NaN.

    Args:
        rows: `(row, channel)`.
        window: The number of rows in a window; fewer rows make one shorter window.
        stride: Rows from the start of one window to the start of the next.
        function: Maps windows `(batch, window, channel)` (a view, not to be written) to values
            `(batch, window, value)`.
        batch_size: The number of windows in a batch.

    Yields:
        The index of the first row, and the means of consecutive rows, `(row, value)` float32; every row once.
    """
    window = min(window, len(rows))
    views = np.moveaxis(np.lib.stride_tricks.sliding_window_view(rows, window, axis=0), 2, 1)
    total = count = np.zeros((0, 0), dtype=np.float32)
    done = 0  # rows handed out; total and count begin there
    batches = _even_batches(window_starts(len(rows), window, stride), stride, batch_size)
    for index, starts in enumerate(batches):
        values = function(views[starts])
        reach = starts.stop - 1 + window - done
        total, count = (_grown(buffer, reach, values.shape[2]) for buffer in (total, count))
        known = ~np.isnan(values)
        values = values if known.all() else np.where(known, values, np.float32(0))
        for offset in range(window):
            covered = slice(starts.start + offset - done, starts.stop + offset - done, starts.step)
            total[covered] += values[:, offset]
            count[covered] += known[:, offset]
        ready = (batches[index + 1].start if index + 1 < len(batches) else len(rows)) - done
        with np.errstate(invalid="ignore"):  # nothing divided by no windows is NaN, as it should be
            yield done, total[:ready] / count[:ready]
        total, count, done = total[ready:], count[ready:], done + ready


def means_around(rows: np.ndarray, window: int, ahead: int) -> np.ndarray:
    """Return the mean over a window of rows for each row, `(row, channel)` float64.

    Args:
        rows: `(row, channel)`.
        window: Rows in a window; near the ends it is the first or last one there is, of fewer rows all.
        ahead: Rows of the window that come after its row.
    """
    window = min(window, len(rows))
    if window == len(rows):
        return np.broadcast_to(rows.mean(axis=0, dtype=np.float64), rows.shape)
    means = np.lib.stride_tricks.sliding_window_view(rows, window, axis=0).mean(axis=2, dtype=np.float64)
    firsts = np.arange(len(rows)) + min(ahead, window - 1) + 1 - window
    return means[np.clip(firsts, 0, len(means) - 1)]


def _even_batches(starts: np.ndarray, stride: int, batch_size: int) -> list[slice]:
    """Return the starts as slices; the last window often starts at an irregular position and is a batch of its own."""
    even = len(starts) if len(starts) < 2 or starts[-1] - starts[-2] == stride else len(starts) - 1
    firsts = starts[:even:batch_size]
    slices = [
        slice(int(first), int(min(first + batch_size * stride, starts[even - 1] + 1)), stride) for first in firsts
    ]
    return slices + [slice(int(start), int(start) + 1, stride) for start in starts[even:]]


def _grown(buffer: np.ndarray, rows: int, columns: int) -> np.ndarray:
    grown = np.zeros((rows, columns), dtype=np.float32)
    if buffer.size:
        grown[: len(buffer)] = buffer
    return grown
