"""Recordings of a table, whatever its layout: wide or long, upright or transposed, of one machine or of several."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from seqae.data.signals.long_tables import refuse_long, wide
from seqae.data.signals.machines import Machines, refuse_mixed_machines, without_machine_columns
from seqae.data.signals.names import format_names
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.recordings import Recording
from seqae.data.signals.sampling import refuse_disorder
from seqae.data.signals.tables import Readings, Table
from seqae.data.signals.timestamps import TimeReader
from seqae.data.signals.transposed import refuse_transposed, upright
from seqae.data.signals.warnings import data_warnings


@dataclass(frozen=True, eq=False)
class LaidOut:
    """A table with a row for each moment and a column for each channel, and the machine of each row.

    Attributes:
        table: The table, with its times separated.
        machines: The machine of each row.
    """

    table: Table
    machines: Machines

    @classmethod
    def of(cls, table: Table, options: ReadingOptions) -> LaidOut:
        """Turn a table of any layout into this one.

        Raises:
            ValueError: It cannot be read without guessing; the message names the option that tells.
        """
        if options.transposed:
            table = upright(table)
        else:
            refuse_transposed(table)
        table = table.timed(options, TimeReader(options))
        refuse_long(table, options)
        machines = Machines.of(table, options)
        if options.tag_column is not None or options.value_column is not None:
            return cls(*wide(table, machines, options))
        refuse_mixed_machines(table, options)
        return cls(replace(table, columns=without_machine_columns(table, options)), machines)

    def recordings(self, options: ReadingOptions) -> Iterator[Recording]:
        """Yield a recording for each machine, in the order of their first rows.

        Raises:
            ValueError: A value is no finite number, or rows are not in the order of time; names the line.
        """
        table, found = self.table, self.table.channels(options)
        notes = [*table.warnings, *_left_out(found, table, options)]
        sources = zip(found.channels, found.columns)
        units = {name: table.units[source] for name, source in sources if source in table.units}
        for entity, rows in zip(self.machines.names, self.machines.rows()):
            own = _compact(_in_order(table, rows, options))
            values, times = found.values[own], None if found.times is None else found.times[own]
            remarks = (*notes, *data_warnings(values, found.channels, times, options))
            values = np.ascontiguousarray(values)  # each row in one piece, as models take them
            first = table.day_first
            yield Recording(values, found.channels, times, units, table.name, entity, remarks, day_first=first)


def _in_order(table: Table, rows: np.ndarray, options: ReadingOptions) -> np.ndarray:
    """Return the rows of one machine in the order of time, if they are, or if they are to be sorted."""
    if options.sort and table.times is None:
        raise ValueError(
            f"sort=True, but no column of times ({table.where}). Expected one to sort by. Name it: "
            f"time_column={next(iter(table.columns))!r}"
        )
    if table.times is None:
        return rows
    if options.sort:
        return rows[np.argsort(table.times[rows], kind="stable")]
    refuse_disorder(table.times[rows], table.time_columns[0], lambda row: table.locate(int(rows[row])))
    return rows


def _compact(rows: np.ndarray) -> np.ndarray | slice:
    """Return rows as a slice if they follow each other: so nothing is copied for a table of one machine."""
    is_slice = rows[-1] - rows[0] + 1 == len(rows) and bool((np.diff(rows) == 1).all())
    return slice(int(rows[0]), int(rows[-1]) + 1) if is_slice else rows


def _left_out(found: Readings, table: Table, options: ReadingOptions) -> Iterator[str]:
    used = {*found.columns, *map(table.plain, options.ignore)}
    if left_out := [name for name in table.columns if name not in used]:
        yield f"left out, because not among the channels: {format_names(left_out)}"
