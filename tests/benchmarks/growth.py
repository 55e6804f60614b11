"""Whether processes grow: memory, open files and threads, sampled while they work, first quarter against last."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

MEBIBYTE = 2**20
WARM_UP = 0.2  # the part of a run in which caches fill, which is left out
BLOCKS = 16  # means that the slope is estimated from, for neighbouring samples tell little more than one
CONFIDENCE = 0.99
Measure = Callable[[int], float]


@dataclass(frozen=True)
class Growth:
    """How something changed.

    Attributes:
        first: The mean of the first quarter.
        last: The mean of the last quarter.
        slope: Change in an hour.
        margin: Half the interval of the slope, with 99 % confidence.
        allowed: The difference from the first to the last quarter that does not count.
    """

    first: float
    last: float
    slope: float
    margin: float
    allowed: float

    @property
    def grows(self) -> bool:
        """Whether the slope is above zero beyond doubt, and its effect is seen."""
        return self.slope - self.margin > 0 and self.last - self.first > self.allowed


def growth(seconds: Sequence[float], values: Sequence[float], share: float, least: float) -> Growth:
    """Return how something changed after the warm-up.

    Args:
        seconds: When each value was measured.
        values: What was measured.
        share: The part of the first quarter by which the last one may differ.
        least: The difference that does not count in any case.
    """
    times, numbers = np.asarray(seconds, float) / 3600, np.asarray(values, float)
    kept = times >= times[0] + WARM_UP * (times[-1] - times[0])
    times, numbers = times[kept], numbers[kept]
    quarter = max(1, len(numbers) // 4)
    first, last = numbers[:quarter].mean(), numbers[-quarter:].mean()
    blocks = min(BLOCKS, len(numbers))
    x, y = (np.array([part.mean() for part in np.array_split(each, blocks)]) for each in (times, numbers))
    if np.ptp(y) == 0:
        return Growth(first, last, 0.0, 0.0, least)
    line = stats.linregress(x, y)
    margin = stats.t.ppf((1 + CONFIDENCE) / 2, blocks - 2) * line.stderr
    return Growth(first, last, line.slope, margin, max(least, share * first))


def memory(process: int) -> float:
    """Return mebibytes of memory of a process; pages of mapped files, which the kernel may drop, do not count."""
    found = re.search(r"RssAnon:\s+(\d+)", Path(f"/proc/{process}/status").read_text())
    if not found:
        raise ProcessLookupError(f"process {process} has ended")
    return 1024 * int(found[1]) / MEBIBYTE


def handles(process: int) -> float:
    """Return how many files, pipes and connections a process has open."""
    return sum(1 for _ in Path(f"/proc/{process}/fd").iterdir())


def threads(process: int) -> float:
    """Return how many threads a process has."""
    return sum(1 for _ in Path(f"/proc/{process}/task").iterdir())


def children(process: int) -> float:
    """Return how many processes a process has started that have not ended, or nobody has waited for."""
    return sum(len(path.read_text().split()) for path in Path(f"/proc/{process}/task").glob("*/children"))


# What is measured of a process, the part that it may differ by, and the least difference that counts.
MEASURES: dict[str, tuple[Measure, float, float]] = {
    "memory [MiB]": (memory, 0.02, 2.0),
    "open files": (handles, 0.0, 0.5),
    "threads": (threads, 0.0, 2.0),  # a pool has as many as have been busy at the same time of late
    "children": (children, 0.0, 0.5),
}


class Sampler:
    """Measures processes, and the files in their folders, every few seconds, from another thread.

    Args:
        until: The time, as time.monotonic(), after which nothing is measured, since processes end.
        interval: Seconds between samples.
    """

    def __init__(self, until: float, interval: float = 2.0):
        self.until = until
        self.interval = interval
        self.samples: dict[tuple[str, str], list[tuple[float, float]]] = {}
        self._processes: dict[str, int] = {}
        self._folders: dict[str, Path] = {}
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def watch(self, name: str, process: int | None, folder: Path) -> None:
        """Measure a process, if it is given, and count the files in its folder, from now on.

        Call it when the process has done once all that it does, so that what grows with the first use is not measured.
        """
        if process is not None:
            self._processes[name] = process
        self._folders[name] = folder

    def table(self) -> list[tuple[str, str, Growth]]:
        """Return for each process, or folder, what was measured, and how it changed."""
        rows = []
        for (name, measure), samples in self.samples.items():
            share, least = MEASURES[measure][1:] if measure in MEASURES else (0.0, 0.5)
            if len(samples) >= 8:
                rows.append((name, measure, growth(*zip(*samples), share=share, least=least)))
        return rows

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_over.wait(self.interval) and time.monotonic() < self.until:
            for name, number in list(self._processes.items()):
                for measure, (value, _, _) in MEASURES.items():
                    try:
                        self._add(name, measure, value(number))
                    except OSError:  # it has just ended
                        break
            for name, path in list(self._folders.items()):
                self._add(name, "files on disk", sum(len(files) for _, _, files in os.walk(path)))

    def _add(self, name: str, measure: str, value: float) -> None:
        self.samples.setdefault((name, measure), []).append((time.monotonic(), value))
