"""The time index of a frame, which checks of other libraries drop."""

from __future__ import annotations

from typing import Any

import numpy as np


def with_times(rows: np.ndarray, data: Any) -> Any:
    """Return rows `(row, channel)`, as a frame of pandas if the data that they are from have times as their index.

    Args:
        rows: The checked values of the data, NaN where one is missing.
        data: What the user gave: an array, a frame or a Series of pandas, or anything else.
    """
    index: Any = getattr(data, "index", None)
    if str(getattr(index, "dtype", "")).lower().startswith("period"):
        index = index.to_timestamp()
    if not str(getattr(index, "dtype", "")).lower().startswith(("datetime", "timestamp")):
        return rows
    import pandas as pd

    columns = getattr(data, "columns", None)
    # Arrow keeps times in a form of its own, which is not taken for an index of times everywhere.
    return pd.DataFrame(rows, index=pd.DatetimeIndex(np.asarray(index, "M8[ns]")), columns=columns)
