"""Finds the columns of a table that tell the time of its rows, and joins those that tell it together."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from pandas.api import types

from seqae.data.signals.names import format_names
from seqae.data.signals.time_clocks import is_clock
from seqae.data.signals.time_numbers import is_count, unit_in_name, within_years, words_of
from seqae.data.signals.time_source import TimeSource
from seqae.data.signals.timestamps import is_dated, is_stamp

Columns = Mapping[str, pd.Series]

TIME_NAMES = {"time", "times", "timestamp", "timestamps", "datetime", "date", "ts", "t", "epoch", "unixtime", "utc"}
TIME_NAMES |= {"zeitstempel", "datum", "datumzeit", "datumuhrzeit", "uhrzeit", "unix", "unixtimestamp", "epochtime"}
TIME_NAMES |= {"posixtime", "datetimeutc", "timestamputc", "timeutc", "utctime", "datenum", "filetime"}
TIME_NAMES |= {"messdatum", "messzeit", "horodatage", "dateheure", "fechahora", "dataora"}
# Times only if they rise.
RISING_NAMES = {"t", "ts", "zeit", "elapsed", "elapsedtime", "timeelapsed", "relativetime", "xvalue"}
_CLOCK_NAMES = {"time", "uhrzeit", "hhmm", "hhmmss", "timeofday"}
_DOTTED_CLOCK = re.compile(r"\d\d?\.\d\d(\.\d\d)?")  # taken for one beside a date only
_TIME_WORDS = {"time", "timestamp", "stamp", "date", "datetime", "epoch", "ts", "unix"}
_ROLES = {
    "year": {"year", "yr", "yyyy", "jahr"},
    "month": {"month", "mon", "mo", "monat"},
    "day": {"day", "dayofmonth", "mday", "dd", "dom", "tag"},
    "day of year": {"doy", "dayofyear", "yday", "julianday", "jday", "julian"},
    "hour": {"hour", "hours", "hr", "hh", "stunde"},
    "minute": {"minute", "minutes", "min", "minuten"},
    "second": {"second", "seconds", "sec", "sekunde"},
}
_RANGES = {"month": (1, 12), "day": (1, 31), "day of year": (1, 366), "hour": (0, 24), "minute": (0, 59)}
_RANGES |= {"second": (0, 60), "year": (0, 2261)}
_SAMPLE = 5  # stamps that are looked at, evenly from the column


def time_columns(columns: Columns, where: str) -> tuple[str, ...]:
    """Return the columns that tell the time of the rows: none, one, or several that tell it together.

    Args:
        columns: The columns that may be times.
        where: The name of the table, for error messages.

    Raises:
        ValueError: Several columns hold stamps, and no name shows which of them are the times.
    """
    stamped = [name for name, column in columns.items() if is_dated(column) or _all_texts(column, is_stamp)]
    dates = [name for name in stamped if not _all_texts(columns[name], is_clock)]
    if found := _one_of(dates, columns, where):
        return with_clock(columns, found)
    if parts := _calendar(columns):
        return parts
    numbers = [name for name, column in columns.items() if types.is_numeric_dtype(column)]
    day = next((name for name in numbers if is_time_name(name) and _is_date(columns[name])), "")
    if found := day or _one_of(stamped, columns, where):
        return with_clock(columns, found)
    called = [name for name in columns if is_time_name(name)]
    texts = [name for name in called if name not in numbers]
    texts = [name for name in texts if _stem(name) not in RISING_NAMES or _all_texts(columns[name], is_count)]
    rising = [name for name in called if name in numbers and (_stem(name) not in RISING_NAMES or _rises(columns[name]))]
    told = texts + rising or [name for name in numbers if _may_count_from_1970(name, columns[name])]
    return tuple(told[:1])


def with_clock(columns: Columns, name: str) -> tuple[str, ...]:
    """Return a column of dates with those that tell the time of day, if there are any; otherwise the column alone."""
    if not _is_date(columns[name]):
        return (name,)
    return name, *_clock_columns({other: column for other, column in columns.items() if other != name})


def is_time_name(name: str) -> bool:
    """Whether a name is one for a column of times."""
    return _stem(name) in TIME_NAMES | RISING_NAMES


def must_rise(name: str) -> bool:
    """Whether numbers in a column of this name are times only if they rise, which one row cannot show."""
    stem = _stem(name)
    return stem in RISING_NAMES or (stem not in TIME_NAMES and bool(_TIME_WORDS & {*words_of(name)}))


def _stem(name: str) -> str:
    """Return a simplified name without the unit that it may end in: "time_ms" is "time"."""
    return "".join(words_of(name)[:-1]) if unit_in_name(name) else simplified(name)


def simplified(name: str) -> str:
    """A name in lower case without separators of words: "Time Stamp" is "timestamp"."""
    return re.sub(r"[\s_/.-]", "", name.lower())


def joined_stamps(columns: Columns, time_format: str | None, locate: Callable[[int], str]) -> pd.Series:
    """Return the stamps that columns tell together.

    Args:
        columns: The columns, as `time_columns` gives them or as a user names them.
        time_format: How they are written with a blank between them; None if it shows.
        locate: Returns the position of a row.

    Raises:
        ValueError: A part is not what its name says.
    """
    if len(columns) == 1:
        return next(iter(columns.values()))
    if time_format is not None:
        return _concatenated([_text(column) for column in columns.values()])
    source = TimeSource(tuple(columns), locate)
    parts = {role: column for name, column in columns.items() if (role := _role(name, column))}
    _check_complete(parts, source)
    for role, column in parts.items():
        _check_range(role, column, source)
    others = [column for name, column in columns.items() if not _role(name, column)]
    clock = [_clock_of(parts)] if "hour" in parts else []
    if "year" not in parts:
        return _concatenated([_clock_text(column) for column in others] + clock)
    return _concatenated([_date_of(parts, source), *map(_clock_text, others), *clock])


def joining_note(names: Sequence[str]) -> list[str]:
    """Return a note on columns that were recognised as parts of the time, if it is not a mere date and clock."""
    if len(names) < 2 or all(map(is_time_name, names)):
        return []
    return [f"columns {format_names(names)} tell the time together, and are no channels"]


def _one_of(candidates: Sequence[str], columns: Columns, where: str) -> str:
    """Return the column of times among those that hold stamps; "" if there is none."""
    called = [name for name in candidates if is_time_name(name)]
    exact = [name for name in called if not _is_date(columns[name])]
    for some in (candidates, called, exact):
        if len(some) == 1:
            return some[0]
    if candidates:
        first, *others = called or candidates
        others = [name for name in candidates if name != first]
        raise ValueError(
            f"columns {format_names(candidates)} hold time stamps ({where or 'frame'}). Name the one that tells when "
            f"the row was taken, and leave the others out: time_column={first!r}, ignore={others}"
        )
    return ""


def _calendar(columns: Columns) -> tuple[str, ...]:
    """Return columns of numbers that tell year, month, day and so on, the largest first; none without a date."""
    roles: dict[str, str] = {}
    for name, column in columns.items():
        if (role := _role(name, column)) and _in_range(column, role):
            roles.setdefault(role, name)
    dated = next(
        (found for found in (("year", "month", "day"), ("year", "day of year")) if roles.keys() >= {*found}), ()
    )
    if not dated:
        months = [roles[role] for role in ("year", "month") if role in roles]
        once = len(months) == 2 and not pd.DataFrame({name: columns[name] for name in months}).duplicated().any()
        return tuple(months) if once else ()
    date = tuple(roles[role] for role in dated)
    return *date, *_clock_columns({name: column for name, column in columns.items() if name not in date})


def _clock_columns(columns: Columns) -> tuple[str, ...]:
    """Return the column that holds the time of day, or those of hour, minute and second; none if there is none."""
    clocks = [name for name, column in columns.items() if _all_texts(column, is_clock)]
    called = {name: column for name, column in columns.items() if simplified(name) in _CLOCK_NAMES}
    clocks += [name for name, column in called.items() if _clock_digits(column) or _all_texts(column, _is_dotted)]
    clocks = [name for name in clocks if name in called] or clocks
    if len(clocks) == 1:
        return (clocks[0],)
    found: list[str] = []
    for role in ("hour", "minute", "second"):
        names = [name for name, column in columns.items() if _role(name, column) == role and _in_range(column, role)]
        if len(names) != 1:
            break
        found += names
    return tuple(found)


def _is_dotted(text: str) -> bool:
    return bool(_DOTTED_CLOCK.fullmatch(text))


def _role(name: str, column: pd.Series) -> str:
    """Return which part of the time a column of numbers tells by its name, or ""."""
    plain = {"YY": "year", "MM": "month", "mm": "minute", "mn": "minute"}.get(name) or simplified(name)
    if not types.is_numeric_dtype(column) or types.is_bool_dtype(column):
        return ""
    return next((role for role, names in _ROLES.items() if plain in names), "")


def _in_range(column: pd.Series, role: str) -> bool:
    """Whether the first value may be the part of the time that the name says; each is checked when it is read."""
    known = column.dropna()
    low, high = _RANGES[role]
    return len(known) > 0 and low <= known.iloc[0] <= high and (role == "second" or float(known.iloc[0]).is_integer())


def _check_complete(parts: Columns, source: TimeSource) -> None:
    """Raise if parts of a time stand there without what they are part of."""
    needs = {"minute": "hour", "second": "minute", "month": "year", "day": "month", "day of year": "year"}
    lacking = [(role, whole) for role, whole in needs.items() if role in parts and whole not in parts]
    if "year" in parts and not {"month", "day of year"} & parts.keys():
        lacking.append(("year", "month"))
    if lacking:
        role, whole = lacking[0]
        raise ValueError(
            f"{source} tell the {role} without the {whole}. Expected year, month, day, hour, minute, second without a "
            "part left out between them; year and day of the year; or a date and one of these: "
            "time_column=['year', 'month', 'day', 'hour']"
        )


def _check_range(role: str, column: pd.Series, source: TimeSource) -> None:
    values, (low, high) = column.to_numpy(dtype=np.float64, na_value=np.nan), _RANGES[role]
    wrong = (values < low) | (values > high) | (values != np.floor(values)) & (role != "second") & ~np.isnan(values)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"{source} hold {values[row]:g} as {role} ({source.locate(row)}). Expected {low} to {high}. Correct it, or "
            f"{source.without}"
        )


def _date_of(parts: Columns, source: TimeSource) -> pd.Series:
    """Return dates as text, missing where one of the parts is."""
    years = parts["year"].astype(float)
    years = years.where(years >= 100, (years - 70) % 100 + 1970)
    if "day of year" in parts and "month" not in parts:
        days = pd.to_timedelta(parts["day of year"].astype(float) - 1, unit="D")
        dates = pd.to_datetime(_digits(years, 4), format="%Y") + days
        return dates.dt.strftime("%Y-%m-%d")
    days = _digits(parts["day"], 2) if "day" in parts else pd.Series("01", index=years.index)
    text = _concatenated([_digits(years, 4), _digits(parts["month"], 2), days], "-")
    if (wrong := pd.to_datetime(text, format="%Y-%m-%d", errors="coerce").isna() & text.notna()).any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"{source} hold {text.iloc[row]}, which is no date ({source.locate(row)}). Correct it, or {source.without}"
        )
    return text


def _clock_of(parts: Columns) -> pd.Series:
    """Return hours, minutes and seconds as clocks."""
    none = pd.Series(0, index=parts["hour"].index)
    whole = [_digits(parts["hour"], 2), _digits(parts.get("minute", none), 2)]
    seconds = parts.get("second", none).astype(float)
    nanoseconds = (seconds * 1e9).round()
    rest = _digits(nanoseconds % 1e9, 9) if (nanoseconds % 1e9).any() else None
    clock = _concatenated([*whole, _digits(nanoseconds // 1e9, 2)], ":")
    return clock if rest is None else _concatenated([clock, rest], ".")


def _clock_text(column: pd.Series) -> pd.Series:
    """Return a column as text; clocks that are digits with colons."""
    if length := _clock_digits(column):
        digits = _digits(column, length)
        return _concatenated([digits.str[start : start + 2] for start in range(0, length, 2)], ":")
    return _text(column)


def _clock_digits(column: pd.Series) -> int:
    """Return how many digits the clocks in a column of numbers have, such as 93000: 4 or 6; 0 if it holds none."""
    if not types.is_numeric_dtype(column) or types.is_bool_dtype(column):
        return 0
    values = column.dropna().to_numpy(dtype=np.float64)
    if len(values) == 0 or values.min() < 0 or (values != np.floor(values)).any():
        return 0
    for length, largest in ((4, 2400), (6, 240000)):
        minutes = values // 100 % 100 if length == 6 else values % 100
        if values.max() <= largest and minutes.max() < 60 and (length == 4 or (values % 100).max() < 60):
            return length
    return 0


def _is_date(column: pd.Series) -> bool:
    """Whether a column holds dates without the time of day: text, digits, or moments at midnight."""
    if pd.api.types.is_datetime64_any_dtype(column):
        known = column.dropna()
        return len(known) > 1 and bool((known == known.dt.normalize()).all())
    if types.is_numeric_dtype(column) and not types.is_bool_dtype(column):
        text = _digits(column.dropna().head(_SAMPLE), 8) if _all_whole(column) else pd.Series(dtype=str)
        fits = pd.to_datetime(text, format="%Y%m%d", errors="coerce").notna()
        return len(text) > 0 and bool(fits.all() and text.between("1990", "2100").all())
    return _all_texts(column, lambda text: is_stamp(text) and ":" not in text and is_stamp(f"{text} 12:00:00"))


def _all_texts(column: pd.Series, test: Callable[[str], bool]) -> bool:
    """Whether a column holds text or objects, of which a sample passes a test."""
    if not (
        types.is_object_dtype(column) or types.is_string_dtype(column) or isinstance(column.dtype, pd.CategoricalDtype)
    ):
        return False
    known = column.dropna()
    if len(known) == 0:
        return False
    rows = np.unique(np.linspace(0, len(known) - 1, _SAMPLE).astype(int))
    return all(test(str(known.iloc[row]).strip()) for row in rows)


def _all_whole(column: pd.Series) -> bool:
    values = column.dropna().to_numpy(dtype=np.float64)
    return bool(np.isfinite(values).all() and (values == np.floor(values)).all())


def _digits(numbers: pd.Series, length: int) -> pd.Series:
    """Return whole numbers as text of so many digits, missing where the number is."""
    text = numbers.astype(float).fillna(0).astype(np.int64).astype(str).str.zfill(length)
    return text.where(numbers.notna())


def _text(column: pd.Series) -> pd.Series:
    if types.is_numeric_dtype(column) and _all_whole(column):
        return _digits(column, 1)
    return column.astype(str).str.strip().where(column.notna())


def _concatenated(texts: Sequence[pd.Series], between: str = " ") -> pd.Series:
    first, *others = texts
    for other in others:
        first = first + between + other
    return first


def _may_count_from_1970(name: str, column: pd.Series) -> bool:
    """Whether a name has a word for time, and the numbers rise within 1990 to 2100 from 1970, in any unit."""
    if types.is_bool_dtype(column) or not _TIME_WORDS & {*words_of(name)} or column.isna().any():
        return False
    values = column.to_numpy()
    return _rises(column) and any(within_years(values, unit) for unit in (10**9, 10**6, 1000, 1))


def _rises(column: pd.Series) -> bool:
    """Whether the values of a column "t" are times, and not temperatures."""
    steps = np.diff(column.to_numpy(dtype=np.float64, na_value=np.nan))
    return bool(np.mean(steps >= 0) > 0.9 and np.any(steps > 0)) if len(steps) else False
