"""Irregular rows on a regular grid: values that were stored when they changed, or at random moments.

The moments of the grid are the whole multiples of the period, since 1970 or second 0, whatever rows there are. A
reading belongs to the first moment that is not before it, so that nothing is known before it happened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from seqae.data.signals.durations import duration_of
from seqae.data.signals.options import Fill, ReadingOptions
from seqae.data.signals.recordings import Recording, common_day_first
from seqae.data.signals.sampling import MAX_GAP

MAX_STEPS_PER_ROW = 10_000  # so that a period of microseconds does not fill the memory
_NEVER = -(2**62)  # the moment of a reading that there is not


@dataclass(frozen=True)
class Resampling:
    """Brings irregular rows to a regular grid.

    With `fill="hold"` a moment has the latest reading of each channel, which is causal, and right where values are
    stored when they change. With "interpolate" it lies on the straight line between the readings before and after it,
    which suits smooth signals that are read at random moments; several readings within a period are averaged first.
    With "none" it has the mean of the readings within the period before it, and is missing if there are none.

    Attributes:
        period: Seconds from one moment to the next.
        fill: What stands between two readings.
        horizon: Seconds after a reading for which it may stand, or between two for which they are connected; beyond it
            the value is missing.
        gap: Seconds without any row after which the log had stopped: the grid has no rows there, so that a segment
            ends. Steps of up to three periods are none.
    """

    period: float
    fill: Fill
    horizon: float
    gap: float

    def check_soundness(self) -> None:
        """Raise a ValueError if there is no such grid."""
        if not (0 < self.period < np.inf and self.horizon >= 0 and self.gap >= 0):
            raise ValueError(f"a grid of {self.period!r} s, horizon {self.horizon!r} s, gap {self.gap!r} s")

    def __str__(self) -> str:
        period, horizon = duration_of(self.period), duration_of(self.horizon)
        if self.fill == "none":
            return f"one row every {period}, the mean of the readings since the row before"
        if self.fill == "hold":
            return f"one row every {period}, the last value of each channel held for up to {horizon}"
        return f"one row every {period}, interpolated between readings that are up to {horizon} apart"

    @property
    def reach(self) -> int:
        """Moments for which a reading may stand after its own one."""
        return _whole(self.horizon / self.period)

    @property
    def longest_step(self) -> int:
        """Moments from a row to the next beyond which there is a gap."""
        return max(_whole(self.gap / self.period), MAX_GAP)

    def moments(self, times: np.ndarray) -> np.ndarray:
        """Return the number of the grid's moment that each time belongs to, `(time,)` int64.

        Args:
            times: `(time,)` datetime64[ns] or float64 seconds.
        """
        if times.dtype.kind == "M":
            return -(-times.astype("datetime64[ns]").astype(np.int64) // self._nanoseconds)
        exact = times / self.period
        return np.ceil(exact - np.maximum(1e-6, 4 * np.spacing(np.abs(exact)))).astype(np.int64)

    def times_of(self, moments: np.ndarray, like: np.ndarray) -> np.ndarray:
        """Return the times of the grid's moments, `(moment,)`, of the type of other times."""
        if like.dtype.kind == "M":
            return (moments * self._nanoseconds).astype("datetime64[ns]")
        return moments * self.period

    def lags(self, times: np.ndarray, moments: np.ndarray) -> np.ndarray:
        """Return how many periods before its moment each time is, `(time,)` float64."""
        behind = self.times_of(moments, times) - times
        return (
            (behind / np.timedelta64(1, "ns") / self._nanoseconds) if behind.dtype.kind == "m" else behind / self.period
        )

    def apply(self, recording: Recording) -> Resampled:
        """Return a recording on the grid, and where its rows are there; times that go back begin a new run.

        Raises:
            ValueError: There are no times, or the grid would be far too fine.
        """
        times = recording.times
        if times is None:
            raise ValueError(
                f"no times ({recording.name or 'recording'}), which resampling needs. Name them: time_column='time'"
            )
        moments = self.moments(times)
        self._refuse_too_fine(moments, recording)
        runs = [slice(*ends) for ends in pairwise([0, *(np.flatnonzero(np.diff(moments) < 0) + 1), len(moments)])]
        pieces, steps, count = [], [], 0
        for run in runs if len(moments) else []:
            readings = self.readings(recording.values[run], moments[run], self.lags(times[run], moments[run]))
            grid = self.grid(readings.moments)
            pieces.append((grid, self.filled(readings, grid)))
            steps.append(np.searchsorted(grid, moments[run]) + count)
            count += len(grid)
        regular = replace(
            recording,
            values=np.concatenate([values for _, values in pieces]) if pieces else recording.values,
            times=self.times_of(np.concatenate([grid for grid, _ in pieces]), times) if pieces else times,
            period=self.period,
        )
        return Resampled(recording, regular, np.concatenate(steps) if steps else moments)

    def readings(self, values: np.ndarray, moments: np.ndarray, lags: np.ndarray) -> GridReadings:
        """Return what rows say at each of their moments.

        Args:
            values: `(row, channel)`, NaN where a value is missing.
            moments: `(row,)`, ascending.
            lags: `(row,)`, see `lags`.
        """
        starts = np.flatnonzero(np.diff(moments, prepend=_NEVER) != 0)
        known = ~np.isnan(values)
        if self.fill == "hold":
            latest = np.maximum.reduceat(np.where(known, np.arange(len(values))[:, None], -1), starts)
            found = np.where(latest >= 0, np.take_along_axis(values, np.maximum(latest, 0), axis=0), np.nan)
            behind = np.zeros(found.shape)
        else:
            count = np.add.reduceat(known.astype(np.float64), starts)
            total, late = (np.add.reduceat(np.where(known, each, 0.0), starts) for each in (values, lags[:, None]))
            with np.errstate(invalid="ignore"):
                found, behind = total / count, late / count
        at = moments[starts]
        return GridReadings(at, found, np.where(np.isnan(found), _NEVER, at[:, None]), behind)

    def grid(self, moments: np.ndarray) -> np.ndarray:
        """Return the moments of the grid, `(step,)`: from the first to the last one with rows, without gaps."""
        ahead = np.diff(moments)
        counts = np.append(np.where(ahead > self.longest_step, 1, ahead), 1)
        return np.repeat(moments - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())

    def filled(self, readings: GridReadings, grid: np.ndarray) -> np.ndarray:
        """Return the values at moments of the grid, `(step, channel)`, NaN where they are missing.

        Args:
            readings: The readings at these moments, before, and for "interpolate" after them.
            grid: `(step,)`, ascending, none before the first reading.
        """
        row = np.searchsorted(readings.moments, grid, side="right") - 1
        if self.fill == "none":
            return np.where((readings.moments[row] == grid)[:, None], readings.values[row], np.nan)
        before = readings.before()[row]
        value, moment = (np.take_along_axis(each, before, axis=0) for each in (readings.values, readings.own))
        held = np.where(grid[:, None] - moment <= self.reach, value, np.nan)
        return held if self.fill == "hold" else self._between(readings, grid, before, readings.after()[row], held)

    def _between(
        self, readings: GridReadings, grid: np.ndarray, before: np.ndarray, after: np.ndarray, held: np.ndarray
    ) -> np.ndarray:
        """Interpolate between the readings with these numbers, `(step, channel)` each; there is no one after: -1."""
        (start, low, lag), (stop, high, lead) = (
            [
                np.take_along_axis(each, np.maximum(at, 0), axis=0)
                for each in (readings.own, readings.values, readings.lags)
            ]
            for at in (before, after)
        )
        elapsed = (grid[:, None] - start) + lag
        length = (stop - start) + (lag - lead)
        is_near = (after >= 0) & (stop - start <= max(self.reach, 1))
        with np.errstate(invalid="ignore", divide="ignore"):
            line = low + (high - low) * (elapsed / length)
        # Without a reading after it, a moment has the one that belongs to it, or none.
        return np.where(elapsed == 0, low, np.where(is_near, line, np.where(grid[:, None] == start, held, np.nan)))

    @property
    def _nanoseconds(self) -> int:
        return max(round(self.period * 1e9), 1)

    def _refuse_too_fine(self, moments: np.ndarray, recording: Recording) -> None:
        ahead = np.diff(moments)
        steps = int(ahead[(ahead > 0) & (ahead <= self.longest_step)].sum())
        if steps > MAX_STEPS_PER_ROW * len(moments):
            longer = duration_of(self.period * steps / len(moments))
            raise ValueError(
                f"resample={duration_of(self.period)!r} makes {steps:,} rows of {len(moments):,} "
                f"({recording.name or 'recording'}). Give a longer period: resample={longer!r}"
            )


