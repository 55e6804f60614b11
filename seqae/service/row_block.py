"""Rows that were read together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class RowBlock:
    """Rows that came together.

    Attributes:
        values: `(row, channel)` float64, NaN where a value is missing.
        times: `(row,)` datetime64[ns] or float64 seconds; None if there are no times.
        entity: The machine that they are of, "" if they name none.
        lines: `(row,)`, the number of the line of each row; None if it is unknown.
        notes: Remarks on how they were read.
    """

    values: np.ndarray
    times: np.ndarray | None
    entity: str = ""
    lines: np.ndarray | None = None
    notes: tuple[str, ...] = ()
