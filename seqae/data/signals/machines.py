"""Machines whose rows stand in one table: told apart by columns, and never read as one run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from pandas.api import types

from seqae.data.signals.names import format_names, letters_and_digits, machine_of_file, quoted, suggest
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.tables import Table

MACHINES = "machine|unit|device|asset|entity|equipment|turbine|engine|vehicle|robot|host|instance|mote"
# Words that may also be the name of a channel: what a pump does, where a motor is.
THINGS = (
    "pump|motor|compressor|truck|car|bus|train|station|site|plant|well|cell|battery|meter|sensor|probe|logger|line|"
    "building|room|appliance|wtg|inverter|generator|gateway|node|tool|chamber|reactor|drone|ship|vessel|bearing|mill|"
    "location|customer|user|series|group|run|trial|experiment|batch|source"
)
NUMBER = "id|no|nr|num|number|name|code|key|serial|label|tag|index|idx"
NAMED_MACHINE = re.compile(rf"({MACHINES})|({MACHINES}|{THINGS})({NUMBER})|u?u?id|serial(no|nr|number)?|hostname|imei")
MAYBE_MACHINE = re.compile(rf"{THINGS}|.*(run|trial|batch|experiment|simulation)")
MIN_ROWS = 2  # rows of each machine, on average
FEW_STEPS = 0.02  # steps back that may remain where clocks were set
MIN_COUNTED = 0.8  # the fraction of steps by one in a column that counts, and begins anew for each machine
MIN_FILLED = 0.8  # the fraction of moments in which each machine has a row, if numbers are machines


@dataclass(frozen=True, eq=False)
class Machines:
    """The machine of each row.

    Attributes:
        codes: `(row,)` int64, the number of the machine.
        names: The name of each machine, in the order of their first rows.
    """

    codes: np.ndarray
    names: tuple[str, ...]

    @classmethod
    def of(cls, table: Table, options: ReadingOptions) -> Machines:
        """Return the machine of each row by the columns that tell them apart.

        Raises:
            ValueError: There is no such column, or it is empty in a row.
        """
        rows = len(table)
        found = cls(np.zeros(rows, dtype=np.int64), ("",))
        for name in machine_columns(table, options):
            if name == "file" and name not in table.columns:
                found = found._divided(np.zeros(rows, dtype=np.int64), [machine_of_file(table.name)])
            else:
                found = found._divided(*_names(table, name))
        if found.names == (table.entity,):
            return found
        return cls(found.codes, tuple(" / ".join(filter(None, (table.entity, name))) for name in found.names))

    def rows(self) -> list[np.ndarray]:
        """Return the rows of each machine, in the order of the table."""
        order = np.argsort(self.codes, kind="stable")
        return np.split(order, np.searchsorted(self.codes[order], np.arange(1, len(self.names))))

    def _divided(self, codes: np.ndarray, names: Sequence[str]) -> Machines:
        """Return machines that are told apart by one column more."""
        joint, pairs = pd.factorize(self.codes * len(names) + codes)
        both = [(self.names[pair // len(names)], names[pair % len(names)]) for pair in pairs.tolist()]
        return Machines(joint.astype(np.int64), tuple(" / ".join(filter(None, each)) for each in both))


def machine_columns(table: Table, options: ReadingOptions) -> tuple[str, ...]:
    """Return the columns that tell machines apart: those that were named, or that the index of a frame shows."""
    if options.by:
        return tuple(table.plain(name) for name in options.by)
    ignored = {table.plain(name) for name in options.ignore}
    return tuple(name for name in table.by if name not in ignored)


def without_machine_columns(table: Table, options: ReadingOptions) -> dict[str, pd.Series]:
    """Return the columns of a table that do not tell machines apart, by their names."""
    by = machine_columns(table, options)
    return {name: column for name, column in table.columns.items() if name not in by}


def refuse_mixed_machines(table: Table, options: ReadingOptions) -> None:
    """Raise if a column that was not named seems to tell machines apart.

    Raises:
        ValueError: Time starts again for each of its values, or rows of different values have the same times, or it is
            called so; the message says how to name it.
    """
    known = {*machine_columns(table, options), *map(table.plain, options.channels or ())}
    others = {name: column for name, column in table.columns.items() if name not in known}
    candidates = {name: codes for name, column in others.items() if (codes := _codes(column)) is not None}
    for clock, time_column in _clocks(table):
        if (clock[1:] > clock[:-1]).all():
            continue  # so there is nothing that a column could separate
        for name, codes in candidates.items():
            if name != time_column and separates(codes, clock) and _is_structure(table, name, codes, clock, options):
                raise ValueError(_mixed(table, options, (name,), codes, time_column))
        for first, second in combinations([name for name in candidates if _may_be_machine(table, name)], 2):
            codes = pd.factorize(candidates[first] * (candidates[second].max() + 1) + candidates[second])[0]
            if len(codes) >= MIN_ROWS * (codes.max() + 1) and separates(codes, clock):
                raise ValueError(_mixed(table, options, (first, second), codes, time_column))
    for name, codes in candidates.items():
        if is_machine_name(name) and not _is_left_out(table, name, options) and not _is_switch(table.columns[name]):
            raise ValueError(_named_machine(table, options, name, codes))


def _names(table: Table, name: str) -> tuple[np.ndarray, list[str]]:
    """The number of the machine of each row by one column, and the names of the machines."""
    if name not in table.columns:
        raise ValueError(f"no column {quoted(name)} ({table.where}){suggest(name, table.columns)}")
    codes, values = pd.factorize(table.columns[name])
    if (codes < 0).any():
        raise ValueError(
            f"column {quoted(name)} is empty ({table.locate(int(np.argmax(codes < 0)))}). Expected the machine of "
            f"each row, "
            f"as by={quoted(name)} says. Fill it in, or delete the row"
        )
    again, names = pd.factorize(np.array([_machine_name(value) for value in values], dtype=object))
    return again[codes], names.tolist()


def _machine_name(value: object) -> str:
    is_whole = isinstance(value, (float, np.floating)) and float(value).is_integer()
    return str(int(value) if is_whole else value).strip()  # type: ignore[call-overload]


def _codes(column: pd.Series) -> np.ndarray | None:
    """The number of the value in each row, `(row,)`, if a column of texts or whole numbers may tell machines apart."""
    if not _is_discrete(column):
        return None
    codes, values = pd.factorize(column)
    few = 0 < MIN_ROWS * len(values) <= len(codes)
    return codes.astype(np.int64) if few and (codes >= 0).all() else None


def _is_discrete(column: pd.Series) -> bool:
    """Whether a column holds texts or whole numbers, at least in its first rows and in all if it holds numbers."""
    if types.is_bool_dtype(column) or types.is_complex_dtype(column):
        return False
    if types.is_float_dtype(column):
        head = column.iloc[:100].to_numpy(dtype=np.float64, na_value=np.nan)
        if not (head == np.floor(head)).all():
            return False
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return bool((values == np.floor(values)).all())
    if types.is_integer_dtype(column) or isinstance(column.dtype, pd.CategoricalDtype):
        return True
    return isinstance(column.iloc[0], str) and pd.api.types.infer_dtype(column, skipna=True) == "string"


def _clocks(table: Table) -> Iterator[tuple[np.ndarray, str]]:
    """The times, or else columns that count and begin anew: `(row,)` each, and the name of such a column."""
    if table.times is not None:
        yield table.times, ""
        return
    for name, column in table.columns.items():
        if types.is_numeric_dtype(column) and not types.is_bool_dtype(column) and not types.is_complex_dtype(column):
            steps = np.diff(column.to_numpy(dtype=np.float64, na_value=np.nan))
            if len(steps) and MIN_COUNTED < np.mean(steps == 1) < 1 and (steps[steps != 1] < 0).all():
                yield column.to_numpy(dtype=np.float64, na_value=np.nan), name


def separates(codes: np.ndarray, clock: np.ndarray) -> bool:
    """Whether time goes back or repeats in all rows together, but rises among the rows of each machine."""
    stuck, back = clock[1:] <= clock[:-1], clock[1:] < clock[:-1]
    if codes.max() == 0 or not stuck.any():
        return False
    order = np.argsort(codes, kind="stable")
    same, ordered = np.diff(codes[order]) == 0, clock[order]
    within = (ordered[1:] <= ordered[:-1]) & same
    is_back_only_between = back.any() and not ((ordered[1:] < ordered[:-1]) & same).any()
    return bool(is_back_only_between or within.sum() <= FEW_STEPS * stuck.sum())


def _is_structure(table: Table, name: str, codes: np.ndarray, clock: np.ndarray, options: ReadingOptions) -> bool:
    """Whether a column that separates times does so because of what it is, and not by chance."""
    count = codes.max() + 1
    filled = len(codes) / (count * len(np.unique(clock)))
    if _is_block(codes):
        if _is_left_out(table, name, options):
            return False  # the rows of each machine are a run of their own all the same
        return _may_be_machine(table, name) or count > 2
    return filled >= MIN_FILLED or (_may_be_machine(table, name) and filled >= MIN_FILLED / 8)


def _is_block(codes: np.ndarray) -> bool:
    """Whether the rows of each machine follow each other."""
    return int((np.diff(codes) != 0).sum()) == codes.max()


def _may_be_machine(table: Table, name: str) -> bool:
    return (
        is_machine_name(name)
        or bool(MAYBE_MACHINE.fullmatch(letters_and_digits(name)))
        or not types.is_numeric_dtype(table.columns[name])
    )


def is_machine_name(name: str) -> bool:
    return bool(NAMED_MACHINE.fullmatch(letters_and_digits(name)))


def _is_left_out(table: Table, name: str, options: ReadingOptions) -> bool:
    return options.channels is not None or name in {table.plain(each) for each in options.ignore}


def _is_switch(column: pd.Series) -> bool:
    """Whether a column holds 0 and 1: whether a turbine runs, and not which one it is."""
    return types.is_numeric_dtype(column) and bool(column.isin([0, 1]).all())


def _mixed(table: Table, options: ReadingOptions, names: tuple[str, ...], codes: np.ndarray, counter: str) -> str:
    """Return the message about columns that tell machines apart by their times."""
    is_block, count = _is_block(codes), codes.max() + 1
    what = (
        f"column{'s' * (len(names) > 1)} {format_names(names)} seem{'s' * (len(names) == 1)} to tell {count} machines"
    )
    clock = repr(counter) if counter else "time"
    why = f"{clock} {'starts again for each' if is_block else 'is the same for several rows'}"
    by = repr(names[0]) if len(names) == 1 else repr(list(names))
    fix = f"Name {'it' if len(names) == 1 else 'them'}: by={by}" + (f", time_column={counter!r}" if counter else "")
    if is_block and len(names) == 1 and not counter:
        fix += f", or leave it out: ignore={[*options.ignore, *names]!r}"
    column = table.columns[names[0]]
    others = [name for name in _channel_names(table, options) if name != names[0]]
    if len(names) == len(others) == 1 and not (is_machine_name(names[0]) or types.is_numeric_dtype(column)):
        fix += f"; or, if it names channels: tag_column={names[0]!r}, value_column={others[0]!r}"
    if types.is_numeric_dtype(column) and (_is_switch(column) or not is_machine_name(names[0])):
        fix += f"; if it is a reading, name all channels: channels={_channels(table, options, counter)}"
    return f"{what} apart ({table.where}): {why}. Expected a run for each machine. {fix}"


def _named_machine(table: Table, options: ReadingOptions, name: str, codes: np.ndarray) -> str:
    """Return the message about a column that is called like one of machines."""
    column = table.columns[name]
    examples = format_names(map(_machine_name, column.drop_duplicates().tolist()[:3]))
    more = ", ..." if codes.max() > 2 else ""
    is_apart = _is_block(codes) if table.times is None else bool((table.times[1:] > table.times[:-1]).all())
    leave_out = f", or leave it out: ignore={[*options.ignore, name]!r}" if is_apart else ""
    reading = f"; if it is a reading, name all channels: channels={_channels(table, options)}"
    return (
        f"column {quoted(name)} seems to name the machine of each row: {examples}{more} ({table.where}). Expected "
        f"readings, "
        f"and a run for each machine. Name it: by={quoted(name)}{leave_out}"
        f"{reading if types.is_numeric_dtype(column) else ''}"
    )


def _channels(table: Table, options: ReadingOptions, counter: str = "") -> str:
    names = [name for name in _channel_names(table, options) if name != counter]
    return repr(names) if len(names) <= 10 else "[...]"


def _channel_names(table: Table, options: ReadingOptions) -> list[str]:
    ignored = {table.plain(each) for each in options.ignore}
    return [name for name in without_machine_columns(table, options) if name not in ignored]
