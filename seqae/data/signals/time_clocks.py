"""Times of day without a date, and durations."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from seqae.data.signals.time_source import TimeSource

CLOCK = re.compile(r"\d{1,2}:\d\d(:\d\d([.,]\d+)?)?( ?[AaPp]\.?[Mm]\.?)?")
DURATION = re.compile(r"-?\d+ days?,?( [+-]?\d+:\d\d:\d\d(\.\d+)?)?")
DAY = 86400.0


def is_clock(text: object) -> bool:
    """Whether a text is a time of day without a date."""
    return isinstance(text, str) and bool(CLOCK.fullmatch(text.strip()))


def clock_seconds(column: pd.Series) -> np.ndarray | None:
    """Return the seconds of clocks or durations that are text, `(row,)` float64; None if one of them is neither."""
    first = column.iloc[0]
    if DURATION.fullmatch(first):
        found = pd.to_timedelta(column, errors="coerce")
        return None if found.isna().any() else found.dt.total_seconds().to_numpy(dtype=np.float64, copy=True)
    if not CLOCK.fullmatch(first) or not column.str.fullmatch(CLOCK.pattern).all():
        return None
    half = column.str.extract(r"([AaPp])\.?[Mm]\.?$")[0].str.lower()
    text = column.str.replace(r" ?[AaPp].*", "", regex=True).str.replace(",", ".")
    found = pd.to_timedelta(text.where(text.str.contains(r":.*:"), text + ":00"), errors="coerce")
    if found.isna().any():
        return None
    seconds = found.dt.total_seconds().to_numpy(dtype=np.float64, copy=True)
    if half.notna().any():  # 12:30 AM is half past midnight
        return np.where(half.notna(), seconds % (DAY / 2) + np.where(half == "p", DAY / 2, 0), seconds)
    return seconds


class DayCounter:
    """Lets clocks that pass midnight go on into the next day.

    Attributes:
        notes: Where they pass midnight first.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._days = 0  # midnights passed
        self._last: float | None = None

    def count_on(self, seconds: np.ndarray, source: TimeSource) -> np.ndarray:
        """Return seconds since the first midnight, `(row,)` float64, of seconds since the last one."""
        last = seconds[0] if self._last is None else self._last
        midnights = np.diff(seconds, prepend=last) < -DAY / 2
        days = self._days + np.cumsum(midnights)
        if midnights.any() and not self._days:
            self.notes.append(
                f"{source} has clocks without dates, which pass midnight ({source.locate(int(np.argmax(midnights)))} "
                "first): the rows after it are of the next day"
            )
        self._days, self._last = int(days[-1]), float(seconds[-1])
        return seconds + days * DAY
