"""What each kind of fault does to the readings of a channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from seqae.data.arrays import refuse_infinite, to_values
from seqae.data.signals.names import default_names

FAULTS = ("spike", "offset", "drift", "stuck", "noise", "lag", "sign", "swap", "replay", "missing_cycle")
SIZED_FAULTS = frozenset({"spike", "offset", "drift", "noise"})  # the others are of one size


@dataclass(frozen=True, eq=False)
class NormalRows:
    """Normal rows, and what is usual for each channel.

    Attributes:
        values: `(row, channel)` float64, NaN where a value is missing.
        filled: `(row, channel)`, missing values interpolated; NaN in a channel without any value.
        mean: `(channel,)`, like the next ones.
        deviation: Standard deviation.
        low: The smallest value.
        high: The largest value.
    """

    values: np.ndarray
    filled: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @staticmethod
    def of(rows: object) -> NormalRows:
        """Read an array, tensor or list `(row, channel)`.

        Raises:
            ValueError: It holds no real numbers, or infinite ones.
            TypeError: It is no array, tensor or list.
        """
        values = to_values(rows).astype(np.float64)
        refuse_infinite(values, default_names(values.shape[1]), lambda row: f"row {row}")
        filled = values.copy()
        for channel in np.flatnonzero(np.isnan(values).any(axis=0)):
            known = np.flatnonzero(~np.isnan(values[:, channel]))
            if len(known):
                filled[:, channel] = np.interp(np.arange(len(values)), known, values[known, channel])
        # A channel without any value counts as constant.
        counted = np.where(np.isnan(filled), 0.0, values)
        mean, deviation, low, high = (f(counted, axis=0) for f in (np.nanmean, np.nanstd, np.nanmin, np.nanmax))
        return NormalRows(values, filled, mean, deviation, low, high)

    @property
    def varying(self) -> np.ndarray:
        """The channels that are not constant, `(varying channel,)` int."""
        return np.flatnonzero(self.high > self.low)

    def starts(self, channel: int, length: int) -> np.ndarray:
        """Return the first rows of faults in which this channel has values in half of the rows, or in most."""
        known = np.append(0, np.cumsum(~np.isnan(self.values[:, channel])))
        counts = known[length:] - known[:-length]
        margin = min(length, (len(counts) - 1) // 2)
        inside = margin + np.flatnonzero(2 * counts[margin : len(counts) - margin] >= length)
        return inside if len(inside) else np.flatnonzero(counts == counts.max())

    def change(self, channel: int, fault: slice, readings: np.ndarray) -> float:
        """Return by how many deviations other readings change the rows of a fault, root mean square."""
        squares = ((readings - self.values[fault, channel]) / self.deviation[channel]) ** 2
        return float(np.sqrt(np.nansum(squares) / len(squares)))

    def as_other(self, channel: int, other: int, fault: slice) -> np.ndarray:
        """Return the rows of a channel with the mean and deviation of another one, cut at that one's range."""
        standard = (self.filled[fault, channel] - self.mean[channel]) / self.deviation[channel]
        moved = self.mean[other] + self.deviation[other] * standard
        return moved.clip(self.low[other], self.high[other])


def faulty_readings(
    normal: NormalRows,
    kind: str,
    size: float,
    channels: tuple[int, ...],
    fault: slice,
    random: np.random.Generator,
) -> dict[int, np.ndarray]:
    """Return what each channel at fault is in the rows of a fault, `(row,)`."""
    if kind == "swap":
        return {one: normal.as_other(other, one, fault) for one, other in (channels, channels[::-1])}
    form = _FORMS[kind]
    return {channel: form(normal, channel, fault, size * normal.deviation[channel], random) for channel in channels}


def _shifted(normal: NormalRows, channel: int, fault: slice, height: float, random: np.random.Generator) -> np.ndarray:
    return normal.filled[fault, channel] + random.choice([-1, 1]) * height


def _drifting(normal: NormalRows, channel: int, fault: slice, height: float, random: np.random.Generator) -> np.ndarray:
    growth = np.arange(1, fault.stop - fault.start + 1) / (fault.stop - fault.start)
    return normal.filled[fault, channel] + random.choice([-1, 1]) * height * growth


def _noisy(normal: NormalRows, channel: int, fault: slice, height: float, random: np.random.Generator) -> np.ndarray:
    return normal.filled[fault, channel] + height * random.standard_normal(fault.stop - fault.start)


def _stuck(normal: NormalRows, channel: int, fault: slice, height: float, random: np.random.Generator) -> np.ndarray:
    return np.full(fault.stop - fault.start, normal.filled[max(fault.start - 1, 0), channel])


def _late(normal: NormalRows, channel: int, fault: slice, height: float, random: np.random.Generator) -> np.ndarray:
    late = max(1, (fault.stop - fault.start) // 5)
    return normal.filled[np.maximum(np.arange(fault.start, fault.stop) - late, 0), channel]


def _mirrored(normal: NormalRows, channel: int, fault: slice, height: float, random: np.random.Generator) -> np.ndarray:
    return 2 * normal.mean[channel] - normal.filled[fault, channel]


def _replayed(normal: NormalRows, channel: int, fault: slice, height: float, random: np.random.Generator) -> np.ndarray:
    rows, length = len(normal.values), fault.stop - fault.start
    starts = np.arange(rows - length + 1)
    elsewhere = starts[abs(starts - fault.start) >= length]
    if not len(elsewhere):
        raise ValueError(
            f"no {length} rows to replay before or after rows {fault.start} to {fault.stop - 1} of {rows}. Give a "
            "shorter length, or more rows"
        )
    start = int(random.choice(elsewhere))
    return normal.filled[start : start + length, channel]


def _flat(normal: NormalRows, channel: int, fault: slice, height: float, random: np.random.Generator) -> np.ndarray:
    return np.full(fault.stop - fault.start, normal.filled[fault, channel].mean())


_FORMS: dict[str, Callable[[NormalRows, int, slice, float, np.random.Generator], np.ndarray]] = {
    "spike": _shifted,
    "offset": _shifted,
    "drift": _drifting,
    "stuck": _stuck,
    "noise": _noisy,
    "lag": _late,
    "sign": _mirrored,
    "replay": _replayed,
    "missing_cycle": _flat,
}
