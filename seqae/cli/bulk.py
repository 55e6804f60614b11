"""`seqae score` of data sets that are larger than memory, beside files that are read whole."""

from __future__ import annotations

import inspect
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from seqae.cli import models
from seqae.cli.json_report import json_report
from seqae.cli.outputs import Format
from seqae.data.signals.options import ReadingKeywords

if TYPE_CHECKING:
    from seqae.anomaly.bulk.results import EntitySummary
    from seqae.anomaly.detector import AnomalyDetector

BYTES_PER_BYTE = 8  # of memory for a file that is read whole
_MAX_ENTITIES = 20  # in the table on the terminal
_ABOUT = """
With --shard or --dask, a detector scores Parquet files of any size in bounded memory: each machine alone, or many in
one pass where their rows are mixed. In the folder --out it writes scores/, a Parquet data set with the column entity,
and events.csv. The same command goes on after a stop, of whatever kind; shards may run on several machines that share
the folders.
"""
_EXAMPLE = """
    seqae score runs/pump/latest data/ --by machine --shard 0/4 --out scored
    seqae score runs/pump/latest data/ --by machine --dask tcp://10.0.0.5:8786 --out scored"""
_OPTIONS = """
    shard: read Parquet files bit by bit, and score this part of the machines: 0/4 is the first one of four, 0/1 all
    dask: have them scored by the workers of the Dask scheduler at this address"""


def score_files(
    model: Path,
    files: list[Path],
    *,
    out: Path = Path(),
    format: Format | None = None,
    shard: str | None = None,
    dask: str | None = None,
    overwrite: bool = False,
    json: bool = False,
    **reading: Unpack[ReadingKeywords],
) -> None:
    if shard is None and dask is None:
        _warn_of_size(files)
        models.score_recordings(model, files, out=out, format=format, overwrite=overwrite, json=json, **reading)
        return
    if shard is not None and dask is not None:
        raise ValueError("shard=... and dask=... both share out the work. Give one of them")
    if overwrite or format not in (None, "parquet"):
        option = "overwrite=True" if overwrite else f"format={format!r}"
        raise ValueError(
            f"{option} does not go with a data set that is read bit by bit: results that are there already are gone on "
            "with, and are Parquet files. Leave it out, and delete the folder to start again"
        )
    if out == Path():
        raise ValueError("the results of a data set need a folder of their own. Name one: out='scored'")
    with json_report(json) as report:
        report |= _score(model, files, out, shard, dask, reading)


def _warn_of_size(files: list[Path]) -> None:
    """Say how files are read that may not fit into memory."""
    inside = [Path(folder, name) for file in files for folder, _, names in os.walk(file) for name in names]
    size = sum(
        file.stat().st_size for file in [*files, *inside] if file.suffix in (".parquet", ".pq") and file.is_file()
    )
    if BYTES_PER_BYTE * size > os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"):
        print(
            f"note   {size / 2**30:.1f} GB of Parquet files may not fit into memory. --shard 0/1 reads them bit by bit",
            file=sys.stderr,
        )


def _score(
    model: Path, files: list[Path], out: Path, shard: str | None, dask: str | None, reading: ReadingKeywords
) -> dict[str, object]:
    from seqae.anomaly.bulk.dataset import score_dataset
    from seqae.anomaly.bulk.on_dask import score_on_dask
    from seqae.cli.messages import existing
    from seqae.cli.progress import row_progress
    from seqae.cli.session import detector_in, saved_in

    folder = saved_in(model)
    data = [existing(file) for file in files]
    detector = detector_in(folder)
    with row_progress() as progress:
        if dask is None:
            summaries = score_dataset(detector, data, out, shard or "0/1", progress, **reading)
        else:
            summaries = score_on_dask(folder, data, out, dask, progress, **reading)
    _show(summaries, detector, out)
    return {
        "model": folder,
        "kind": type(detector).__name__,
        "threshold": detector.threshold_,
        "out": out,
        "entities": [
            {"name": each.entity, "rows": each.rows, "alarms": each.alarms, "events": len(each.events)}
            for each in summaries
        ],
        "notes": _notes(summaries),
    }


def _show(summaries: list[EntitySummary], detector: AnomalyDetector, out: Path) -> None:
    """Print the machines with the most alarms, notes, and where the results are."""
    from seqae.cli.summary import threshold_in_words
    from seqae.cli.tables import show_table

    worst = sorted(summaries, key=lambda each: -each.alarms / each.rows)[:_MAX_ENTITIES]
    rows = [
        (each.entity, f"{each.rows:,}", f"{each.alarms:,} ({each.alarms / each.rows:.2%})", f"{len(each.events):,}")
        for each in worst
    ]
    show_table(("machine", "rows", "alarms", "events"), rows)
    total = sum(each.rows for each in summaries)
    print(f"\n{len(summaries)} machines, {total:,} rows")
    print(threshold_in_words(detector.threshold_, detector.empirical_false_alarm_rate_))
    for note in _notes(summaries):
        print(f"note   {note}")
    print(f"wrote  {out}")


def _notes(summaries: list[EntitySummary]) -> list[str]:
    return [f"{each.entity}: {note}" for each in summaries for note in (*each.warnings, *each.drifts)]


def _documented() -> str:
    """Return the text of the command: that of files that are read whole, and what there is beside it."""
    text = inspect.getdoc(models.score_recordings) or ""
    text = text.replace("\nWith --json:", f"{_ABOUT}\nWith --json:", 1)
    about, arguments = text.split("\n\nArgs:\n")
    return f"{about.rstrip()}{_EXAMPLE}\n\nArgs:\n{arguments}{_OPTIONS}"


score_files.__doc__ = _documented()
