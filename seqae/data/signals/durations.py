"""Durations as they are written in options: "10s", "5min", "0.5h"."""

from __future__ import annotations

import bisect
import math
import re

_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_UNITS = ("d", "h", "min", "s", "ms", "us")
_DURATION = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)\s*", re.IGNORECASE)
_DECADES = [count * scale for scale in (1, 10, 100) for count in (1, 2, 5)]
_ROUND = sorted(
    [count * unit for unit in (1e-6, 1e-3) for count in _DECADES]
    + [count * unit for unit in (1.0, 60.0) for count in (1, 2, 5, 10, 15, 20, 30)]
    + [count * 3600.0 for count in (1, 2, 6, 12)]
    + [count * 86400.0 for count in _DECADES]
)


def seconds_of(duration: str | float, option: str) -> float:
    """Return how many seconds a duration has; a number without a unit counts seconds.

    Args:
        duration: Such as "10s".
        option: The name of the option, for error messages.

    Raises:
        ValueError: It is no duration, or not more than 0.
    """
    found = _DURATION.fullmatch(str(duration))
    unit = found[2].lower() or "s" if found else ""
    seconds = float(found[1]) * _SECONDS[unit] if found and unit in _SECONDS else 0.0
    if not 0 < seconds < math.inf:
        raise ValueError(
            f"{option} is {duration!r}. Expected a number above 0 with a unit, one of {', '.join(_SECONDS)}. "
            f"For example {option}='10s'"
        )
    return seconds


def duration_of(seconds: float) -> str:
    """Return a duration in the largest unit of which it has at least one, such as "1.5min"; `seconds_of` reads it."""
    unit = next((each for each in _UNITS if seconds >= _SECONDS[each]), "us")
    return f"{seconds / _SECONDS[unit]:.12g}{unit}"


def round_duration(seconds: float) -> float:
    """Return the shortest round duration that is not shorter, such as 10 s for 7.3 s; the same beyond all of them."""
    number = bisect.bisect_left(_ROUND, seconds * (1 - 1e-9))
    return _ROUND[number] if number < len(_ROUND) else seconds
