"""Downsampling of long recordings for pictures: the same look in a small file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def rows_to_draw(lines: np.ndarray, windows: Sequence[slice] = (), max_rows: int = 4000) -> np.ndarray:
    """Return the indices of rows, (drawn row,) in order, that keep the shape of lines.

    The recording is cut into buckets about as wide as a pixel, and of each bucket the smallest and the largest
    value of each line are kept. The windows are cut again, finer, so that one can zoom into them. A bucket
    without any value keeps a row, so a gap stays a gap.

    Args:
        lines: (row, line), NaN where a value is missing.
        windows: Rows of interest, for example those around an alarm.
        max_rows: At most so many rows for the whole, and so many again for all windows together.
    """
    if len(lines) <= max_rows:
        return np.arange(len(lines))
    kept = [_extremes(lines, slice(0, len(lines)), max_rows)]
    kept += [_extremes(lines, window, max_rows // len(windows)) for window in windows[:max_rows]]
    return np.unique(np.concatenate(kept))


def _extremes(lines: np.ndarray, rows: slice, max_rows: int) -> np.ndarray:
    """Return the rows of the smallest and largest values in each of max_rows / (2 * lines) buckets."""
    values = lines[rows]
    if len(values) <= max_rows:
        return np.arange(rows.start, rows.stop)
    buckets = max(1, max_rows // (2 * lines.shape[1]))
    size = -(-len(values) // buckets)
    padding = ((0, -len(values) % size), (0, 0))
    values = np.pad(values, padding, constant_values=np.nan).reshape(-1, size, lines.shape[1])
    missing = np.isnan(values)
    lowest = np.where(missing, np.inf, values).argmin(axis=1)
    highest = np.where(missing, -np.inf, values).argmax(axis=1)
    begins = rows.start + size * np.arange(len(values))[:, None]
    return np.concatenate([begins + lowest, begins + highest]).ravel()


def around(start: int, stop: int, count: int) -> slice:
    """Return the rows from `start` to `stop` with about as many on both sides, of `count` rows in all."""
    margin = max(stop - start, 30)
    return slice(max(start - margin, 0), min(stop + margin, count))


def break_lines(rows: np.ndarray, cuts: Sequence[int], columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Put a NaN into columns (drawn row,) wherever a cut lies between two drawn rows, so that no line crosses it.

    Args:
        rows: Indices of the drawn rows, increasing, (drawn row,).
        cuts: The first rows of new segments of the recording.
        columns: The values at these rows by name, (drawn row,) each.
    """
    positions = np.unique(np.searchsorted(rows, cuts))
    positions = positions[(positions > 0) & (positions < len(rows))]
    return {name: np.insert(column, positions, np.nan) for name, column in columns.items()}


def isolated(values: np.ndarray) -> np.ndarray:
    """Return for each of the values (row,) whether both neighbours are missing: no line would show it."""
    present = np.pad(np.isfinite(values), 1)
    return present[1:-1] & ~present[:-2] & ~present[2:]


def compact(values: np.ndarray) -> np.ndarray:
    """Return values, of any shape, as float32 unless its rounding could be seen, as on a large offset."""
    with np.errstate(over="ignore", invalid="ignore"):
        narrow = values.astype(np.float32)
        lost = np.abs(narrow - values)
    present = values[np.isfinite(values)]
    return values if present.size and np.nanmax(lost) > np.ptp(present) / 1000 else narrow


def downsample_max(
    values: np.ndarray, positions: np.ndarray, step: float, max_intervals: int = 900
) -> tuple[np.ndarray, float, float]:
    """Sample columns at equal distances for a picture: the largest value of each interval, NaN in gaps.

    Args:
        values: (row, channel).
        positions: (row,), never decreasing.
        step: The usual distance of two positions; an interval further than two of them from any row is a gap.
        max_intervals: The largest number of intervals.

    Returns:
        The samples (interval, channel), and the left and right edge of the picture.
    """
    left, right = positions[0] - step / 2, positions[-1] + step / 2
    count = int(np.clip(round((right - left) / step), 1, max_intervals))
    edges = np.linspace(left, right, count + 1)
    begins = np.searchsorted(positions, edges)
    filled = np.diff(begins) > 0
    samples = np.full((count, values.shape[1]), np.nan)
    samples[filled] = np.fmax.reduceat(values, begins[:-1][filled])

    centres = (edges[1:] + edges[:-1]) / 2
    after = np.minimum(begins[:-1], len(positions) - 1)
    before = np.maximum(after - 1, 0)
    nearest = np.where(positions[after] - centres < centres - positions[before], after, before)
    close = ~filled & (np.abs(positions[nearest] - centres) <= 1.5 * step)
    samples[close] = values[nearest[close]]
    return samples, float(left), float(right)
