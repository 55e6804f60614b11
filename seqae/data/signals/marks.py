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


def sampled_rows(runs: Sequence[np.ndarray]) -> list[np.ndarray | slice]:
    """Return the rows of each run, `(time, ...)`, that show where most values of a channel are."""
    generator = np.random.default_rng(0)  # evenly spaced rows might miss marks that come periodically
    return [slice(None) if len(run) <= SAMPLE else np.sort(generator.integers(0, len(run), SAMPLE)) for run in runs]


def suspected_marks(
    runs: Sequence[np.ndarray], sampled: Sequence[np.ndarray | slice], low: float, high: float
) -> Iterator[tuple[str, int]]:
    """Yield numbers that seem to mark missing values, as they are written, and in how many rows.

    They are the lowest or highest of a channel, far from all others, and such as people use, or repeated very often.

    Args:
        runs: The values of a channel in each run, `(time,)`.
        sampled: The rows of each run to look at first, see `sampled_rows`.
        low: The lowest of them.
        high: The highest.
    """
    sample = np.sort(np.concatenate([run[rows] for run, rows in zip(runs, sampled)]))
    sample = sample[: len(sample) - np.count_nonzero(np.isnan(sample))]  # which come last
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
    """Whether the lowest or highest value of a channel marks missing values; `sample` ascends."""
    first, stop = np.searchsorted(sample, number), np.searchsorted(sample, number, "right")
    others = sample[:first] if first else sample[stop:]
    if len(others) == 0 or not np.isfinite(number):
        return False
    low, high = _quantile(others, 0.005), _quantile(others, 0.995)
    if not max(number - high, low - number) > KNOWN_GAP * (high - low):  # as nearly all, and where there is infinity
        return False
    if _is_known(number):
        return True
    least = (ZERO_GAP if number == 0 else OTHER_GAP) * (high - low)
    if max(number - float(others[-1]), float(others[0]) - number) <= least or len(np.unique(others)) < MIN_DIFFERENT:
        return False
    rows = _where(runs, number)
    count = sum(map(len, rows))
    stretches = sum(1 + int((np.diff(each) > 1).sum()) for each in rows if len(each))
    return MIN_ROWS <= count <= MAX_RUN * stretches and 2 * count < sum(map(len, runs))


def _quantile(values: np.ndarray, fraction: float) -> float:
    """Return a quantile of numbers that ascend, which np.quantile would sort once more."""
    below, part = divmod(fraction * (len(values) - 1), 1)
    low, high = float(values[int(below)]), float(values[int(np.ceil(below + part))])
    return low + part * (high - low)


def _is_known(number: float) -> bool:
    """Whether people use a number as a mark."""
    if abs(number) >= HUGE or number in LIMITS:
        return True
    return bool(NINES.fullmatch(np.format_float_positional(np.float32(number), trim="-")))


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
