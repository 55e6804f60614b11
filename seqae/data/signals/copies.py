"""Channels that are copies of others, maybe in another unit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from seqae.data.arrays import MAX_MAGNITUDE

SAMPLE = 500  # rows in which channels are compared first
MIN_ROWS = 10  # in fewer rows channels may be equal by chance
MAX_CHANNELS = 2000  # all are compared with all
MAX_PLAIN = 64  # channels whose products are computed fastest in one thread
TOLERANCE = 1e-6  # of the range of a channel


def copies_of_channels(
    runs: Sequence[np.ndarray], channels: Sequence[str], ignored: Sequence[str] = ()
) -> Iterator[str]:
    """Yield warnings about channels that equal another one, or would in another unit.

    Args:
        runs: The values of each run, `(time, channel)`.
        channels: The name of each channel.
        ignored: Columns that were left out, which proposals add to.
    """
    if not 1 < len(channels) <= MAX_CHANNELS:
        return
    sample = np.concatenate([_sample(values, SAMPLE // len(runs) + 1) for values in runs]).astype(np.float64)
    copies: set[int] = set()
    for first, second in _alike(sample):
        if first in copies or second in copies or (line := _line(sample[:, first], sample[:, second])) is None:
            continue
        if all(_fits(line, values[:, first], values[:, second]) for values in runs):
            copies.add(second)
            name = channels[second]
            yield (
                f"channel {name!r} is a copy of {channels[first]!r}{_formula(*line)}, and counts twice; leave one out: "
                f"ignore={[*ignored, name]!r}"
            )


def _formula(factor: float, summand: float) -> str:
    times = "" if abs(factor - 1) < TOLERANCE else f" times {factor:.6g}"
    return times + (f" plus {summand:.6g}" if float(f"{summand:.9f}") else "")


def _sample(values: np.ndarray, rows: int) -> np.ndarray:
    return values if len(values) <= rows else values[np.linspace(0, len(values) - 1, rows).astype(np.int64)]


def _alike(sample: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of channels whose correlation is nearly 1 or -1, in the order of the channels."""
    known = ~np.isnan(sample)
    sample = np.clip(sample, -MAX_MAGNITUDE, MAX_MAGNITUDE)
    counts = known.sum(axis=0)
    means = np.where(known, sample, 0).sum(axis=0) / np.maximum(counts, 1)
    scaled = np.where(known, sample - means, 0)
    scaled /= np.maximum(abs(scaled).max(axis=0, initial=0), np.finfo(np.float64).tiny)
    if known.all():
        norms = np.sqrt(np.outer(*[(scaled**2).sum(axis=0)] * 2))
        alike = (abs(_products(scaled, scaled)) > 0.999 * norms) & (norms > 0) & (len(sample) >= MIN_ROWS)
    else:
        square, both = scaled**2, known.astype(np.float64)
        norms = np.sqrt(_products(square, both) * _products(both, square))  # over the rows in which both are known
        alike = (abs(_products(scaled, scaled)) > 0.999 * norms) & (norms > 0) & (_products(both, both) >= MIN_ROWS)
    return [(first, second) for first, second in np.argwhere(alike).tolist() if first < second]


def _products(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The products of all pairs of channels, summed over rows, `(channel, channel)`."""
    if first.shape[1] > MAX_PLAIN:
        return first.T @ second
    return np.einsum("ij,ik->jk", first, second)  # the threads of a library would wait for each other longer


def _line(first: np.ndarray, second: np.ndarray) -> tuple[float, float] | None:
    """The factor and the summand that turn one channel into another; None if there are none."""
    rows = np.flatnonzero(~np.isnan(first) & ~np.isnan(second))
    low, high = rows[np.argmin(first[rows])], rows[np.argmax(first[rows])]
    if first[low] == first[high]:
        return None
    if np.array_equal(first[rows], second[rows]):
        return 1, 0
    factor = (second[high] - second[low]) / (first[high] - first[low])
    line = float(factor), float(second[low] - factor * first[low])
    return line if factor and _fits(line, first, second) else None


def _fits(line: tuple[float, float], first: np.ndarray, second: np.ndarray) -> bool:
    """Whether a line turns one channel into another in all rows in which both are known."""
    rows = ~np.isnan(first) & ~np.isnan(second)
    if not rows.any():
        return True
    known = second[rows].astype(np.float64)
    errors = abs(line[0] * first[rows] + line[1] - known)
    return bool(errors.max() <= TOLERANCE * max(np.ptp(known), np.finfo(np.float64).tiny))
