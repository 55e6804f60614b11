"""The machines whose rows a server watches, each with a detector that goes on from row to row."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqae._warnings import warnings_here
from seqae.data._files.text_files import json_value
from seqae.data.signals.options import ReadingOptions
from seqae.service.http.history import MachineHistory
from seqae.service.http.problems import RequestError, as_request_error, one_line
from seqae.service.http.query import refuse_channels_of_query
from seqae.service.line_reader import LineReader
from seqae.service.records import Shown, records_of
from seqae.service.rejections import ROW_REASONS, Rejection
from seqae.service.row_block import RowBlock
from seqae.service.watch import Watch, WatchOptions

if TYPE_CHECKING:
    from seqae.service.http.served import ServedModel
    from seqae.service.http.settings import ServerSettings
    from seqae.service.metrics import WatchMetrics
    from seqae.service.watch_update import WatchUpdate

_MAX_HEADERS = 8  # forms in which the rows of a machine come
_OF_LINES = ("text", "format", "time", "values", "length", "incomplete")  # reasons why a line cannot be read


@dataclass
class TakenRows:
    """What came of some rows.

    Attributes:
        rows: How many were taken.
        records: The new results, see `seqae.service.records`.
        rejected: The lines and rows that were not judged, each with the reason.
    """

    rows: int = 0
    records: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)


class WatchedMachine:
    """A machine whose rows come in bodies and messages. Its methods may be called from any thread.

    Args:
        model: The model.
        watch: The watch over all machines of the model.
        entity: The name of the machine.
        options: How its rows are read.
        metrics: Where rows and results are counted.

    Raises:
        ValueError: The model does not know the machine, or its state cannot be read.
    """

    def __init__(self, model: ServedModel, watch: Watch, entity: str, options: ReadingOptions, metrics: WatchMetrics):
        self.model = model
        self.watch = watch
        self.entity = entity
        self.given = options
        self.metrics = metrics
        self.machine = watch.machine(entity)
        self.history = MachineHistory(model.detector.channels_, self.machine.threshold)
        self.latest = time.time()  # when rows came
        self._readers: dict[bytes, LineReader] = {}  # by the header of CSV, "" for JSON
        self._header = b"\n"  # of the latest CSV
        self._lock = threading.Lock()

    @property
    def rows(self) -> int:
        """How many rows have gone on to the detector in this recording."""
        return self.machine.online.rows

    def take(self, text: bytes, is_json: bool, options: ReadingOptions, shown: Shown) -> TakenRows:
        """Take lines of CSV, or of JSON, and return what came of them.

        Raises:
            RequestError: None of them could be used, or they are to be read in another way than those before.
        """
        with self._lock, warnings_here("ignore"):
            if options not in (self.given, ReadingOptions()):
                raise RequestError(
                    409, f"the rows of {self.entity} are read with other options. DELETE the machine to begin anew"
                )
            taken = TakenRows()
            for item in self._items(text, is_json):
                self._take(item, shown, taken)
            self.latest = time.time()
            if taken.rejected and not taken.rows and taken.rejected[0]["reason"] not in ROW_REASONS:
                is_unreadable = taken.rejected[0]["reason"] in _OF_LINES
                raise RequestError(400 if is_unreadable else 422, taken.rejected[0]["message"])
            return taken

    def finish(self) -> TakenRows:
        """End the recording, and return the rest of its results."""
        with self._lock, self.machine.lock:
            taken = TakenRows()
            for update in self.machine.finish():
                self._found(update, "final", taken)
            try:
                self.machine.save()
            except OSError as error:  # the results come no other time
                self.machine.counters.unsaved += 1
                note = (
                    f"the state was not saved: {error.strerror}. After a restart, the machine goes on from an older one"
                )
                taken.records.append({"note": {"entity": self.entity, "message": note}})
            return taken

    def facts(self) -> dict[str, Any]:
        """Return how the machine is, as JSON values."""
        with self._lock:
            history, score = self.history, self.history.latest_score
            threshold = history.threshold
            return {
                "model": self.model.name,
                "machine": self.entity,
                "rows": self.rows,
                "latest": self.latest,
                "score": score,
                "threshold_ratio": None if score is None or not threshold else score / threshold,
                "counters": self.machine.counters.record(),
                "alerts": list(history.alerts),
                "events": list(history.events),
                "drifts": list(history.drifts),
            }

    @contextmanager
    def reading(self) -> Iterator[MachineHistory]:
        """Yield the history, which does not change meanwhile."""
        with self._lock:
            yield self.history

    def _items(self, text: bytes, is_json: bool) -> Iterator[RowBlock | Rejection]:
        """Yield the rows in lines, and what cannot be read of them."""
        name, lines, first_line = self._split(text, is_json)
        if name not in self._readers:
            self._readers[name] = self._new_reader()
        reader = self._readers[name]
        reader.begin(first_line)
        try:
            yield from reader.feed(lines)
            yield from reader.end()
        except ValueError as error:
            del self._readers[name]  # the first rows did not show how they are to be read
            raise as_request_error(error, 400) or error from error

    def _new_reader(self) -> LineReader:
        detector = self.model.detector
        channels = tuple(detector.channels_)
        refuse_channels_of_query(self.given, channels)
        options = replace(self.given, channels=channels, entity=self.given.entity or self.entity)
        return LineReader(options, detector.reading_, "body", is_strict=False)

    def _split(self, text: bytes, is_json: bool) -> tuple[bytes, bytes, int]:
        """Return the name of the reader of a text, the text without a header that is known, and its first line.

        CSV is read by the header of its columns, or as the CSV before if it has none.
        """
        if is_json:
            return b"", text, 1
        line, _, rest = text.partition(b"\n")
        header = line.strip()
        if not _is_header(header) and self._header in self._readers:
            return self._header, text, 1
        self._header = header
        if header in self._readers:
            return header, rest, 2
        while len(self._readers) >= _MAX_HEADERS:
            del self._readers[next(iter(self._readers))]
        return header, text, 1

    def _take(self, item: RowBlock | Rejection, shown: Shown, taken: TakenRows) -> None:
        if isinstance(item, RowBlock) and item.entity != self.entity:
            raise RequestError(422, f"rows of {item.entity!r} for the machine {self.entity!r}. Send them to their own")
        before = self.rows
        update = self.watch.take(item, self.entity)
        if isinstance(item, RowBlock) and (judged := len(item.values) - len(update.rejections)) > 0:
            self.history.add_readings(item, before)
            taken.rows += judged
        self._found(update, shown, taken)

    def _found(self, update: WatchUpdate, shown: Shown, taken: TakenRows) -> None:
        """Keep, count and tell what was found."""
        if update.update is not None:
            self.history.add_results(update.update)
        self.metrics.observe(self.model.name, self.entity, update)
        hidden = self.watch.options.state
        update = replace(update, notes=tuple(one_line(note, hidden) for note in update.notes))
        for each in update.rejections:
            taken.rejected.append(asdict(each) | {"message": one_line(each.message, hidden)})
        others = replace(update, rejections=())
        taken.records += records_of(others, shown, self.model.detector.channels_, is_full=True)


def _is_header(line: bytes) -> bool:
    """Whether a line of CSV names columns: none of its fields is a number or a time."""
    fields = re.split(rb"[,;\t|]", line)
    return (
        not any(re.match(rb"[\s\"']*[+-]?[.,]?\d", field) for field in fields) and re.search(rb"\w", line) is not None
    )


class WatchedMachines:
    """All machines of a server, found by model and name.

    Args:
        models: The models.
        settings: How rows are taken, how many machines there may be, and where their states are kept.
        metrics: Where they are counted.

    Raises:
        ValueError: Another process writes to the folder of the states.
        OSError: The folder cannot be written.
    """

    def __init__(self, models: Iterable[ServedModel], settings: ServerSettings, metrics: WatchMetrics):
        self.settings = settings
        self.metrics = metrics
        self.machines: dict[tuple[str, str], WatchedMachine] = {}
        self.watches = {
            model.name: Watch(
                model.detector,
                WatchOptions(
                    period=settings.period,
                    reorder=settings.reorder,
                    state=None if settings.state is None else settings.state / model.name,
                    model=None if model.log is None else Path(model.log.model),
                ),
            )
            for model in models
        }
        self._lock = threading.Lock()

    def of(self, model: ServedModel) -> list[WatchedMachine]:
        """Return the machines of a model, by name."""
        with self._lock:
            found = [machine for (name, _), machine in self.machines.items() if name == model.name]
        return sorted(found, key=lambda each: each.entity)

    def existing(self, model: ServedModel, entity: str) -> WatchedMachine:
        """Return a machine whose rows have come.

        Raises:
            RequestError: There is none of this name.
        """
        machine = self.machines.get((model.name, entity))
        if machine is None:
            raise RequestError(404, f"no rows of {entity[:80]!r} have come. Send some: POST .../machines/NAME/rows")
        return machine

    def begun(self, model: ServedModel, entity: str, options: ReadingOptions) -> WatchedMachine:
        """Return a machine, which may be new.

        Raises:
            RequestError: The model does not know it, or there are too many machines.
        """
        with self._lock:
            if (model.name, entity) in self.machines:
                return self.machines[model.name, entity]
            if len(self.machines) >= self.settings.limits.machines:
                detail = f"{len(self.machines)} machines are watched already. DELETE one, or raise the server's limit"
                raise RequestError(503, detail, {"retry-after": "60"})
            try:
                machine = WatchedMachine(model, self.watches[model.name], entity, options, self.metrics)
            except ValueError as error:
                raise as_request_error(error, 404, self.settings.state) or error from error
            self.machines[model.name, entity] = machine
            self._count(model)
            return machine

    def ended(self, model: ServedModel, entity: str) -> TakenRows:
        """End the recording of a machine, forget the machine, and return the rest of its results."""
        machine = self.existing(model, entity)
        taken = machine.finish()
        with self._lock:
            self.machines.pop((model.name, entity), None)
            self.watches[model.name].machines.pop(entity, None)
            self._count(model)
        self.metrics.forget(model.name, entity)
        return taken

    def take_up(self, model: ServedModel) -> tuple[str, ...]:
        """Let all machines of a model take up what operators have said; return what there is to say about it."""
        return model.take_up(self.watches[model.name])

    def save(self) -> list[str]:
        """Write the states that have changed, if they are kept, and return what went wrong."""
        return [note for watch in self.watches.values() for note in watch.save().notes]

    def close(self) -> list[str]:
        """Save the states, let others write to their folders, and return what went wrong."""
        notes = self.save()
        for watch in self.watches.values():
            watch.release()
        return notes

    def _count(self, model: ServedModel) -> None:
        count = sum(name == model.name for name, _ in self.machines)
        self.metrics.machines.labels(model.name).set(count)


def lines_of_body(body: bytes) -> tuple[bytes, str]:
    """Return rows in JSON as one object a line, and the machine that stands beside them, "" if none.

    Args:
        body: A list of objects, an object with the list as `rows` and maybe the machine as `entity`, or one row.

    Raises:
        RequestError: It is something else.
    """
    try:
        content = json_value(body)
    except ValueError as error:
        raise (
            as_request_error(ValueError(f"not JSON ({error}). Expected rows. Send [{{...}}, ...]")) or error
        ) from error
    entity = ""
    if isinstance(content, dict) and isinstance(content.get("rows"), list):
        entity = content.get("entity", "")
        if others := sorted(content.keys() - {"rows", "entity"}):
            raise RequestError(400, f"{others[0][:80]!r} beside the rows. Expected rows and entity. Leave it out")
        content = content["rows"]
    rows = content if isinstance(content, list) else [content]
    if not rows:
        raise RequestError(400, "no rows. Expected one at least. Send [{...}, ...]")
    if not isinstance(entity, str):
        raise RequestError(400, f"entity is {str(entity)[:80]}. Expected a text, the machine that the rows are of")
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise RequestError(400, f'row {number} is {str(row)[:80]}. Expected an object, such as {{"pressure": 2.5}}')
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode(), entity
