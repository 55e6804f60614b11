"""Scored rows on their way into a Parquet file: appended as they come, cut where work goes on after a stop."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqae._extras import require
from seqae._files import append_to_file, atomic_write
from seqae.anomaly.online.detector import StreamUpdate

_GROUP_ROWS = 2**17  # in a row group of the Parquet file


class Spool:
    """A growing file of scored rows, which becomes a Parquet file in the end.

    Its columns are the row, counted from the first one of the entity; its time, if there are times; score, alarm, and
    the score of each channel.

    Args:
        path: The growing file.
        channels: The names of the channels.
        threshold: Scores above it raise an alarm.
    """

    def __init__(self, path: Path, channels: Sequence[str], threshold: float):
        self.path = path
        self.channels = channels
        self.threshold = threshold

    @property
    def size(self) -> int:
        """How many bytes have been written."""
        return self.path.stat().st_size if self.path.exists() else 0

    def append(self, update: StreamUpdate) -> None:
        """Add the rows that have become final."""
        if not len(update.scores):
            return
        batch = require("pyarrow", extra="tables", purpose="writing Parquet").record_batch(self._columns(update))
        with append_to_file(self.path) as file:
            if not file.tell():
                file.write(batch.schema.serialize())
            file.write(batch.serialize())

    def sync(self) -> None:
        """Wait until all is on the disk."""
        if self.path.exists():
            with append_to_file(self.path) as file:
                os.fsync(file.fileno())

    def cut(self, size: int) -> None:
        """Drop what was added after the file had this size in bytes.

        Raises:
            ValueError: The file is shorter.
        """
        if self.size < size:
            raise ValueError(f"{self.path} is shorter than it was ({self.size} bytes, not {size}). Delete its folder")
        if self.path.exists():
            os.truncate(self.path, size)

    def write_parquet(self, path: Path) -> None:
        """Write all rows into a Parquet file, in one step."""
        parquet = require("pyarrow.parquet", extra="tables", purpose="writing Parquet")
        with atomic_write(path) as staged:
            writer = None
            for table in self._groups():
                writer = writer or parquet.ParquetWriter(staged, table.schema, use_dictionary=False)
                writer.write_table(table, row_group_size=len(table))
            assert writer is not None, "an entity has rows"
            writer.close()

    def _columns(self, update: StreamUpdate) -> dict[str, np.ndarray]:
        first, scores = update.first_final_row, update.scores
        times = {} if update.times is None else {"time": update.times}
        channel_scores = np.ascontiguousarray(update.channel_scores.T)
        return {
            "row": np.arange(first, first + len(scores)),
            **times,
            "score": scores,
            "alarm": scores > self.threshold,
            **{f"{name} score": channel_scores[number] for number, name in enumerate(self.channels)},
        }

    def _groups(self) -> Iterator[Any]:
        """Yield the rows in tables of the rows of a row group."""
        arrow = require("pyarrow", extra="tables", purpose="writing Parquet")
        batches, rows = [], 0
        with arrow.OSFile(str(self.path)) as file, arrow.ipc.open_stream(file) as stream:
            for batch in stream:
                batches.append(batch)
                rows += len(batch)
                if rows >= _GROUP_ROWS:
                    yield arrow.Table.from_batches(batches).combine_chunks()
                    batches, rows = [], 0
        if batches:
            yield arrow.Table.from_batches(batches).combine_chunks()
