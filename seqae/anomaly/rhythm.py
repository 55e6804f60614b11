"""The rhythm of the day and of the week: what each channel does at this time, as far as it repeats itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from seqae._warnings import warnings_here
from seqae.anomaly.drift import student_quantile
from seqae.transforms.scaler import Scaler

DAY, WEEK = 86400, 7  # seconds, days
MAX_NODES = 48  # of a day
MIN_PERIODS = 3  # days or weeks that the normal rows span
MAX_FOLDS = 10  # of days or weeks that are held out
MIN_GAIN = 0.05  # of the mean absolute deviation, in days or weeks that are held out
ERROR_RATE = 0.05  # with which the gain may be smaller
MIN_KNOWN = 0.5  # of the values in the fold with most of them, in others that are compared
HALF_HOUR = 1800


@dataclass(frozen=True, eq=False)
class Rhythm:
    """What is expected of each channel at a time of the week.

    Attributes:
        expected: `(node, channel)`, in units of scaled rows, at times that divide the week evenly, from the start of
            the day of the week that 1970 began with; between them it is linear. 0 for channels without a rhythm.
        time_zone: The clock that it follows, such as Europe/Berlin.
    """

    expected: np.ndarray
    time_zone: str = "UTC"

    def of(self, times: np.ndarray | None) -> np.ndarray:
        """Return what is expected at times, `(row, channel)` float64.

        Args:
            times: `(row,)` datetime64, UTC.

        Raises:
            ValueError: There are no times, or none of a calendar.
        """
        return _between(self.expected, local_seconds(self.dated(times), self.time_zone) * self.nodes_per_second)

    @property
    def nodes_per_second(self) -> float:
        """How many nodes there are in a second."""
        return len(self.expected) / (WEEK * DAY)

    def dated(self, times: np.ndarray | None) -> np.ndarray:
        """Return the times, `(row,)` datetime64.

        Raises:
            ValueError: There are none, or they are no dates.
        """
        if times is None or times.dtype.kind != "M":
            raise ValueError(
                "this detector knows the rhythm of the day or the week, and these rows have no dates. Give them with "
                "their times as the normal rows had them (time_column='time'), or fit without it: "
                "AnomalyDetector(calendar=False)"
            )
        return times


def local_seconds(times: np.ndarray, time_zone: str) -> np.ndarray:
    """Return what clocks of a time zone show at times `(row,)` datetime64, in seconds since 1970, `(row,)` float64."""
    seconds = (times - np.datetime64(0, "s")) / np.timedelta64(1, "s")
    try:
        zone = ZoneInfo(time_zone)
    except (OSError, LookupError, ValueError):  # an offset, such as +01:00, which no day changes
        return seconds
    halves, which = np.unique(seconds // HALF_HOUR, return_inverse=True)  # clocks are changed at these
    moments = [datetime.fromtimestamp(HALF_HOUR * half, zone).utcoffset() for half in halves.tolist()]
    return seconds + np.array([0.0 if each is None else each.total_seconds() for each in moments])[which]


def fit_rhythm(
    parts: Sequence[np.ndarray], times: Sequence[np.ndarray | None], period: float | None, time_zone: str
) -> tuple[Rhythm, list[np.ndarray]] | None:
    """Return the rhythm of normal rows, and what it expects of these rows if it is fitted to other days or weeks.

    The expected value is the median over days or weeks, which a fault in one of them does not move. A channel has a
    rhythm of the day if this leaves smaller deviations in days that are held out than a constant does, and one of the
    week if that leaves smaller ones than that of the day: each by more than chance explains.

    Args:
        parts: Scaled rows, `(row, channel)` each.
        times: Their times, `(row,)` each.
        period: Seconds from row to row.
        time_zone: The clock of the rhythm.

    Returns:
        None if no channel has a rhythm, or if the rows have no dates or span less than three days.
    """
    dated = [each for each in times if each is not None and each.dtype.kind == "M"]
    if not period or len(dated) < len(parts):
        return None
    per_day = int(np.clip(DAY / period, 1, MAX_NODES))
    places = [local_seconds(each, time_zone) * per_day / DAY for each in dated]
    origin = int(np.rint(min(each.min() for each in places))) // per_day * per_day  # the first day begins here
    places = [each - origin for each in places]
    days = (max(each.max() for each in places) - min(each.min() for each in places) + 1) / per_day
    if days < MIN_PERIODS:
        return None
    table = _means(parts, places, WEEK * per_day)
    level, _ = _medians(table, 1)  # of a channel without a rhythm
    of_day, daily = _medians(table, per_day)
    has_day = _is_better(daily, level, table, per_day) if per_day > 1 else np.zeros(table.shape[1], dtype=bool)
    held_out, expected = np.where(has_day, daily, 0), np.where(has_day, np.tile(of_day, (WEEK, 1)), 0)
    has_week = np.zeros_like(has_day)
    if days >= WEEK * MIN_PERIODS:
        of_week, weekly = _medians(table, WEEK * per_day)
        has_week = _is_better(weekly, np.where(has_day, daily, level), table, WEEK * per_day)
        held_out, expected = np.where(has_week, weekly, held_out), np.where(has_week, of_week, expected)
    if not (has_day | has_week).any():
        return None
    rhythm = Rhythm(np.roll(expected, origin % len(expected), axis=0), time_zone)
    return rhythm, [_between(held_out, each) for each in places]


def split_rhythm(
    parts: Sequence[np.ndarray],
    entities: Sequence[str],
    times: Sequence[np.ndarray | None],
    scalers: Mapping[str, Scaler],
    period: float | None,
    time_zone: str,
) -> tuple[Rhythm | None, list[np.ndarray], dict[str, Scaler]]:
    """Return the rhythm of normal rows, the rows without it, and the scalers of what is left; as given without one.

    Args:
        parts: Rows in the units of the data, `(row, channel)` each.
        entities: The machine of each part.
        times: Their times, `(row,)` each.
        scalers: The scaler of each machine.
        period: Seconds from row to row.
        time_zone: The clock of the rhythm.
    """
    scaled = [scalers[entity].transform(part) for part, entity in zip(parts, entities)]
    found = fit_rhythm(scaled, times, period, time_zone)
    if found is None:
        return None, list(parts), dict(scalers)
    rhythm, expected = found
    left = Scaler().fit([rows - own for rows, own in zip(scaled, expected)])
    rescaled = {}
    for entity, scaler in scalers.items():
        rescaled[entity] = scaler.with_mean(scaler.mean_ + left.mean_ * scaler.scale_)
        rescaled[entity].scale_ = scaler.scale_ * left.scale_
    without = [part - own * scalers[entity].scale_ for part, own, entity in zip(parts, expected, entities, strict=True)]
    return replace(rhythm, expected=rhythm.expected / left.scale_), without, rescaled


def _means(parts: Sequence[np.ndarray], places: Sequence[np.ndarray], multiple: int) -> np.ndarray:
    """Return the mean of the rows nearest to each node, `(node, channel)`, NaN without any; a multiple of nodes."""
    nodes = np.concatenate([np.rint(each).astype(np.int64) for each in places])
    size = -(-(int(nodes.max()) + 1) // multiple) * multiple
    columns = []
    for channel in np.concatenate(parts).T.astype(np.float64):
        known = ~np.isnan(channel)
        count = np.bincount(nodes[known], minlength=size)
        columns.append(np.bincount(nodes[known], channel[known], size) / np.where(count, count, np.nan))
    return np.stack(columns, axis=1)


def _medians(table: np.ndarray, cycle: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the median over cycles, and for each cycle that over others that are held out with it or not.

    Args:
        table: `(node, channel)`, NaN where nothing is known.
        cycle: The number of nodes in a cycle, such as a day.

    Returns:
        `(node of a cycle, channel)`, and `(node, channel)`.
    """
    cycles = table.reshape(-1, cycle, table.shape[1])
    folds, held_out = _folds(len(cycles)), np.empty_like(cycles)
    with warnings_here("ignore", RuntimeWarning):  # of nodes at which nothing is known
        for fold in np.unique(folds):
            held_out[folds == fold] = _filled(np.nanmedian(cycles[folds != fold], axis=0))
        return _filled(np.nanmedian(cycles, axis=0)), held_out.reshape(table.shape)


