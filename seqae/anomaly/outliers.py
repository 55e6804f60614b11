"""Values in normal rows that are no normal ones: isolated, and far beyond the tail that all others predict.

Real "normal" months hold spikes. They widen every scale and the tail of every score, so that the detector would find
neither them nor smaller faults.
"""

from __future__ import annotations

import numpy as np

from seqae.data.signals.names import format_names
from seqae.data.signals.recordings import Recording

MIN_ROWS = 200  # fewer show no tail
AROUND = 2  # rows on either side whose median is where a value is expected
MIN_GAP_RATIO = 1.5  # of the smallest outlier to the largest other deviation
MIN_SURPRISE = 20.0  # minus the logarithm of the probability that the tail of the others has such a gap
TAIL = 50  # order statistics from which the tail of the others is estimated, or as many as there are outliers
MAX_EQUAL = 0.5  # of the steps of a channel; with more, it has states, whose short ones are no outliers
MIN_INTERVAL_VARIATION = 0.3  # of the times between outliers, as a fraction of their mean: more regular ones recur
FEW_INTERVALS = 20  # fewer must be more regular to recur
NAMED_ROWS = 5  # in a message
MAX_LENGTH = 2  # rows in succession; what lasts longer is a state of the machine


def find_outliers(recording: Recording, max_fraction: float) -> np.ndarray:
    """Return which values of normal rows are outliers, `(row, channel)` bool.

    A reading deviates by its distance from the median of five of its channel. In the sorted deviations of a channel,
    the logarithms of the ratios of neighbours, times their rank, are exponential variables of the same mean in any tail
    that is a power (Rényi 1953, Hill 1975), and smaller at the end of lighter tails. A ratio that is far too large for
    that separates outliers from a tail, however heavy it is. They must also be isolated: short, with the same level
    before and after, and not at regular intervals, as what a machine does in each of its cycles.

    Args:
        recording: Normal rows, at regular steps or not.
        max_fraction: The largest fraction of the readings of a channel that can be outliers; 0 for none.
    """
    found = np.zeros(recording.values.shape, dtype=bool)
    for channel, column in enumerate(recording.values.T):
        known = np.flatnonzero(~np.isnan(column))
        if len(known) >= MIN_ROWS and max_fraction > 0:
            found[known, channel] = _of_channel(column[known], max_fraction)
    return found


def outlier_note(recording: Recording, outliers: np.ndarray, where: str) -> str:
    """Return what to say of a recording with outliers, `(row, channel)` bool; `where` is its name, or ""."""
    rows = np.flatnonzero(outliers.any(axis=1))
    channels = format_names(name for name, column in zip(recording.channels, outliers.T) if column.any())
    first = ", ".join(f"{row:,}" for row in rows[:NAMED_ROWS]) + (", ..." if len(rows) > NAMED_ROWS else "")
    return (
        f"{len(rows):,} of {len(recording):,} normal rows{f' ({where})' if where else ''} hold values far outside the "
        f"rest, in {channels}, first rows {first}: these values are left out. If they are normal, keep them: "
        "max_left_out=0"
    )


def _of_channel(values: np.ndarray, max_fraction: float) -> np.ndarray:
    """Return which readings of a channel, `(reading,)`, are outliers, `(reading,)` bool."""
    none = np.zeros(len(values), dtype=bool)
    steps = np.diff(values)
    if np.mean(steps == 0) > MAX_EQUAL or (steps >= 0).all() or (steps <= 0).all():  # a counter deviates at its ends
        return none
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(values, AROUND, mode="reflect"), 2 * AROUND + 1)
    deviations = np.abs(values - np.median(windows, axis=1))
    limit = _gap_in_tail(deviations, max_fraction)
    if limit is None:
        return none
    isolated = _isolated(deviations > limit, values, limit)
    return isolated if _is_irregular(isolated) else none


def _gap_in_tail(deviations: np.ndarray, max_fraction: float) -> float | None:
    """Return the deviation that outliers exceed and others do not, of `(row,)`; None if there are no outliers."""
    known = np.sort(deviations)[::-1]
    most = int(max_fraction * len(known))
    if most < 1 or len(known) <= 2 * most + TAIL:
        return None
    largest = np.maximum(known[: 2 * most + TAIL + 1], known[0] * 1e-12 + 1e-300)
    spacings = np.arange(1, len(largest)) * np.log(largest[:-1] / largest[1:])
    sums = np.concatenate([[0.0], np.cumsum(spacings)])
    counts = np.arange(1, most + 1)
    sizes = np.maximum(counts, TAIL)
    means = (sums[counts + sizes] - sums[counts]) / sizes
    surprising = spacings[:most] > MIN_SURPRISE * np.maximum(means, 1e-12)
    apart = np.flatnonzero(surprising & (largest[:most] > MIN_GAP_RATIO * largest[1 : most + 1]))
    return float(largest[apart[-1] + 1]) if len(apart) else None


def _isolated(far: np.ndarray, column: np.ndarray, limit: float) -> np.ndarray:
    """Return which of the far values `(row,)` come in short runs, with the same level on either side."""
    result, column = far.copy(), np.where(far, np.nan, column)
    edges = np.diff(far.astype(np.int8), prepend=0, append=0)
    for start, stop in zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist()):
        before, after = column[max(start - AROUND, 0) : start], column[stop : stop + AROUND]
        levels = [np.nanmedian(each) for each in (before, after) if len(each) and not np.isnan(each).all()]
        if stop - start > MAX_LENGTH or (len(levels) == 2 and abs(levels[1] - levels[0]) > 2 * limit):
            result[start:stop] = False
    return result


def _is_irregular(flags: np.ndarray) -> bool:
    """Return whether the intervals between flagged rows, `(row,)` bool, vary; few are equal by chance."""
    intervals = np.diff(np.flatnonzero(flags))
    intervals = intervals[intervals > MAX_LENGTH]
    least = MIN_INTERVAL_VARIATION * min(len(intervals) / FEW_INTERVALS, 1)
    return len(intervals) < 2 or bool(intervals.std() > least * intervals.mean())
