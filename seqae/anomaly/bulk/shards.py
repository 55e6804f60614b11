"""Which entities are scored where, and which of them in one pass over the data."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqae.anomaly.bulk.entity import BLOCK_ROWS
from seqae.anomaly.bulk.source import RowSource

MAX_REREADING = 2  # times that rows may be read for entities to be scored one after the other
MAX_HELD_BYTES = 2**29  # of the entities that are scored in one pass
_ROWS_HELD = 2 * BLOCK_ROWS  # at most, of each entity: those that wait, and what is known of the latest ones


@dataclass(frozen=True)
class Shard:
    """One part of the entities; all parts together have each of them once.

    Attributes:
        number: The number of the part, from 0 on.
        count: How many parts there are.
    """

    number: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.number < self.count:
            raise ValueError(
                f"shard={self}: there is no such part. Give a part from 0 on and their number, such as shard='0/4' to "
                "'3/4'"
            )

    @classmethod
    def of(cls, text: str) -> Shard:
        """Return the shard that is written as "0/4", the first one of four.

        Raises:
            ValueError: The text is none.
        """
        if not (match := re.fullmatch(r"(\d+)/(\d+)", text.strip())):
            raise ValueError(f"shard={text!r}. Expected a part from 0 on and their number, such as shard='0/4'")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def entities(self, source: RowSource) -> list[int]:
        """Return the entities of this part: the largest are dealt out first, each to the part with the fewest rows."""
        rows, own = [0] * self.count, []
        for entity in np.argsort(-source.counts, kind="stable").tolist():
            part = rows.index(min(rows))
            rows[part] += int(source.counts[entity])
            if part == self.number:
                own.append(entity)
        return sorted(own)


def plan_passes(source: RowSource, entities: Sequence[int]) -> list[list[int]]:
    """Return the entities that are scored in each pass over the data.

    One after the other where few rows have to be read more than once for this: a file or a row group for each of them.
    Else as many together as the memory holds.

    Args:
        source: The rows.
        entities: The entities to score.
    """
    wanted = set(entities)
    alone = together = 0
    for piece in source.pieces:
        if number := len(wanted.intersection(piece.entities.tolist())):
            rows = int(piece.counts.sum())
            alone, together = alone + number * rows, together + rows
    if alone <= MAX_REREADING * together:
        return [[entity] for entity in entities]
    held = _ROWS_HELD * len(source.reader.channels) * np.dtype(np.float64).itemsize
    size = max(MAX_HELD_BYTES // held, 1)
    return [list(entities[start : start + size]) for start in range(0, len(entities), size)]
