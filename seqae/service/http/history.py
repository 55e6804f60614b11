"""The latest rows of a machine and what was found in them, for those who look on."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seqae.service.records import alert_record, event_record

if TYPE_CHECKING:
    from seqae.anomaly.online.detector import StreamUpdate
    from seqae.service.row_block import RowBlock

ROWS = 600  # readings and results that are shown
_KEPT_ROWS = 3600  # readings that are kept for feedback, an hour of a row each second
_KEPT_VALUES = 2**17  # of these rows
_BLOCKS = 256  # that wait to be put together
FOUND = 100  # alerts, events and drifts that are kept


class RowRing:
    """The latest rows of numbers, with the number of the first one.

    Args:
        width: Numbers in a row.
        keep: How many rows are kept.
        dtype: Their type.
    """

    def __init__(self, width: int, keep: int = ROWS, dtype: type[np.floating] = np.float32):
        self.keep = keep
        self.stop = 0
        self._values = np.empty((0, width), dtype=dtype)
        self._times: np.ndarray | None = None
        self._new: list[tuple[np.ndarray, np.ndarray | None]] = []

    @property
    def values(self) -> np.ndarray:
        """The rows, `(row, number)`."""
        self._join()
        return self._values

    @property
    def times(self) -> np.ndarray | None:
        """Their times, `(row,)`; None if there are none."""
        self._join()
        return self._times

    def add(self, values: np.ndarray, times: np.ndarray | None, first: int) -> None:
        """Take rows `(row, number)` and their times; `first` have come before, else another recording begins."""
        if not len(values):
            return
        if first != self.stop or _kind(times) != _kind(self._times):
            self._new.clear()
            self._values, self._times = self._values[:0], None if times is None else times[:0]
        latest = values[-self.keep :].astype(self._values.dtype)
        self._new.append((latest, None if times is None else times[-self.keep :].copy()))
        self.stop = first + len(values)
        if len(self._new) >= _BLOCKS:
            self._join()

    def _join(self) -> None:
        """Put new rows behind the others; to do so for each row would copy all of them each time."""
        if not self._new:
            return
        self._values = np.concatenate([self._values, *(values for values, _ in self._new)])[-self.keep :]
        if self._times is not None:
            new = [times for _, times in self._new if times is not None]
            self._times = np.concatenate([self._times, *new])[-self.keep :]
        self._new.clear()

    def sort(self) -> None:
        """Put rows in the order of time."""
        if self.times is not None and not (self.times[1:] >= self.times[:-1]).all():
            order = np.argsort(self.times, kind="stable")
            self._values, self._times = self.values[order], self.times[order]

    def positions(self) -> np.ndarray:
        """Return where the rows are on an axis: milliseconds since 1970, seconds, or row numbers."""
        if self.times is None:
            return np.arange(self.stop - len(self.values), self.stop, dtype=np.float64)
        if self.times.dtype.kind == "M":
            return self.times.astype("datetime64[us]").astype(np.float64) / 1000
        return self.times.astype(np.float64)


def _kind(times: np.ndarray | None) -> str:
    return "" if times is None else times.dtype.kind


class MachineHistory:
    """The latest readings, scores, alerts, events and drifts of a machine.

    Args:
        channels: The names of the channels.
        threshold: Scores above it raise an alarm.
    """

    def __init__(self, channels: Sequence[str], threshold: float):
        self.channels = tuple(channels)
        self.threshold = threshold
        kept = max(ROWS, min(_KEPT_ROWS, _KEPT_VALUES // len(channels)))
        self._readings = RowRing(len(channels), kept, np.float64)
        self.final = RowRing(1 + len(channels))  # the score, and that of each channel
        self.provisional = RowRing(1)
        self.alerts: deque[dict[str, Any]] = deque(maxlen=FOUND)
        self.events: deque[dict[str, Any]] = deque(maxlen=FOUND)
        self.drifts: deque[str] = deque(maxlen=FOUND)

    def add_readings(self, block: RowBlock, rows: int) -> None:
        """Take rows, whether they are judged or not; `rows` have gone on before, which numbers those without times."""
        self._readings.add(block.values, block.times, rows if block.times is None else self._readings.stop)

    def add_results(self, update: StreamUpdate) -> None:
        """Take results alone."""
        scores = np.column_stack([update.scores, update.channel_scores])
        self.final.add(scores, update.times, update.first_final_row)
        self.provisional.add(update.provisional_scores[:, None], update.provisional_times, update.first_new_row)
        self.alerts.extend(map(alert_record, update.alerts))
        self.events.extend(map(event_record, update.events))
        self.drifts.extend(map(str, update.drifts))

    @property
    def readings(self) -> RowRing:
        """The latest rows as they were given, in the order of time."""
        self._readings.sort()
        return self._readings

    @property
    def latest_score(self) -> float | None:
        """The latest provisional score, None if there is none yet."""
        return _number(self.provisional.values[-1, 0]) if len(self.provisional.values) else None


def _number(value: float) -> float | None:
    """Return a number with as few digits as tell the same float32; None for NaN, which JSON lacks."""
    return float(str(np.float32(value))) if value == value else None


def numbers(values: np.ndarray) -> list[float | None]:
    """Return float32 values as numbers of JSON, None for NaN."""
    return [_number(value) for value in values]
