"""Warnings about a recording that matter to a model of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from seqae.data.arrays import blocks_of_rows
from seqae.data.signals.sampling import Sampling

LABELS = {"anomaly", "anomalies", "is_anomaly", "label", "labels", "class", "target", "fault", "attack", "changepoint"}
MIN_RISING_ROWS = 10  # with fewer rows, a channel may rise in every row by chance


def data_warnings(values: np.ndarray, channels: Sequence[str], times: np.ndarray | None = None) -> Iterator[str]:
    """Yield warnings about unusual values, one line each, with rows counted from 0.

    Args:
        values: `(time, channel)`.
        channels: The name of each channel.
        times: `(time,)`, datetime64 or float seconds.
    """
    if times is not None:
        yield from _on_times(Sampling.of(times))
    for channel, column in zip(channels, values.T):
        yield from _on_channel(channel, column)


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
    if sampling.irregular > 0.05:
        yield f"irregular sampling: {sampling.irregular:.0%} of the steps are more than a tenth off {period:g} s"


def _on_channel(channel: str, column: np.ndarray) -> Iterator[str]:
    present, low, high, binary, rising, before = 0, np.inf, -np.inf, True, len(column) >= MIN_RISING_ROWS, -np.inf
    for _, block in blocks_of_rows(column):
        known = block[~np.isnan(block)]
        present += len(known)
        low, high = min(low, known.min(initial=np.inf)), max(high, known.max(initial=-np.inf))
        binary = binary and bool(np.isin(known, (0, 1)).all())
        rising = rising and block[0] > before and bool((np.diff(block) > 0).all())
        before = block[-1]
    if present == 0:
        yield f"channel {channel!r} has no values"
        return
    if (missing := 1 - present / len(column)) > 0.5:
        yield f"channel {channel!r} is mostly empty: {missing:.1%} of its values are missing"
    if channel.lower() in LABELS and binary:
        yield f"channel {channel!r} looks like a label, not a reading; if so, leave it out: ignore=[{channel!r}]"
    elif present > 1 and low == high:
        yield f"channel {channel!r} is constant ({low:g})"
    elif rising:
        yield f"channel {channel!r} rises in every row; if it is a counter or clock, leave it out: ignore=[{channel!r}]"


def _count(rows: np.ndarray, word: str) -> str:
    return f"{len(rows):,} {word}{'s' if len(rows) > 1 else ''}"
