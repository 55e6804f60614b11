"""What the cells of a CSV text may hold: numbers, stamps, marks of missing values, words."""

from __future__ import annotations

import re

MISSING = ["", "NaN", "nan", "NAN", "NA", "N/A", "n/a", "#N/A", "null", "NULL", "None", "none", "-", "?", "\\N"]
NUMBER = r"[+-]?(\d+{0}?\d*|{0}\d+)([eE][+-]?\d+)?"
WITH_POINT = re.compile(NUMBER.format(r"\."))
WITH_COMMA = re.compile(NUMBER.format(","))
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
COMMENTS = ("#", "%", "//")
_MONTH = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mai|okt|dez|mär"
_DAY = "mon|tue|wed|thu|fri|sat|sun"
GROUPING = "'\u2019 \u00a0\u202f\u2009"  # signs between thousands, besides the decimal sign that is not in use
_VALUE = re.compile(rf"[+-]?[.,]?\d[\d.,{GROUPING}]*([eE][+-]?\d+)?\s*%?|[+-]?inf(inity)?|true|false", re.IGNORECASE)
_STAMP = re.compile(
    rf"((({_DAY})[a-z]*\.?,?\s+)?({_MONTH})[a-z]*\.?[\s-]+)?\d[\d:./,T\s+-]*"
    rf"(({_MONTH})[a-z]*\.?[\d:./,T\s+-]*)?\s*(am|pm|z|utc|gmt|cet|cest)?\s*([+-]\d\d:?\d\d)?",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"\d{1,2}:\d\d(:\d\d([.,]\d+)?)?\s*([ap]m)?", re.IGNORECASE)
_DATE = re.compile(rf"\d{{1,4}}[-/. ](\d{{1,2}}|({_MONTH})[a-z]*)[-/. ]\d{{1,4}}", re.IGNORECASE)


def is_value(cell: str) -> bool:
    """Whether a cell holds something like a number or a stamp, of whatever form."""
    return bool(_VALUE.fullmatch(cell) or _STAMP.fullmatch(cell))


def is_reading(cell: str) -> bool:
    """Whether a cell holds a plain number or something like a stamp."""
    return is_number(cell) or is_stamp_like(cell)


def is_number(cell: str) -> bool:
    """Whether a cell holds a number, with a decimal point or comma."""
    return bool(WITH_POINT.fullmatch(cell) or WITH_COMMA.fullmatch(cell))


def is_stamp_like(cell: str) -> bool:
    """Whether a cell holds something like a stamp, and no number."""
    return bool(_STAMP.fullmatch(cell)) and not _VALUE.fullmatch(cell)


def is_day_and_clock(day: str, clock: str) -> bool:
    """Whether two cells are the day and the time of day."""
    return bool(_DATE.fullmatch(day) and _CLOCK.fullmatch(clock))


def comment_sign(line: str) -> str:
    """The sign that a line begins with if it is a comment, else ""."""
    line = line.lstrip(' "\t')
    return next((sign for sign in COMMENTS if line.startswith(sign)), "")
