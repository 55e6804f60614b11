"""The watch over one machine: its rows in order, its detector, and what both have kept."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqae.anomaly.online.state import STATE_FILE, read_state, write_state
from seqae.data.signals.sampling import DISORDER
from seqae.service.counters import Counters
from seqae.service.records import time_text
from seqae.service.rejections import Rejection
from seqae.service.row_block import RowBlock
from seqae.service.row_order import OrderedRows, Row, RowOrder
from seqae.service.sampling_watch import Gap, SamplingWatch
from seqae.service.watch_update import WatchUpdate

if TYPE_CHECKING:
    from seqae.anomaly.detector import AnomalyDetector
    from seqae.anomaly.online.detector import StreamUpdate

_MIN_DISORDER = 10  # late rows; fewer are no disorder
_ORDER = "order "  # what the names of the order's state begin with
_SAVINGS = "savings"


class UnusableState(ValueError):  # noqa: N818 (it is the state that is)
    """A kept state is damaged, or belongs to another detector: no row of the machine can be judged."""


@dataclass
class _News:
    """What is found out in one call."""

    rejections: list[Rejection] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class MachineWatch:
    """Watches one machine: puts its rows in order, lets the detector judge them, and counts.

    Args:
        detector: A fitted detector.
        entity: The machine, "" if it has no name.
        period: Seconds from row to row; None to estimate them.
        reorder: How many rows wait for late ones.
        folder: The folder of its state; None to keep none.
        owner: What the state belongs to.

    Raises:
        ValueError: The detector does not know the machine.
        UnusableState: The state is damaged, or belongs to another detector.
    """

    def __init__(
        self,
        detector: AnomalyDetector,
        entity: str = "",
        period: float | None = None,
        reorder: int = 0,
        folder: Path | None = None,
        owner: str = "",
    ):
        from seqae.anomaly.online.detector import OnlineDetector

        self.online = OnlineDetector(detector, period, entity=entity)
        self.entity = entity
        self.folder = folder
        self.owner = " ".join(filter(None, (owner, entity)))
        self.lock = threading.Lock()  # whoever pushes, finishes or saves holds it
        self.counters = Counters()
        is_resampled = detector.resampling_ is not None
        self.order = RowOrder(len(self.online.scorer.channels), reorder, may_repeat=is_resampled)
        self.sampling = None if is_resampled else SamplingWatch(self.online.scorer.period)
        self.savings = 0  # how often the state was saved since its beginning, by all processes
        self.kept_notes: list[str] = []  # to say with the next update
        self._said_skipped = 0
        self._is_disordered = False
        self._is_saved = True
        self._load()

    @property
    def threshold(self) -> float:
        """Final scores of this machine above it raise an alarm."""
        return self.online.scorer.threshold

    def push(self, block: RowBlock) -> WatchUpdate:
        """Take rows and return what is new.

        Raises:
            ValueError: They cannot be used; nothing of them was taken.
        """
        if len(block.values) == 1 and block.times is not None and self.order.passes(block.times):
            return self._push_one(block.values[0], block.times)
        values, clock = self.online.intake.checked(block.values, block.times, self.online.rows)
        if self.order.dtype is not None and self.order.dtype != clock.dtype:  # numpy takes None for float64, too
            raise ValueError(f"times of another kind than before: {clock[:1]}. Keep to dates, or to seconds")
        if self.online.scorer.rhythm is not None:
            self.online.scorer.rhythm.dated(clock)
        self._is_saved = False
        self.counters.rows += len(values)
        news = _News()
        if clock.dtype.kind == "i":  # without times, the order in which they come is theirs
            return self._judged(values, None, news)
        lines = np.zeros(len(values), dtype=np.int64) if block.lines is None else block.lines
        return self._of_ordered(self.order.push(values, clock, lines), news)

    def finish(self) -> list[WatchUpdate]:
        """End the recording, and return the rest of what is new."""
        news = _News(notes=self._of_skipped(is_end=True))
        last = self._of_ordered(self.order.finish(), news)
        ended = self.online.finish()
        self._count(ended)
        self._is_saved = False
        return [last, WatchUpdate(self.entity, ended, self.threshold)]

    def pause(self) -> WatchUpdate:
        """Return what there is to say when no more rows come for now, and the recording goes on later."""
        return WatchUpdate(self.entity, notes=tuple(self._of_skipped(is_end=True)))

    def save(self) -> None:
        """Write the state, if there is a folder for it and rows have come since it was written.

        Raises:
            OSError: It cannot be written; an older one stays.
        """
        if self.folder is None or self._is_saved:
            return
        order = {f"{_ORDER}{name}": value for name, value in self.order.state().items()}
        savings = {_SAVINGS: np.array(self.savings + 1)}
        write_state(self.folder, self.online.state() | order | savings, self.owner)
        self.savings += 1
        self._is_saved = True

    def _load(self) -> None:
        """Go on from the state that was kept, if there is one."""
        if self.folder is None or not (self.folder / STATE_FILE).exists():
            return
        try:
            state = read_state(self.folder, self.owner)
        except ValueError as error:
            raise UnusableState(str(error)) from error
        order = {name.removeprefix(_ORDER): value for name, value in state.items() if name.startswith(_ORDER)}
        try:
            self.online.restore(state)
            self.order.restore(order)
            self._refuse_other_times()
            self.savings = _count_of(state[_SAVINGS]) if _SAVINGS in state else 0
        except ValueError as error:
            raise UnusableState(f"{self.folder / STATE_FILE} holds {error}") from error
        note = f"goes on after {self.online.rows} rows (state of {self.folder})"
        if self.order.latest is None and self.online.rows:
            note += "; these rows have no times, so that rows which come again are judged again"
        self.kept_notes.append(note)

    def _refuse_other_times(self) -> None:
        """Raise a ValueError if rows that were put in order and rows that were judged had other times."""
        intake, ordered = self.online.intake, self.order.dtype
        is_ordered = ordered is not None
        if self.online.rows and (is_ordered != intake.is_timed or (is_ordered and ordered != intake.times.dtype)):
            raise ValueError(
                f"a state with times of {ordered} in order, and of {intake.times.dtype} judged. "
                "Delete it to start again"
            )

    def _of_ordered(self, ordered: OrderedRows, news: _News) -> WatchUpdate:
        """Let rows in order be judged, and say what became of the others."""
        self.counters.late += len(ordered.late)
        self.counters.repeated += len(ordered.repeated)
        self.counters.skipped = self.order.skipped
        self.counters.reordered += ordered.reordered
        self.counters.restarts += len(ordered.restarts)
        news.rejections += [self._late(row, latest) for row, latest in ordered.late]
        news.rejections += map(self._repeated, ordered.repeated)
        news.notes += map(self._of_restart, ordered.restarts)
        news.notes += self._of_skipped()
        news.notes += self._of_disorder()
        if not ordered.rows:
            return WatchUpdate(self.entity, None, self.threshold, *self._said(news))
        return self._judged(self.order.values_of(ordered.rows), self.order.times_of(ordered.rows), news)

    def _push_one(self, values: np.ndarray, times: np.ndarray) -> WatchUpdate:
        """Take one row, `(channel,)`, that is in order; most come so, and need little."""
        start = time.perf_counter()
        update = self.online.push(values, times[0])
        seconds = time.perf_counter() - start
        self.order.go_on(times)
        self._is_saved = False
        self.counters.rows += 1
        return self._told(update, times, _News(), seconds)

    def _judged(self, values: np.ndarray, times: np.ndarray | None, news: _News) -> WatchUpdate:
        """Let the detector judge rows."""
        start = time.perf_counter()
        update = self.online.push(values, times)
        return self._told(update, times, news, time.perf_counter() - start)

    def _told(self, update: StreamUpdate, times: np.ndarray | None, news: _News, seconds: float) -> WatchUpdate:
        """Return what is new after the detector has judged rows of some times in so many seconds."""
        self._count(update)
        if times is not None and self.sampling is not None:
            notes, gaps = self.sampling.observe(times, self.online.intake.period)
            news.notes += notes
            news.gaps += gaps
            self.counters.gaps += len(gaps)
        return WatchUpdate(self.entity, update, self.threshold, *self._said(news), seconds)

    def _said(self, news: _News) -> tuple[tuple[Rejection, ...], tuple[Gap, ...], tuple[str, ...]]:
        notes, self.kept_notes = [*self.kept_notes, *news.notes], []
        return tuple(news.rejections), tuple(news.gaps), tuple(notes)

    def _count(self, update: StreamUpdate) -> None:
        if len(update.scores):
            self.counters.alarms += int(np.count_nonzero(update.scores > self.threshold))
        self.counters.alerts += len(update.alerts)
        self.counters.events += len(update.events)
        self.counters.drifts += len(update.drifts)

    def _late(self, row: Row, latest: Row) -> Rejection:
        message = (
            f"a row of {self._time(row)} came after {self._time(latest)} was judged ({_place(row)}), and is left out. "
            "Let rows wait for late ones: reorder=100"
        )
        return Rejection("late", message, row.line, self._text(row), self.entity)

    def _repeated(self, row: Row) -> Rejection:
        message = f"a row of {self._time(row)} came twice ({_place(row)}), and is left out. Give each row once"
        return Rejection("repeated", message, row.line, self._text(row), self.entity)

    def _text(self, row: Row) -> str:
        """Return a row as a JSON object, which can be given again."""
        values = [None if np.isnan(value) else value for value in row.values.tolist()]
        return json.dumps({"time": self._time(row)} | dict(zip(self.online.scorer.channels, values)))

    def _of_restart(self, row: Row) -> str:
        return (
            f"time goes back to {self._time(row)} ({_place(row)}), and goes on from there: what comes after "
            "is read as another run. If local times go back an hour in autumn, name the zone: time_zone='Europe/Berlin'"
        )

    def _of_skipped(self, is_end: bool = False) -> list[str]:
        """Return a remark on rows that had been judged before a restart, once a new one has come or none will."""
        if self._said_skipped == self.order.skipped or (self.order.is_skipping and not is_end):
            return []
        self._said_skipped = self.order.skipped
        return [f"skipped {self.order.skipped:,} rows, which were judged before the restart"]

    def _of_disorder(self) -> list[str]:
        """Return a remark if more rows are late than a clock that was set would cause, for the first time."""
        late, count = self.counters.late, self.order.count
        if self._is_disordered or late < _MIN_DISORDER or late <= DISORDER * count:
            return []
        self._is_disordered = True
        return [
            f"time goes back {late:,} times in {count:,} rows: rows are not in time order. Expected rows in the order "
            "of time. Sort them, or let rows wait for late ones: reorder=100"
        ]

    def _time(self, row: Row) -> str:
        return time_text(self.order.times_of([row])[0])


def _count_of(array: np.ndarray) -> int:
    if array.size != 1 or array.dtype != np.int64 or array.min() < 0:
        raise ValueError("a state that does not say how often it was saved. Delete it to start again")
    return int(array.item())


def _place(row: Row) -> str:
    """Return where a row is, for messages."""
    return f"line {row.line}" if row.line else f"row {row.number}"
