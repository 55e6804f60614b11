"""Time stamps in any common format."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from itertools import product

import numpy as np
import pandas as pd

SECONDS = {"s": 1, "sec": 1, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9, "min": 60, "h": 3600, "d": 86400}
EPOCH = (631_152_000, 4_102_444_800)  # 1990 to 2100 in seconds: numbers in this range are dates

# Formats other than ISO 8601. Dots are written day first everywhere; slashes and dashes are tried both ways.
DATES = ["%d.%m.%Y", "%d.%m.%y", "%Y.%m.%d", "%d/%m/%Y", "%m/%d/%Y", "%d/%m/%y", "%m/%d/%y", "%y/%m/%d", "%d-%m-%Y"]
DATES += ["%m-%d-%Y", "%d-%b-%Y", "%d %b %Y", "%b %d %Y", "%b %d, %Y", "%Y-%m-%d", "%Y/%m/%d"]
CLOCKS = ["", "%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%H:%M:%S,%f", "%H.%M.%S", "%I:%M %p", "%I:%M:%S %p"]
FORMATS = [f"{date} {clock}".strip() for date, clock in product(DATES, CLOCKS)]
CLOCK_ONLY = re.compile(r"\d{1,2}:\d\d(:\d\d([.,]\d+)?)?")
WORDS = ["now", "today"]  # pandas reads them as stamps
ZONE = r"(?:Z|[+-]\d\d:?\d\d)$"


DISORDER = 0.1  # If time goes back in a greater fraction of the steps, rows are not in its order.


def is_stamp(text: object) -> bool:
    """Whether a text is a time stamp, by itself."""
    text = str(text).strip()
    return bool(CLOCK_ONLY.fullmatch(text)) or bool(_formats(text))


def is_dated(column: pd.Series) -> bool:
    """Whether a column has a type of time stamps."""
    return pd.api.types.is_datetime64_any_dtype(column) or isinstance(column.dtype, pd.PeriodDtype)


class TimeReader:
    """Reads the time stamps of a table, or of one part of a stream after the other.

    The format of the first stamps holds for all later ones: an earlier 13/04 may have shown what 03/04 means.
    """

    def __init__(self) -> None:
        self._form: str | None = None  # the format of stamps that are text
        self._second: float | None = None  # the unit of numbers that count from 1970, in seconds

    def read(self, column: pd.Series, unit: str, name: str, locate: Callable[[int], str]) -> np.ndarray:
        """Return `(row,)` datetime64[ns], in UTC if the stamps have zones, or float64 seconds.

        Args:
            column: Stamps, as text, dates or numbers in `unit` (by default seconds) since any origin.
            unit: The unit in the header, or "".
            name: The name of the column, for error messages.
            locate: Returns the position of a row, for error messages.

        Raises:
            ValueError: A stamp is missing, unreadable, ambiguous, or of another format than those before.
        """
        missing = np.flatnonzero(column.isna())
        if len(missing):
            raise ValueError(
                f"time column {name!r} is empty ({locate(missing[0])}). Every row needs a time. Fill it in, delete the "
                f"row, or do without times: ignore=[{name!r}]"
            )
        if isinstance(column.dtype, pd.PeriodDtype):
            column = column.dt.to_timestamp()
        elif pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_complex_dtype(column):
            return self._from_numbers(column.to_numpy(), unit, name, locate)
        elif not is_dated(column) and not pd.api.types.is_timedelta64_dtype(column):
            column = self._from_text(column.astype(str).str.strip(), name, locate)
        if pd.api.types.is_timedelta64_dtype(column):
            return column.dt.total_seconds().to_numpy(dtype=np.float64, copy=True)
        return _nanoseconds(column, name, locate)

    def _from_numbers(self, values: np.ndarray, unit: str, name: str, locate: Callable[[int], str]) -> np.ndarray:
        """Dates if the numbers count from 1970, in seconds or smaller parts; otherwise seconds."""
        infinite = np.flatnonzero(~np.isfinite(values))
        if len(infinite):
            raise ValueError(f"time column {name!r} is infinite ({locate(infinite[0])}). Correct the value")
        given = SECONDS.get(unit.lower())
        known = given or self._second
        for second in (known,) if known else (1, 1e-3, 1e-6, 1e-9):
            if EPOCH[0] <= values.min() * second and values.max() * second <= EPOCH[1]:
                self._second = second
                whole = np.floor(values).astype(np.int64)  # in two parts, because float64 cannot hold nanoseconds
                rest = (values - whole) * (second * 1e9)
                return (whole * round(second * 1e9) + np.rint(rest).astype(np.int64)).view("datetime64[ns]")
        return values.astype(np.float64) * (given or 1)

    def _from_text(self, column: pd.Series, name: str, locate: Callable[[int], str]) -> pd.Series:
        """Dates, or durations since midnight if there are only times of day."""
        if CLOCK_ONLY.fullmatch(column.iloc[0]) and column.str.fullmatch(CLOCK_ONLY.pattern).all():
            short = ~column.str.contains(r":.*:")
            return pd.to_timedelta(column.str.replace(",", ".").where(~short, column + ":00"))
        if column.iloc[0].endswith(("UTC", "GMT")):
            column = column.str.replace(r"\s*(?:UTC|GMT)$", "", regex=True)
        if self._form is not None:
            if (parsed := _parsed(column, self._form)) is None:
                raise ValueError(_unreadable(column, self._form, name, locate))
            return parsed
        readings = {form: parsed for form in _formats(column.iloc[0]) if (parsed := _parsed(column, form)) is not None}
        if not readings:
            raise ValueError(_unreadable(column, (_formats(column.iloc[0]) or ["ISO8601"])[0], name, locate))
        (form, first), *others = readings.items()
        for other, parsed in others:
            if not parsed.equals(first):
                raise ValueError(
                    f"time column {name!r} can be read as {form} or as {other}: {column.iloc[0]!r} ({locate(0)}). "
                    f"Write dates as 2020-12-31, or do without times: ignore=[{name!r}]"
                )
        self._form = None if others else form  # 03/03 fits two formats
        return first


def refuse_disorder(times: np.ndarray, name: str, locate: Callable[[int], str]) -> None:
    """Raise if rows are not in the order of time; a few steps back are where runs begin, or where a clock was set.

    Args:
        times: `(time,)`, datetime64 or float seconds.
        name: The name of the column.
        locate: Returns the position of a row.
    """
    back = np.flatnonzero(times[1:] < times[:-1])
    if len(back) > max(1, DISORDER * (len(times) - 1)):
        raise ValueError(
            f"time column {name!r} goes back {len(back):,} times in {len(times):,} rows ({locate(back[0] + 1)} first). "
            f"Expected rows in the order of time. Sort them by it, or do without times: ignore=[{name!r}]"
        )


def _nanoseconds(column: pd.Series, name: str, locate: Callable[[int], str]) -> np.ndarray:
    if column.dt.tz is not None:
        column = column.dt.tz_convert(None)
    try:
        return column.dt.as_unit("ns").to_numpy(copy=True)
    except pd.errors.OutOfBoundsDatetime:
        row = int(np.argmax((column.dt.year < 1678) | (column.dt.year > 2261)))
        raise ValueError(
            f"time column {name!r} holds {column.iloc[row]} ({locate(row)}). Years 1678 to 2261 can be read. Correct "
            f"it, or do without times: ignore=[{name!r}]"
        ) from None


def _formats(text: str) -> list[str]:
    """All formats in which one stamp can be read."""
    if _parsed(pd.Series([text]), "ISO8601") is not None:
        return ["ISO8601"]
    return [form for form in FORMATS if _fits(text, form)]


def _fits(text: str, form: str) -> bool:
    try:
        return bool(datetime.strptime(text, form))
    except ValueError:
        return False


def _parsed(column: pd.Series, form: str) -> pd.Series | None:
    """The stamps, or None if one of them has another format."""
    try:
        parsed = pd.to_datetime(column, format=form)
    except ValueError as error:
        if "timezone" not in str(error) or not column.str.contains(ZONE).all():
            return None
        parsed = pd.to_datetime(column, format=form, utc=True)  # summer and winter time have two offsets
    return None if (parsed.isna() | column.isin(WORDS)).any() else parsed


def _unreadable(column: pd.Series, form: str, name: str, locate: Callable[[int], str]) -> str:
    """Return the message that names a stamp without the format."""
    bad = pd.to_datetime(column, format=form, errors="coerce", utc=True).isna() | column.isin(WORDS)
    zoned = column.str.contains(ZONE)
    row = int(np.argmax(bad if bad.any() else zoned != zoned.iloc[0]))
    return (
        f"time column {name!r} holds {column.iloc[row]!r} ({locate(row)}). Expected stamps such as "
        f"'2020-12-31 23:59:59', all in one format and with a zone or without. Correct the stamp, or do without times: "
        f"ignore=[{name!r}]"
    )
