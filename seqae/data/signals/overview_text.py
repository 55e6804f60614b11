"""An overview as text for the terminal: small pictures of channels, times and durations, tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqae.data.signals.recordings import Recording

POINTS = 40  # of the small picture of a channel
BARS = "▁▂▃▄▅▆▇█"


def sketch_points(recordings: Sequence[Recording]) -> np.ndarray:
    """Return at which point of the small picture each row is, `(row,)`: by time, or by its number."""
    total = sum(map(len, recordings))
    position = np.arange(total, dtype=np.float64)
    times = recordings[0].times
    if len(recordings) == 1 and times is not None and (times[1:] >= times[:-1]).all():
        position = (times - times[0]).astype(np.float64)
    span = position[-1] if total and position[-1] > 0 else 1.0
    return np.minimum((position / span * POINTS).astype(int), min(POINTS, total) - 1)


def sketch(values: np.ndarray, points: np.ndarray) -> str:
    """Return the course of values, `(row,)`, as bars: at each point the value that is farthest from the median.

    So a single spike is seen. A point without values is a blank.
    """
    present = ~np.isnan(values)
    if not present.any():
        return ""
    known, points = values[present], points[present]
    order = np.argsort(abs(known - np.median(known)), kind="stable")
    shown = np.full(int(points.max()) + 1, np.nan)
    shown[points[order]] = known[order]
    low, high = np.nanmin(shown), np.nanmax(shown)
    scaled = (shown - low) / ((high - low) or 1) * (len(BARS) - 1)
    return "".join(" " if np.isnan(each) else BARS[round(float(each))] for each in scaled)


def moment_text(time: np.generic) -> str:
    """Return a time as people write it, without the zeros of its fraction."""
    if time.dtype.kind != "M":
        return f"{float(time):g} s"
    text = str(time.astype("datetime64[ns]")).replace("T", " ")
    return text.rstrip("0").rstrip(".") if "." in text else text


def seconds_text(seconds: float) -> str:
    """Return a duration in the largest unit that it has at least two of, or one exactly."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size or seconds == size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.6g} s" if seconds >= 1 else f"{seconds * 1000:.6g} ms"


def counted_text(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def number_text(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.4g}"


def table_text(rows: Sequence[Sequence[str]], right: Sequence[int]) -> list[str]:
    """Return lines with cells below each other; columns that are empty but for their heading are left out."""
    kept = [column for column in range(len(rows[0])) if any(row[column] for row in rows[1:])]
    widths = [max(len(row[column]) for row in rows) for column in kept]
    return [
        "  ".join(
            row[column].rjust(width) if column in right else row[column].ljust(width)
            for column, width in zip(kept, widths)
        ).rstrip()
        for row in rows
    ]