@dataclass(frozen=True, eq=False)
class GridReadings:
    """What rows say at the moments of the grid that have rows.

    Attributes:
        moments: `(moment,)` int64, ascending.
        values: `(moment, channel)` float, NaN where there is no reading.
        own: `(moment, channel)` int64, the moment of each reading; far in the past where there is none.
        lags: `(moment, channel)` float64, how many periods before its moment a reading is.
    """

    moments: np.ndarray
    values: np.ndarray
    own: np.ndarray
    lags: np.ndarray

    def before(self) -> np.ndarray:
        """Return which of these has the latest reading at each moment, `(moment, channel)`; the first if none has."""
        return np.maximum.accumulate(np.where(self.own > _NEVER, np.arange(len(self.moments))[:, None], 0), axis=0)

    def after(self) -> np.ndarray:
        """Return which of these has the next reading after each moment, `(moment, channel)`; -1 if none has."""
        last = len(self.moments)
        numbers = np.where(self.own > _NEVER, np.arange(last)[:, None], last)
        later = np.minimum.accumulate(numbers[::-1], axis=0)[::-1]
        following = np.concatenate([later[1:], np.full((1, self.own.shape[1]), last)])
        return np.where(following == last, -1, following)


@dataclass(frozen=True, eq=False)
class Resampled:
    """A recording on a regular grid.

    Attributes:
        original: The recording with the rows as they came.
        recording: The same on the grid.
        places: The row of `recording` that each original row is in, `(row,)`; None if they are the same rows.
    """

    original: Recording
    recording: Recording
    places: np.ndarray | None

    @property
    def steps(self) -> np.ndarray:
        """The row of `recording` that each original row is in, `(row,)`."""
        return np.arange(len(self.original)) if self.places is None else self.places

    def of_original(self, found: np.ndarray) -> np.ndarray:
        """Return what was found in the rows of `recording`, `(row, ...)`, for each of the original rows."""
        return found if self.places is None else found[self.places]

    def rows_of(self, start: int, stop: int) -> tuple[int, int]:
        """Return the original rows in steps `start` to before `stop`, as first and end.

        If there is none, it is the row before, whose values are held.
        """
        first, end = np.searchsorted(self.steps, [start, stop]).tolist()
        return (first, end) if first < end else (max(first - 1, 0), max(first, 1))


def _whole(number: float) -> int:
    return int(min(number * (1 + 1e-9), 2**53))


def on_grid(recording: Recording, resampling: Resampling | None) -> Resampled:
    """Return a recording on a grid; as it is if there is none, or if it has no times or is on a grid."""
    if resampling is None or recording.times is None or recording.period is not None:
        return Resampled(recording, recording, None)
    return resampling.apply(recording)


def learnt_options(
    options: ReadingOptions, recordings: Sequence[Recording], resampling: Resampling | None
) -> ReadingOptions:
    """Return the options to keep for other tables: with what recordings showed, and the grid if one was chosen."""
    day_first = common_day_first(recordings) if options.day_first is None else options.day_first
    options = replace(options.remembered(), channels=options.channels, day_first=day_first)
    if resampling is None:
        return options
    period, horizon = duration_of(resampling.period), duration_of(resampling.horizon)
    return replace(options, resample=period, fill=resampling.fill, horizon=horizon)
