"""Scoring one partition of a distributed table, in the shape that Spark, Ray and Dask call."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import numpy as np
import pandas as pd
from pandas.api import types

from seqae.anomaly.bulk.entity import EntityScorer
from seqae.anomaly.bulk.rows import FILE, RowReader, entity_codes
from seqae.anomaly.detector import AnomalyDetector
from seqae.data.signals.machines import Machines
from seqae.data.signals.options import ReadingKeywords, ReadingOptions, takes_reading_options

if TYPE_CHECKING:
    import pyarrow


@takes_reading_options
def score_partition(model: str, rows: pd.DataFrame | pyarrow.Table, **reading: Unpack[ReadingKeywords]) -> pd.DataFrame:
    """Return the scores of all rows of one machine, or of several machines.

    The arguments are a path and tables, so that any engine can send the call to other machines. They read the model
    from the path, once for each process. A partition has to hold all rows of a machine, in the order of time:

        score = functools.partial(score_partition, "pump-model", by="machine")
        frame.groupBy("machine").applyInPandas(score, schema)  # Spark
        data.groupby("machine").map_groups(score, batch_format="pandas")  # Ray
        frame.map_partitions(score)  # Dask, whose partitions hold whole machines

    A partition without rows gives a table without rows that has the same columns, of which engines make a schema.

    Args:
        model: The folder of a saved detector.
        rows: The rows, with all channels.
        **reading: How tables are read, see `ReadingOptions`; `by` names the columns that tell machines apart.

    Returns:
        A row for each row: the columns of `by`, the row counted from the first one of its machine, time (if there are
        times), score, alarm, and the score of each channel; with the index of the rows.

    Raises:
        ValueError: The rows cannot be read, or the folder holds no detector.
    """
    detector = _loaded(model, (Path(model) / "seqae.json").stat().st_mtime_ns)
    frame = rows if isinstance(rows, pd.DataFrame) else rows.to_pandas()
    if not len(frame):
        return score_partition(model, _made_up(frame), **reading)[:0]
    options = replace(ReadingOptions.of(**reading), resample="none")
    reader = RowReader(frame, options, detector.reading_, detector.channels_, where="partition")
    by = [name for name in reader.options.by if name != FILE]
    found = reader.read(frame, "partition")
    machines = Machines(np.zeros(len(frame), dtype=np.int64), (reader.options.entity,))
    if by:
        machines = entity_codes([frame[name] for name in by], "partition")
    parts = []
    for code, name in enumerate(machines.names):
        own = np.flatnonzero(machines.codes == code)
        scores = _scores(detector, name, found.values[own], None if found.times is None else found.times[own])
        parts.append(scores.set_index(own))
    scored = pd.concat(parts).sort_index().set_index(frame.index)
    return pd.concat([frame[by], scored], axis=1)


def _scores(detector: AnomalyDetector, name: str, values: np.ndarray, times: np.ndarray | None) -> pd.DataFrame:
    """Return the scores of all rows of an entity."""
    scorer = EntityScorer(detector, name)
    updates = [*scorer.push(values, times), *scorer.finish()]
    scores = np.concatenate([each.scores for each in updates])
    channel_scores = np.concatenate([each.channel_scores for each in updates])
    columns = {"row": np.arange(len(scores))} | ({} if times is None else {"time": times})
    columns |= {"score": scores, "alarm": scores > detector.threshold_}
    columns |= {f"{name} score": channel_scores[:, number] for number, name in enumerate(detector.channels_)}
    return pd.DataFrame(columns)


def _made_up(frame: pd.DataFrame) -> pd.DataFrame:
    """Return two rows with the columns of a table without rows, in their types; all texts are stamps."""
    stamps = pd.Series(pd.to_datetime(["2000-01-01", "2000-01-02"]))
    columns = {}
    for name, dtype in frame.dtypes.items():
        if types.is_numeric_dtype(dtype):
            columns[name] = pd.Series([0, 1]).astype(dtype)
        elif isinstance(dtype, pd.CategoricalDtype):
            columns[name] = pd.Series(["a", "b"], dtype="category")
        elif types.is_datetime64_any_dtype(dtype):
            columns[name] = stamps.dt.tz_localize(getattr(dtype, "tz", None)).astype(dtype)
        else:
            columns[name] = stamps.astype(str).astype(dtype)
    return pd.DataFrame(columns)


@lru_cache(maxsize=4)
def _loaded(model: str, changed: int) -> AnomalyDetector:
    """Return the detector in a folder; `changed` is when it was written."""
    from seqae.artifact import load

    detector = load(model)
    if not isinstance(detector, AnomalyDetector):
        raise ValueError(f"{model} holds a {type(detector).__name__}. Rows are scored by an AnomalyDetector")
    return detector
