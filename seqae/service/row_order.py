"""Rows in the order of time: late ones are put in order within bounds, and beyond them left out and reported."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from seqae.anomaly.online.intake import WARMUP_ROWS
from seqae.data.signals.sampling import Sampling

RESTART_ROWS = WARMUP_ROWS  # so many rows in order after time went back are another run; fewer are late ones


_TYPES = {np.dtype("datetime64[ns]"), np.dtype("float64")}  # of times


class Row(NamedTuple):
    """A row on its way in; rows compare by time, then by the order in which they came.

    Attributes:
        moment: Its time, in nanoseconds or seconds.
        number: The number of rows before it.
        line: The number of its line, 0 if it is unknown.
        values: `(channel,)` float64.
    """

    moment: float
    number: int
    line: int
    values: np.ndarray


@dataclass
class OrderedRows:
    """Rows that go on in the order of time, and what became of the others.

    Attributes:
        rows: They, in order; where time goes back, another run begins.
        late: Rows that came too late, each with the latest row that had gone on before.
        repeated: Rows with the time of one before.
        reordered: How many rows came late, and were put in order.
        restarts: The first row of each run that began because time went back.
    """

    rows: list[Row] = field(default_factory=list)
    late: list[tuple[Row, Row]] = field(default_factory=list)
    repeated: list[Row] = field(default_factory=list)
    reordered: int = 0
    restarts: list[Row] = field(default_factory=list)


class RowOrder:
    """Puts the rows of one machine in the order of time.

    A row goes on once `depth` later ones have come. One that is earlier than what went on before is late. Time that
    goes back for good (a clock was set, another run begins) is told from late rows by its going on from there for
    `RESTART_ROWS` rows, which wait until then and none of which is lost. A row with the time of another is there
    twice, unless the clock ticks more slowly than rows come, which the first rows show.

    Args:
        channels: The number of channels.
        depth: How many rows wait for late ones, 0 for none.
        may_repeat: Whether several rows may have one time.
    """

    def __init__(self, channels: int, depth: int = 0, may_repeat: bool = False):
        self.channels = channels
        self.depth = depth
        self.may_repeat = may_repeat
        self.is_begun = may_repeat  # whether it is known if times may repeat
        self.count = 0  # rows that have come
        self.dtype: np.dtype | None = None  # of the times
        self.waiting: list[Row] = []  # the first rows
        self.held: list[Row] = []  # in order, at most `depth`
        self.doubtful: list[Row] = []  # in order, all of them before the latest: late, or of another run
        self.latest: float | None = None  # the time of the row that went on last
        self.at_latest = 0  # how many rows of this time went on
        self.skipped = 0  # rows that had been judged before a restart
        self._judged: Counter[float] | None = None  # after a restart: rows that are there, and may come again

    def push(self, values: np.ndarray, times: np.ndarray, lines: np.ndarray) -> OrderedRows:
        """Take rows `(row, channel)` with times `(row,)` and lines `(row,)`, and return those that go on."""
        self.dtype = times.dtype
        moments = (times.view(np.int64) if times.dtype.kind == "M" else times.astype(np.float64)).tolist()
        new = list(map(Row, moments, range(self.count, self.count + len(values)), lines.tolist(), values))
        self.count += len(new)
        ordered = OrderedRows()
        if self._judged is not None:
            new = self._without_judged(new)
        if not self.is_begun:
            self.waiting += new
            if len(self.waiting) < WARMUP_ROWS:
                return ordered
            self._begin()
            new, self.waiting = self.waiting, []
        for row in new:
            self._take(row, ordered)
        return ordered

    def passes(self, times: np.ndarray) -> bool:
        """Return whether one row, of the time `(1,)`, goes on by itself: it is later than all before, none waits."""
        is_free = self.is_begun and self._judged is None and not (self.depth or self.held or self.doubtful)
        return is_free and self.latest is not None and times.dtype == self.dtype and _moment(times) > self.latest

    def go_on(self, times: np.ndarray) -> None:
        """Take the time of a row that passes."""
        self.latest, self.at_latest = _moment(times), 1
        self.count += 1

    def finish(self) -> OrderedRows:
        """Return the rest; rows that may be another run are too few for that, and late."""
        ordered = OrderedRows()
        self._begin()
        for row in self.waiting:
            self._take(row, ordered)
        for row in self.held:
            self._go_on(row, ordered)
        self._leave_out_doubtful(ordered)
        self.waiting, self.held = [], []
        return ordered

    def times_of(self, rows: list[Row]) -> np.ndarray:
        """Return the times of rows, `(row,)` datetime64[ns] or seconds."""
        assert self.dtype is not None, "rows have come"
        is_dated = self.dtype.kind == "M"
        moments = np.array([row.moment for row in rows], dtype=np.int64 if is_dated else np.float64)
        return moments.view(self.dtype) if is_dated else moments

    def values_of(self, rows: list[Row]) -> np.ndarray:
        """Return the values of rows, `(row, channel)` float64."""
        return np.array([row.values for row in rows], dtype=np.float64).reshape(len(rows), self.channels)

    def state(self) -> dict[str, np.ndarray]:
        """Return the state as arrays by name; none before rows have come."""
        if self.dtype is None:
            return {}
        state = {"numbers": np.array([self.at_latest, self.may_repeat, self.is_begun], dtype=np.int64)}
        state["latest"] = self.times_of([] if self.latest is None else [self._latest_row()])
        for name in ("waiting", "held", "doubtful"):
            state |= {f"{name} times": self.times_of(getattr(self, name))}
            state |= {f"{name} values": self.values_of(getattr(self, name))}
        return state

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from what `state` returned; rows that were there, and come again, are skipped.

        Raises:
            ValueError: It is another state.
        """
        if not state:
            return
        self._check(state)
        at_latest, may_repeat, is_begun = state["numbers"].tolist()
        self.at_latest, self.may_repeat, self.is_begun = at_latest, bool(may_repeat), bool(is_begun)
        self.dtype = state["latest"].dtype
        is_dated = self.dtype.kind == "M"
        for name in ("waiting", "held", "doubtful"):
            times = state[f"{name} times"]
            moments = (times.view(np.int64) if is_dated else times).tolist()
            rows = list(map(Row, moments, range(len(moments)), [0] * len(moments), state[f"{name} values"]))
            setattr(self, name, rows)
        latest = (state["latest"].view(np.int64) if is_dated else state["latest"]).tolist()
        self.latest = latest[0] if latest else None
        self.count = len(self.waiting) + len(self.held) + len(self.doubtful)
        self._judged = Counter(row.moment for row in [*self.waiting, *self.held])
        self._judged.update({moment: self.at_latest for moment in latest})

    def _check(self, state: Mapping[str, np.ndarray]) -> None:
        """Raise a ValueError if a state is not what `state` returns."""
        kinds = ("waiting", "held", "doubtful")
        names = {"numbers", "latest", *(f"{kind} {what}" for kind in kinds for what in ("times", "values"))}
        if state.keys() != names or state["latest"].shape not in ((0,), (1,)):
            raise ValueError(f"a state of rows in order with {', '.join(sorted(state))}. Delete it to start again")
        if state["numbers"].shape != (3,) or state["numbers"].dtype != np.int64:
            raise ValueError("a state of rows in order with other numbers. Delete it to start again")
        types = {state[name].dtype for name in ("latest", *(f"{kind} times" for kind in kinds))}
        shapes = [(state[f"{kind} values"].shape, (*state[f"{kind} times"].shape, self.channels)) for kind in kinds]
        if len(types) > 1 or types.isdisjoint(_TYPES) or any(found != expected for found, expected in shapes):
            raise ValueError(f"a state of rows in order of shapes {shapes}. Delete it to start again")
        if not _is_sound(state):
            raise ValueError("a state of rows in order, in which no rows leave one. Delete it to start again")

    def _begin(self) -> None:
        """Find out from the first rows whether times repeat because the clock is coarse."""
        if not self.is_begun and self.waiting:
            self.may_repeat = Sampling.of(self.times_of(self.waiting)).is_coarse
            self.is_begun = True

    def expect_no_repeats(self) -> None:
        """After a restart, know that rows which were there do not come again: one of their time is another row."""
        if self._judged is not None and not self.has_own_times:
            self._judged = Counter(dict.fromkeys(self._judged, 0))

    @property
    def has_own_times(self) -> bool:
        """Whether rows are known to have times, and each another one."""
        return self.dtype is not None and self.is_begun and not self.may_repeat

    @property
    def is_skipping(self) -> bool:
        """Whether no new row has come yet since a restart."""
        return self._judged is not None

    def _without_judged(self, rows: list[Row]) -> list[Row]:
        """Return the rows that are new after a restart."""
        assert self._judged is not None
        last = max(self._judged, default=-np.inf)
        new: list[Row] = []
        for index, row in enumerate(rows):
            if row.moment > last:
                self._judged = None
                return [*new, *rows[index:]]
            if self._judged[row.moment] > 0:
                self._judged[row.moment] -= 1
                self.skipped += 1
            elif self.latest is not None and row.moment < self.latest:
                self.skipped += 1
            else:
                new.append(row)
        return new

    def _take(self, row: Row, ordered: OrderedRows) -> None:
        """Let a row go on, wait, or be left out."""
        if self.latest is not None and row.moment < self.latest:
            self._doubt(row, ordered)
            return
        is_there = row.moment == self.latest or any(row.moment == other.moment for other in self.held)
        if is_there and not self.may_repeat:
            ordered.repeated.append(row)
            return
        self._leave_out_doubtful(ordered)
        ordered.reordered += bool(self.held) and row.moment < self.held[-1].moment
        insort(self.held, row, key=lambda each: each[:2])
        while len(self.held) > self.depth:
            self._go_on(self.held.pop(0), ordered)

    def _doubt(self, row: Row, ordered: OrderedRows) -> None:
        """Hold a row from before the latest one, until it is known whether it is late or of another run."""
        if self.doubtful and row.moment == self.doubtful[-1].moment and not self.may_repeat:
            ordered.repeated.append(row)
            return
        if self.doubtful and row.moment < self.doubtful[-1].moment:
            self._leave_out_doubtful(ordered)
        self.doubtful.append(row)
        if len(self.doubtful) < RESTART_ROWS:
            return
        ordered.restarts.append(self.doubtful[0])
        for each in [*self.held, *self.doubtful]:
            self._go_on(each, ordered)
        self.held, self.doubtful = [], []

    def _leave_out_doubtful(self, ordered: OrderedRows) -> None:
        ordered.late += [(row, self._latest_row()) for row in self.doubtful]
        self.doubtful = []

    def _latest_row(self) -> Row:
        assert self.latest is not None, "a row has gone on"
        return Row(self.latest, 0, 0, np.zeros(0))

    def _go_on(self, row: Row, ordered: OrderedRows) -> None:
        self.at_latest = self.at_latest + 1 if row.moment == self.latest else 1
        self.latest = row.moment
        ordered.rows.append(row)


def _is_sound(state: Mapping[str, np.ndarray]) -> bool:
    """Whether a state of the right shapes and types is one that rows lead to."""
    (at_latest, *flags), latest = state["numbers"].tolist(), state["latest"]
    waiting, held, doubtful = (state[f"{kind} times"] for kind in ("waiting", "held", "doubtful"))
    values = [array for name, array in state.items() if name.endswith("values")]
    later = np.concatenate([latest, held])
    return (
        all(np.isfinite(each).all() for each in (waiting, doubtful, later))
        and all(each.dtype == np.float64 and not np.isinf(each).any() for each in values)
        and 0 <= at_latest < 2**53
        and (at_latest > 0) == (len(latest) > 0)
        and set(flags) <= {0, 1}
        and not (len(waiting) if flags[1] else len(later) + len(doubtful))
        and bool((later[1:] >= later[:-1]).all() and (doubtful[1:] >= doubtful[:-1]).all())
        and (not len(doubtful) or (len(latest) > 0 and bool(doubtful[-1] < latest[0])))
    )


def _moment(times: np.ndarray) -> float:
    """Return the first time as a number."""
    return (times.view(np.int64) if times.dtype.kind == "M" else times).item(0)
