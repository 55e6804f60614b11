"""Faults put into normal rows, so that a detector can be tried on one's own data, and models chosen without labels.

Goswami et al., "Unsupervised model selection for time-series anomaly detection", ICLR 2023,
https://arxiv.org/abs/2210.01078, rank models by such faults; Ni et al., "Sensor network data fault types", 2009,
https://doi.org/10.1145/1525856.1525863, tell which ones sensors have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from seqae.data.signals.names import as_tuple
from seqae.evaluation.fault_kinds import FAULTS, SIZED_FAULTS, NormalRows, faulty_readings

_DRAWS = 20  # draws of a fault without a size, until one changes the rows
_LEAST_CHANGE = 0.3  # deviations, root mean square


@dataclass(frozen=True, eq=False)
class InjectedFault:
    """Rows with a fault in them.

    Attributes:
        rows: `(row, channel)` float64, a copy; NaN where a value was missing before.
        labels: `(row,)` bool, the rows of the fault.
        channels: The channels at fault.
        kind: One of `FAULTS`.
        size: In standard deviations of the channel; None for a kind that has no size.
    """

    rows: np.ndarray
    labels: np.ndarray
    channels: tuple[int, ...]
    kind: str
    size: float | None


def inject(
    rows: object,
    kind: str,
    size: float = 3.0,
    *,
    start: int | None = None,
    length: int = 50,
    channels: int | Sequence[int] | None = None,
    random_state: int = 0,
) -> InjectedFault:
    """Return a copy of normal rows with one fault; other rows and channels stay as they are, and so do missing values.

    A channel's mean, standard deviation and range are those of all its rows. Four kinds have a size:

    - spike: one row is `size` deviations too high or too low, whatever `length` says;
    - offset: all rows are `size` deviations too high or too low;
    - drift: the error grows evenly and is `size` deviations in the last row;
    - noise: white noise of `size` deviations is added.

    For the others `size` is ignored. All but `sign` stay within the range of the channel, so that only its course, or
    its relation to other channels, tells the fault:

    - stuck: the reading before the fault is repeated;
    - lag: the channel is late by a fifth of the fault's rows;
    - sign: the channel is mirrored about its mean;
    - swap: two channels are exchanged, each moved and scaled to the other's mean and deviation, and cut at its range;
    - replay: the channel's rows of another time, drawn at random, are repeated;
    - missing_cycle: the channel is constant at its mean over these rows.

    These may change nothing, such as to exchange two channels that go alike. What is not given is therefore drawn
    again, up to 20 times, until the fault changes a channel by 0.3 deviations (root mean square).

    Args:
        rows: Normal rows, an array, tensor or list `(row, channel)`, NaN where a value is missing.
        kind: One of `FAULTS`.
        size: The size of the fault, above 0.
        start: The first row of the fault; drawn by default, as far from the ends as the fault is long if it can be.
        length: The rows of the fault.
        channels: The channel at fault, or several; two for a swap. Drawn by default, from those that are not constant.
        random_state: Seed of all that is drawn. It doesn't depend on `size` what is drawn.

    Raises:
        ValueError: There is no such kind or channel, the channel is constant or has no value in these rows, the fault
            is longer than the rows or reaches over their ends, or the rows hold no finite numbers.
        TypeError: `rows` is no array, tensor or list.

    Examples:
        >>> import numpy as np
        >>> rows = np.sin(0.3 * np.arange(200))[:, None] * [1.0, 2.0]
        >>> fault = inject(rows, "offset", 2.0, start=50, length=20, channels=1)
        >>> fault.channels, np.flatnonzero(fault.labels)[[0, -1]].tolist()
        ((1,), [50, 69])
        >>> change = fault.rows - rows
        >>> abs(change).max(axis=0) / rows.std(axis=0)
        array([0., 2.])
    """
    return _inject(NormalRows.of(rows), kind, size, start, length, channels, random_state)


def injected_cases(
    rows: object,
    kinds: Sequence[str] = FAULTS,
    sizes: Sequence[float] = (3.0,),
    lengths: Sequence[int] = (50,),
    repeats: int = 8,
    random_state: int = 0,
) -> list[InjectedFault]:
    """Return copies of normal rows with one fault each, in channels that vary and at places that are drawn.

    There are `repeats` copies for each kind, size and length, in this order; a kind without a size is there once for
    all sizes, a spike once for all lengths. Faults of all sizes are at the same places.

    Args:
        rows: Normal rows, an array, tensor or list `(row, channel)`, NaN where a value is missing.
        kinds: Some of `FAULTS`, see `inject`.
        sizes: Sizes in standard deviations of the channel.
        lengths: Rows in a fault.
        repeats: Copies of each kind, size and length.
        random_state: Seed of all that is drawn. What is drawn for one kind does not depend on the other ones.

    Raises:
        ValueError: As for `inject`.
        TypeError: `rows` is no array, tensor or list.
    """
    return list(iterate_cases(rows, kinds, sizes, lengths, repeats, random_state))


def iterate_cases(
    rows: object,
    kinds: Sequence[str],
    sizes: Sequence[float],
    lengths: Sequence[int],
    repeats: int,
    random_state: int,
) -> Iterator[InjectedFault]:
    """Yield what `injected_cases` returns: one copy of the rows at a time."""
    normal = NormalRows.of(rows)
    for kind in map(_checked_kind, as_tuple(kinds)):
        for size in sizes if kind in SIZED_FAULTS else sizes[:1]:
            for length in lengths[:1] if kind == "spike" else lengths:
                for repeat in range(repeats):
                    source = np.random.SeedSequence([random_state, FAULTS.index(kind), length, repeat])
                    yield _inject(normal, kind, size, None, length, None, int(source.generate_state(1)[0]))


def _inject(
    normal: NormalRows,
    kind: str,
    size: float,
    start: int | None,
    length: int,
    channels: int | Sequence[int] | None,
    random_state: int,
) -> InjectedFault:
    _checked_kind(kind)
    if not 0 < size < np.inf:
        raise ValueError(f"a fault of {size} deviations. Give a number above 0")
    length = 1 if kind == "spike" else length
    given = None if channels is None else _checked_channels(normal, kind, channels)
    _check_place(normal, start, length, given or ())
    fault, readings = _drawn(normal, kind, size, start, length, given, np.random.default_rng(random_state))
    rows, labels = normal.values.copy(), np.zeros(len(normal.values), dtype=bool)
    labels[fault] = True
    for channel, faulty in readings.items():
        rows[fault, channel] = np.where(np.isnan(rows[fault, channel]), np.nan, faulty)
    return InjectedFault(rows, labels, tuple(readings), kind, float(size) if kind in SIZED_FAULTS else None)


def _drawn(
    normal: NormalRows,
    kind: str,
    size: float,
    start: int | None,
    length: int,
    channels: tuple[int, ...] | None,
    random: np.random.Generator,
) -> tuple[slice, dict[int, np.ndarray]]:
    """Return the rows of a fault, and the readings of each channel at fault there: of some draws one that shows."""
    largest, best = -1.0, (slice(0), dict[int, np.ndarray]())
    for _ in range(1 if kind in SIZED_FAULTS else _DRAWS):
        drawn = channels or _drawn_channels(normal, 2 if kind == "swap" else 1, start, length, random)
        first = int(random.choice(normal.starts(drawn[0], length))) if start is None else start
        fault = slice(first, first + length)
        readings = faulty_readings(normal, kind, size, drawn, fault, random)
        change = max(normal.change(channel, fault, faulty) for channel, faulty in readings.items())
        if change > largest:
            largest, best = change, (fault, readings)
        if largest >= _LEAST_CHANGE:
            break
    return best


def _drawn_channels(
    normal: NormalRows, count: int, start: int | None, length: int, random: np.random.Generator
) -> tuple[int, ...]:
    rows = slice(None) if start is None else slice(start, start + length)
    with_values = np.flatnonzero(~np.isnan(normal.values[rows]).all(axis=0))
    possible = np.intersect1d(normal.varying, with_values)
    if len(possible) < count:
        raise ValueError(
            f"{len(possible)} of the {normal.values.shape[1]} channels vary in the normal rows and have values where "
            f"the fault is, which needs {count}. Give rows in which more of them do"
        )
    return tuple(random.choice(possible, count, replace=False).tolist())


def _checked_kind(kind: str) -> str:
    if kind not in FAULTS:
        raise ValueError(f"no fault is called {kind!r}. Give one of {', '.join(FAULTS)}")
    return kind


def _checked_channels(normal: NormalRows, kind: str, channels: int | Sequence[int]) -> tuple[int, ...]:
    numbers = tuple(map(int, np.atleast_1d(np.asarray(channels, dtype=int))))
    count = normal.values.shape[1]
    for channel in numbers:
        if not 0 <= channel < count:
            raise ValueError(f"no channel {channel}: the rows have {count}. Give 0 to {count - 1}")
        if channel not in normal.varying:
            raise ValueError(f"channel {channel} is constant or empty in the normal rows. Choose another channel")
    if len(set(numbers)) < len(numbers) or not numbers or (kind == "swap" and len(numbers) != 2):
        wanted = "two channels" if kind == "swap" else "one channel or several"
        raise ValueError(f"channels={channels} for {kind}. Give {wanted}, each once")
    return numbers


def _check_place(normal: NormalRows, start: int | None, length: int, channels: tuple[int, ...]) -> None:
    count = len(normal.values)
    if not 1 <= length <= count:
        raise ValueError(f"a fault of {length} rows in {count} rows. Give a length of 1 to {count}")
    if start is None:
        return
    if not 0 <= start <= count - length:
        raise ValueError(
            f"a fault of {length} rows that starts in row {start} of {count}. Start in row 0 to {count - length}"
        )
    for channel in channels:
        if np.isnan(normal.values[start : start + length, channel]).all():
            raise ValueError(
                f"channel {channel} has no value in rows {start} to {start + length - 1}. Start in another row, or "
                "choose another channel"
            )
