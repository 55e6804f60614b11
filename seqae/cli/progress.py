"""Progress of long work on standard error: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY = 10.0  # seconds from line to line


@contextmanager
def row_progress() -> Iterator[Callable[[int, int], None]]:
    """Yield a function that is told how many rows are done, and how many there are; it shows rate and time left."""
    state = _State(time.monotonic)
    if not sys.stderr.isatty():
        yield _lines(state)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    with Progress(BarColumn(), TextColumn("{task.description}"), console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, description=state.text(done, total))

        yield show


class _State:
    """Where the work began, and when.

    Args:
        clock: Returns seconds.
    """

    def __init__(self, clock: Callable[[], float]):
        self.clock = clock
        self.begun = clock()
        self.first: int | None = None  # rows that were done before

    def text(self, done: int, total: int) -> str:
        """Return a line about the rows that are done."""
        if self.first is None:
            self.first = done
        seconds = self.clock() - self.begun
        counts = f"{done / max(total, 1):4.0%}  {done:,} of {total:,} rows"
        if done == self.first or not seconds:
            return counts
        rate = (done - self.first) / seconds
        return f"{counts}, {rate:,.0f} rows/s, {_duration((total - done) / rate)} left"


def _lines(state: _State) -> Callable[[int, int], None]:
    latest = state.begun

    def show(done: int, total: int) -> None:
        nonlocal latest
        text, now = state.text(done, total), state.clock()
        if now >= latest + EVERY:
            latest = now
            print(text, file=sys.stderr, flush=True)

    return show


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
