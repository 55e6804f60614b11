"""Scoring a data set that is larger than memory: all of it, or one of several shards."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack

from seqae.anomaly.bulk.job import Progress, ScoringPass
from seqae.anomaly.bulk.manifest import describe_job, keep_manifest
from seqae.anomaly.bulk.results import EntitySummary, ResultFolder
from seqae.anomaly.bulk.shards import Shard, plan_passes
from seqae.anomaly.bulk.source import RowSource
from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.online.state import fingerprint
from seqae.data.signals.options import ReadingKeywords, ReadingOptions, takes_reading_options

Report = Callable[[int, int], None]
StrPath = str | os.PathLike[str]
Paths = StrPath | Sequence[StrPath]


@dataclass(frozen=True, eq=False)
class BulkJob:
    """All that is needed to score a data set.

    Attributes:
        detector: A fitted detector.
        source: The rows.
        results: The folder of the results.
        owner: The fingerprint of detector, data and options.
    """

    detector: AnomalyDetector
    source: RowSource
    results: ResultFolder
    owner: str

    @classmethod
    def begin(cls, detector: AnomalyDetector, data: Paths, out: StrPath, options: ReadingOptions) -> BulkJob:
        """Find the rows, and begin the folder of the results or go on with it.

        Raises:
            FileNotFoundError: There are no Parquet files.
            ValueError: The data cannot be read, or the folder holds the results of another job.
        """
        if not hasattr(detector, "scorer_"):
            raise ValueError("this detector is not fitted. Call fit(normal) first")
        options = replace(options, resample=options.resample or "none")  # the detector itself resamples
        source = RowSource(paths_of(data), options, detector.reading_, detector.channels_)
        for entity in source.entities:
            detector.scorer_.for_machine(entity)  # refuses one that it does not know, before any work
        description = describe_job(fingerprint(detector), source)
        keep_manifest(Path(out), description)
        results = ResultFolder(Path(out), detector.channels_, detector.threshold_)
        owner = hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()
        return cls(detector, source, results, owner)

    def unfinished(self, entities: Sequence[int]) -> list[int]:
        """Return those of some entities that have no results yet, as positions in those of the source."""
        return [entity for entity in entities if not self.results.is_finished(self.source.entities[entity])]

    def rows(self, entities: Sequence[int]) -> int:
        """Return how many rows some entities have."""
        return int(self.source.counts[list(entities)].sum())

    def score(self, entities: Sequence[int], progress: Progress) -> None:
        """Score some entities in one pass; `progress` is told how many more rows have been scored."""
        ScoringPass(self.detector, self.source, self.results, entities, self.owner).run(progress)

    def end(self, shard: Shard) -> list[EntitySummary]:
        """Write the table of the events of a shard whose entities are finished, and return their summaries."""
        summaries = self.results.summaries(self.source.entities[entity] for entity in shard.entities(self.source))
        self.results.write_events(summaries, shard)
        if not self.unfinished(range(len(self.source.entities))):
            self.results.clear_work()
        return summaries


class RowCounter:
    """Counts the rows that have been scored.

    Args:
        total: How many rows there are.
        report: Is told how many rows have been scored, and how many there are.
    """

    def __init__(self, total: int, report: Report | None):
        self.total = total
        self.report = report
        self.done = 0

    def add(self, rows: int) -> None:
        """Count more rows."""
        self.done += rows
        if self.report is not None:
            self.report(self.done, self.total)


@takes_reading_options
def score_dataset(
    detector: AnomalyDetector,
    data: Paths,
    out: StrPath,
    shard: Shard | str = Shard(),  # noqa: B008 (frozen)
    progress: Report | None = None,
    **reading: Unpack[ReadingKeywords],
) -> list[EntitySummary]:
    """Score a data set of any size in one pass, and return the summary of each entity.

    Memory depends on neither rows nor files. The results are those of `AnomalyDetector.detect` for the rows of each
    entity (of `Detection.on_grid`, if the detector learnt from irregular rows). They are the same to the last bit in
    one shard or in several, also if a process was stopped at any moment: the same call goes on where it was. They are
    in the folder `out`:

    - `scores/`: a Parquet data set of the columns entity, row, time, score, alarm and the score of each channel.
    - `events.csv`, or `events-0-of-4.csv` of the first of four shards, and `events/`: the events of each entity.

    Shards may run at the same time, on machines that share the folders.

    Args:
        detector: A fitted detector.
        data: Parquet files, or folders of these at any depth; folders such as machine=m1 stand for columns.
        out: The folder of the results.
        shard: Which part of the entities: "0/4" is the first one of four.
        progress: Is told how many rows of the shard have been scored, and how many it has.
        **reading: How tables are read, see `ReadingOptions`; `by` names the columns that tell machines apart.

    Raises:
        FileNotFoundError: There are no Parquet files.
        ValueError: The data cannot be read, or `out` holds the results of another model, other data or options.
        MissingExtra: pyarrow is not installed.
    """
    shard = Shard.of(shard) if isinstance(shard, str) else shard
    job = BulkJob.begin(detector, data, out, ReadingOptions.of(**reading))
    entities = shard.entities(job.source)
    unfinished = job.unfinished(entities)
    counter = RowCounter(job.rows(entities), progress)
    counter.add(job.rows(entities) - job.rows(unfinished))
    for together in plan_passes(job.source, unfinished):
        job.score(together, counter.add)
    return job.end(shard)


def paths_of(data: Paths) -> list[Path]:
    """Return one path or several as a list."""
    return [Path(data)] if isinstance(data, (str, os.PathLike)) else [Path(each) for each in data]
