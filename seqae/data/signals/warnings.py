"""Warnings about recordings that matter to a model of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from seqae.data.arrays import blocks_of_rows
from seqae.data.signals.copies import copies_of_channels
from seqae.data.signals.marks import sampled_rows, suspected_marks
from seqae.data.signals.names import quoted
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.sampling import Sampling

LABEL = re.compile(
    r"(is|has)?(anomal(y|ies|ous)|outliers?|labels?|class|target|fault(y|s)?|failures?|attacks?|changepoints?|"
    r"groundtruth|normal/?attack|y|ytrue)(id|no|nr|number|flag|code|type|class|labels?)?"
)
MAX_CLASSES = 20  # a label has at most so many different whole numbers
MAX_NAMED = 10  # channels that hold a mark
MIN_RISING_ROWS = 10  # with fewer rows, a channel may rise in every row by chance


def data_warnings(
    values: np.ndarray,
    channels: Sequence[str],
    times: np.ndarray | None = None,
    options: ReadingOptions | None = None,
) -> Iterator[str]:
    """Yield warnings about unusual values, one line each, with rows counted from 0.

    Args:
        values: `(time, channel)`.
        channels: The name of each channel.
        times: `(time,)`, datetime64 or float seconds.
        options: How the data was read, which proposals add to.
    """
    if times is not None:
        yield from _on_times(Sampling.of(times))
    yield from channel_warnings([values], channels, options)


def channel_warnings(
    runs: Sequence[np.ndarray],
    channels: Sequence[str],
    options: ReadingOptions | None = None,
    may_be_sparse: bool = False,
) -> Iterator[str]:
    """Yield warnings about channels in all runs together: labels, marks, constants, counters, copies.

    Args:
        runs: The values of each run, `(time, channel)`.
        channels: The name of each channel.
        options: How the data was read, which proposals add to.
        may_be_sparse: Whether a channel may have values in few rows, which others are made of.
    """
    options = options or ReadingOptions()
    marks: dict[str, list[str]] = {}
    sampled = sampled_rows(runs)
    for index, channel in enumerate(channels):
        column = [np.ascontiguousarray(values[:, index]) for values in runs]
        facts = _Facts.of(column)
        yield from _on_channel(channel, column, facts, options.ignore, may_be_sparse)
        for mark, count in suspected_marks(column, sampled, facts.low, facts.high) if facts.low < facts.high else ():
            marks.setdefault(mark, []).append(f"{count:,} row{'s' * (count > 1)} of {quoted(channel)}")
        del column  # before the next one is copied
    if marks:
        found = "; ".join(f"{mark} in {' and '.join(each[:MAX_NAMED])}" for mark, each in marks.items())
        given = [repr(each) for each in options.missing]
        yield (
            f"numbers far from all others: {found}; if they mark missing values, say so: "
            f"missing=[{', '.join([*given, *marks])}]"
        )
    yield from copies_of_channels(runs, channels, options.ignore)


def is_label_name(name: str) -> bool:
    """Whether a name is one for labels of rows, which no machine has measured."""
    return bool(LABEL.fullmatch(re.sub(r"[\s_-]", "", name.lower())))


def _on_times(sampling: Sampling) -> Iterator[str]:
    steps, period = sampling.steps, sampling.period
    if len(back := np.flatnonzero(sampling.backwards)):
        yield f"time goes back {_count(back, 'time')}, first at row {back[0] + 1}: rows are not in time order"
    if len(repeats := np.flatnonzero(sampling.repeats)):
        why = ": the clock is coarser than the sampling" if sampling.is_coarse else ""
        yield f"{_count(repeats, 'row')} with the time stamp of the row before, first row {repeats[0] + 1}{why}"
    if len(gaps := np.flatnonzero(sampling.gaps)):
        first = gaps[0]
        yield f"{_count(gaps, 'gap')} in time, first before row {first + 1}: {steps[first]:g} s instead of {period:g} s"
    if change := sampling.rate_change():
        yield str(change)
    if sampling.irregular > 0.05:
        yield f"irregular sampling: {sampling.irregular:.0%} of the steps are more than a tenth off {period:g} s"


@dataclass(frozen=True)
class _Facts:
    """What a channel holds in all runs: its rows, values that are there, and the lowest and highest of these."""

    rows: int
    present: int
    low: float
    high: float

    @classmethod
    def of(cls, runs: Sequence[np.ndarray]) -> _Facts:
        present, low, high = 0, np.inf, -np.inf
        for run in runs:
            for _, block in blocks_of_rows(run):
                is_known = ~np.isnan(block)
                known = block if is_known.all() else block[is_known]  # which would be a copy
                present += len(known)
                low, high = min(low, known.min(initial=np.inf)), max(high, known.max(initial=-np.inf))
        return cls(sum(map(len, runs)), present, float(low), float(high))


def _on_channel(
    channel: str, runs: Sequence[np.ndarray], facts: _Facts, ignored: Sequence[str], may_be_sparse: bool
) -> Iterator[str]:
    if facts.present == 0:
        yield f"channel {quoted(channel)} has no values"
        return
    leave_out = f"leave it out: ignore={[*ignored, channel]!r}"
    if (missing := 1 - facts.present / facts.rows) > 0.5 and not may_be_sparse:
        yield f"channel {quoted(channel)} is mostly empty: {missing:.1%} of its values are missing"
    if is_label_name(channel) and _is_coded(runs):
        yield f"channel {quoted(channel)} looks like a label, not a reading; if so, {leave_out}"
    elif facts.present > 1 and facts.low == facts.high:
        yield f"channel {quoted(channel)} is constant ({facts.low:g})"
    elif facts.rows >= MIN_RISING_ROWS and all(map(_rises, runs)):
        yield f"channel {quoted(channel)} rises in every row; if it is a counter or clock, {leave_out}"


def _is_coded(runs: Sequence[np.ndarray]) -> bool:
    """Whether a channel holds a few different whole numbers alone."""
    codes: set[float] = set()
    for run in runs:
        for _, block in blocks_of_rows(run):
            codes.update(np.unique(block[~np.isnan(block)]).tolist())
            if len(codes) > MAX_CLASSES or not all(code.is_integer() for code in codes):
                return False
    return True


def _rises(run: np.ndarray) -> bool:
    """Whether a channel rises in every row of a run."""
    if not (np.diff(run[:MIN_RISING_ROWS]) > 0).all():
        return False
    before = -np.inf
    for _, block in blocks_of_rows(run):
        if not (block[0] > before and (np.diff(block) > 0).all()):
            return False
        before = block[-1]
    return True


def _count(rows: np.ndarray, word: str) -> str:
    return f"{len(rows):,} {word}{'s' if len(rows) > 1 else ''}"
