"""Normal rows, prepared for fitting: what is negligible in them, and how they are cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from torch import Tensor

from seqae.data.signals.recordings import Recording
from seqae.transforms.scaler import Scaler

MINIMUM_RANGE_FRACTION = 0.03  # deviations below this fraction of a channel's range are never abnormal


def times_of_parts(recordings: Sequence[Recording]) -> list[np.ndarray | None]:
    """Return the times of each part without a gap in time, `(row,)` each; None where there are none."""
    return [
        None if recording.times is None else recording.times[rows]
        for recording in recordings
        for rows in recording.segments()
    ]


def minimum_effect(parts: Sequence[np.ndarray], scaler: Scaler) -> np.ndarray:
    """Return the smallest deviation of each channel that can be abnormal, `(channel,)`, in units of scaled rows.

    It is a fraction of the channel's range in the normal rows; of the scaler's unit, if the channel was constant.

    Args:
        parts: The rows in their own units, `(row, channel)` each.
        scaler: The scaler that was fitted to them.
    """
    with np.errstate(all="ignore"):
        low = np.fmin.reduce([np.fmin.reduce(part, axis=0) for part in parts])
        high = np.fmax.reduce([np.fmax.reduce(part, axis=0) for part in parts])
    ranges = np.where(scaler.is_constant_ | np.isnan(high - low), scaler.scale_, high - low)
    return MINIMUM_RANGE_FRACTION * ranges / scaler.scale_


def hold_last(rows: np.ndarray) -> np.ndarray:
    """Return scaled rows with the last known value in place of missing ones, `(row, channel)` float64; at first 0."""
    known = ~np.isnan(rows)
    if known.all():
        return rows.astype(np.float64)
    latest = np.maximum.accumulate(np.where(known, np.arange(len(rows))[:, None], -1), axis=0)
    values = np.take_along_axis(rows, np.maximum(latest, 0), axis=0)
    return np.where(latest < 0, 0.0, values).astype(np.float64)


def in_blocks(parts: Sequence[Tensor], count: int, shortest: int) -> Iterator[Tensor]:
    """Yield parts `(row, channel)` cut into about `count` pieces of `shortest` rows or more; shorter parts stay."""
    size = max(sum(map(len, parts)) // count, shortest)
    for part in parts:
        yield from part.tensor_split(max(1, len(part) // size))


def cross_fit_blocks(parts: Sequence[Tensor], n_folds: int, window: int) -> Iterator[tuple[Tensor, list[Tensor]]]:
    """Yield blocks of consecutive rows, `(row, channel)`, each with the remaining parts, `(row, channel)` each."""
    parts = [part for part in parts if len(part) >= window]
    edges = np.cumsum([0] + [len(part) for part in parts])
    for block in np.array_split(np.arange(edges[-1]), min(n_folds, edges[-1] // window)):
        start, stop = int(block[0]), int(block[-1]) + 1
        within = [part[max(start - at, 0) : max(stop - at, 0)] for part, at in zip(parts, edges.tolist())]
        outside = [
            piece
            for part, at in zip(parts, edges.tolist())
            for piece in (part[: max(start - at, 0)], part[max(stop - at, 0) :])
            if len(piece) >= window
        ]
        if max(map(len, outside), default=0) >= 2 * window and max(map(len, within)) >= window:
            yield max(within, key=len), outside


def cut_in_half(parts: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Return the first half of all rows and the second one, as parts `(row, channel)`."""
    middle = sum(map(len, parts)) // 2
    first: list[Tensor] = []
    second: list[Tensor] = []
    row = 0
    for part in parts:
        cut = min(max(middle - row, 0), len(part))
        first.append(part[:cut])
        second.append(part[cut:])
        row += len(part)
    return [part for part in first if len(part)], [part for part in second if len(part)]
