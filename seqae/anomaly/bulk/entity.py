"""The scores of one entity, computed in blocks of the same rows however these are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np

from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.online.detector import MAX_ROWS_AT_ONCE, OnlineDetector, StreamUpdate
from seqae.anomaly.online.state import collect_state, restore_state
from seqae.data.signals.sampling import Sampling

BLOCK_ROWS = MAX_ROWS_AT_ONCE  # rows that are computed together
_OWN = "entity"
_ONLINE = "online "  # begins the names in the state of the online detector


class EntityScorer:
    """Scores the rows of one entity.

    Rounding depends on which rows are computed together. So these are the same always: rows wait until a block is
    full. The sampling period is that of the first block.

    Args:
        detector: A fitted detector.
        entity: The name of the entity.

    Attributes:
        rows: How many rows have been taken.
        values: The rows that wait, `(row, channel)`.
        times: Their times, `(row,)`; int64 and empty where there are none.
        previous_time: The time of the row before these, `(1,)`; empty before there is one.
        period: The sampling period in seconds; 0 while it is unknown.
        steps_back: How often time went back from one row to the next.
    """

    STATE: ClassVar[tuple[str, ...]] = ("rows", "values", "times", "previous_time", "period", "steps_back")

    def __init__(self, detector: AnomalyDetector, entity: str):
        self.detector = detector
        self.entity = entity
        self.rows = self.steps_back = 0
        self.values = np.zeros((0, len(detector.channels_)))
        self.times = self.previous_time = np.zeros(0, dtype=np.int64)
        self.period = 0.0
        self._online: OnlineDetector | None = None

    def push(self, values: np.ndarray, times: np.ndarray | None) -> Iterator[StreamUpdate]:
        """Take the next rows, `(row, channel)`, with their times, `(row,)`, and yield the new results."""
        self.rows += len(values)
        if len(self.values):
            values = np.concatenate([self.values, values])
            times = None if times is None or self._clock is None else np.concatenate([self._clock, times])
        whole = len(values) - len(values) % BLOCK_ROWS
        for start in range(0, whole, BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            yield self._score(values[block], None if times is None else times[block])
        # Copies, which do not keep all the rows before them.
        self.values, self.times = values[whole:].copy(), self.times[:0] if times is None else times[whole:].copy()

    def finish(self) -> Iterator[StreamUpdate]:
        """Yield the results that no later rows can change any more."""
        if len(self.values):
            yield self._score(self.values, self._clock)
        if self._online is not None:
            yield self._online.finish()

    def state(self) -> dict[str, np.ndarray]:
        """Return the state as arrays of any shape by name."""
        online = {} if self._online is None else self._online.state()
        return collect_state({_OWN: self}) | {f"{_ONLINE}{name}": array for name, array in online.items()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from what `state` returned.

        Raises:
            ValueError: It is no state that rows of this entity lead to.
        """
        restore_state(state, {_OWN: self})
        online = {name.removeprefix(_ONLINE): array for name, array in state.items() if name.startswith(_ONLINE)}
        if online:
            self._online = self._started()
            self._online.restore(online)
        if what := self._unsound():
            raise ValueError(f"a state with {what} is none of {self.entity}. Delete it to start again")

    @property
    def final(self) -> int:
        """How many rows have been scored, and no later row can change their scores."""
        return 0 if self._online is None else self._online.segment.final

    @property
    def _clock(self) -> np.ndarray | None:
        return None if self.times.dtype.kind == "i" else self.times

    def _unsound(self) -> str:
        """Return what no rows lead to, "" if there is nothing."""
        scored, held, is_timed = self.rows - len(self.values), len(self.values), self._clock is not None
        is_begun = self._online is not None
        if not 0 <= held < BLOCK_ROWS or scored % BLOCK_ROWS or is_begun != (scored > 0):
            return f"{held} rows that wait, of {self.rows}"
        if np.isinf(self.values).any():
            return "infinite readings"
        if len(self.times) != held * is_timed or not np.isfinite(self.times).all():
            return f"{len(self.times)} times of {held} rows"
        if len(self.previous_time) != (is_begun and is_timed) or not np.isfinite(self.previous_time).all():
            return f"{len(self.previous_time)} times before the next row"
        if self._online is not None and self.final and self._online.segment.times.rows.dtype != self.times.dtype:
            return f"times of {self.times.dtype}"
        if not 0 <= self.steps_back <= self.rows:
            return f"{self.steps_back} steps back in {self.rows} rows"
        if (self.period > 0) != (is_begun and is_timed):
            return f"a period of {self.period} s"
        return ""

    def _score(self, values: np.ndarray, times: np.ndarray | None) -> StreamUpdate:
        if times is not None:
            self._observe(times)
        if self._online is None:
            self._online = self._started()
        return self._online.push(values, times)

    def _observe(self, times: np.ndarray) -> None:
        """Count the steps back, and find the sampling period in the first rows."""
        steps = np.diff(np.concatenate([self.previous_time, times]) if len(self.previous_time) else times)
        self.steps_back += int((steps < steps.dtype.type(0)).sum())
        self.previous_time = times[-1:].copy()
        if not self.period:
            self.period = Sampling.of(times).period

    def _started(self) -> OnlineDetector:
        period = self.period if 0 < self.period < np.inf else None
        return OnlineDetector(self.detector, period, entity=self.entity)
