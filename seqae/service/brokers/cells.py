"""Values that come one channel at a time, joined to rows."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from seqae.service.brokers.interface import Message, refused
from seqae.service.line_reader import RowBlock
from seqae.service.rejections import Rejection
from seqae.service.watch import MAX_MACHINES

_MOST_OPEN = 1000  # rows that wait for values; beyond, the earliest is taken as it is
_SECOND = 10**9  # nanoseconds


@dataclass(frozen=True)
class Cell:
    """A value of a channel.

    Attributes:
        channel: The name of the channel.
        value: NaN if it is missing.
        time: datetime64[ns], or float64 seconds of a clock without a calendar; None if it came without a time.
        machine: The machine, "" if none is named.
    """

    channel: str
    value: float
    time: np.generic | None = None
    machine: str = ""


@dataclass(eq=False)
class _Row:
    """A row whose values are still coming."""

    values: np.ndarray  # (channel,)
    opened: float  # the arrival of its first value, in seconds
    is_dated: bool
    messages: list[Message] = field(default_factory=list)  # one for each value


class RowJoiner:
    """Joins values of one machine to rows: those of one time stamp, or of one period.

    A row is there when it has a value of each channel, or when it has waited long enough; values that did not come are
    missing. What comes later for an earlier row is refused; a second value for the latest row is left out.

    Args:
        channels: The names of the channels.
        machine: The machine that the rows are of.
        period: Seconds: values of the same period are of one row, which has the time at its beginning. None: those of
            the same time stamp.
        usual_period: Takes its place for values without a time, which belong to the period in which they arrive.
        wait: How long a row waits for its values, in seconds.
    """

    def __init__(
        self, channels: Sequence[str], machine: str, period: float | None, usual_period: float | None, wait: float
    ):
        self.places = {name: number for number, name in enumerate(channels)}
        self.machine = machine
        self.period = _nanoseconds(period)
        self.usual_period = _nanoseconds(usual_period)
        self.wait = wait
        self._rows: dict[int, _Row] = {}  # by time in nanoseconds
        self._latest: int | None = None  # the time of the latest row that was taken

    def add(self, message: Message, cell: Cell) -> None:
        """Take a value.

        Raises:
            ValueError: It is infinite, it has no time and there is no period, or rows after its own were taken.
        """
        if np.isinf(cell.value):
            raise ValueError(
                f"a value of {cell.channel!r} is infinite ({message.topic}). Readings are finite. Correct it, or leave "
                "it empty if it is missing"
            )
        time, is_dated = self._time(message, cell.time)
        if self._latest is not None and time <= self._latest:
            if time == self._latest:
                return
            late = (self._latest - time) / _SECOND
            raise ValueError(
                f"a value of {cell.channel!r} came {late:g} s too late ({message.topic}): the row of its time was "
                f"taken after {self.wait:g} s. Let wait=... be longer"
            )
        row = self._rows.get(time)
        if row is None:
            row = self._rows[time] = _Row(np.full(len(self.places), np.nan), message.arrival, is_dated)
        row.values[self.places[cell.channel]] = cell.value
        row.messages.append(message)
        message.waiting += 1

    def take(self, now: float) -> Iterator[RowBlock]:
        """Yield the rows that are there, in the order of time.

        Args:
            now: The time of the day in seconds since 1970.
        """
        waiting = deque(sorted(self._rows))
        while waiting:
            row = self._rows[waiting[0]]
            is_overdue = now - row.opened >= self.wait or len(waiting) > _MOST_OPEN
            if not is_overdue and np.isnan(row.values).any():
                return
            self._latest = waiting.popleft()
            del self._rows[self._latest]
            for message in row.messages:
                message.waiting -= 1
            stamp = np.array([self._latest])
            times = stamp.astype("datetime64[ns]") if row.is_dated else stamp / _SECOND
            yield RowBlock(row.values[None], times, self.machine)

    def _time(self, message: Message, time: np.generic | None) -> tuple[int, bool]:
        """Return the time of the row that a value is of, in nanoseconds, and whether it has a calendar."""
        period = self.usual_period if time is None else self.period
        if time is None and period is None:
            raise ValueError(
                f"a value without a time ({message.topic}). Give period=..., the seconds from row to row: values that "
                "arrive in the same period are of one row"
            )
        if time is None:
            exact, is_dated = int(message.arrival * _SECOND), True
        elif time.dtype.kind == "M":
            exact, is_dated = int(time.astype("datetime64[ns]").astype(np.int64)), True
        elif abs(seconds := float(time)) * _SECOND < 2**63:
            exact, is_dated = round(seconds * _SECOND), False
        else:
            raise ValueError(
                f"the time {seconds:g} s ({message.topic}). Expected seconds, fewer than in 292 years. Give "
                "time_unit=... if it counts something shorter"
            )
        return (exact if period is None else exact // period * period), is_dated


def _nanoseconds(seconds: float | None) -> int | None:
    return None if seconds is None else max(1, round(seconds * _SECOND))


class ValueReader(Protocol):
    """Reads messages that hold values of channels."""

    def cells(self, message: Message) -> Iterable[Cell]:
        """Return the values in a message; a ValueError refuses it."""


class CellPayloads:
    """Messages that hold values of channels, joined to rows for each machine.

    Args:
        reader: Reads the messages.
        channels: The names of the channels.
        period: As for `RowJoiner`.
        usual_period: As for `RowJoiner`.
        wait: As for `RowJoiner`.
    """

    def __init__(
        self,
        reader: ValueReader,
        channels: Sequence[str],
        period: float | None,
        usual_period: float | None,
        wait: float,
    ):
        self.reader = reader
        self.channels = channels
        self.period, self.usual_period, self.wait = period, usual_period, wait
        self._joiners: dict[str, RowJoiner] = {}

    def take(self, messages: Sequence[Message]) -> Iterator[tuple[str, RowBlock | Rejection]]:
        """Hold the values in messages, and yield what is none, with the machine that the topic names."""
        for message in messages:
            try:
                for cell in self.reader.cells(message):
                    self._joiner(cell.machine or message.machine).add(message, cell)
            except ValueError as error:
                yield message.machine, refused(message, error)

    def ready(self, now: float) -> Iterator[RowBlock]:
        """Yield the rows that are there at this time, in seconds since 1970."""
        for joiner in self._joiners.values():
            yield from joiner.take(now)

    def _joiner(self, machine: str) -> RowJoiner:
        if machine not in self._joiners:
            if len(self._joiners) >= MAX_MACHINES:
                raise ValueError(f"{MAX_MACHINES:,} machines are watched, and {machine!r} is one more")
            self._joiners[machine] = RowJoiner(self.channels, machine, self.period, self.usual_period, self.wait)
        return self._joiners[machine]
