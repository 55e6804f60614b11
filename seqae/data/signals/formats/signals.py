"""Signals in files that may hold several groups of them: which group is meant, and the table that it makes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from seqae._extras import MissingExtra
from seqae.data._files.archives import max_unpacked
from seqae.data.signals.names import format_names, suggest
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.tables import Table

_SHOWN = 4  # names of signals of each group in an error message


@dataclass(frozen=True, eq=False)
class Signals:
    """Signals that were sampled together.

    Attributes:
        columns: Maps the name of each to its values, `(row,)`.
        times: `(row,)` datetime64, or float seconds from the start; None if the file does not tell.
        units: Maps the names of those that have a unit to it.
        warnings: Remarkable facts noticed while reading.
    """

    columns: Mapping[str, np.ndarray | pd.Series]
    times: np.ndarray | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def table(self, path: Path) -> Table:
        """Return the table of these signals; the times, if there are any, become its first column."""
        columns = [(name, pd.Series(_native(values))) for name, values in self.columns.items()]
        if self.times is not None:
            names = {name.strip().lower() for name in self.columns}
            called = next(name for name in ("time", "timestamp", "datetime", "epoch") if name not in names)
            columns.insert(0, (called, pd.Series(self.times)))
        table = Table.of(columns, path.name, warnings=self.warnings)
        headers = {header.strip(): plain for plain, header in table.headers.items()}
        units = {headers.get(name.strip(), name): unit.strip() for name, unit in self.units.items() if unit.strip()}
        return replace(table, units={**table.units, **units})


def chosen(
    groups: Mapping[str, Collection[str]], path: Path, options: ReadingOptions, can_merge: bool = False
) -> list[str]:
    """Return the names of the groups of a file that are to be read.

    That is the only one; else the one that `sheet` names, or that alone has all the channels asked for; or all of
    them, if the rows are resampled anyway.

    Args:
        groups: The names of the signals in each group.
        path: The file, for error messages.
        options: How it is read.
        can_merge: Whether the groups have times by which they can be merged.

    Raises:
        ValueError: There is no group, none of this name, or several.
    """
    if not groups:
        raise ValueError(f"no signals of numbers ({path.name}). A recording has at least one")
    if options.sheet is not None:
        if options.sheet not in groups:
            raise ValueError(f"no {options.sheet!r} ({path.name}){suggest(options.sheet, groups)}")
        return [options.sheet]
    if len(groups) == 1:
        return list(groups)
    having = [name for name, names in groups.items() if options.channels and set(options.channels) <= set(names)]
    if len(having) == 1:
        return having
    if can_merge and options.resample not in (None, "none"):
        return list(groups)
    raise ValueError(_several(groups, path, can_merge))


def _several(groups: Mapping[str, Collection[str]], path: Path, can_merge: bool) -> str:
    shown = [f"{name!r} with {_shortened(list(names))}" for name, names in list(groups.items())[:10]]
    more = f"; and {len(groups) - 10} more" if len(groups) > 10 else ""
    merge = "; or bring all to one clock: resample='1s', fill='hold'" if can_merge else ""
    return (
        f"{len(groups)} tables ({path.name}): {'; '.join(shown)}{more}. Expected one. Choose it: "
        f"sheet={next(iter(groups))!r}{merge}"
    )


def _shortened(names: Sequence[str]) -> str:
    return format_names(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")


def merged(groups: Mapping[str, Signals]) -> Signals:
    """Return the signals of several groups at the times of all of them, NaN where a group has no reading.

    Of rows of a group at the same time the last one stands.
    """
    if len(groups) == 1:
        return next(iter(groups.values()))
    clocks = [each.times for each in groups.values() if each.times is not None]
    times = np.unique(np.concatenate(clocks))
    counts = Counter(name for each in groups.values() for name in each.columns)
    columns: dict[str, np.ndarray | pd.Series] = {}
    units: dict[str, str] = {}
    for (group, signals), clock in zip(groups.items(), clocks):
        rows = np.searchsorted(times, clock)
        for name, values in signals.columns.items():
            called = name if counts[name] == 1 else f"{group}.{name}"
            columns[called] = np.full(len(times), np.nan)
            columns[called][rows] = np.asarray(values).astype(np.float64)
            if name in signals.units:
                units[called] = signals.units[name]
    return Signals(columns, times, units, tuple(note for each in groups.values() for note in each.warnings))


def clock_times(start: np.datetime64 | None, period: float, rows: int) -> np.ndarray:
    """Return the times of rows that follow each other by `period` seconds, `(row,)`.

    They are datetime64[ns], or float seconds from 0 if no start is known.
    """
    seconds = np.arange(rows) * period
    if start is None:
        return seconds
    return start.astype("M8[ns]") + np.rint(seconds * 1e9).astype("m8[ns]")


def numbered(names: Sequence[str]) -> list[str]:
    """Return names with a number behind those that were there before: "EMG", "EMG 2"."""
    seen: Counter[str] = Counter()
    result = []
    for name in names:
        seen[name] += 1
        result.append(name if seen[name] == 1 else f"{name} {seen[name]}")
    return result


@contextmanager
def damage_named(path: Path, kind: str) -> Iterator[None]:
    """Add the name of the file to errors: for a damaged one, packages raise errors of all kinds."""
    try:
        yield
    except (MissingExtra, PermissionError):
        raise
    except Exception as error:
        why = " ".join(f"{error}".split()) or type(error).__name__
        raise ValueError(f"a damaged {kind} file ({path.name}: {why[:300]}). Get the file again") from error


def refuse_bomb(size: int, path: Path) -> None:
    """Raise a ValueError if a file unpacks to far more bytes than its size explains."""
    largest = max_unpacked(path.stat().st_size)
    if size > largest:
        raise ValueError(
            f"{path.name} unpacks to {size:,} bytes, far more than its size explains. Expected {largest:,} at most. "
            "If you trust it, read it with pandas and pass the frame"
        )


def _native(values: np.ndarray | pd.Series) -> np.ndarray | pd.Series:
    """Return values in the byte order of this machine, which pandas wants."""
    if isinstance(values, np.ndarray) and not values.dtype.isnative:
        return values.astype(values.dtype.newbyteorder("="))
    return values
