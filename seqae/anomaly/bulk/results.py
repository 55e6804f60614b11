"""The results of a data set in a folder: scores and a summary of each entity, and tables of events."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

from seqae._files import read_file, reason, write_atomically
from seqae.anomaly.bulk.shards import Shard
from seqae.anomaly.bulk.spool import Spool
from seqae.anomaly.events import Event, event_from_record, event_to_record, write_events_csv
from seqae.anomaly.online.detector import StreamUpdate
from seqae.data._files.text_files import json_value

WORK = ".unfinished"  # the folder of what is not finished
_MAX_NAME = 120  # bytes of the name of an entity in a path


@dataclass
class EntitySummary:
    """What was found in the rows of an entity.

    Attributes:
        entity: Its name.
        rows: How many rows it has.
        alarms: How many of them raise an alarm.
        events: The events, in the order of time.
        drifts: Lasting departures from the rows that the detector was calibrated on, one line each.
        warnings: Remarkable facts about the rows, one line each.
    """

    entity: str
    rows: int = 0
    alarms: int = 0
    events: list[Event] = field(default_factory=list)
    drifts: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, update: StreamUpdate, threshold: float) -> None:
        """Take new results."""
        self.rows += len(update.scores)
        self.alarms += int((update.scores > threshold).sum())
        self.events += [replace(event, entity=self.entity) for event in update.events]
        self.drifts += [str(drift) for drift in update.drifts]

    def to_json(self) -> bytes:
        """Return all as JSON."""
        found = vars(self) | {"events": list(map(event_to_record, self.events))}
        return (json.dumps(found, indent=1, ensure_ascii=False) + "\n").encode()

    @classmethod
    def from_json(cls, text: bytes) -> EntitySummary:
        """Return what `to_json` wrote."""
        found = json_value(text)
        summary = cls(**found | {"events": list(map(event_from_record, found["events"]))})
        are_numbers = type(summary.rows) is type(summary.alarms) is int and 0 <= summary.alarms <= summary.rows
        if not are_numbers or not all(type(line) is str for line in [*summary.drifts, *summary.warnings]):
            raise ValueError("rows, alarms, drifts or warnings of another kind")
        return summary


class ResultFolder:
    """A folder of results.

    `scores/entity=NAME/part-0.parquet` has the scores of the rows of an entity; as a whole, `scores` is a data set with
    the column `entity`. `events/entity=NAME.json` has its summary, and is written last: an entity that has one is
    finished. Each file appears whole.

    Args:
        path: The folder.
        channels: The names of the channels.
        threshold: Scores above it raise an alarm.
    """

    def __init__(self, path: Path, channels: Sequence[str], threshold: float):
        self.path = path
        self.channels = channels
        self.threshold = threshold

    def scores_file(self, entity: str) -> Path:
        """Return the file of the scores of an entity."""
        return self.path / "scores" / f"entity={_in_path(entity)}" / "part-0.parquet"

    def summary_file(self, entity: str) -> Path:
        """Return the file of the summary of an entity."""
        return self.path / "events" / f"entity={_in_path(entity)}.json"

    def is_finished(self, entity: str) -> bool:
        """Whether all results of an entity are there."""
        return self.summary_file(entity).exists()

    def spool(self, entity: str, folder: Path) -> Spool:
        """Return the growing file of an entity in a folder of unfinished work."""
        return Spool(folder / f"{_in_path(entity)}.arrows", self.channels, self.threshold)

    def publish(self, summary: EntitySummary, spool: Spool, folder: Path) -> None:
        """Write the files of an entity, first into a folder of unfinished work, so that nothing else lies elsewhere."""
        scores, found = folder / "scores.parquet", folder / "summary.json"
        spool.write_parquet(scores)
        write_atomically(found, summary.to_json())
        for staged, target in ((scores, self.scores_file(summary.entity)), (found, self.summary_file(summary.entity))):
            target.parent.mkdir(parents=True, exist_ok=True)
            staged.replace(target)

    def clear_work(self) -> None:
        """Remove the folder of unfinished work."""
        shutil.rmtree(self.path / WORK, ignore_errors=True)

    def summaries(self, entities: Iterable[str]) -> list[EntitySummary]:
        """Return the summaries of finished entities."""
        return [self._summary(self.summary_file(entity)) for entity in entities]

    def _summary(self, path: Path) -> EntitySummary:
        try:
            return EntitySummary.from_json(read_file(path))
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise ValueError(f"{path} is damaged ({reason(error)}). Delete it to compute it again") from error

    def write_events(self, summaries: Sequence[EntitySummary], shard: Shard) -> Path:
        """Write a table of the events of the entities of a shard, and return its path."""
        name = "events.csv" if shard.count == 1 else f"events-{shard.number}-of-{shard.count}.csv"
        write_events_csv([event for summary in summaries for event in summary.events], self.path / name)
        return self.path / name


def _in_path(entity: str) -> str:
    """Return the name of an entity as a part of a path, from which hive readers get the name back."""
    name = quote(entity, safe="")
    if len(name) > _MAX_NAME:
        raise ValueError(f"the name of a machine is too long for a folder ({entity[:60]!r}...). Use a shorter column")
    return "%2E" + name[1:] if name.startswith(".") else name
