"""Time stamps that are text, in any common format."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import numpy as np
import pandas as pd

from seqae.data.signals.names import quoted
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.stamp_parts import StampParts
from seqae.data.signals.time_source import TimeSource
from seqae.data.signals.time_zones import PLACES, SUMMER

# Formats other than ISO 8601. Dots are written day first everywhere; slashes and dashes are tried both ways.
DATES = ["%d.%m.%Y", "%d.%m.%y", "%Y.%m.%d", "%d/%m/%Y", "%m/%d/%Y", "%d/%m/%y", "%m/%d/%y", "%y/%m/%d", "%d-%m-%Y"]
DATES += ["%m-%d-%Y", "%d-%m-%y", "%m-%d-%y", "%y-%m-%d", "%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y-%j", "%Y/%j", "%Y:%j"]
DATES += ["%G-W%V-%u"]
CLOCKS = [
    "%H:%M",
    "%H:%M:%S",
    "%H.%M.%S",
    "%H-%M-%S",
    "%H%M%S",
    "%H",
    "%I:%M %p",
    "%I:%M:%S %p",
    "%I.%M.%S %p",
    "%I %p",
]
DATE_AND_CLOCK = re.compile(
    r"(?P<date>\d{1,4}([./-])\d{1,2}\2\d{1,4}|\d{4}[-/:]\d{3}|\d{8}|\d{4}-W\d\d-\d)"
    r"(?:(?P<between>[ T_:-]|, )(?P<clock>\d\d?(?:([:.-])\d\d(?:\5\d\d)?)?(?: [AP]M)?|\d{6}))?"
)
WORDS = ["now", "today"]  # pandas reads them as stamps
ISO = "ISO8601"
OFFSET = r"(?:Z|[+-]\d\d:?\d\d)$"
MAX_STEP = pd.Timedelta(hours=36)  # from the stamps of a day that fits two formats to those of the next
MIDNIGHT = r"(?<=[ T])24:00(?=(?::00)?$)"  # the end of a day
_PLAIN = re.compile(  # stamps of ISO 8601 that numpy reads as pandas does
    r"((?:1[7-9]|2[01])\d\d-[01]\d-[0-3]\d)[T ]((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?)"
    r"(Z|[+-](?:0\d|1[0-4]):[0-5]\d)?",
    re.ASCII,
)


class AmbiguousStamps(ValueError):  # noqa: N818 (it is the stamps that are)
    """Stamps can be read in several formats, and nothing tells which is meant."""


@dataclass(frozen=True, eq=False)
class ReadStamps:
    """Moments that were read from text.

    Attributes:
        moments: `(row,)`, in UTC if the stamps tell their zone, otherwise without zone.
        is_summer: `(row,)` bool, whether a stamp says that it is summer time; None if they do not name zones.
    """

    moments: pd.Series
    is_summer: np.ndarray | None = None


class TimeTexts:
    """Reads stamps that are text.

    The format of the first stamps holds for all later ones: an earlier 13/04 may have shown what 03/04 means.
    """

    def __init__(self, options: ReadingOptions) -> None:
        self.options = options
        self._form: str | None = options.time_format
        self._before: pd.Timestamp | None = None  # the last stamp, while several formats fit all stamps

    @property
    def day_first(self) -> bool | None:
        """Whether the stamps so far had the day before the month; None if they are open to both, or of neither form."""
        form = self._form or ""
        return form.startswith("%d") if form.startswith(("%d/", "%d-", "%m/", "%m-")) else None

    def read(self, column: pd.Series, source: TimeSource) -> ReadStamps:
        """Return the moments.

        Args:
            column: `(row,)` text, none of it missing.
            source: Where it comes from.

        Raises:
            ValueError: A stamp is unreadable, ambiguous, of another format than those before, or of a zone that is
                not known by its name alone.
        """
        if self.options.time_format is not None:
            _refuse_without_year(self.options.time_format)
        if self._form in (None, ISO) and (found := _parsed(column, ISO)) is not None:
            self._form = ISO
            return ReadStamps(found)
        forms = [self._form] if self._form else self._candidates(column.iloc[0])
        if found := self._agreed(column, forms, source):
            return found
        parts = StampParts.of(column)
        forms = [self._form] if self._form else self._candidates(parts.text.iloc[0])
        if (read := self._agreed(parts.text, forms, source)) is None:
            raise ValueError(self._unreadable(column, parts, (forms or [ISO])[0], source))
        return self._complete(column, parts, read.moments, source)

    def read_plain(self, stamps: Sequence[str]) -> np.ndarray | None:
        """Return `(row,)` datetime64[ns] as `read` does, but quickly; None if that needs a closer look.

        Args:
            stamps: The text of each.
        """
        if self._form != ISO:
            return None
        found = [each for stamp in stamps if (each := _PLAIN.fullmatch(stamp))]
        if len(found) < len(stamps) or len({each[3] is None for each in found}) > 1:
            return None
        try:
            moments = np.array([f"{each[1]}T{each[2]}" for each in found], "datetime64[ns]")
        except ValueError:  # there is no such day
            return None
        if found[0][3] not in (None, "Z") or len(found) > 1:
            moments -= np.array([_offset(each[3]) for each in found], "timedelta64[m]")
        return moments

    def _candidates(self, text: str) -> list[str]:
        """Return the formats in which a stamp can be read, without those that `day_first` excludes."""
        forms = formats(text)
        return [form for form in forms if not form.startswith(self._other_order())]

    def _other_order(self) -> tuple[str, ...]:
        """Return how formats begin that `day_first` excludes."""
        if self.options.day_first is None:
            return ()
        return ("%m/", "%m-") if self.options.day_first else ("%d/", "%d-")

    def _agreed(self, text: pd.Series, forms: list[str], source: TimeSource) -> ReadStamps | None:
        """Return what all formats that fit all stamps say; None if there is none.

        Raises:
            ValueError: Two of them say different things.
        """
        readings = {form: found for form in forms if (found := _parsed(text, form)) is not None}
        if not readings:
            return None
        if self.options.day_first is not None:  # which says that the year is not first
            readings = {form: each for form, each in readings.items() if not form.startswith("%y")} or readings
        if (going_on := self._going_on(readings)) is not None:
            readings = {going_on: readings[going_on]}
        (form, first), *others = readings.items()
        for other, found in others:
            if not found.equals(first):
                raise AmbiguousStamps(
                    f"{source} can be read as {form} or as {other}: {quoted(text.iloc[0])} ({source.locate(0)}). "
                    f"{_which(form, other)}. Or write dates as 2020-12-31"
                )
        self._form = None if others else form  # 03/03 fits two formats
        self._before = first.iloc[-1] if others else None
        return ReadStamps(first)

    def _going_on(self, readings: dict[str, pd.Series]) -> str | None:
        """Return the format in which stamps go on from those before, where others would leap: 04/03 follows 03/03."""
        if self._before is None:
            return None
        steps = {form: abs(found.iloc[0] - self._before) for form, found in readings.items()}
        near = [form for form, step in steps.items() if step <= MAX_STEP]
        return near[0] if len(near) == 1 else None

    def _complete(self, column: pd.Series, parts: StampParts, moments: pd.Series, source: TimeSource) -> ReadStamps:
        """Return moments with fractions of seconds and zones."""
        if moments.dt.tz is not None:
            return ReadStamps(moments)
        moments = moments.dt.as_unit("ns") + pd.to_timedelta(parts.nanoseconds, unit="ns")
        kinds = np.where(np.isnan(parts.minutes), (parts.zones != "").to_numpy(dtype=int), 2)
        if (kinds != kinds[0]).any():
            row = int(np.argmax(kinds != kinds[0]))
            raise ValueError(_odd(column, row, source))
        if kinds[0] == 2:
            offset = pd.to_timedelta(parts.minutes, unit="min")
            return ReadStamps((moments - offset).dt.tz_localize("UTC"))
        if kinds[0] == 0:
            return ReadStamps(moments)
        if self.options.time_zone is None:
            zone = parts.zones.iloc[0]
            raise ValueError(
                f"{source} names the zone {zone} ({source.locate(0)}), which several places use. Say where the stamps "
                f"were taken: time_zone={PLACES.get(zone, 'Europe/Berlin')!r}"
            )
        return ReadStamps(moments, parts.zones.isin(SUMMER).to_numpy())

    def _unreadable(self, column: pd.Series, parts: StampParts, form: str, source: TimeSource) -> str:
        """Return the message that names a stamp without the format."""
        bad = (_coerced(column, form).isna() & _coerced(parts.text, form).isna()).to_numpy()
        row = (
            int(np.argmax(bad))
            if bad.any()
            else int(np.argmax(column.str.contains(OFFSET) != bool(re.search(OFFSET, column.iloc[0]))))
        )
        if self.options.time_format is not None:
            return (
                f"{source} holds {quoted(column.iloc[row])} ({source.locate(row)}), which is not written as "
                f"time_format={self.options.time_format!r}. Correct the stamp or the format, or {source.without}"
            )
        if self._form != ISO and any(each.startswith(self._other_order()) for each in formats(parts.text.iloc[row])):
            return (
                f"{source} holds {quoted(column.iloc[row])} ({source.locate(row)}), but day_first="
                f"{self.options.day_first}, as it was given, or learnt from other rows. If the other order is meant, "
                f"say so: day_first={not self.options.day_first}"
            )
        return _odd(column, row, source, bad.sum())


@lru_cache(maxsize=1000)
def formats(text: str) -> list[str]:
    """Return all formats in which one plain stamp can be read, with its fraction and zone or without."""
    if not isinstance(text, str) or not re.search(r"\d", text):
        return []
    if _parsed(pd.Series([text]), ISO) is not None:
        return [ISO]
    text = re.sub(MIDNIGHT, "00:00", text)
    if not (found := DATE_AND_CLOCK.fullmatch(text)):
        return []
    dates = [form for form in DATES if _fits(found["date"], form)]
    if not found["clock"]:
        return dates
    return [f"{date}{found['between']}{clock}" for date in dates for clock in CLOCKS if _fits(found["clock"], clock)]


def _offset(zone: str | None) -> int:
    """Return the minutes by which the clocks of a zone, such as "+01:00", are ahead of UTC."""
    if zone in (None, "Z"):
        return 0
    return (int(zone[1:3]) * 60 + int(zone[4:])) * (-1 if zone[0] == "-" else 1)


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
        if "timezone" not in str(error).lower():
            return _with_ends_of_days(column, form)
        if not column.str.contains(OFFSET).all():
            return None
        parsed = pd.to_datetime(column, format=form, utc=True)  # summer and winter time have two offsets
    return None if (parsed.isna() | column.isin(WORDS)).any() else parsed


def _with_ends_of_days(column: pd.Series, form: str) -> pd.Series | None:
    """The stamps if some are written as 24:00, the end of a day; None if not."""
    at_end = column.str.contains(MIDNIGHT).fillna(False)
    if not at_end.any():
        return None
    parsed = _parsed(column.str.replace(MIDNIGHT, "00:00", regex=True), form)
    return None if parsed is None else parsed + pd.to_timedelta(at_end.to_numpy(dtype=int), unit="D")


def _coerced(column: pd.Series, form: str) -> pd.Series:
    return pd.to_datetime(column, format=form, errors="coerce", utc=True).mask(column.isin(WORDS))


def _refuse_without_year(form: str) -> None:
    dated = any(sign in form for sign in ("%m", "%d", "%j", "%b", "%B"))
    if dated and not any(sign in form for sign in ("%Y", "%y", "%G")):
        raise ValueError(
            f"time_format={form!r} has no year, and without one nothing tells which year it is. Write the year into "
            "the stamps, as in time_format='%Y %b %d %H:%M:%S'"
        )


def _which(form: str, other: str) -> str:
    """Return the option that chooses between two formats."""
    if {form[:3], other[:3]} in ({"%d/", "%m/"}, {"%d-", "%m-"}) and form[6:] == other[6:]:
        return f"Say which: day_first=True for {min(form, other)}, otherwise day_first=False"
    return f"Say which: time_format={form!r} or time_format={other!r}"


def _odd(column: pd.Series, row: int, source: TimeSource, count: int = 1) -> str:
    more = f" and {count - 1:,} more that cannot be read" if count > 1 else ""
    format = " Say how they are written: time_format='%d.%m.%Y %H:%M:%S'," if count == len(column) else ""
    return (
        f"{source} holds {quoted(column.iloc[row])} ({source.locate(row)}){more}. Expected stamps such as "
        f"'2020-12-31 23:59:59', all in one format and with a zone or without.{format or ' Correct the stamp,'} or "
        f"{source.without}"
    )
