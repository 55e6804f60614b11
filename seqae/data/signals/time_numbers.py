"""Time stamps that are numbers: counts since 1970 or another beginning, and dates as digits."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.time_source import TimeSource

UNITS = {  # nanoseconds
    "s": 10**9, "sec": 10**9, "secs": 10**9, "second": 10**9, "seconds": 10**9,
    "ms": 10**6, "msec": 10**6, "milli": 10**6, "millis": 10**6, "millisecond": 10**6, "milliseconds": 10**6,
    "us": 1000, "µs": 1000, "μs": 1000, "usec": 1000, "micro": 1000, "micros": 1000, "microsecond": 1000,
    "microseconds": 1000, "ns": 1, "nsec": 1, "nano": 1, "nanos": 1, "nanosecond": 1, "nanoseconds": 1, "100ns": 100,
    "min": 60 * 10**9, "mins": 60 * 10**9, "minute": 60 * 10**9, "minutes": 60 * 10**9,
    "h": 3600 * 10**9, "hr": 3600 * 10**9, "hrs": 3600 * 10**9, "hour": 3600 * 10**9, "hours": 3600 * 10**9,
    "d": 86400 * 10**9, "day": 86400 * 10**9, "days": 86400 * 10**9,
}  # fmt: skip
SECOND, DAY = 10**9, 86400 * 10**9
YEARS = (631_152_000, 4_102_444_800)  # 1990 to 2100 in seconds from 1970: numbers in this range are dates
NUMBER = re.compile(r"\d+(\.\d*)?")
SINCE = re.compile(r"(\w+) since (.+)")  # how NetCDF tells the unit of its times
MOST = 0.9  # the fraction of stamps that show what all are
EXCEL_LEAP_DAY = 60  # 29 February 1900, which there was not


@dataclass(frozen=True)
class Count:
    """Numbers that count time.

    Attributes:
        unit: Nanoseconds.
        at_1970: What the count is at the beginning of 1970; None if its origin is unknown.
        is_local: Whether it counts the time of a place, and not UTC.
    """

    unit: int
    at_1970: float | None = None
    is_local: bool = False


@dataclass(frozen=True)
class Digits:
    """Dates as one number, such as 20201231235959; its length tells the form."""

    length: int
    is_local = True

    @property
    def form(self) -> str:
        """The format without thousandths of a second, which only the longest has."""
        return {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M"}.get(self.length, "%Y%m%d%H%M%S")


EPOCHS = {
    "excel": Count(DAY, 25569, is_local=True),  # 1900, with the 29 February that it had not
    "excel1904": Count(DAY, 24107, is_local=True),
    "matlab": Count(DAY, 719529, is_local=True),  # year 0
    "labview": Count(SECOND, 2_082_844_800),  # 1904
    "filetime": Count(100, 116_444_736_000_000_000),  # 1601
    "dotnet": Count(100, 621_355_968_000_000_000, is_local=True),  # year 1
    "julian": Count(DAY, 2_440_587.5),
    "mjd": Count(DAY, 40587),
}
_NAMED = {"excel": "excel", "datenum": "matlab", "filetime": "filetime", "ticks": "dotnet", "mjd": "mjd"}


class TimeNumbers:
    """Reads stamps that are numbers. What the first of them are holds for all later ones.

    Attributes:
        notes: What was recognised without being told.
        reading: How the numbers are read; None before the first.
    """

    def __init__(self, options: ReadingOptions) -> None:
        self.options = options
        self.notes: list[str] = []
        self.reading: Count | Digits | None = None

    def read(self, values: np.ndarray, unit: str, source: TimeSource) -> np.ndarray:
        """Return `(row,)` datetime64[ns] if it is known from when the numbers count, otherwise float64 seconds.

        Args:
            values: `(row,)` numbers, none of them missing.
            unit: The unit in the header, or "".
            source: Where they come from.

        Raises:
            ValueError: A number is infinite or no date, or what they count is uncertain.
        """
        infinite = np.flatnonzero(~np.isfinite(values))
        if len(infinite):
            raise ValueError(f"{source} is infinite ({source.locate(infinite[0])}). Correct the value")
        if values.dtype.kind not in "if":
            values = values.astype(np.float64 if values.dtype.kind == "f" else np.int64)
        if self.reading is None:
            self.reading = self._told(unit, source) or self._recognised(values, unit, source)
        if isinstance(self.reading, Digits):
            return _moments_of_digits(values, self.reading, source)
        if self.reading.at_1970 is None:
            return values.astype(np.float64) * (self.reading.unit / SECOND)
        if self.reading == EPOCHS["excel"]:
            values = _without_leap_day(values, source)
        return _moments(values, self.reading, source)

    def read_plain(self, values: np.ndarray) -> np.ndarray | None:
        """Return what `read` does, for `(row,)` numbers that are known to count in UTC or seconds; None for others."""
        if not isinstance(self.reading, Count) or self.reading.is_local:
            return None
        try:
            return self.read(values, "", TimeSource(("time",), str))
        except (ValueError, OverflowError):
            return None

    def _told(self, header_unit: str, source: TimeSource) -> Count | None:
        """Return how the numbers count according to the options and the header; None if these leave it open."""
        unit = unit_named(self.options.time_unit) if self.options.time_unit else None
        epoch = self.options.time_epoch
        if epoch is None and (since := SINCE.fullmatch(header_unit)) and since[1].lower() in UNITS:
            unit, epoch = unit or UNITS[since[1].lower()], since[2]
        if epoch is None or epoch == "unix":
            return None
        if epoch == "none":
            return Count(unit or UNITS.get(header_unit.lower()) or unit_in_name(source.names[0]) or SECOND)
        count = EPOCHS.get(epoch) or _from_date(epoch)
        if unit is None or unit == count.unit or count.at_1970 is None:
            return count
        return Count(unit, count.at_1970 * count.unit / unit, count.is_local)

    def _recognised(self, values: np.ndarray, header_unit: str, source: TimeSource) -> Count | Digits:
        told = self.options.time_unit
        unit = unit_named(told) if told else UNITS.get(header_unit.lower()) or unit_in_name(source.names[0])
        is_unix = self.options.time_epoch == "unix" or source.says("unix", "epoch", "posix")
        if not is_unix:
            found = (
                _named(values, source)
                or _days(values, unit, source)
                or (_digits(values, source) if unit is None else None)
            )
            found = found or _other_epoch(values, unit)
            if found is not None:
                self.notes.append(_note(found, values, source))
                return found
        for each in [unit] if unit else (SECOND, 10**6, 1000, 1):
            if within_years(values, each):
                if each == 1 and not is_unix and within_years(values, 100, EPOCHS["dotnet"].at_1970 or 0):
                    self.notes.append(f"{source} is read as of 1990. If it counts ticks of .NET: time_epoch='dotnet'")
                return Count(each, 0)
        if self.options.time_epoch == "unix":
            return Count(unit or SECOND, 0)
        other = next((name for name in ("s", "ms", "us", "ns") if within_years(values, UNITS[name])), None)
        if other is not None and not told:
            raise ValueError(
                f"{source} is named as if it counted another unit: {_shown(values, 0, source)} is a date if it counts "
                f"{other} from 1970. Say what it is: time_unit={other!r}, or time_epoch='none' for a mere duration"
            )
        return Count(unit or SECOND)


def unit_named(name: str) -> int:
    """Return the nanoseconds of a unit.

    Raises:
        ValueError: There is no such unit.
    """
    if name.lower() not in UNITS:
        raise ValueError(f"no unit of time time_unit={name!r}. There is s, ms, us, ns, 100ns, min, h, d")
    return UNITS[name.lower()]


def unit_in_name(name: str) -> int | None:
    """Return the nanoseconds of the unit that a name ends in, such as "time_ms" or "timestampMillis"; else None."""
    words = words_of(name)
    return UNITS.get(words[-1]) if len(words) > 1 else None


def words_of(name: str) -> list[str]:
    """Return the words of a name in lower case: "timestampMillis" has two."""
    return [word.lower() for word in re.findall(r"[A-ZÄÖÜ]+(?![a-zäöü])|[A-ZÄÖÜ]?[a-zäöüßµμ]+", name)]


def _from_date(text: str) -> Count:
    """Seconds since a date."""
    try:
        moment = pd.Timestamp(text)
        beyond = (moment.tz_convert(None) if moment.tz is not None else moment) - pd.Timestamp(0).as_unit("s")
    except (ValueError, OverflowError):
        known = ("unix", *EPOCHS, "none")
        raise ValueError(
            f"no beginning of a calendar time_epoch={text!r}. There is {', '.join(known)}, or a date: "
            "time_epoch='1904-01-01'"
        ) from None
    return Count(SECOND, -beyond.total_seconds(), is_local=moment.tz is None)


def is_count(text: str) -> bool:
    """Whether a text is a number that may be a stamp."""
    return bool(NUMBER.fullmatch(text))


def within_years(values: np.ndarray, unit: int, at_1970: float = 0) -> bool:
    """Whether most numbers are moments from 1990 to 2100; `at_1970` is what such a count is at 1970.

    A clock that was not set stands at 0 for a few rows.
    """
    seconds = (values - float(at_1970)) * (unit / SECOND)
    return bool(np.mean((seconds >= YEARS[0]) & (seconds <= YEARS[1])) >= MOST)


def _days(values: np.ndarray, unit: int | None, source: TimeSource) -> Count | None:
    """Return the calendar that counts days, if the numbers are whole milliseconds of it, and no plain seconds.

    Thirds of a second are whole milliseconds of days, too; so are many others, but not in small steps.

    Raises:
        ValueError: They may be one or the other.
    """
    if unit not in (None, DAY):
        return None
    for name, grid in (("excel", 1e-3), ("matlab", 1e-3), ("julian", 1e-2)):
        if not within_years(values, DAY, EPOCHS[name].at_1970 or 0):
            continue
        days = unit == DAY or source.says("date", "datum")
        if _on_grid(values, grid / 86400) and (days or (not _on_grid(values, 1e-3) and _is_dense(values))):
            return EPOCHS[name]
        if not days and not _on_grid(values, 1e-3):
            raise ValueError(
                f"{source} may count days of a calendar, or seconds: {_shown(values, 0, source)}. Say which: "
                f"time_epoch={name!r} or time_epoch='none'"
            )
    return None


def _on_grid(values: np.ndarray, step: float) -> bool:
    sample = values[:1000] / step
    return bool(np.all(abs(sample - np.rint(sample)) < 0.05))


def _is_dense(values: np.ndarray) -> bool:
    """Whether most steps are so small that as seconds they would be less than a hundredth."""
    return len(values) > 1 and bool(np.median(abs(np.diff(values))) < 0.01)


def _named(values: np.ndarray, source: TimeSource) -> Count | None:
    """Return the calendar that the name of the column has in it, if the numbers are dates by it."""
    found = (EPOCHS[epoch] for word, epoch in _NAMED.items() if source.says(word))
    return next((count for count in found if within_years(values, count.unit, count.at_1970 or 0)), None)


def _other_epoch(values: np.ndarray, unit: int | None) -> Count | None:
    """FILETIME, or seconds since 1904, whose dates would be beyond 2055 if they counted from 1970."""
    for name in ("filetime", "labview"):
        count = EPOCHS[name]
        if unit in (None, count.unit) and within_years(values, count.unit, count.at_1970 or 0):
            return count
    return None


def _digits(values: np.ndarray, source: TimeSource) -> Digits | None:
    """Return how long dates as digits are, if all numbers are such dates, or most of those of many digits.

    Raises:
        ValueError: They may be seconds as well.
    """
    length = len(str(int(np.median(values))))
    if length not in (8, 10, 12, 14, 17) or (length != 14 and (values != np.floor(values)).any()):
        return None
    year = values // 10 ** (length - 4)
    dated = (year >= 1990) & (year < 2100) & _parsed_digits(values, Digits(length)).notna().to_numpy()
    if not dated.all() and (length < 12 or dated.mean() < MOST):
        return None
    if length == 10:  # hours, and seconds from 1970
        raise ValueError(
            f"{source} may hold dates as digits, or seconds from 1970: {_shown(values, 0, source)}. Say which: "
            "time_format='%Y%m%d%H' or time_epoch='unix'"
        )
    return Digits(length)


def _parsed_digits(values: np.ndarray, digits: Digits) -> pd.Series:
    """Return moments, NaT where a number is none."""
    whole = values.astype(np.int64)  # numpy 2.0 turns integers into floats in floor, which hold no 17 digits
    seconds, thousandths = np.divmod(whole, 1000) if digits.length == 17 else (whole, np.zeros_like(whole))
    moments = pd.to_datetime(pd.Series(seconds).astype(str), format=digits.form, errors="coerce")
    moments = moments.where(moments.dt.year.between(1678, 2261)).dt.as_unit("ns")  # others have no nanoseconds
    rest = np.rint((values - whole) * 1000).astype(np.int64)  # a float of 14 digits has no more than thousandths
    return moments + pd.to_timedelta(thousandths + rest, unit="ms")


def _moments_of_digits(values: np.ndarray, digits: Digits, source: TimeSource) -> np.ndarray:
    moments = _parsed_digits(values, digits)
    if (bad := moments.isna().to_numpy()).any():
        row = int(np.argmax(bad))
        raise ValueError(
            f"{source} holds {_shown(values, row, source)}. Expected dates as {digits.length} digits, as in "
            f"the rows before. Correct it, or {source.without}"
        )
    return moments.to_numpy(copy=True)


def _without_leap_day(values: np.ndarray, source: TimeSource) -> np.ndarray:
    """Return days of which none is 29 February 1900: a spreadsheet counts that day, which there was not."""
    wrong = np.flatnonzero((values >= EXCEL_LEAP_DAY) & (values < EXCEL_LEAP_DAY + 1))
    if len(wrong):
        raise ValueError(
            f"{source} holds {_shown(values, int(wrong[0]), source)}, 29 February 1900, which there was not. "
            "Correct it, or say from when the days count: time_epoch='1900-01-01', time_unit='d'"
        )
    return values + (values < EXCEL_LEAP_DAY)


def _moments(values: np.ndarray, count: Count, source: TimeSource) -> np.ndarray:
    """Return `(row,)` datetime64[ns]; the digits of a float that come from rounding are rounded away."""
    origin = count.at_1970 or 0
    outside = np.flatnonzero(abs(values - float(origin)) * (count.unit / SECOND) > 9.2e9)
    if len(outside):
        row = int(outside[0])
        raise ValueError(
            f"{source} holds {_shown(values, row, source)}, which is not in the years 1678 to 2261. Say "
            "what it counts, and from when: time_unit='s', time_epoch='1904-01-01'"
        )
    whole = np.floor(values).astype(np.int64)  # in two parts, because float64 cannot hold nanoseconds
    rest = (values - whole) - (origin - math.floor(origin))
    nanoseconds = (whole - math.floor(origin)) * count.unit + np.rint(rest * count.unit).astype(np.int64)
    if values.dtype.kind == "f":
        finest = 2 * float(np.spacing(abs(values).max())) * count.unit
        step = 10 ** max(0, math.ceil(math.log10(finest)))
        nanoseconds = (nanoseconds + step // 2) // step * step
    return nanoseconds.view("datetime64[ns]")


def _shown(values: np.ndarray, row: int, source: TimeSource) -> str:
    return f"{values[row].item()!r} ({source.locate(row)})"


def _note(found: Count | Digits, values: np.ndarray, source: TimeSource) -> str:
    if isinstance(found, Digits):
        return f"{source} holds dates as {found.length} digits: {values[0]:.0f} is read as {found.form}"
    name = next(name for name, count in EPOCHS.items() if count == found)
    first = str(_moments(values[:1], found, source)[0])[:19]
    return (
        f"{source} is read as time_epoch={name!r}: {values[0].item()!r} is {first}. If it is another: time_epoch='none'"
    )
