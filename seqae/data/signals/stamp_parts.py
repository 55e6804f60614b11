"""The parts of time stamps that are text: date and clock in plain form, fraction of a second, and zone."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

NUMBER_OF_MONTH = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11,
    "dec": 12, "mär": 3, "mrz": 3, "mai": 5, "okt": 10, "dez": 12,
}  # fmt: skip
_FULL = "january february march april june july august september october november december sept"
_FULL += " januar februar märz juni juli oktober dezember"
_MONTH = rf"(?P<month>{'|'.join([*_FULL.split(), *NUMBER_OF_MONTH])})\.?"
_WEEKDAY = r"(?:(?:mo|tu|we|th|fr|sa|su|di|mi|do|so)[a-z]*\.?,?\s+)?"
_REST = r"(?:[ T:,]+(?P<rest>\d.*))?"
WITH_MONTH = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_WEEKDAY}(?P<day>\d\d?)(?:st|nd|rd|th)?\.?[ \-/.]?{_MONTH}[ \-/.,]*(?P<year>\d{{4}}|\d\d){_REST}",
        rf"{_WEEKDAY}{_MONTH}[ \-/.]+(?P<day>\d\d?)(?:st|nd|rd|th)?,?[ \-/.]+(?P<year>\d{{4}}){_REST}",
        rf"{_WEEKDAY}{_MONTH} +(?P<day>\d\d?),? (?P<rest>\d[\d:.,]*(?: [ap]m)?)(?P<zone> [a-z]{{2,5}}| [+-]\d{{4}})?"
        r" (?P<year>\d{4})",
        rf"(?P<year>\d{{4}})[ \-/.]?{_MONTH}[ \-/.]?(?P<day>\d\d?){_REST}",
    )
]
FIRST_YEAR = 1970  # two digits of a year are from 1970 to 2069

_HALF = r"(?:\s?[AaPp]\.?\s?[Mm]\.?)"
_OFFSET = r"(?:UTC|GMT)?[+-]\d\d?(?::?\d\d)?"
ZONED = rf"^(?P<rest>.*:\d\d(?:[.,:]\d{{1,9}})?{_HALF}?)\s*(?P<zone>Z|UTC|GMT|{_OFFSET}|\(?(?![AP]M)[A-Z]{{2,5}}\)?)$"
FRACTION = rf"^(?P<rest>.*\d(?P<sign>[:.])\d\d(?P=sign)\d\d)[.,:](?P<fraction>\d{{1,9}})(?P<half>{_HALF}?)$"


@dataclass(frozen=True, eq=False)
class StampParts:
    """Stamps without what their plain format does not need.

    Attributes:
        text: `(row,)`, dates with month and day as numbers, and clocks of whole seconds; missing where there is no
            date with the name of a month as in the first row.
        nanoseconds: `(row,)` int64, the fraction of a second.
        minutes: `(row,)` float64, how far the zone is east of Greenwich; NaN without zone, or with a name only.
        zones: `(row,)`, the name of the zone, such as CEST, or "".
    """

    text: pd.Series
    nanoseconds: np.ndarray
    minutes: np.ndarray
    zones: pd.Series

    @classmethod
    def of(cls, column: pd.Series) -> StampParts:
        """Take stamps of text apart."""
        text = column.str.replace(r"\[[A-Z][\w/+-]+\]$| Uhr$", "", regex=True).str.strip(" []'\"")
        text = _with_numbers(text.str.replace(r"\s+", " ", regex=True))
        zoned = text.str.extract(ZONED)
        text = text.where(zoned["zone"].isna(), zoned["rest"])
        zones = zoned["zone"].fillna("").str.strip("()")
        split = text.str.extract(FRACTION)
        has_fraction = split["fraction"].notna()
        text = text.where(~has_fraction, split["rest"] + split["half"])
        digits = split["fraction"].fillna("0").str.ljust(9, "0")
        text = text.str.replace(rf"(?<=\d){_HALF}$", lambda found: f" {found[0].strip()[0].upper()}M", regex=True)
        minutes = zones.map({each: _minutes(each) for each in zones.unique()}).to_numpy(dtype=np.float64)
        return cls(text, digits.astype(np.int64).to_numpy(), minutes, zones.where(np.isnan(minutes), ""))


def _with_numbers(text: pd.Series) -> pd.Series:
    """Return stamps with the number of the month in place of its name; missing where the form is another."""
    first = text.iloc[0]
    pattern = next((each for each in WITH_MONTH if each.fullmatch(first)), None)
    if pattern is None:
        return text
    found = text.str.extract(re.compile(f"^(?:{pattern.pattern})$", re.IGNORECASE))
    years = found["year"].astype(float)
    years = years.where(years >= 100, (years - FIRST_YEAR % 100) % 100 + FIRST_YEAR)
    month = found["month"].str.lower().str[:3].map(NUMBER_OF_MONTH)
    date = [f"{year:04.0f}-{month:02.0f}-{day:0>2}" for year, month, day in zip(years, month, found["day"])]
    rest = found["rest"].fillna("")
    zone = found["zone"].fillna("").str.upper() if "zone" in found else ""
    joined = pd.Series(date, index=text.index) + (" " + rest).where(rest != "", "") + zone
    return joined.where(found["day"].notna())


def _minutes(zone: str) -> float:
    """How far a zone is east of Greenwich; NaN if it is only a name."""
    offset = re.sub("UTC|GMT|Z", "", zone)
    if not zone or (offset and offset[0] not in "+-"):
        return np.nan
    digits = re.sub(r"\D", "", offset)
    hours, minutes = (digits[:-2], digits[-2:]) if len(digits) > 2 else (digits, "0")
    return (-1 if offset.startswith("-") else 1) * (60 * int(hours or 0) + int(minutes))
