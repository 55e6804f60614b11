"""Rows on their way in: checked, held until they can be read, and cut where time has a gap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import isfinite
from typing import Any

import numpy as np

from seqae.data.arrays import refuse_infinite, to_values
from seqae.data.signals.sampling import Sampling

_SECOND = np.timedelta64(1, "s")
WARMUP_ROWS = 32  # rows that are held until the sampling period is known


class RowIntake:
    """Holds rows until the sampling period is known, and until enough of them have come to be computed together.

    Args:
        channels: The names of the channels.
        period: Seconds from row to row; if None, it is estimated from the first rows.
        batch_rows: Rows that are computed together.
    """

    STATE = ("values", "times", "previous_time", "period", "is_coarse")

    def __init__(self, channels: Sequence[str], period: float | None, batch_rows: int):
        self.channels = channels
        self.given_period = period
        self.batch_rows = batch_rows
        self.values = np.zeros((0, len(channels)))  # the rows that are held
        self.times = np.zeros(0, dtype=np.int64)  # datetime64, seconds, or integers where there are none
        self.previous_time = self.times  # the time of the row before them, (1,), if there was one
        self.period = 0.0  # in seconds; 0 while it is unknown
        self.is_coarse = False  # whether times repeat because the clock ticks slowly

    @property
    def is_timed(self) -> bool:
        """Whether the rows have times."""
        return self.times.dtype.kind != "i"

    def checked(self, rows: Any, times: object, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return rows and times as arrays, `(row, channel)` and `(row,)`.

        Args:
            rows: `(row, channel)`, or one row `(channel,)`.
            times: `(row,)` or one; None if there are none.
            count: The number of rows before these.

        Raises:
            ValueError: They cannot be used; nothing of them was taken.
        """
        if type(rows) is np.ndarray and rows.dtype == np.float64 and rows.shape == (len(self.channels),):
            values, is_finite = rows[None], isfinite(rows.dot(rows))  # the usual case needs no more
        else:
            values, is_finite = to_values(np.reshape(rows, (1, -1)) if np.ndim(rows) == 1 else rows), False
        if values.shape[1] != len(self.channels):
            raise ValueError(
                f"{values.shape[1]} values (row {count}). Give one for each of {len(self.channels)} channels, in this "
                f"order: {', '.join(self.channels)}"
            )
        if not is_finite and np.isinf(values).any():
            refuse_infinite(values, self.channels, lambda row: f"row {count + row}")
        clock = _as_times(times, len(values), count)
        if count and clock.dtype != self.times.dtype:
            kinds = {"i": "no times", "f": "seconds", "M": "dates"}
            raise ValueError(
                f"{kinds[clock.dtype.kind]} after {kinds[self.times.dtype.kind]} (row {count}). Keep to one of them"
            )
        return values, clock

    def add(self, values: np.ndarray, times: np.ndarray) -> None:
        """Hold checked rows `(row, channel)` with their times `(row,)`."""
        self.values = np.concatenate([self.values, values]) if len(self.values) else values.copy()
        self.times = np.concatenate([self.times, times]) if len(self.times) else times

    @property
    def is_ready(self) -> bool:
        """Whether enough rows are held to be read."""
        is_period_known = not self.is_timed or self.period > 0
        return len(self.values) >= (self.batch_rows if is_period_known else WARMUP_ROWS)

    def passes(self, times: np.ndarray) -> bool:
        """Take the time of one row, `(1,)`, and return whether the row need not be held; else it is not taken.

        That is, if none is held, and there is no gap before it.
        """
        if self.batch_rows > 1 or len(self.values) or not self.previous_time.size:
            return False
        if times.dtype.kind != "i":
            if not self.period:
                return False
            step = times[0] - self.previous_time[0]
            step = step / _SECOND if times.dtype.kind == "M" else step
            if not 0 < step <= self.period and self._is_gap(step):
                return False
        self.previous_time = times.copy()
        return True

    def take(self) -> Iterator[tuple[bool, np.ndarray, np.ndarray]]:
        """Yield the held rows in pieces without a gap in time, and hold them no longer.

        Yields:
            Whether there is a gap before the piece, its rows `(row, channel)`, and their times `(row,)`.
        """
        values, times = self.values, self.times
        if self.is_timed and not self.period:
            sampling = Sampling.of(times[:WARMUP_ROWS])
            self.period, self.is_coarse = self.given_period or sampling.period, sampling.is_coarse
        gaps = self._gaps()
        self.values, self.times, self.previous_time = values[:0], times[:0], times[-1:]
        for start, stop in pairwise(sorted({0, *gaps, len(values)})):
            yield start in gaps, values[start:stop], times[start:stop]

    def _gaps(self) -> list[int]:
        """Return the held rows before which there is a gap in time."""
        if not self.is_timed:
            return []
        steps = np.diff(np.concatenate([self.previous_time, self.times]) if len(self.previous_time) else self.times)
        is_gap = self._is_gap(steps / _SECOND if steps.dtype.kind == "m" else steps)
        return (np.flatnonzero(is_gap) + 1 - len(self.previous_time)).tolist()

    def _is_gap(self, steps: Any) -> Any:
        """Return whether there is a gap where time makes a step, for steps in seconds of any shape."""
        sampling = Sampling(steps, self.period)
        return sampling.backwards | sampling.gaps | (sampling.repeats & (not self.is_coarse))


def _as_times(times: object, rows: int, first: int) -> np.ndarray:
    """Return times as datetime64[ns] or seconds, `(row,)`; integers where there are none."""
    if times is None:
        return np.zeros(rows, dtype=np.int64)
    if rows == 1 and isinstance(times, float) and isfinite(times):
        return np.array([times])
    if rows == 1 and isinstance(times, np.datetime64) and not np.isnat(times):
        return np.array([times], "datetime64[ns]")
    clock = np.atleast_1d(np.asarray(times))
    if clock.dtype.kind not in "Mfiu" or clock.shape != (rows,):
        raise ValueError(
            f"times of {clock.dtype} and shape {clock.shape} for {rows} rows (row {first}). "
            "Give datetime64 or seconds, one to each row"
        )
    clock = clock.astype("datetime64[ns]" if clock.dtype.kind == "M" else np.float64)
    unknown = np.flatnonzero(np.isnat(clock) if clock.dtype.kind == "M" else ~np.isfinite(clock))
    if len(unknown):
        raise ValueError(f"row {first + unknown[0]} has no time. Every row needs one, or none has")
    return clock
