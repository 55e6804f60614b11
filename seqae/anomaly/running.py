"""Errors and control charts of rows that come one after the other: each window is computed once, when it is complete.

What comes out is what `Scale.errors` and the charts say of a whole stretch of rows, as soon as no later row can change
it. Memory does not grow with the number of rows.
"""

from __future__ import annotations

import numpy as np

from seqae.anomaly.charts import AHEAD, WINDOW, LevelChart, QuietChart
from seqae.anomaly.scales import Scale, mean_of_rows


class Tail:
    """The latest rows of a table without end.

    Args:
        rows: The first ones, `(row, ...)`.
        first: The number of the first of them.
    """

    STATE = ("rows", "first")

    def __init__(self, rows: np.ndarray, first: int = 0):
        self.rows = rows
        self.first = first

    @property
    def stop(self) -> int:
        """The number of the row that comes next."""
        return self.first + len(self.rows)

    def add(self, rows: np.ndarray) -> None:
        self.rows = np.concatenate([self.rows, rows]) if len(self.rows) else rows

    def between(self, start: int, stop: int) -> np.ndarray:
        return self.rows[start - self.first : stop - self.first]

    def forget(self, before: int) -> None:
        """Drop the rows before a number."""
        if before > self.first:
            self.rows, self.first = self.rows[before - self.first :].copy(), before


