"""Numbers that seem to mark missing values, such as -999."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from seqae.data.arrays import blocks_of_rows

NINES = re.compile(r"9{3,}(\.9*)?|9+\.9{2,}|-9{2,}(\.9*)?")
LIMITS = {-127, 32767, -32768, 65535, 2147483647, -2147483648, 4294967295, 8888, -8888, 7777, -7777}
HUGE = 1e15  # no sensor measures more
SAMPLE = 10_000  # values that show where most of them are
MAX_MARKS = 4
KNOWN_GAP = 2  # how far a known mark is from most values, in ranges of these
OTHER_GAP = 5  # any other number, which must also stand in several rows, in short runs
ZERO_GAP = 10  # a machine that is switched off measures 0, too
MIN_ROWS = 5
MIN_DIFFERENT = 10  # fewer different values are those of a machine with states
MAX_RUN = 3  # rows; a state lasts longer


def suspected_marks(runs: Sequence[np.ndarray], low: float, high: float) -> Iterator[tuple[str, int]]:
    """Yield numbers that seem to mark missing values, as they are written, and in how many rows.

    They are the lowest or highest of a channel, far from all others, and such as people use, or repeated very often.

    Args:
        runs: The values of a channel in each run, `(time,)`.
        low: The lowest of them.
        high: The highest.
    """
    generator = np.random.default_rng(0)  # evenly spaced rows might miss marks that come periodically
    rows = np.concatenate([_sample(run, generator) for run in runs])
    sample = rows[~np.isnan(rows)]
    found: list[float] = []
    while len(found) < MAX_MARKS:
        if found:
            low, high = _extremes(runs, found)
        mark = next((each for each in (low, high) if _is_mark(each, sample, runs)), None)
        if mark is None:
            return
        found.append(mark)
        sample = sample[sample != mark]
        yield _written(mark), sum(len(each) for each in _where(runs, mark))


def _is_mark(number: float, sample: np.ndarray, runs: Sequence[np.ndarray]) -> bool:
    """Whether the lowest or highest value of a channel marks missing values."""
    others = sample[sample != number]
    if len(others) == 0 or not np.isfinite(number):
        return False
    low, high = map(float, np.quantile(others, (0.005, 0.995)))  # whose differences do not warn of overflow
    if _is_known(number):
        return bool(max(number - high, low - number) > KNOWN_GAP * (high - low))
    least = (ZERO_GAP if number == 0 else OTHER_GAP) * (high - low)
    if (
        max(number - float(others.max()), float(others.min()) - number) <= least
        or len(np.unique(others)) < MIN_DIFFERENT
    ):
        return False
    rows = _where(runs, number)
    count = sum(map(len, rows))
    stretches = sum(1 + int((np.diff(each) > 1).sum()) for each in rows if len(each))
    return MIN_ROWS <= count <= MAX_RUN * stretches and 2 * count < sum(map(len, runs))


def _is_known(number: float) -> bool:
    """Whether people use a number as a mark."""
    if abs(number) >= HUGE or number in LIMITS:
        return True
    return bool(NINES.fullmatch(np.format_float_positional(np.float32(number), trim="-")))


def _sample(run: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return run if len(run) <= SAMPLE else run[np.sort(generator.integers(0, len(run), SAMPLE))]


def _extremes(runs: Sequence[np.ndarray], without: Sequence[float]) -> tuple[float, float]:
    """The lowest and the highest value, apart from some; not finite if there are no others."""
    low, high = np.inf, -np.inf
    for run in runs:
        for _, block in blocks_of_rows(run):
            known = block[~(np.isnan(block) | np.isin(block, without))]
            low, high = min(low, known.min(initial=np.inf)), max(high, known.max(initial=-np.inf))
    return float(low), float(high)


def _where(runs: Sequence[np.ndarray], number: float) -> list[np.ndarray]:
    """The rows of each run that hold a number."""
    return [
        np.concatenate([np.zeros(0, np.int64)] + [start + np.flatnonzero(block == number) for start, block in blocks])
        for blocks in map(blocks_of_rows, runs)
    ]


def _written(number: float) -> str:
    return str(int(number)) if number.is_integer() and abs(number) < HUGE else repr(number)
