"""Irregular rows on a regular grid while they arrive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from seqae.data.signals.resampling import GridReadings, Resampling

NOTHING_YET = -(2**62)  # the latest moment that was returned, before there is one


class OnlineResampler:
    """Brings rows to a grid as they arrive, as `Resampling.apply` brings all rows of a recording.

    A moment of the grid is returned once no later row can change it: values that are held are known when a row of a
    later moment has come; interpolated ones when each channel has its next reading, or none within the horizon.

    Args:
        resampling: The grid.
        channels: The names of the channels.
    """

    STATE = ("rows", "values", "times", "moments", "known", "own", "lags", "latest")

    def __init__(self, resampling: Resampling, channels: Sequence[str]):
        self.resampling = resampling
        none = np.zeros((0, len(channels)))
        self.rows = 0  # that have arrived
        self.values, self.times = none, np.zeros(0, dtype=np.int64)  # the rows of the latest moment
        # What the rows before say at their moments, as `GridReadings`; the first one has the latest of all before.
        self.moments, self.known, self.own, self.lags = none[:, 0].astype(np.int64), none, none.astype(np.int64), none
        self.latest = NOTHING_YET

    def push(self, values: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Take the next rows, and return the values and times of the moments that are known now.

        Args:
            values: `(row, channel)`, NaN where a value is missing.
            times: `(row,)`, datetime64[ns] or seconds.

        Returns:
            `(step, channel)` and `(step,)`.
        """
        self.rows += len(values)
        values = np.concatenate([self.values, values])
        times = np.concatenate([self.times, times]) if len(self.times) else times
        moments = self.resampling.moments(times)
        found = [(values[:0], times[:0])]
        *ended, current = pairwise([0, *(np.flatnonzero(np.diff(moments) < 0) + 1).tolist(), len(moments)])
        for start, stop in ended:
            found += self._end_run(values[start:stop], times[start:stop])
        start, stop = current
        whole = slice(start, start + int(np.searchsorted(moments[start:stop], moments[-1:].max(initial=0))))
        found += self._read(values[whole], times[whole], int(moments[-1]) if len(moments) else None)
        self.values, self.times = values[whole.stop :], times[whole.stop :]
        return _joined(found)

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the rest, as `push` does; the next row is the first one of another recording."""
        found = [(self.values[:0], self.times[:0]), *self._end_run(self.values, self.times)]
        self.values, self.times, self.rows = self.values[:0], self.times[:0], 0
        return _joined(found)

    def _end_run(self, values: np.ndarray, times: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the rest of a run, after which time goes back."""
        if len(values):
            yield from self._read(values, times, None)
        self.moments, self.known, self.own, self.lags = self.moments[:0], self.known[:0], self.own[:0], self.lags[:0]
        self.latest = NOTHING_YET

    def _read(
        self, values: np.ndarray, times: np.ndarray, following: int | None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Read the rows of whole moments, and yield what is known then.

        Args:
            values: `(row, channel)`.
            times: `(row,)`.
            following: The moment of the next row; None at the end of a run.
        """
        if not len(values):
            return
        moments = self.resampling.moments(times)
        new = self.resampling.readings(values, moments, self.resampling.lags(times, moments))
        self.moments, self.known, self.own, self.lags = (
            np.concatenate([before, after])
            for before, after in zip(
                (self.moments, self.known, self.own, self.lags), (new.moments, new.values, new.own, new.lags)
            )
        )
        readings = GridReadings(self.moments, self.known, self.own, self.lags)
        grid = self.resampling.grid(self.moments if following is None else np.append(self.moments, following))
        known_to = self.moments[-1] if following is None else self._known_to(following)
        grid = grid[(grid > self.latest) & (grid <= known_to)]
        if len(grid):
            yield self.resampling.filled(readings, grid), self.resampling.times_of(grid, times)
            self.latest = int(grid[-1])
            self._forget(readings)

    def _known_to(self, following: int) -> int:
        """Return the last moment that no later row can change, if the next row is of a moment."""
        if self.resampling.fill != "interpolate":
            return following - 1
        last = self.own.max(axis=0)
        waits = (last > NOTHING_YET) & (following - last <= max(self.resampling.reach, 1))
        return int(np.where(waits, last - 1, following - 1).min())

    def _forget(self, readings: GridReadings) -> None:
        """Keep of the readings that were used the latest of each channel alone."""
        last = int(np.searchsorted(self.moments, self.latest, side="right")) - 1
        newest, channels = readings.before()[last], np.arange(self.known.shape[1])
        self.known, self.own, self.lags = (
            np.concatenate([each[newest, channels][None], each[last + 1 :]])
            for each in (self.known, self.own, self.lags)
        )
        self.moments = self.moments[last:]


def _joined(pieces: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    values, times = zip(*pieces)
    return np.concatenate(values), np.concatenate(times)
