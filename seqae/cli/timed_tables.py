"""Tables of results with the rows and times that they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas

    from seqae.data.signals.recordings import Recording


def timed_table(
    recording: Recording, rows: Sequence[int] | np.ndarray, names: Iterable[str], columns: np.ndarray
) -> pandas.DataFrame:
    """Return a table of columns, `(row, column)`, with the indices and times of their rows, and their machine."""
    import pandas

    index: dict[str, Any] = {"entity": [recording.entity] * len(rows)} if recording.entity else {}
    index |= {"row": rows} if recording.times is None else {"row": rows, "time": recording.times[rows]}
    return pandas.concat([pandas.DataFrame(index), pandas.DataFrame(columns, columns=list(names))], axis=1)
