"""Streams of rows of several machines, each scored by a detector of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from seqae._files import safe_name

if TYPE_CHECKING:
    from seqae.anomaly.detector import AnomalyDetector
    from seqae.anomaly.online.detector import OnlineDetector, StreamUpdate
    from seqae.service.line_reader import RowBlock


class MachineStreams:
    """Online detectors, one for each machine whose rows have come; one in all if rows name no machine.

    Args:
        detector: A fitted detector.
        period: Seconds from row to row; None to estimate them.
        state: The folder of the states, in which each named machine has one of its own; None to keep none.
    """

    def __init__(self, detector: AnomalyDetector, period: float | None, state: Path | None):
        self.detector = detector
        self.period = period
        self.state = state
        self.streams: dict[str, OnlineDetector] = {}

    def push(self, block: RowBlock) -> StreamUpdate:
        """Take rows of a machine, and return its new results."""
        if block.entity not in self.streams:
            self.streams[block.entity] = self._begun(block.entity)
        return self.streams[block.entity].push(block.values, block.times)

    def finish(self) -> Iterator[tuple[str, StreamUpdate]]:
        """End the recording of each machine, and yield the rest of its results."""
        for entity, stream in self.streams.items():
            yield entity, stream.finish()

    def save(self) -> None:
        """Write the states, if there is a folder for them."""
        for entity, stream in self.streams.items():
            if self.state is not None and stream.rows:
                stream.save(self._folder(self.state, entity))

    def _begun(self, entity: str) -> OnlineDetector:
        """Return the detector for a machine, from its state if that was kept."""
        from seqae.anomaly.online.detector import OnlineDetector
        from seqae.anomaly.online.state import STATE_FILE

        stream = OnlineDetector(self.detector, self.period, entity=entity)
        folder = None if self.state is None else self._folder(self.state, entity)
        if folder is not None and (folder / STATE_FILE).exists():
            stream.load(folder)
            print(f"note   goes on after {stream.rows} rows (state of {folder})", file=sys.stderr)
        return stream

    def _folder(self, state: Path, entity: str) -> Path:
        return state / safe_name(entity) if entity else state
