"""Messages in, results out: a message is acknowledged once the state holds what was in it."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Protocol

from seqae._files import safe_name
from seqae.service.brokers.interface import Message, Sink, Source
from seqae.service.brokers.journal import Journal
from seqae.service.line_reader import RowBlock
from seqae.service.records import Shown, records_of, time_text
from seqae.service.rejections import Rejection
from seqae.service.watch import Watch
from seqae.service.watch_update import WatchUpdate

_WAIT = 0.2  # seconds for a message, before rows that wait for values are looked at again
_FLUSH = 5.0  # seconds for results to be taken over
_STATUS = 30.0  # seconds after which the status of a machine is published again, changed or not

_TOPICS = {  # of records by what they are about; those of rows are about nothing else
    "rejected": "rejected",
    "gap": "gaps",
    "drift": "drifts",
    "alert": "alerts",
    "event": "events",
}

Tell = Callable[[WatchUpdate, Sequence[Mapping[str, Any]]], None]


class Payloads(Protocol):
    """Reads messages."""

    def take(self, messages: Sequence[Message]) -> Iterable[tuple[str, RowBlock | Rejection]]:
        """Return the rows in messages, with the machine of those that name none, and what is no row."""

    def ready(self, now: float) -> Iterable[RowBlock]:
        """Return rows that were held until this time, in seconds since 1970."""


@dataclass
class _Status:
    """What was published last of a machine."""

    is_alarm: bool
    published: float  # by the monotonic clock, in seconds


class Listener:
    """Takes messages from a source, lets a watch judge their rows, and publishes what it finds.

    A message is acknowledged when its results were taken over and the state holds its rows. So each row is judged once,
    whatever is killed and when, and a result is published once, or again with the same row and time after a kill.

    Args:
        watch: Judges rows.
        source: Delivers messages.
        sink: Takes results.
        payloads: Reads messages.
        tell: Tells the operator of an update, and of the records of its results.
        scores: Which scores of rows are published.
        save_seconds: How often the state is saved.
    """

    def __init__(
        self,
        watch: Watch,
        source: Source,
        sink: Sink,
        payloads: Payloads,
        tell: Tell,
        scores: Shown = "none",
        save_seconds: float = 10.0,
    ):
        if not 0 < save_seconds < 86400:
            raise ValueError(f"save_seconds={save_seconds}. Expected seconds, more than 0 and less than a day")
        self.watch, self.source, self.sink = watch, source, sink
        self.payloads, self.tell = payloads, tell
        self.scores, self.save_seconds = scores, save_seconds
        self._keeps_state = watch.options.state is not None
        self._pending: deque[Message] = deque()  # not acknowledged
        self._settled = time.monotonic()
        self._statuses: dict[str, _Status] = {}
        self._journal = Journal(watch, source.limit)

    def run(self, asked: threading.Event) -> None:
        """Listen until somebody asks for the end.

        The state stays as it was saved with the last messages that were acknowledged; the others come again.

        Raises:
            OSError: The broker refuses the client.
        """
        try:
            self.source.forget(self._journal.judged())
            while not asked.is_set():
                self._take(self.source.take(_WAIT))
                is_due = time.monotonic() > self._settled + self.save_seconds
                if is_due or not self._keeps_state or len(self._pending) > self.source.limit // 2:
                    self.settle()
            for update in () if self._keeps_state else self.watch.finish():
                self._publish(update)
            if not self.settle() and self._keeps_state:
                note = "the end was not saved: what came since the last saving comes again, if the broker keeps it"
                self._publish(WatchUpdate(notes=(note,)))
        finally:
            self.watch.release()

    def settle(self) -> bool:
        """Save the state, and acknowledge what it holds; nothing of it while results were not taken over.

        What operators have said meanwhile is taken up. Returns whether the state was saved.
        """
        self._settled = time.monotonic()
        if (told := self.watch.refresh()).notes:
            self._publish(told)
        if not self.sink.is_flushed(_FLUSH):
            return False
        saved = self._saved()
        if saved.notes:  # that it could not be saved
            self._publish(saved)
            if len(self._pending) <= self.source.limit // 2:
                return False  # beyond, the broker would deliver nothing more, and the watch goes before the state
        settled = list(takewhile(lambda message: not message.is_held, self._pending))
        self.source.acknowledge(settled)
        for _ in settled:
            self._pending.popleft()
        return not saved.notes

    def _saved(self) -> WatchUpdate:
        """Write the journal, and then the state; the update says what was not saved."""
        try:
            self._journal.write(self._pending)
        except OSError as error:
            note = f"the state was not saved: {error.strerror} ({error.filename}). The watch goes on, and tries again"
            return WatchUpdate(notes=(note,))
        return self.watch.save()

    def _take(self, messages: Sequence[Message]) -> None:
        self._pending += messages
        for machine, item in self.payloads.take(messages) if messages else ():
            self._publish(self.watch.take(item, machine))
        for block in self.payloads.ready(time.time()):
            self._publish(self.watch.take(block))

    def _publish(self, update: WatchUpdate) -> None:
        """Publish what is new of a machine, and its status."""
        machine = safe_name(update.entity)
        records = records_of(update, self.scores, self.watch.detector.channels_, is_full=True)
        records = [record for record in records if "note" not in record]
        self.tell(update, records)
        for record in records:
            about = next((about for about in _TOPICS if about in record), "")
            content = json.dumps(record.get(about, record)).encode()
            self.sink.publish(f"{machine}/{_TOPICS.get(about, 'scores')}".lstrip("/"), content)
        status = self._new_status(update)
        if status is not None:
            self.sink.publish(f"{machine}/status".lstrip("/"), json.dumps(status).encode(), retained=True)

    def _new_status(self, update: WatchUpdate) -> dict[str, Any] | None:
        """Return the status of a machine, if it has changed or is old."""
        new = update.update
        if new is None or not len(new.provisional_scores):
            return None
        score, now = float(new.provisional_scores[-1]), time.monotonic()
        is_alarm = score > update.threshold
        before = self._statuses.get(update.entity)
        if before is not None and before.is_alarm == is_alarm and now < before.published + _STATUS:
            return None
        self._statuses[update.entity] = _Status(is_alarm, now)
        return {
            "state": "alarm" if is_alarm else "normal",
            "row": new.first_new_row + len(new.provisional_scores) - 1,
            "time": None if new.provisional_times is None else time_text(new.provisional_times[-1]),
            "score": score if score == score else None,
            "threshold": update.threshold,
        }
