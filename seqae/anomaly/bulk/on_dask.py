"""A data set scored by the workers of a Dask cluster."""

from __future__ import annotations

import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Unpack

from seqae._extras import require
from seqae.anomaly.bulk.dataset import BulkJob, Paths, Report, RowCounter, paths_of
from seqae.anomaly.bulk.results import EntitySummary
from seqae.anomaly.bulk.shards import Shard, plan_passes
from seqae.data.signals.options import ReadingKeywords, ReadingOptions, takes_reading_options
from seqae.training.runtime import reuse_freed_memory

RETRIES = 3  # of a task that fails; one whose worker dies goes to another worker


@takes_reading_options
def score_on_dask(
    model: str | os.PathLike[str],
    data: Paths,
    out: str | os.PathLike[str],
    address: str,
    progress: Report | None = None,
    **reading: Unpack[ReadingKeywords],
) -> list[EntitySummary]:
    """Score a data set by the workers of a Dask cluster, and return the summary of each entity.

    A task is a pass over the rows of one entity, or of several where their rows are mixed. Workers get paths and names
    alone. They read and write the files themselves: model, data and `out` have to be at the same paths for all. A task
    whose worker dies goes on elsewhere from its last checkpoint. The results are those of `score_dataset`, which can
    also go on with them, and the other way round. A worker keeps up to 64 MiB of freed memory from its first task on.

    Args:
        model: The folder of a saved detector.
        data: As for `score_dataset`.
        out: The folder of the results.
        address: The address of the scheduler, such as tcp://10.0.0.5:8786.
        progress: Is told how many rows have been scored, and how many there are.
        **reading: How tables are read, as for `score_dataset`.

    Raises:
        ValueError: As for `score_dataset`.
        OSError: No scheduler answers.
        MissingExtra: distributed or pyarrow is not installed.
    """
    distributed = require("distributed", extra="dask", purpose="scoring on a Dask cluster")
    from seqae.artifact import load

    options = ReadingOptions.of(**reading)
    where = [os.fspath(Path(path).resolve()) for path in (model, out, *paths_of(data))]
    job = BulkJob.begin(load(model), where[2:], where[1], options)
    entities = range(len(job.source.entities))
    unfinished = set(job.unfinished(entities))
    counter = RowCounter(job.rows(entities), progress)
    counter.add(job.rows(entities) - job.rows(sorted(unfinished)))
    with distributed.Client(address) as client:
        workers = max(sum(client.nthreads().values()), 1)
        parts = [Shard(number, workers).entities(job.source) for number in range(workers)]
        passes = [each for part in parts for each in plan_passes(job.source, sorted(unfinished & set(part)))]
        passes.sort(key=lambda entities: -job.rows(entities))  # the longest first, so that all end together
        names = [[job.source.entities[entity] for entity in entities] for entities in passes]
        about = {"where": where, "reading": json.dumps(reading), "owner": job.owner}
        futures = client.map(score_task, names, **about, retries=RETRIES, pure=False)
        for future in distributed.as_completed(futures):
            counter.add(future.result())
    return job.end(Shard())


def score_task(names: list[str], where: list[str], reading: str, owner: str) -> int:
    """Score some entities in one pass and return how many rows they have: the task of a worker.

    Args:
        names: The names of the entities.
        where: The folders of model and results, and the paths of the data.
        reading: How tables are read, as JSON.
        owner: The fingerprint of detector, data and options.

    Raises:
        ValueError: This machine has another model or other data at these paths.
    """
    job = _begun(tuple(where), reading, owner)
    numbers = [job.source.entities.index(name) for name in names]
    job.score(numbers, lambda rows: None)
    return job.rows(numbers)


@lru_cache(maxsize=2)
def _begun(where: tuple[str, ...], reading: str, owner: str) -> BulkJob:
    """Return the job of a task, which many tasks of a worker share."""
    from seqae.artifact import load

    reuse_freed_memory()
    model, out, *data = where
    return BulkJob.begin(load(model), data, out, ReadingOptions.of(**json.loads(reading)))
