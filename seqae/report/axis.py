"""The positions of a recording's rows on the horizontal axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from seqae.report.formatting import duration, number

if TYPE_CHECKING:
    from seqae.data.signals.recordings import Recording


@dataclass(frozen=True, eq=False)
class Axis:
    """The positions of rows: points in time, seconds, or row indices.

    Attributes:
        positions: (row,) float64: milliseconds since 1970, seconds, or row indices; never decreasing.
        kind: The kind of the positions: "date", "seconds" or "row".
        step: The usual distance between two rows.
        cuts: The rows before which no line is drawn: those after a pause.
    """

    positions: np.ndarray
    kind: Literal["date", "seconds", "row"]
    step: float
    cuts: tuple[int, ...] = ()

    @classmethod
    def of(cls, recording: Recording) -> Axis:
        """Return the axis of a recording's times; of row indices if it has none, one is missing, or one goes back."""
        times = recording.times
        rows = np.arange(len(recording), dtype=np.float64)
        if times is None or len(times) < 2 or not np.all(times[1:] >= times[:-1]):
            return cls(rows, "row", 1.0)
        is_date = np.issubdtype(times.dtype, np.datetime64)
        # Microseconds since 1970 fit into a float64, nanoseconds do not.
        positions = times.astype("datetime64[us]").astype(np.float64) / 1000 if is_date else times.astype(np.float64)
        forward = np.diff(positions)
        step = float(np.median(forward[forward > 0])) if np.any(forward > 0) else 1.0
        cuts = tuple(segment.start for segment in recording.segments()[1:])
        return cls(positions, "date" if is_date else "seconds", step, cuts)

    @property
    def label(self) -> str:
        """The label of the axis, with the unit."""
        return {"date": "time", "seconds": "time [s]", "row": "row"}[self.kind]

    def dates(self, positions: np.ndarray) -> np.ndarray:
        """Return positions, (row,), as matplotlib takes them: those in time as datetime64."""
        return positions.astype("datetime64[ms]") if self.kind == "date" else positions

    def span(self, start: int, stop: int) -> tuple[float, float]:
        """Return the left and right edge of the rows `start` to `stop` (exclusive)."""
        return float(self.positions[start] - self.step / 2), float(self.positions[stop - 1] + self.step / 2)

    def moment(self, row: int) -> str:
        """Return in words when a row was."""
        position = self.positions[row]
        if self.kind == "date":
            stamp = np.datetime64(int(position), "ms")
            return np.datetime_as_string(stamp, unit="s" if self.step >= 1000 else "ms").replace("T", " ")
        return f"{number(position)} s" if self.kind == "seconds" else f"row {row:,}"

    def clock(self, row: int) -> str:
        """Return the moment without the day, or the year, if it is the same in all rows."""
        moment, first, last = self.moment(row), self.moment(0), self.moment(-1)
        if self.kind != "date" or first[:4] != last[:4]:
            return moment
        return moment[11:] if first[:10] == last[:10] else moment[5:]

    def elapsed(self, start: int, stop: int) -> str:
        """Return in words how long it was from row `start` to row `stop` (exclusive)."""
        if self.kind == "row":
            return self.length(stop - start)
        left, right = self.span(start, stop)
        return self.length((right - left) / self.step)

    def length(self, rows: float) -> str:
        """Return in words the usual duration of a number of rows."""
        if self.kind == "row":
            return f"{number(rows)} row{'s' * (rows != 1)}"
        return duration(rows * self.step / (1000 if self.kind == "date" else 1))


def axis_scale(values: np.ndarray) -> str:
    """Return "log" for positive values, of any shape, that span more than two decades, "linear" for others."""
    values = values[np.isfinite(values)]
    return "log" if values.size and values.min() > 0 and values.max() > 100 * values.min() else "linear"


def in_sight(signal: np.ndarray, reconstruction: np.ndarray) -> tuple[float, float]:
    """Return the least and the largest value to draw, so that a signal has a third of the height at least.

    A constant signal has no height to keep: then all of both is drawn.

    Args:
        signal: (row,), NaN where a value is missing.
        reconstruction: The same; it may leave as far as it likes.
    """
    known, both = (each[np.isfinite(each)] for each in (signal, np.append(signal, reconstruction)))
    span = np.ptp(known) if len(known) else 0.0
    if not span:
        return (float(both.min()), float(both.max())) if len(both) else (0.0, 0.0)
    return float(max(both.min(), known.min() - span)), float(min(both.max(), known.max() + span))
