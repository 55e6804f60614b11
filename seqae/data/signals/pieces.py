"""Tables that come in pieces: files of one data set, or frames one after the other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import accumulate

import numpy as np
import pandas as pd

from seqae.data.signals.names import format_names
from seqae.data.signals.tables import Table


def joined(tables: Sequence[Table], name: str = "", ignored: Collection[str] = ()) -> Table:
    """Return the table whose rows are those of several tables, one after the other.

    Args:
        tables: The pieces, which have the same columns, in any order.
        name: The name of the whole.
        ignored: Columns that only some of the pieces may have.

    Raises:
        ValueError: A piece has other columns or units than the first one.
    """
    headers = {plain: header for table in reversed(tables) for plain, header in table.headers.items()}
    for table in tables:
        if odd := [plain for plain, header in table.headers.items() if headers[plain] != header]:
            raise ValueError(
                f"{headers[odd[0]]!r} is {table.headers[odd[0]]!r} in some pieces ({table.locate(0)}). Expected "
                "the same units in all. Convert them"
            )
        if absent := [
            each for each, header in headers.items() if each not in table.columns and not {each, header} & set(ignored)
        ]:
            raise ValueError(
                f"{format_names(absent)} only in some pieces, not in all ({table.locate(0)}). Expected the same "
                f"columns. Leave the others out: ignore={absent}"
            )
    lengths = [len(next(iter(table.columns.values()))) for table in tables]
    columns = {
        plain: pd.concat(
            [
                table.columns[plain] if plain in table.columns else pd.Series([None] * rows)
                for table, rows in zip(tables, lengths)
            ],
            ignore_index=True,
        )
        for plain in headers
    }
    units = {plain: unit for table in reversed(tables) for plain, unit in table.units.items()}
    warnings = dict.fromkeys(warning for table in tables for warning in table.warnings)
    locate = _locator([table.locate for table in tables], lengths)
    return Table(columns, headers, units, name, locate, tuple(warnings), by=tables[0].by)


def _locator(locate: Sequence[Callable[[int], str]], lengths: Sequence[int]) -> Callable[[int], str]:
    """Return a function that returns the position of a row of the whole within its piece."""
    ends = list(accumulate(lengths))

    def located(row: int) -> str:
        piece = int(np.searchsorted(ends, row, side="right"))
        return locate[piece](int(row) - (ends[piece] - lengths[piece]))

    return located
