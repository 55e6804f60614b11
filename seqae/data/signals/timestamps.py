"""Time stamps in any common format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import pandas as pd

from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.stamp_parts import StampParts
from seqae.data.signals.time_clocks import DURATION, DayCounter, clock_seconds, is_clock
from seqae.data.signals.time_numbers import TimeNumbers, is_count
from seqae.data.signals.time_source import TimeSource
from seqae.data.signals.time_texts import TimeTexts, formats
from seqae.data.signals.time_zones import LocalClock

LONGEST = 50  # letters of a stamp
_MAX_COUNT = 2**62  # numbers that are stamps are smaller
_DATE_SIGNS = ("%Y", "%y", "%m", "%d", "%j", "%b", "%B", "%G")


def is_stamp(text: object) -> bool:
    """Whether a text is a time stamp, by itself."""
    text = str(text).strip()
    if not 4 <= len(text) <= LONGEST or not any(letter.isdigit() for letter in text):
        return False
    if is_clock(text) or DURATION.fullmatch(text) or formats(text):
        return True
    plain = StampParts.of(pd.Series([text])).text.iloc[0]
    return isinstance(plain, str) and plain != text and bool(formats(plain))


def is_dated(column: pd.Series | pd.Index) -> bool:
    """Whether a column has a type of time stamps."""
    return pd.api.types.is_datetime64_any_dtype(column) or isinstance(column.dtype, pd.PeriodDtype)


class TimeReader:
    """Reads the time stamps of a table, or of one part of a stream after the other.

    What the first stamps show (format, unit, calendar) holds for all later ones.

    Args:
        options: How times are written, where they do not show it.
    """

    def __init__(self, options: ReadingOptions | None = None) -> None:
        self.options = options or ReadingOptions()
        self._texts = TimeTexts(self.options)
        self._numbers = TimeNumbers(self.options)
        self._days = DayCounter()
        self._notes: list[str] = []
        self._clock = None if self.options.time_zone is None else LocalClock(self.options.time_zone)

    @property
    def notes(self) -> list[str]:
        """What was recognised or assumed without being told."""
        return [*self._numbers.notes, *self._days.notes, *(self._clock.notes if self._clock else self._notes)]

    @property
    def day_first(self) -> bool | None:
        """Whether stamps such as 03/04/2024 had the day first; None while that is open, or if there are none."""
        return self._texts.day_first

    def read(
        self, column: pd.Series, unit: str, name: str | tuple[str, ...], locate: Callable[[int], str]
    ) -> np.ndarray:
        """Return `(row,)` datetime64[ns], in UTC if the stamps have zones, or float64 seconds.

        Args:
            column: Stamps, as text, dates or numbers in `unit` (by default seconds) since any origin.
            unit: The unit in the header, or "".
            name: The name of the column, or of several that make up the time, for error messages.
            locate: Returns the position of a row, for error messages.

        Raises:
            ValueError: A stamp is missing, unreadable, ambiguous, or of another format than those before.
        """
        source = TimeSource((name,) if isinstance(name, str) else name, locate)
        _refuse_missing(column, source)
        if isinstance(column.dtype, pd.PeriodDtype):
            column = column.dt.to_timestamp()
        if str(column.dtype).startswith(("date32", "date64")):  # days of Arrow; date32[day][pyarrow]
            column = column.astype("datetime64[s]")
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_complex_dtype(column):
            if self.options.time_format is None:
                return self._from_numbers(column.to_numpy(), unit, source)
            column = _digits(column)
        if pd.api.types.is_timedelta64_dtype(column):
            return column.dt.total_seconds().to_numpy(dtype=np.float64, copy=True)
        if is_dated(column):
            return self._in_utc(column, source)
        text = column.astype(str).str.strip()
        if self.options.time_format is None and is_count(text.iloc[0]) and not formats(text.iloc[0]):
            numbers = pd.to_numeric(text, errors="coerce")
            if not numbers.isna().any():
                return self._from_numbers(numbers.to_numpy(), unit, source)
        return self._from_text(text, source)

    def read_plain(self, stamps: Sequence[str | int | float]) -> np.ndarray | None:
        """Return what `read` does, but quickly, for stamps that are plainly of the format of those before.

        Nothing is learnt from them. None is returned where that needs a closer look, and where they are no stamps.

        Args:
            stamps: `(row,)` text or numbers.
        """
        kinds = set(map(type, stamps))
        if self.options.time_format is not None or self._clock is not None or not kinds:
            return None
        if kinds == {str}:
            times = self._texts.read_plain(cast("Sequence[str]", stamps))
        elif kinds <= {int, float} and all(abs(stamp) < _MAX_COUNT for stamp in cast("Sequence[float]", stamps)):
            times = self._numbers.read_plain(np.array(stamps))
        else:
            return None
        is_rising = times is None or len(times) == 1 or bool((times[1:] > times[:-1]).all())
        return times if is_rising else None  # of a clock that goes back there may be a note to make

    def _from_numbers(self, values: np.ndarray, unit: str, source: TimeSource) -> np.ndarray:
        times = self._numbers.read(values, unit, source)
        reading = self._numbers.reading
        assert reading is not None
        return self._in_utc(pd.Series(times), source) if times.dtype.kind == "M" and reading.is_local else times

    def _from_text(self, column: pd.Series, source: TimeSource) -> np.ndarray:
        form = self.options.time_format
        if form is None and (seconds := clock_seconds(column)) is not None:
            return self._days.count_on(seconds, source)
        read = self._texts.read(column, source)
        if form is not None and not any(sign in form for sign in _DATE_SIGNS):
            clock = (read.moments - read.moments.dt.normalize()).dt.total_seconds()
            return self._days.count_on(clock.to_numpy(dtype=np.float64), source)
        return self._in_utc(read.moments, source, read.is_summer)

    def _in_utc(self, moments: pd.Series, source: TimeSource, is_summer: np.ndarray | None = None) -> np.ndarray:
        """`(row,)` datetime64[ns]; moments without zone are of the zone that was named, if one was."""
        if moments.dt.tz is None and self._clock is not None:
            moments = self._clock.to_utc(moments, source, is_summer)
        elif moments.dt.tz is None and not self._notes:
            self._notes += _doubled_hour(moments, source)
        return _nanoseconds(moments, source)


def _refuse_missing(column: pd.Series, source: TimeSource) -> None:
    missing = np.flatnonzero(column.isna())
    if len(missing):
        more = f" and in {len(missing) - 1:,} more of {len(column):,} rows" if len(missing) > 1 else ""
        raise ValueError(
            f"{source} is empty ({source.locate(missing[0])}){more}. Every row needs a time. Fill it in, delete the "
            f"row, or {source.without}"
        )


def _doubled_hour(moments: pd.Series, source: TimeSource) -> list[str]:
    """Return a note if time goes back by up to an hour in a night in which summer time ends somewhere."""
    steps = np.diff(moments.to_numpy()) / np.timedelta64(1, "h")
    is_hourly = np.median(steps) == 1 if len(steps) else False
    back = (steps >= -1) & ((steps <= 0) if is_hourly else (steps < 0))
    for row in (np.flatnonzero(back) + 1).tolist():
        moment = moments.iloc[row]
        night = (moment.month, (moment.day - 1) // 7) in ((10, 3), (10, 4), (11, 0), (4, 0))
        if night and moment.weekday() == 6 and moment.hour < 4:
            return [
                f"{source} goes back within the hour in a night in which summer time ends ({source.locate(row)}): if "
                "it holds local times, name the zone, and the hours are told apart: time_zone='Europe/Berlin'"
            ]
    return []


def _digits(column: pd.Series) -> pd.Series:
    """Return numbers as text, whole ones without a decimal point."""
    values = column.to_numpy()
    whole = np.isfinite(values).all() and (values == np.floor(values)).all()
    return (column.astype(np.int64) if whole else column).astype(str)


def _nanoseconds(column: pd.Series, source: TimeSource) -> np.ndarray:
    if column.dt.tz is not None:
        column = column.dt.tz_convert(None)
    try:
        return column.dt.as_unit("ns").to_numpy(copy=True)
    except pd.errors.OutOfBoundsDatetime:
        row = int(np.argmax((column.dt.year < 1678) | (column.dt.year > 2261)))
        raise ValueError(
            f"{source} holds {column.iloc[row]} ({source.locate(row)}). Years 1678 to 2261 can be read. Correct it, or "
            f"{source.without}"
        ) from None
