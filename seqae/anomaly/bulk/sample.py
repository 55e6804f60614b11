"""A sample of a data set that is larger than memory, to fit a detector to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Unpack

import numpy as np

from seqae.anomaly.bulk.dataset import Paths, paths_of
from seqae.anomaly.bulk.source import RowSource
from seqae.data.signals.options import ReadingKeywords, ReadingOptions, takes_reading_options
from seqae.data.signals.recordings import Recording

STRETCHES = 8  # of each entity, spread over its time
MIN_STRETCH = 500  # rows; entities with few rows have fewer stretches


@dataclass(frozen=True)
class _Stretch:
    """Consecutive rows of an entity, counted from its first one: from `start` to before `stop`."""

    entity: int
    start: int
    stop: int


@takes_reading_options
def sample_recordings(data: Paths, rows: int = 200_000, **reading: Unpack[ReadingKeywords]) -> list[Recording]:
    """Return consecutive rows of every entity of a data set of any size, in stretches spread evenly over its time.

    Only the row groups that hold them are read, bit by bit: memory depends on the rows that are returned alone.

    Args:
        data: Parquet files, or folders of these at any depth; folders such as machine=m1 stand for columns.
        rows: How many rows to return at most in all; entities get the same number, or all that they have.
        **reading: How tables are read, see `ReadingOptions`; `by` names the columns that tell machines apart.

    Returns:
        A recording for each stretch, with the name of its entity.

    Raises:
        FileNotFoundError: There are no Parquet files.
        ValueError: The data cannot be read, or so few rows are asked for that an entity has none.
        MissingExtra: pyarrow is not installed.

    Example:
        detector = AnomalyDetector().fit(sample_recordings("data/", by="machine"))
    """
    source = RowSource(paths_of(data), ReadingOptions.of(**reading))
    stretches = [
        each for entity, count in enumerate(_shares(source, rows)) for each in _stretches(source, entity, count)
    ]
    found: dict[_Stretch, list[tuple[np.ndarray, np.ndarray | None]]] = defaultdict(list)
    for stretch, values, times in _read(source, stretches):
        found[stretch].append((values, times))
    return [_recording(source, stretch, found[stretch]) for stretch in stretches]


def _shares(source: RowSource, rows: int) -> list[int]:
    """Return how many rows to take of each entity; what small ones leave goes to the others."""
    shares = np.zeros(len(source.counts), dtype=np.int64)
    left = rows
    for number, entity in enumerate(np.argsort(source.counts, kind="stable").tolist()):
        shares[entity] = min(left // (len(shares) - number), source.counts[entity])
        left -= int(shares[entity])
    if not shares.all():
        raise ValueError(f"{rows} rows of {len(shares)} machines. Sample more: rows={len(shares) * MIN_STRETCH}")
    return shares.tolist()


def _stretches(source: RowSource, entity: int, rows: int) -> list[_Stretch]:
    """Return stretches of an entity that have so many rows in all: one in the middle of each part of its time."""
    total, number = int(source.counts[entity]), min(STRETCHES, max(rows // MIN_STRETCH, 1))
    if rows == total:
        return [_Stretch(entity, 0, total)]
    edges = np.linspace(0, total, number + 1).astype(int).tolist()
    length = rows // number
    starts = [(start + stop - length) // 2 for start, stop in pairwise(edges)]
    return [_Stretch(entity, start, start + length) for start in starts]


def _read(source: RowSource, stretches: list[_Stretch]) -> Iterator[tuple[_Stretch, np.ndarray, np.ndarray | None]]:
    """Yield the parts of stretches in the order in which they are read: values `(row, channel)`, times `(row,)`."""
    own: dict[int, list[_Stretch]] = defaultdict(list)
    for stretch in stretches:
        own[stretch.entity].append(stretch)
    before = np.zeros(len(source.counts), dtype=np.int64)  # rows of each entity in the row groups before
    for piece in source.pieces:
        first = dict(zip(piece.entities.tolist(), before[piece.entities].tolist()))
        before[piece.entities] += piece.counts
        wanted = {
            entity
            for entity in first
            if any(each.start < before[entity] and each.stop > first[entity] for each in own[entity])
        }
        for _, blocks in source.blocks(piece, wanted) if wanted else ():
            for block in blocks:
                start = first[block.entity]
                first[block.entity] = stop = start + len(block.values)
                for stretch in own[block.entity]:
                    if stretch.start < stop and stretch.stop > start:
                        rows = slice(max(stretch.start - start, 0), stretch.stop - start)
                        times = None if block.times is None else block.times[rows].copy()
                        yield stretch, block.values[rows].copy(), times


def _recording(source: RowSource, stretch: _Stretch, parts: list[tuple[np.ndarray, np.ndarray | None]]) -> Recording:
    values, times = (list(each) for each in zip(*parts))
    entity = source.entities[stretch.entity]
    return Recording(
        np.concatenate(values),
        source.reader.channels,
        None if times[0] is None else np.concatenate(times),
        source.reader.units,
        name=f"{entity}, rows {stretch.start} to {stretch.stop - 1}",
        entity=entity,
        day_first=source.reader.day_first,
    )
