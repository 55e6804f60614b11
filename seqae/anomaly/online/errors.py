"""Errors and control charts of rows that arrive one after the other; each window is computed once, when complete.

The results are those of `ResolutionModel.errors` and of the charts for a whole segment, available as soon as they are
final: when no later row can change them. Memory does not grow with the number of rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqae.anomaly.control_charts import ROWS_AHEAD, WINDOW_ROWS, MeanChart, StuckChart
from seqae.anomaly.multiscale import ResolutionModel, mean_of_rows


class RowBuffer:
    """The latest rows of an endless table, addressed by their number.

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

    def append(self, rows: np.ndarray) -> None:
        """Add rows, `(row, ...)`."""
        self.rows = np.concatenate([self.rows, rows]) if len(self.rows) else rows

    def between(self, start: int, stop: int) -> np.ndarray:
        """Return the rows from one number to before another, `(row, ...)`."""
        return self.rows[start - self.first : stop - self.first]

    def discard(self, before: int) -> None:
        """Drop the rows before a number."""
        if before > self.first:
            self.rows, self.first = self.rows[before - self.first :].copy(), before


class OnlineErrors:
    """The errors of a segment of rows at one resolution.

    Args:
        model: The window model of the resolution.
        stride: Steps from the start of one window to the start of the next.
        channels: Number of channels.
    """

    STATE = ("partial_step", "steps", "errors", "latest", "windows", "taken", "final")

    def __init__(self, model: ResolutionModel, stride: int, channels: int):
        self.model = model
        self.stride = stride
        self.partial_step = np.zeros((0, channels), dtype=np.float32)  # rows of the step that is not complete
        self.steps = np.zeros((0, channels), dtype=np.float32)  # complete steps that later windows start with
        # For the latest windows, one for each step at which a window may start; NaN where none does.
        self.errors = np.full((model.window - 1, channels), np.nan, dtype=np.float32)
        self.latest = np.zeros(channels, dtype=np.float32)  # errors of the window that was completed last
        self.windows = 0  # steps at which a window may have started so far
        self.taken = 0  # rows
        self.final = 0  # rows whose errors are final

    @property
    def held_back(self) -> int:
        """Rows that wait for the next one: the last window of a segment ends at its end, regardless of the stride."""
        return int(self.stride > 1)

    def required_row(self, row: int) -> int:
        """Return the row that makes the errors of a row final, both counted within the segment."""
        per_step = self.model.rows_per_step
        return (row // per_step + self.model.window) * per_step - 1 + self.held_back

    def push(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Take the next scaled rows, `(row, channel)` float32.

        Returns:
            The errors of the rows that have become final, `(final row, channel)`, and for each of the new rows the
            errors of the last complete window, `(row, channel)`.
        """
        per_step = self.model.rows_per_step
        self.taken += len(rows)
        if len(self.partial_step) + len(rows) < per_step + self.held_back:
            self.partial_step = np.concatenate([self.partial_step, rows])
            return rows[:0], np.broadcast_to(self.latest, rows.shape)
        # Steps that are complete as each row comes.
        complete = (len(self.partial_step) + 1 + np.arange(len(rows)) - self.held_back) // per_step
        rows = np.concatenate([self.partial_step, rows])
        whole = max(len(rows) - self.held_back, 0) // per_step
        self.partial_step = rows[whole * per_step :].copy()
        missing = self.model.window - 1 - len(self.steps)  # steps before the first window is complete
        errors, starts = self._add_steps(mean_of_rows(rows[: whole * per_step], per_step))
        newest = np.maximum.accumulate(np.where(starts, np.arange(1, len(starts) + 1), 0))
        latest = np.concatenate([self.latest[None], errors])[np.append(0, newest)]
        self.latest = latest[-1]
        return self._final_errors(errors), latest[np.maximum(complete - missing, 0)]

    def finish(self) -> np.ndarray:
        """End the segment, and return the errors of the rows that were not final yet, `(row, channel)`."""
        missing = self.model.window - len(self.steps) if self.windows == 0 else 0
        rows = self.partial_step
        last = mean_of_rows(rows, self.model.rows_per_step) if len(rows) else rows
        if missing > len(last):  # the segment is shorter than a window
            steps = np.concatenate([self.steps, last])
            padding = self.model.window - len(steps)
            last = np.pad(steps, ((0, padding), (0, 0)), mode="edge")[len(self.steps) :]
        errors, _ = self._add_steps(last, is_end=True)
        none = np.full_like(self.errors, np.nan)
        remaining = self.taken - self.final
        return np.concatenate([self._final_errors(errors), self._final_errors(none)])[:remaining]

    def _add_steps(self, steps: np.ndarray, is_end: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Return the errors of the windows that end in these steps, `(step, channel)`, NaN where none does.

        Also returns at which of the steps, counted from the first open one, a window starts, `(step,)` bool.
        """
        steps = np.concatenate([self.steps, steps])
        count = max(len(steps) - self.model.window + 1, 0)
        starts = (self.windows + np.arange(count)) % self.stride == 0
        starts[-1:] |= is_end
        errors = np.full((count, steps.shape[1]), np.nan, dtype=np.float32)
        if starts.any():
            views = np.moveaxis(np.lib.stride_tricks.sliding_window_view(steps, self.model.window, axis=0), 2, 1)
            errors[starts] = self.model.window_errors(views[starts])
        self.windows += count
        self.steps = steps[count:].copy()
        return errors, starts

    def _final_errors(self, errors: np.ndarray) -> np.ndarray:
        """Return for each row that no later window covers the mean error of the windows around it, `(row, channel)`."""
        if len(errors) == 0:
            return errors
        errors, count = np.concatenate([self.errors, errors]), len(errors)
        self.errors = errors[count:].copy()
        known = ~np.isnan(errors)
        if known.all():
            means = _sliding_sums(errors, self.model.window) / self.model.window
        else:
            with np.errstate(invalid="ignore"):
                sums = _sliding_sums(np.where(known, errors, 0), self.model.window)
                means = sums / _sliding_sums(known, self.model.window)
        self.final += len(means) * self.model.rows_per_step
        return np.repeat(means.astype(np.float32), self.model.rows_per_step, axis=0)


class OnlineCharts:
    """The control charts of a segment of rows.

    Args:
        charts: Fitted control charts.
        channels: Number of channels.
    """

    STATE = ("rows", "first", "final")

    def __init__(self, charts: Sequence[MeanChart | StuckChart], channels: int):
        self.charts = charts
        self.rows = np.zeros((0, channels), dtype=np.float32)
        self.first = 0  # the number of the first of them within the segment
        self.final = 0  # rows whose ratios are final

    def required_row(self, row: int) -> int:
        """Return the row that makes the ratios of a row final, both counted within the segment."""
        return max(row + ROWS_AHEAD, WINDOW_ROWS - 1)

    def push(self, rows: np.ndarray) -> list[np.ndarray]:
        """Take the next scaled rows `(row, channel)`; return the ratios that are final now, `(row, channel)` each."""
        self.rows = np.concatenate([self.rows, rows])
        taken = self.first + len(self.rows)
        return self._ratios_until(
            taken - ROWS_AHEAD if taken >= WINDOW_ROWS else self.final, ROWS_AHEAD + 1 - WINDOW_ROWS
        )

    def finish(self) -> list[np.ndarray]:
        """End the segment, and return the ratios of the rows that were not final yet, `(row, channel)` each."""
        return self._ratios_until(self.first + len(self.rows), -WINDOW_ROWS)

    def _ratios_until(self, stop: int, reach: int) -> list[np.ndarray]:
        """Return the ratios of the rows before `stop`; they depend on the rows from `reach` rows off on, if any."""
        if stop == self.final:
            return [self.rows[:0]] * len(self.charts)
        start = max(self.final + reach, self.first)
        rows, wanted = self.rows[start - self.first :], slice(self.final - start, stop - start)
        ratios = [chart.ratios(rows)[wanted] for chart in self.charts]
        first = max(stop + ROWS_AHEAD - WINDOW_ROWS, 0)  # so that a whole window is there at the end
        self.rows, self.first, self.final = self.rows[first - self.first :].copy(), first, stop
        return ratios


def _sliding_sums(values: np.ndarray, window: int) -> np.ndarray:
    """Return the sums of each `window` consecutive rows of `(row, channel)`, `(row - window + 1, channel)`."""
    if len(values) == window:
        return values.sum(axis=0, keepdims=True)
    return np.lib.stride_tricks.sliding_window_view(values, window, axis=0).sum(axis=2)
