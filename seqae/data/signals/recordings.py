"""Recordings of a machine: rows of readings in time order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from seqae.data.arrays import floating, to_values
from seqae.data.signals.names import as_tuple, default_names, match_channels
from seqae.data.signals.sampling import Sampling


@dataclass(frozen=True, eq=False)
class Recording:
    """One run of a machine: rows in time order.

    Attributes:
        values: `(time, channel)` float64 (float32 if the data was), NaN where a value is missing. Read-only.
        channels: The name of each channel; "0", "1", ... if the data had no names.
        times: `(time,)` datetime64[ns] (UTC if the file had zones) or float64 seconds; None if there were no times.
        units: The unit of each channel that has one, from headers like "pressure [bar]".
        name: The name of its file, or "".
        entity: The machine that it is of, where a table holds several; else "".
        warnings: Remarkable facts about the data, one line each. Rows are counted from 0.
        period: Seconds from row to row, if the rows were brought to a regular grid; else the median step counts.
        day_first: Whether its stamps such as 03/04/2024 have the day first; None if it has no such stamps.
    """

    values: np.ndarray
    channels: tuple[str, ...]
    times: np.ndarray | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    entity: str = ""
    warnings: tuple[str, ...] = ()
    period: float | None = None
    day_first: bool | None = None

    def __post_init__(self) -> None:
        values = self.values
        if (
            not isinstance(values, np.ndarray)
            or isinstance(values, np.ma.MaskedArray)
            or values.dtype.kind not in "fiub"
        ):
            values = to_values(values, self.name)
        values = values.astype(floating(values.dtype), copy=False).view()
        values.flags.writeable = False  # they may be the caller's own array
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "channels", tuple(self.channels))
        if values.ndim != 2 or values.shape[1] != len(self.channels):
            raise ValueError(f"values of shape {values.shape} for {len(self.channels)} channels. Give (time, channel)")
        if len(set(self.channels)) < len(self.channels):
            raise ValueError(f"two channels have one name in {self.channels}. Give every channel a name of its own")
        if self.times is not None and not isinstance(self.times, np.ndarray):
            object.__setattr__(self, "times", np.asarray(self.times))
        if self.times is not None and self.times.dtype.kind not in "Mmfiu":
            raise ValueError(f"times of {self.times.dtype}. Expected an array of datetime64, or of seconds as numbers")
        if self.times is not None and self.times.shape != values.shape[:1]:
            raise ValueError(f"times of shape {self.times.shape} for {len(values)} rows. Give one time to each row")

    def __len__(self) -> int:
        return len(self.values)

    @property
    def is_named(self) -> bool:
        """Whether the channels have names; those of an array are only numbered."""
        return self.channels != default_names(len(self.channels))

    def select(self, channels: Sequence[str]) -> Recording:
        """Return the recording with these channels alone, in this order; found by name, or by position without names.

        Raises:
            ValueError: A channel is missing.
        """
        channels = as_tuple(channels)
        taken = match_channels(self.channels, channels, self.name)
        if taken == self.channels:
            return replace(self, channels=channels)
        units = {channel: self.units[name] for channel, name in zip(channels, taken) if name in self.units}
        columns = [self.channels.index(name) for name in taken]
        return replace(self, values=self.values[:, columns], channels=channels, units=units)

    def rows(self, start: int, stop: int | None = None) -> Recording:
        """Return the rows from `start` to before `stop`; without the warnings, which concern the whole recording."""
        times = None if self.times is None else self.times[start:stop]
        return replace(self, values=self.values[start:stop], times=times, warnings=())

    def segments(self) -> list[slice]:
        """Return rows that follow each other at the sampling rate: cut where time goes back, repeats or has a gap."""
        if len(self) == 0:
            return []
        inner = [] if self.times is None else Sampling.of(self.times, self.period).cuts().tolist()
        return [slice(start, stop) for start, stop in pairwise([0, *inner, len(self)])]


def common_day_first(recordings: Sequence[Recording]) -> bool | None:
    """Return whether stamps such as 03/04/2024 have the day first in all recordings that have such stamps.

    None if there are none, or if the recordings differ.
    """
    found = {recording.day_first for recording in recordings} - {None}
    return found.pop() if len(found) == 1 else None
