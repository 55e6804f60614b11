"""What a machine recorded: rows of readings in time order."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from numbers import Number
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqae.data.arrays import floating, refuse_enormous, refuse_infinite, to_values
from seqae.data.signals.sampling import Sampling
from seqae.data.signals.warnings import remarks_on

if TYPE_CHECKING:
    from seqae.data.signals.tables import Table

ANOTHER_RATE = 0.1  # a share by which periods may differ
_MOST_QUOTED = 30


@dataclass(frozen=True, eq=False)
class Recording:
    """One run of a machine: rows in time order.

    Attributes:
        values: `(time, channel)` float64 (float32 if the data was), NaN where a value is missing. Read-only.
        channels: The name of each channel; "0", "1", ... if the data had no names.
        times: `(time,)` datetime64[ns] (UTC if the file had zones) or float64 seconds; None if nothing told the time.
        units: The unit of each channel that has one, from headers like "pressure [bar]".
        name: The name of its file, or "".
        warnings: What a person should know about the data, one line each. Rows are counted from 0.
    """

    values: np.ndarray
    channels: tuple[str, ...]
    times: np.ndarray | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        values = np.asarray(self.values)
        values = values.astype(floating(values.dtype), copy=False).view()
        values.flags.writeable = False  # they may be the caller's own numbers
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "channels", tuple(self.channels))
        if values.ndim != 2 or values.shape[1] != len(self.channels):
            raise ValueError(f"values of shape {values.shape} for {len(self.channels)} channels. Give (time, channel)")
        if len(set(self.channels)) < len(self.channels):
            raise ValueError(f"two channels have one name in {self.channels}. Give every channel a name of its own")
        if self.times is not None and self.times.shape != values.shape[:1]:
            raise ValueError(f"times of shape {self.times.shape} for {len(values)} rows. Give one time to each row")

    def __len__(self) -> int:
        return len(self.values)

    @property
    def is_named(self) -> bool:
        """False if the channels are only numbered, as those of an array are."""
        return self.channels != numbered(len(self.channels))

    def select(self, channels: Sequence[str]) -> Recording:
        """Take these channels, in this order; see `matched` for how they are found."""
        channels = listed(channels)
        taken = matched(self.channels, channels, self.name)
        if taken == self.channels:
            return replace(self, channels=channels)
        units = {channel: self.units[name] for channel, name in zip(channels, taken) if name in self.units}
        columns = [self.channels.index(name) for name in taken]
        return replace(self, values=self.values[:, columns], channels=channels, units=units)

    def rows(self, start: int, stop: int | None = None) -> Recording:
        """The part from row `start` to before row `stop`; it has no remarks, which speak of the whole."""
        times = None if self.times is None else self.times[start:stop]
        return replace(self, values=self.values[start:stop], times=times, warnings=())

    def segments(self) -> list[slice]:
        """Rows that follow each other at the sampling rate: cut where time goes back, repeats or has a gap."""
        if len(self) == 0:
            return []
        inner = [] if self.times is None else Sampling.of(self.times).cuts().tolist()
        return [slice(start, stop) for start, stop in pairwise([0, *inner, len(self)])]


def as_recordings(
    data: object,
    *,
    time_column: str | None = None,
    ignore: Sequence[str] = (),
    channels: Sequence[str] | None = None,
) -> list[Recording]:
    """Make recordings of anything that holds readings.

    NaN, None, an empty cell and what a mask hides are missing values: they stay NaN, and models go by what is there.
    Infinite values are refused.

    Args:
        data: A file (CSV, Parquet, JSON lines; gzipped text too) or a folder of files, sorted by name; a pandas or
            polars frame; an array, tensor or list of numbers, `(time, channel)` or `(time,)`; a Recording; or a list
            of any of these. Nothing of it is changed.
        time_column: The column that tells the time, if neither its name, type nor place gives it away.
        ignore: Columns to leave out, such as labels.
        channels: The columns to take, in this order; all others are left out, and a remark says so.

    Returns:
        Recordings that all have the same channels in the same order.

    Raises:
        ValueError: The data cannot be read without guessing; the message says where and what to do.
        TypeError: `data` is none of the above.
    """
    ignore = listed(ignore)
    channels = None if channels is None else listed(channels)
    recordings, seen = [], set()
    for part in _parts(data):
        seen.update(part.channels if isinstance(part, Recording) else part.names)
        recordings.append(_recording(part, time_column, ignore, channels))
    for name in ignore:
        if name not in seen:
            raise ValueError(f"no column {name!r} to ignore{close(name, seen)}")
    return _aligned(recordings)


def refuse_unlearnable(recordings: Sequence[Recording]) -> None:
    """Raise if recordings hold no values at all, or values so large that learning from them would find no numbers."""
    if all(np.isnan(recording.values).all() for recording in recordings):
        raise ValueError(
            "no values at all: every one is missing (NaN). Expected readings. Check how missing ones are told"
        )
    for number, recording in enumerate(recordings):
        name = recording.name or (f"recording {number}" if len(recordings) > 1 else "")
        refuse_enormous(
            recording.values, recording.channels, lambda row, name=name: f"{name}, row {row}".removeprefix(", ")
        )


def usual_period(recordings: Sequence[Recording]) -> float | None:
    """Return the seconds from row to row in most recordings; None if none of them has times."""
    periods = [Sampling.of(each.times).period for each in recordings if each.times is not None]
    periods = [period for period in periods if np.isfinite(period)]
    return float(np.median(periods)) if periods else None


def warn_of_times(recording: Recording, period: float | None) -> None:
    """Warn if a recording has another sampling rate than what was learnt from, or is cut where its time does not go on.

    Args:
        recording: What is to be scored.
        period: Seconds from row to row in what was learnt from, if it had times.
    """
    if recording.times is None:
        return
    sampling, name = Sampling.of(recording.times), recording.name or "recording"
    if period and np.isfinite(sampling.period) and abs(sampling.period / period - 1) > ANOTHER_RATE:
        warnings.warn(
            f"{name} has a row every {sampling.period:g} s, and the detector learnt from rows every {period:g} s: "
            "what is usual at one rate is not at another. Give rows at the same rate",
            stacklevel=2,
        )
    stuck = sampling.backwards if sampling.is_coarse else sampling.backwards | sampling.repeats
    if len(places := np.flatnonzero(stuck)):
        warnings.warn(
            f"in {name} time goes back or stands still at {len(places)} rows, first at row {places[0] + 1}: what comes "
            "after is read as another run. If it is one run, sort the rows and drop those that stand there twice",
            stacklevel=2,
        )


def matched(names: tuple[str, ...], wanted: tuple[str, ...], where: str = "") -> tuple[str, ...]:
    """Return those of `names` that are meant: found by name, or by position if they are only numbered.

    Raises:
        ValueError: Some are missing; the message also names those that nobody asked for.
    """
    there, asked = set(names), set(wanted)
    missing = [name for name in wanted if name not in there]
    if not missing:
        return wanted
    if names == numbered(len(wanted)):
        return names
    if names == numbered(len(names)):
        raise ValueError(f"{len(names)} channels without names ({where or 'recording'}). Expected {quoted(wanted)}")
    others = [name for name in names if name not in asked]
    raise ValueError(
        f"missing {quoted(missing)}{f', while there is {quoted(others)}' if others else ''} ({where or 'recording'}). "
        f"Channels are matched by name; expected {quoted(wanted)}. Rename the columns"
    )


def numbered(count: int) -> tuple[str, ...]:
    """Names for channels that have none."""
    return tuple(str(number) for number in range(count))


def listed(names: Sequence[str]) -> tuple[str, ...]:
    """Names as a tuple; one name alone is a list of one."""
    return (names,) if isinstance(names, str) else tuple(names)


def quoted(names: Iterable[str]) -> str:
    """The names as they stand in error messages; of very many, the first ones."""
    names = list(names)
    more = f" and {len(names) - _MOST_QUOTED} more" if len(names) > _MOST_QUOTED + 1 else ""
    return ", ".join(repr(name) for name in (names[:_MOST_QUOTED] if more else names)) + more


def close(name: str, names: Iterable[str]) -> str:
    """Ask whether a similar name was meant, or list all if there is none."""
    matches = difflib.get_close_matches(name, sorted(names), n=3, cutoff=0.5)
    return f". Did you mean {quoted(matches)}?" if matches else f". There is {quoted(sorted(names))}"


def _recording(
    part: Table | Recording, time_column: str | None, ignore: tuple[str, ...], channels: tuple[str, ...] | None
) -> Recording:
    if not isinstance(part, Recording):
        return part.recording(time_column, ignore, channels)
    if time_column is not None and part.times is None:
        raise ValueError(f"time_column={time_column!r}, but an array has no named columns. Pass a frame or a file")
    kept = part.select([channel for channel in part.channels if channel not in ignore])
    if not kept.channels:
        raise ValueError(
            f"no channels are left ({part.name or 'recording'}). Ignore fewer than {quoted(part.channels)}"
        )
    return kept if channels is None else kept.select(channels)


def _parts(data: object) -> Iterator[Table | Recording]:
    """Tables and recordings, one for each run."""
    if isinstance(data, (str, Path)):
        from seqae.data.signals.readers import files_of, read_table  # loads pandas

        for path in files_of(Path(data)):
            yield read_table(path)
    elif isinstance(data, (list, tuple)) and data and not _is_numbers(data):
        for number, item in enumerate(data):
            if isinstance(item, (list, tuple)) and not _is_numbers(item):
                raise TypeError(f"item {number} is a list within a list, and not of numbers. Pass one flat list")
            yield from _parts(item) if isinstance(item, (str, Path)) else [_part(item, f"recording {number}")]
    else:
        yield _part(data, "")


def _part(data: object, where: str) -> Table | Recording:
    """One run that is in memory; `where` says which it is in error messages."""
    if isinstance(data, Recording):
        return data
    if hasattr(data, "to_frame") and not hasattr(data, "columns"):  # a pandas or polars series
        data = data.to_frame()
    if hasattr(data, "iloc") or hasattr(data, "get_columns"):
        from seqae.data.signals.tables import table_of_frame  # loads pandas

        return table_of_frame(data, where=where)
    values = to_values(data, where)
    channels = numbered(values.shape[1])
    refuse_infinite(values, channels, lambda row: f"{where}, row {row}".removeprefix(", "))
    return Recording(values, channels, warnings=tuple(remarks_on(values, channels)))


def _is_numbers(items: Sequence[object]) -> bool:
    """Whether a list is one channel, or the rows of a table, and not a list of recordings."""
    plain = (Number, np.number, np.bool_, type(None))
    if all(isinstance(item, (list, tuple)) for item in items):
        return all(isinstance(value, plain) for item in items for value in item)
    return all(isinstance(item, plain) for item in items)


def _aligned(recordings: list[Recording]) -> list[Recording]:
    """All with the channels of the first one."""
    first = recordings[0]
    for number, recording in enumerate(recordings):
        extra = [channel for channel in recording.channels if channel not in first.channels]
        if recording.is_named and extra:
            raise ValueError(
                f"{quoted(extra)} only in some runs ({recording.name or f'recording {number}'}). All runs need the "
                f"same channels. Leave the others out: ignore={extra}"
            )
    return [recording.select(first.channels) for recording in recordings]
