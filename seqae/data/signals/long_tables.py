"""Long tables, with one row for each value: a column names the channel of each row, another holds the value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from pandas.api import types

from seqae.data.signals.machines import Machines, is_machine_name, machine_columns, separates, without_machine_columns
from seqae.data.signals.names import format_names, letters_and_digits, quoted, suggest
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.pivots import LongRows, Pivot, turns_of
from seqae.data.signals.tables import Table
from seqae.data.signals.time_columns import is_time_name
from seqae.data.signals.timestamps import is_stamp

TAG = re.compile(
    r"(tag|series|sensor|channel|metric|variable|var|parameter|param|signal|topic|point|item|probe|measurement|measure|"
    r"field|attribute|property|quantity|observedproperty|indicator|trend|pv|feature|key|object|entity|register|"
    r"mesure|messstelle|messgröße|kanal|merkmal)s?(id|name|no|nr|number|code|key|type|label)?|name|description"
)
VALUE = re.compile(
    r"(value|val|reading|payload|state|data|wert|messwert|valeur|valor|pvvalue|processvalue|message|result|"
    r"measurement|observation|(sample|numeric|result|metric|tag|sensor|var|variable|float|double|int|num|object|raw)value|"
    r"avg|average|mean)s?"
)
UNIT = re.compile(r"(unit|units|uom|einheit|unite|unitofmeasure(ment)?|engunits?|engineeringunits?)")
MIN_ROWS = 2  # rows of each channel, on average
MIN_CONFLICTS = 0.1  # the fraction of values that share time and channel, if machines are mixed
MAX_WORDS = 12  # different words that a note may list


def refuse_long(table: Table, options: ReadingOptions) -> None:
    """Raise if a table has one row for each value, and no option says so.

    Raises:
        ValueError: It seems to; the message says how to make it wide.
    """
    if options.tag_column is not None or options.value_column is not None:
        return
    channels = set(map(table.plain, options.channels or ()))
    ignored = {table.plain(name) for name in options.ignore}
    others = without_machine_columns(table, options)
    called, numbers = _value_columns({name: column for name, column in others.items() if name not in ignored})
    found: list[tuple[bool, bool, int, str, str]] = []
    for tag, column in others.items():
        is_named = _is_tag_name(tag)
        if tag in channels or ((tag in ignored or is_machine_name(tag)) and not is_named):
            continue
        codes = _codes(column, is_named)  # first, because nearly no column has any
        if codes is None or (value := _value_of(tag, called, numbers)) is None:
            continue
        by_time = table.times is not None and separates(codes, table.times)
        if not by_time and (value in channels or (tag in ignored and codes.max() == 0)):
            continue
        is_value = bool(VALUE.fullmatch(letters_and_digits(value)))
        if (is_named and (is_value or by_time)) or (is_value and by_time):
            found.append((is_named, by_time, int(codes.max()), tag, value))
    if found:
        *_, by_time, _, tag, value = max(found, key=lambda each: each[:3])
        raise ValueError(_long(table, options, tag, value, by_time))


def wide(table: Table, machines: Machines, options: ReadingOptions) -> tuple[Table, Machines]:
    """Return a long table with one row for each moment of each machine, and one column for each channel.

    Rows are in the order of time. Stamps that differ, however little, are rows of their own, in which the other
    channels are missing. A value that is there twice with equal stamp, channel and value counts once; other values
    with equal stamps stand in further rows of that time, with a warning.

    Args:
        table: The table, with its times separated.
        machines: The machine of each row.
        options: How the table is read.

    Returns:
        The table, and the machine of each of its rows.

    Raises:
        ValueError: There is no time, no such column, or rows of several machines are mixed; the message names them.
    """
    tag, value = _tag_and_value(table, options)
    if table.times is None:
        raise ValueError(
            f"one row for each value, but no column of times ({table.where}). Expected one. Name it: "
            f"time_column={next((name for name in table.columns if name not in (tag, value)), 'time')!r}"
        )
    rows = LongRows.of(table, tag, value)
    _refuse_mixed_channels(table, rows, machines, (tag, value), options)
    pivot = Pivot.of(rows, machines, table.times)
    units, left_out = _beside(table, rows, (tag, value), options)
    if value in table.units:
        units = dict.fromkeys(rows.tags, table.units[value]) | units
    columns = {name: pivot.column(number, rows.values) for number, name in enumerate(rows.tags)}
    upright = replace(
        table,
        columns=columns,
        headers={name: name for name in columns},
        units=units,
        warnings=(*table.warnings, *_notes(table, pivot, (tag, value), left_out)),
        times=table.times[pivot.first_rows],
        locate=lambda row: table.locate(int(pivot.first_rows[row])),
        locate_cell=lambda name, row: table.locate(pivot.row_of(rows.tags.index(name), row)),
    )
    return upright, Machines(machines.codes[pivot.first_rows], machines.names)


def _notes(table: Table, pivot: Pivot, used: tuple[str, str], left_out: list[str]) -> Iterator[str]:
    if pivot.further:
        yield (
            f"{pivot.further:,} value{'s' * (pivot.further > 1)} of column {used[1]!r} with the time and {used[0]!r} "
            f"of another: they are in further rows of that time, first {table.locate(pivot.first_further)}"
        )
    if left_out:
        yield f"left out beside the values: {', '.join(left_out)}"


def _refuse_mixed_channels(
    table: Table, rows: LongRows, machines: Machines, used: tuple[str, str], options: ReadingOptions
) -> None:
    """Raise if another column tells values apart that have the same channel, such as one of machines."""
    assert table.times is not None
    clock, machine = table.times[rows.rows], machines.codes[rows.rows]
    conflicts = int((turns_of(rows, machine, clock) > 0).sum())
    for name in _others(table, used, options):
        codes, values = _factorized(table.columns[name])
        own = codes[rows.rows]
        if len(values) < 2 or (own < 0).any() or not _varies_within(own, rows.codes):
            continue
        rest = int((turns_of(rows, machine * len(values) + own, clock) > 0).sum()) if conflicts else 0
        if is_machine_name(name) or (conflicts >= MIN_CONFLICTS * len(own) and rest <= conflicts // 100):
            by = [*machine_columns(table, options), name]
            raise ValueError(
                f"column {quoted(name)} seems to tell {len(values)} machines apart, which have the same channels "
                f"({table.where}). Expected a run for each machine. Name it: by={by[0] if len(by) == 1 else by!r}"
            )


def _beside(
    table: Table, rows: LongRows, used: tuple[str, str], options: ReadingOptions
) -> tuple[dict[str, str], list[str]]:
    """The unit of each channel, where a column holds them, and the columns that are left out beside the values."""
    units: dict[str, str] = {}
    left_out = []
    for name in _others(table, used, options):
        column = table.columns[name]
        codes, values = _factorized(column)
        if UNIT.fullmatch(letters_and_digits(name)) and not _varies_within(codes[rows.rows], rows.codes):
            first = np.unique(rows.codes, return_index=True)[1]
            found = zip(rows.tags, codes[rows.rows[first]].tolist())
            units = {tag: str(values[code]).strip() for tag, code in found if code >= 0}
        elif 1 < len(values) <= MAX_WORDS and not types.is_float_dtype(column):
            shares = np.bincount(codes[codes >= 0]) / len(codes)
            left_out.append(
                f"{quoted(name)} ({', '.join(f'{word} {share:.1%}' for word, share in zip(values, shares))})"
            )
        else:
            left_out.append(repr(name))
    return units, left_out


def _others(table: Table, used: tuple[str, str], options: ReadingOptions) -> list[str]:
    known = {*used, *machine_columns(table, options), *map(table.plain, options.ignore)}
    return [name for name in table.columns if name not in known]


def _factorized(column: pd.Series) -> tuple[np.ndarray, pd.Index]:
    """The number of the value in each row, -1 where it is missing, and the values."""
    is_plain = types.is_numeric_dtype(column) or types.infer_dtype(column, skipna=True) != "mixed"
    return pd.factorize(column if is_plain else column.astype(str))


def _varies_within(codes: np.ndarray, tags: np.ndarray) -> bool:
    """Whether a column has several values for one channel."""
    return len(np.unique(np.stack([tags, codes]), axis=1).T) > len(np.unique(tags))


def _tag_and_value(table: Table, options: ReadingOptions) -> tuple[str, str]:
    """The column of channels and that of values."""
    tag, value = options.tag_column, options.value_column
    if tag is None or value is None:
        given, lacking = ("value_column", "tag_column") if tag is None else ("tag_column", "value_column")
        others = {name: column for name, column in table.columns.items() if name != table.plain(tag or value or "")}
        near = _value_of(tag, *_value_columns(others)) if tag else next(filter(_is_tag_name, others), None)
        example = repr(near) if near else f"..., one of {format_names(others)}"
        raise ValueError(
            f"{given}={tag or value!r} without a {lacking} ({table.where}). A table with one row for each value needs "
            f"both: the column that names the channel, and that of the values. Name it: {lacking}={example}"
        )
    for name in (tag, value):
        if table.plain(name) not in table.columns:
            raise ValueError(f"no column {quoted(name)} ({table.where}){suggest(name, table.columns)}")
    return table.plain(tag), table.plain(value)


def _codes(column: pd.Series, is_named: bool) -> np.ndarray | None:
    """The number of the text in each row, `(row,)`, or of the whole number if the column is called so."""
    is_whole = types.is_integer_dtype(column) and is_named
    is_text = isinstance(column.dtype, pd.CategoricalDtype) or types.infer_dtype(column, skipna=True) == "string"
    if not is_whole and not is_text:
        return None
    codes, values = pd.factorize(column)
    few = 0 < MIN_ROWS * len(values) <= len(codes)
    return codes.astype(np.int64) if few and (codes >= 0).all() else None


def _value_columns(columns: Mapping[str, pd.Series]) -> tuple[list[str], dict[str, bool]]:
    """The columns called like one of values, the likeliest first, and whether each column of numbers has fractions."""
    columns = {name: column for name, column in columns.items() if not (is_time_name(name) or column.isna().all())}
    numbers = {
        name: types.is_float_dtype(column)
        for name, column in columns.items()
        if types.is_numeric_dtype(column) and not is_machine_name(name)
    }
    called = [name for name in columns if VALUE.fullmatch(letters_and_digits(name))]
    called.sort(key=lambda name: (name not in numbers, letters_and_digits(name) not in ("value", "val")))
    return called, numbers


def _value_of(tag: str, called: Sequence[str], numbers: Mapping[str, bool]) -> str | None:
    """The column of values beside one of channels: one that is called so, or the only one of numbers."""
    if value := next((name for name in called if name != tag), None):
        has_others = any(is_float for name, is_float in numbers.items() if name not in (tag, value))
        return None if has_others else value
    names = [name for name in numbers if name != tag]
    return names[0] if len(names) == 1 else None


def _is_tag_name(name: str) -> bool:
    return bool(TAG.fullmatch(letters_and_digits(name)))


def _long(table: Table, options: ReadingOptions, tag: str, value: str, by_time: bool) -> str:
    """Return the message about a table that has one row for each value."""
    example = str(table.columns[tag].iloc[0])
    names = f"tag_column={quoted(tag)}, value_column={value!r}"
    if len(table.time_columns) == 1:
        names += f", time_column={table.time_columns[0]!r}"
    elif not table.time_columns:
        stamped = (name for name, column in table.columns.items() if is_stamp(column.iloc[0]))
        names += f", time_column={next(stamped, 'time')!r}"
    tags = _factorized(table.columns[tag])[0]
    others = [name for name in _others(table, (tag, value), options) if is_machine_name(name)]
    machines = [name for name in others if _varies_within(_factorized(table.columns[name])[0], tags)]
    if machines and not machine_columns(table, options):
        names += f", by={machines if len(machines) > 1 else machines[0]!r}"
    alternative = "" if _is_tag_name(tag) else f"; or, if each is a machine of its own: by={quoted(tag)}"
    if not by_time and types.is_numeric_dtype(table.columns[value]):
        alternative += f"; or, if all are values of one sensor: channels=[{value!r}]"
    return (
        f"column {quoted(tag)} names the channel of each value: a long table with one row for each sensor and moment "
        f"({table.locate(0)}: {quoted(example)}). Expected a column for each sensor. Make it wide: {names}{alternative}"
    )
