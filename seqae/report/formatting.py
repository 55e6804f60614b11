"""Formatting of numbers for people."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Integral, Real

import numpy as np

SCORE_MEANING = "score: -log10 of the fraction of normal rows that score as high"
UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def duration(seconds: float) -> str:
    """Return a time with its two largest units, for example "2 h 5 min"."""
    if seconds < 10:
        return f"{seconds:.3g} s"
    parts: list[tuple[int, str]] = []
    rest = round(seconds)
    for unit, size in UNITS:
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append((count, unit))
    return " ".join(f"{count} {unit}" for count, unit in parts[:2] if count)


def number(value: object) -> str:
    """Return a value as a table shows it: three digits that count, thousands separated, missing as a dash."""
    if value is None or (isinstance(value, Real) and math.isnan(value)):
        return "\u2013"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return f"{value:,}"
    if not isinstance(value, Real):
        return str(value)
    value = float(value)
    size = abs(value)
    if 1000 <= size < 1e6:
        return f"{value:,.0f}"
    return f"{value:.3f}" if 1e-3 <= size < 1 else f"{value:.3g}"


def percent(fraction: float) -> str:
    """Return a fraction as a percentage, finer below ten."""
    if 0 < fraction < 0.0005:
        return "< 0.1 %"
    return f"{100 * fraction:.0f} %" if fraction >= 0.0995 or fraction == 0 else f"{100 * fraction:.1f} %"


def with_unit(name: str, units: Mapping[str, str]) -> str:
    """Return for example "pressure [bar]", or the name alone if its unit is unknown."""
    return f"{name} [{units[name]}]" if units.get(name) else name


def counted(count: int, noun: str) -> str:
    """Return for example "1 alarm" or "3 alarms"."""
    return f"{count:,} {noun}{'s' * (count != 1)}"
