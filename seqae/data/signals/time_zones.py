"""Local times turned into UTC, also where the clock is put back and an hour comes twice."""

from __future__ import annotations

import difflib
import re
import zoneinfo
from datetime import tzinfo

import numpy as np
import pandas as pd

from seqae.data.signals.time_source import TimeSource

# Abbreviations of zones that many stamps carry, and a place where they are used. Several zones share most of them.
PLACES = {
    "CET": "Europe/Berlin", "CEST": "Europe/Berlin", "MEZ": "Europe/Berlin", "MESZ": "Europe/Berlin",
    "WET": "Europe/Lisbon", "WEST": "Europe/Lisbon", "EET": "Europe/Helsinki", "EEST": "Europe/Helsinki",
    "BST": "Europe/London", "IST": "Asia/Kolkata", "MSK": "Europe/Moscow", "JST": "Asia/Tokyo", "KST": "Asia/Seoul",
    "EST": "America/New_York", "EDT": "America/New_York", "CST": "America/Chicago", "CDT": "America/Chicago",
    "MST": "America/Denver", "MDT": "America/Denver", "PST": "America/Los_Angeles", "PDT": "America/Los_Angeles",
    "AEST": "Australia/Sydney", "AEDT": "Australia/Sydney", "NZST": "Pacific/Auckland", "NZDT": "Pacific/Auckland",
}  # fmt: skip
SUMMER = {"CEST", "MESZ", "WEST", "EEST", "BST", "EDT", "CDT", "MDT", "PDT", "AEDT", "NZDT"}


class LocalClock:
    """Turns the times of a place into UTC.

    An hour that comes twice, when summer time ends, is told apart by the order of rows: until time goes back, it is
    summer time.

    Args:
        zone: Its name, such as Europe/Berlin, or an offset, such as +01:00.

    Attributes:
        notes: What had to be assumed.
    """

    def __init__(self, zone: str) -> None:
        self.zone = zone
        self.notes: list[str] = []
        self._before: np.datetime64 | None = None  # the last stamp of the rows before
        self._is_summer: bool | None = None  # what it was, if it is one that comes twice

    def to_utc(self, stamps: pd.Series, source: TimeSource, is_summer: np.ndarray | None = None) -> pd.Series:
        """Return stamps in UTC.

        Args:
            stamps: `(row,)` without zone.
            source: Where they come from.
            is_summer: `(row,)` bool, whether each says that it is summer time; None if they do not tell.

        Raises:
            ValueError: There is no such zone, or a stamp is in the hour that is left out when summer time begins.
        """
        try:
            zone = _zone(self.zone)
            aware = stamps.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
        except (OSError, LookupError, ValueError, TypeError):
            raise ValueError(f"no time zone time_zone={self.zone!r:.60}. {_advice(self.zone)}") from None
        unclear = np.flatnonzero(aware.isna().to_numpy())
        if len(unclear):
            summer = self._by_order(stamps.to_numpy(), unclear, source) if is_summer is None else is_summer
            aware = stamps.dt.tz_localize(zone, ambiguous=summer, nonexistent="NaT")
            if (absent := aware.isna().to_numpy()).any():
                raise ValueError(self._left_out(stamps, int(np.argmax(absent)), source))
        if len(stamps):
            last = len(stamps) - 1
            self._before = stamps.to_numpy()[last]
            self._is_summer = bool(summer[last]) if len(unclear) and unclear[-1] == last else None
        return aware.dt.tz_convert("UTC")

    def _by_order(self, stamps: np.ndarray, unclear: np.ndarray, source: TimeSource) -> np.ndarray:
        """`(row,)` bool, whether a stamp that comes twice is of summer time; also where the newest row is the first."""
        if self._before is not None or len(stamps) == 1 or np.median(np.diff(stamps).astype(np.int64)) >= 0:
            return self._summer(stamps, unclear, source)
        last = len(stamps) - 1
        turned = TimeSource(source.names, lambda row: source.locate(last - row))
        return self._summer(stamps[::-1], last - unclear[::-1], turned)[::-1]

    def _summer(self, stamps: np.ndarray, unclear: np.ndarray, source: TimeSource) -> np.ndarray:
        """`(row,)` bool, whether a stamp that comes twice is of summer time, by the order of rows."""
        summer = np.ones(len(stamps), dtype=bool)
        for run in np.split(unclear, np.flatnonzero(np.diff(unclear) > 1) + 1):
            goes_on = run[0] == 0 and self._is_summer is not None
            before = self._before if goes_on and self._before is not None else stamps[run[0]]
            back = np.diff(stamps[run], prepend=before) < np.timedelta64(0)
            if goes_on and not self._is_summer:
                back[0] = True
            elif not back.any() and (again := _repeated(stamps, run)):
                back[again] = True
            if back.any():
                summer[run[int(np.argmax(back)) :]] = False
            elif not goes_on and run[-1] < len(stamps) - 1:
                self.notes.append(
                    f"{source} has stamps in the hour that comes twice when summer time ends, and it is there once "
                    f"({source.locate(int(run[0]))}): read as summer time"
                )
        return summer

    def _left_out(self, stamps: pd.Series, row: int, source: TimeSource) -> str:
        return (
            f"{source} holds {stamps.iloc[row]} ({source.locate(row)}), which there was not in {self.zone}: summer "
            "time began. If the clock stayed on winter time, name its offset: time_zone='+01:00' one hour east of "
            "Greenwich, time_zone='-05:00' five hours west. Otherwise correct the stamp"
        )


def _zone(name: str) -> tzinfo | str:
    """Return a zone of the database, or an offset; pandas would also open other files that a name says."""
    return name if re.match(r"(UTC)?[+-]", name) else zoneinfo.ZoneInfo(name)


def _repeated(stamps: np.ndarray, run: np.ndarray) -> int:
    """Return where a single stamp comes a second time, if it is there twice as often as the one before; else 0."""
    first = int(run[0])
    if first == 0 or (stamps[run] != stamps[first]).any():
        return 0
    before = stamps[:first][::-1] == stamps[first - 1]
    usual = first if before.all() else int(np.argmin(before))
    return usual if len(run) == 2 * usual else 0


def _advice(zone: str) -> str:
    """Return which zone may be meant: one of the same place, or one that is written alike."""
    known = zoneinfo.available_timezones()
    place = zone.rpartition("/")[2].lower().replace(" ", "_")
    likely = (
        [PLACES[zone]] if zone in PLACES else sorted(each for each in known if each.rpartition("/")[2].lower() == place)
    )
    likely = likely or difflib.get_close_matches(zone, known, n=1) or ["Europe/Berlin"]
    return f"Expected one such as time_zone={likely[0]!r}, or an offset such as time_zone='+01:00'"
