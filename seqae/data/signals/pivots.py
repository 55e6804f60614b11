"""Where the values of a long table stand in a wide one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api import types

from seqae.data._files.text_files import json_object
from seqae.data.signals.machines import Machines
from seqae.data.signals.names import quoted
from seqae.data.signals.tables import Table


@dataclass(frozen=True, eq=False)
class LongRows:
    """The rows of a long table, more than it has if several values stand in one cell.

    Attributes:
        tags: The name of each channel, in the order of their first rows.
        codes: `(value,)`, the number of the channel.
        values: `(value,)`, the cells.
        rows: `(value,)`, the row of the table.
    """

    tags: tuple[str, ...]
    codes: np.ndarray
    values: pd.Series
    rows: np.ndarray

    @classmethod
    def of(cls, table: Table, tag: str, value: str) -> LongRows:
        column = table.columns[tag]
        if column.isna().any():
            row = int(np.argmax(column.isna()))
            raise ValueError(
                f"column {quoted(tag)} is empty ({table.locate(row)}). Expected the channel of each value, as "
                f"tag_column={quoted(tag)} says. Fill it in, or delete the row"
            )
        codes, names = pd.factorize(column)
        tags, values, rows = [str(name).strip() for name in names], table.columns[value], np.arange(len(codes))
        is_object = _are_objects(values)
        if is_object.any():
            return cls._of_objects(table, tags, codes, values, is_object)
        again, unique = pd.factorize(np.array(tags, dtype=object))  # equal but for blanks
        return cls(tuple(unique), again[codes], values, rows)

    @classmethod
    def _of_objects(
        cls, table: Table, tags: list[str], codes: np.ndarray, values: pd.Series, is_object: np.ndarray
    ) -> LongRows:
        """Read cells that hold an object of JSON: a value for each member, whose name is added to that of the tag."""
        names: list[str] = []
        cells: list[object] = []
        rows: list[int] = []
        for row, (code, cell) in enumerate(zip(codes.tolist(), values.tolist())):
            members = {"": cell}
            if is_object[row]:
                members = _flat(cell if isinstance(cell, dict) else json_object(cell, table.locate(row)))
            names += [f"{tags[code]} {member}".strip() for member in members]
            cells += members.values()
            rows += [row] * len(members)
        again, unique = pd.factorize(np.array(names, dtype=object))
        return cls(tuple(unique), again, pd.Series(cells, dtype=object), np.array(rows, dtype=np.int64))


@dataclass(frozen=True, eq=False)
class Pivot:
    """Where the values of a long table stand in a wide one.

    Attributes:
        order: `(value,)`, the values sorted by channel.
        starts: `(channel + 1,)`, where the values of each channel begin in this order.
        moments: `(value,)`, the row of each value in the wide table.
        rows: `(value,)`, its row in the long table.
        first_rows: `(moment,)`, the first row in the long table of each row of the wide one.
        further: How many values have the moment and channel of another one.
        first_further: The row of the first of them in the long table.
    """

    order: np.ndarray
    starts: np.ndarray
    moments: np.ndarray
    rows: np.ndarray
    first_rows: np.ndarray
    further: int
    first_further: int

    @classmethod
    def of(cls, rows: LongRows, machines: Machines, times: np.ndarray) -> Pivot:
        clock, machine = times[rows.rows], machines.codes[rows.rows]
        turns = turns_of(rows, machine, clock)
        keys = (turns, clock, machine)
        by_moment = np.lexsort((rows.rows, *keys))
        is_first = np.ones(len(by_moment), dtype=bool)
        is_first[1:] = np.any([each[by_moment][1:] != each[by_moment][:-1] for each in keys], axis=0)
        moments = np.empty(len(by_moment), dtype=np.int64)
        moments[by_moment] = np.cumsum(is_first) - 1
        order = np.argsort(rows.codes, kind="stable")
        starts = np.searchsorted(rows.codes[order], np.arange(len(rows.tags) + 1))
        later = np.flatnonzero(turns > 0)
        return cls(
            order=order,
            starts=starts,
            moments=moments,
            rows=rows.rows,
            first_rows=rows.rows[by_moment[is_first]],
            further=len(later),
            first_further=int(rows.rows[later[0]]) if len(later) else 0,
        )

    def column(self, number: int, values: pd.Series) -> pd.Series:
        """Return the cells of a channel in the wide table, `(moment,)`, missing where there is none."""
        own = self._own(number)
        cells = values.iloc[own]
        if not types.is_numeric_dtype(cells):
            cells = cells.astype(object).where(cells.notna(), None).infer_objects()
        if types.is_numeric_dtype(cells) and not types.is_complex_dtype(cells):
            numbers = np.full(len(self.first_rows), np.nan)
            numbers[self.moments[own]] = cells.to_numpy(dtype=np.float64, na_value=np.nan)
            return pd.Series(numbers)
        objects = np.full(len(self.first_rows), None, dtype=object)
        objects[self.moments[own]] = cells.astype(object).to_numpy()
        return pd.Series(objects, dtype=object)

    def row_of(self, number: int, moment: int) -> int:
        """Return the row in the long table of a cell in the wide one."""
        own = self._own(number)
        return int(self.rows[own[np.flatnonzero(self.moments[own] == moment)[-1]]])

    def _own(self, number: int) -> np.ndarray:
        return self.order[self.starts[number] : self.starts[number + 1]]


def turns_of(rows: LongRows, machine: np.ndarray, clock: np.ndarray) -> np.ndarray:
    """`(value,)`, how many other values have stood with the same machine, channel and time before each."""
    order = np.lexsort((rows.rows, clock, rows.codes, machine))
    same = np.all([each[order][1:] == each[order][:-1] for each in (clock, rows.codes, machine)], axis=0)
    turns = np.zeros(len(order), dtype=np.int64)
    later = np.flatnonzero(same) + 1
    if len(later) == 0:
        return turns
    before, after = (rows.values.iloc[each].astype(object) for each in (order[later - 1], order[later]))
    pairs = zip(before.where(before.notna(), None), after.where(after.notna(), None))
    differs = np.zeros(len(order), dtype=np.int64)
    differs[later] = [first != second for first, second in pairs]
    steps = np.cumsum(differs)
    begins = np.flatnonzero(np.append(True, ~same))
    turns[order] = steps - np.repeat(steps[begins], np.diff(np.append(begins, len(order))))
    return turns


def _are_objects(values: pd.Series) -> np.ndarray:
    """`(row,)`, which cells hold an object of JSON."""
    if types.is_numeric_dtype(values):
        return np.zeros(len(values), dtype=bool)
    return np.array([isinstance(cell, dict) or _is_object(cell) for cell in values.tolist()], dtype=bool)


def _is_object(cell: object) -> bool:
    return isinstance(cell, str) and cell.strip().startswith("{")


def _flat(members: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """The members of an object, and those of objects in it: {"a": {"b": 1}} has "a.b"."""
    flat: dict[str, object] = {}
    for name, value in members.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat
