"""The scores of one entity, computed in blocks of the same rows however these are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.online.detector import MAX_ROWS_AT_ONCE, OnlineDetector, StreamUpdate
from seqae.data.signals.sampling import Sampling

BLOCK_ROWS = MAX_ROWS_AT_ONCE  # rows that are computed together
_ONLINE = "online "  # begins the names in the state of the online detector


class EntityScorer:
    """Scores the rows of one entity.

    Rounding depends on which rows are computed together. So these are the same always: rows wait until a block is
    full. The sampling period is that of the first block.

    Args:
        detector: A fitted detector.
        entity: The name of the entity.

    Attributes:
        steps_back: How often time went back from one row to the next.
    """

    def __init__(self, detector: AnomalyDetector, entity: str):
        self.detector = detector
        self.entity = entity
        self.steps_back = 0
        self._values = np.zeros((0, len(detector.channels_)))  # the rows that wait
        self._times: np.ndarray | None = None
        self._latest = np.zeros(0)  # the time of the row before these, (1,), if there was one
        self._period = 0.0  # in seconds; 0 while it is unknown
        self._online: OnlineDetector | None = None

    def push(self, values: np.ndarray, times: np.ndarray | None) -> Iterator[StreamUpdate]:
        """Take the next rows, `(row, channel)`, with their times, `(row,)`, and yield the new results."""
        if len(self._values):
            values = np.concatenate([self._values, values])
            times = None if times is None or self._times is None else np.concatenate([self._times, times])
        whole = len(values) - len(values) % BLOCK_ROWS
        for start in range(0, whole, BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            yield self._score(values[block], None if times is None else times[block])
        # Copies, which do not keep all the rows before them.
        self._values, self._times = values[whole:].copy(), None if times is None else times[whole:].copy()

    def finish(self) -> Iterator[StreamUpdate]:
        """Yield the results that no later rows can change any more."""
        if len(self._values):
            yield self._score(self._values, self._times)
        if self._online is not None:
            yield self._online.finish()

    def state(self) -> dict[str, np.ndarray]:
        """Return the state as arrays of any shape by name."""
        times = np.zeros(0, dtype=np.int64) if self._times is None else self._times
        own = {"values": self._values, "times": times, "latest": self._latest}
        own |= {"period": np.array(self._period), "steps_back": np.array(self.steps_back)}
        online = {} if self._online is None else self._online.state()
        return own | {f"{_ONLINE}{name}": array for name, array in online.items()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from what `state` returned."""
        times = state["times"]
        self._values, self._times = state["values"], None if times.dtype.kind == "i" else times
        self._latest, self._period = state["latest"], state["period"].item()
        self.steps_back = state["steps_back"].item()
        online = {name.removeprefix(_ONLINE): array for name, array in state.items() if name.startswith(_ONLINE)}
        if online:
            self._online = self._started()
            self._online.restore(online)

    def _score(self, values: np.ndarray, times: np.ndarray | None) -> StreamUpdate:
        if times is not None:
            self._observe(times)
        if self._online is None:
            self._online = self._started()
        return self._online.push(values, times)

    def _observe(self, times: np.ndarray) -> None:
        """Count the steps back, and find the sampling period in the first rows."""
        steps = np.diff(np.concatenate([self._latest, times]) if len(self._latest) else times)
        self.steps_back += int((steps < steps.dtype.type(0)).sum())
        self._latest = times[-1:].copy()
        if not self._period:
            self._period = Sampling.of(times).period

    def _started(self) -> OnlineDetector:
        period = self._period if 0 < self._period < np.inf else None
        return OnlineDetector(self.detector, period, entity=self.entity)