class RunningErrors:
    """The errors of a stretch of rows at one resolution.

    Args:
        scale: Of a fitted detector.
        stride: Steps from the start of one window to the start of the next.
        channels: How many there are.
    """

    STATE = ("rest", "steps", "errors", "latest", "windows", "taken", "settled")

    def __init__(self, scale: Scale, stride: int, channels: int):
        self.scale = scale
        self.stride = stride
        self.rest = np.zeros((0, channels), dtype=np.float32)  # rows of the step that is not complete
        self.steps = np.zeros((0, channels), dtype=np.float32)  # complete ones that later windows begin with
        # Of the latest windows, one for each step at which a window may begin; NaN where none does.
        self.errors = np.full((scale.window - 1, channels), np.nan, dtype=np.float32)
        self.latest = np.zeros(channels, dtype=np.float32)  # of the window that was complete last
        self.windows = 0  # places for windows so far
        self.taken = 0
        self.settled = 0

    @property
    def held_back(self) -> int:
        """Rows that wait for the next one: the last window stands where it must, and not only where the stride says."""
        return int(self.stride > 1)

    def needs(self, rows: np.ndarray) -> np.ndarray:
        """Return the last row that has to be there for the errors of some rows of the stretch to be settled."""
        scale = self.scale
        return (rows // scale.rows + scale.window) * scale.rows - 1 + self.held_back

    def push(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Take the next scaled rows.

        Returns:
            The errors of the rows that are settled by now, and of the window that was complete last as each of the new
            rows came, `(row, channel)` each.
        """
        per_step = self.scale.rows
        self.taken += len(rows)
        if len(self.rest) + len(rows) < per_step + self.held_back:
            self.rest = np.concatenate([self.rest, rows])
            return rows[:0], np.broadcast_to(self.latest, rows.shape)
        complete = (len(self.rest) + 1 + np.arange(len(rows)) - self.held_back) // per_step  # steps, as each row comes
        rows = np.concatenate([self.rest, rows])
        whole = max(len(rows) - self.held_back, 0) // per_step
        self.rest = rows[whole * per_step :].copy()
        lacking = self.scale.window - 1 - len(self.steps)
        found, began = self._add(mean_of_rows(rows[: whole * per_step], per_step))
        newest = np.maximum.accumulate(np.where(began, np.arange(1, len(began) + 1), 0))
        lasts = np.concatenate([self.latest[None], found])[np.append(0, newest)]
        self.latest = lasts[-1]
        return self._settled(found), lasts[np.maximum(complete - lacking, 0)]

    def finish(self) -> np.ndarray:
        """End the stretch, and return the errors of the rows that are not settled yet, `(row, channel)`."""
        lacking = self.scale.window - len(self.steps) if self.windows == 0 else 0
        last = mean_of_rows(self.rest, self.scale.rows) if len(self.rest) else self.rest
        if lacking > len(last):  # too few rows for a window
            last = np.concatenate([self.steps, last])
            last = np.pad(last, ((0, self.scale.window - len(last)), (0, 0)), mode="edge")[len(self.steps) :]
        found, _ = self._add(last, is_last=True)
        none = np.full_like(self.errors, np.nan)
        open_rows = self.taken - self.settled
        return np.concatenate([self._settled(found), self._settled(none)])[:open_rows]

    def _add(self, steps: np.ndarray, is_last: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Return the errors of the windows that end in these steps, and at which steps a window began."""
        steps = np.concatenate([self.steps, steps])
        count = max(len(steps) - self.scale.window + 1, 0)
        began = (self.windows + np.arange(count)) % self.stride == 0
        began[-1:] |= is_last
        found = np.full((count, steps.shape[1]), np.nan, dtype=np.float32)
        if began.any():
            views = np.moveaxis(np.lib.stride_tricks.sliding_window_view(steps, self.scale.window, axis=0), 2, 1)
            found[began] = self.scale.window_errors(views[began])
        self.windows += count
        self.steps = steps[count:].copy()
        return found, began

    def _settled(self, found: np.ndarray) -> np.ndarray:
        """Return the means of the errors of the windows over each step that no later window covers, for each row."""
        if len(found) == 0:
            return found
        errors = np.concatenate([self.errors, found])
        self.errors = errors[len(found) :].copy()
        known = ~np.isnan(errors)
        if known.all():
            means = _sums(errors, self.scale.window) / self.scale.window
        else:
            with np.errstate(invalid="ignore"):
                means = _sums(np.where(known, errors, 0), self.scale.window) / _sums(known, self.scale.window)
        self.settled += len(means) * self.scale.rows
        return np.repeat(means.astype(np.float32), self.scale.rows, axis=0)


class RunningCharts:
    """What control charts say of a stretch of rows.

    Args:
        charts: Of a fitted detector.
        channels: How many there are.
    """

    STATE = ("rows", "first", "settled")

    def __init__(self, charts: tuple[LevelChart, QuietChart], channels: int):
        self.charts = charts
        self.rows = np.zeros((0, channels), dtype=np.float32)
        self.first = 0  # the number of the first of them
        self.settled = 0

    def needs(self, rows: np.ndarray) -> np.ndarray:
        """Return the last row that has to be there for some rows of the stretch to be settled."""
        return np.maximum(rows + AHEAD, WINDOW - 1)

    def push(self, rows: np.ndarray) -> list[np.ndarray]:
        """Take the next scaled rows; return the ratios of the rows that are settled by now, `(row, channel)` each."""
        self.rows = np.concatenate([self.rows, rows])
        taken = self.first + len(self.rows)
        return self._until(taken - AHEAD if taken >= WINDOW else self.settled, AHEAD + 1 - WINDOW)

    def finish(self) -> list[np.ndarray]:
        """End the stretch, and return the ratios of the rows that are not settled yet."""
        return self._until(self.first + len(self.rows), -WINDOW)

    def _until(self, stop: int, reach: int) -> list[np.ndarray]:
        """Settle the rows before one; they need what came from `reach` rows off on, if it is there."""
        if stop == self.settled:
            return [self.rows[:0]] * len(self.charts)
        needed = max(self.settled + reach, self.first)
        rows, kept = self.rows[needed - self.first :], slice(self.settled - needed, stop - needed)
        found = [chart.ratios(rows)[kept] for chart in self.charts]
        first = max(stop + AHEAD - WINDOW, 0)  # so that a whole window is there at the end
        self.rows, self.first, self.settled = self.rows[first - self.first :].copy(), first, stop
        return found


def _sums(values: np.ndarray, window: int) -> np.ndarray:
    """Return the sums of each `window` consecutive rows, `(row - window + 1, channel)`."""
    if len(values) == window:
        return values.sum(axis=0, keepdims=True)
    return np.lib.stride_tricks.sliding_window_view(values, window, axis=0).sum(axis=2)