def _folds(cycles: int) -> np.ndarray:
    """Return the fold in which each cycle is held out, `(cycle,)`; neighbours together, as a rhythm may fade."""
    return np.arange(cycles) * min(cycles, MAX_FOLDS) // cycles


def _filled(profile: np.ndarray) -> np.ndarray:
    """Return a profile `(node, channel)` of a cycle with unknown values on straight lines between the known ones."""
    nodes, filled = np.arange(len(profile)), np.zeros_like(profile)
    for channel, values in enumerate(profile.T):
        known = np.flatnonzero(~np.isnan(values))
        if len(known):
            filled[:, channel] = np.interp(nodes, known, values[known], period=len(profile))
    return filled


def _is_better(new: np.ndarray, old: np.ndarray, table: np.ndarray, cycle: int) -> np.ndarray:
    """Return whether predictions of held-out nodes leave smaller deviations than others, `(channel,)` bool.

    Args:
        new: `(node, channel)`.
        old: `(node, channel)` or `(1, channel)`.
        table: What is predicted, `(node, channel)`.
        cycle: The number of nodes that are held out together.
    """
    deviations = np.stack([np.abs(table - old), np.abs(table - new)])
    sums = np.nansum(deviations.reshape(2, -1, cycle, table.shape[1]), axis=2)
    known = (~np.isnan(table)).reshape(-1, cycle, table.shape[1]).sum(axis=(1, 2))
    folds = _folds(len(known))
    by_fold = np.stack([sums[:, folds == fold].sum(axis=1) for fold in np.unique(folds)], axis=1)  # (2, fold, channel)
    counts = np.array([known[folds == fold].sum() for fold in np.unique(folds)])
    before, after = by_fold[:, counts >= MIN_KNOWN * counts.max()]
    gains = np.where(before > 0, 1 - after / np.where(before > 0, before, 1), 0.0)
    if len(gains) < MIN_PERIODS - 1:
        return np.zeros(table.shape[1], dtype=bool)
    margin = student_quantile(ERROR_RATE, len(gains) - 1.0) * gains.std(axis=0, ddof=1) / np.sqrt(len(gains))
    return gains.mean(axis=0) - margin > MIN_GAIN


def _between(table: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return what lies on straight lines between the nodes of a cycle `(node, channel)`, `(row, channel)` float64.

    Args:
        table: The values at the nodes.
        places: Where, in nodes, `(row,)`.
    """
    before = np.floor(places).astype(np.int64)
    part = (places - before)[:, None]
    return (1 - part) * table[before % len(table)] + part * table[(before + 1) % len(table)]
