"""Labelled events that scores find before they raise more than a few false ones, and how well alarms cover events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from seqae.anomaly.events import runs
from seqae.evaluation.row_checks import as_row_flags, labels_and_alarms, labels_and_scores


@dataclass(frozen=True)
class EventsFound:
    """Labelled events that scores find with at most a few false events.

    Attributes:
        found: Number of labelled events of which a row reaches the threshold.
        events: Number of labelled events.
        threshold: The highest threshold that finds as many; infinite if none is found.
        false_alarm_rate: Fraction of the normal rows that reach this threshold. It tells scores that find events from
            scores that are high all the time.
    """

    found: int
    events: int
    threshold: float
    false_alarm_rate: float


def events_at(
    labels: ArrayLike,
    scores: ArrayLike,
    false_events: int = 2,
    merge_gap: int = 10,
    most_false_alarms: float = 1.0,
) -> EventsFound:
    """Count the labelled events that scores find with at most a few false events.

    The threshold is lowered over all scores, from the highest one. Rows that reach it and have at most `merge_gap`
    rows between them are one run of alarms; a run that overlaps no labelled event is a false event. It stops before
    the first threshold with more than `false_events` of them. Events count alike, whatever their length.

    An alarm that goes on from one event to the next is no false event, so that scores that are smeared out, or
    constant, may find all: look at the rate of false alarms, too, or limit it by `most_false_alarms`.

    Args:
        labels: `(row,)`, 1 where a row is anomalous, else 0.
        scores: `(row,)` float, higher = more anomalous.
        false_events: The false events allowed, 0 or more.
        merge_gap: Alarms with at most this many rows between them are one event.
        most_false_alarms: It also stops before more than this fraction of the normal rows reach the threshold.

    Raises:
        ValueError: A number is negative, the arrays are empty, of unequal length or hold NaN, or only one class is
            labelled.

    Examples:
        >>> labels = [0, 1, 1, 0, 0, 0, 1, 0, 0]
        >>> scores = [0, 9, 1, 0, 5, 0, 3, 0, 4]
        >>> events_at(labels, scores, false_events=1, merge_gap=0)
        EventsFound(found=1, events=2, threshold=9.0, false_alarm_rate=0.0)
    """
    labels, scores = labels_and_scores(labels, scores)
    if min(false_events, merge_gap, most_false_alarms) < 0:
        limits = f"{false_events} false events, a gap of {merge_gap} rows, {most_false_alarms:g} false alarms"
        raise ValueError(f"{limits}. Give numbers of 0 or more")
    levels, level = np.unique(scores, return_inverse=True)
    false = _false_events(labels, _closed(level, merge_gap), len(levels))
    normal_rows = np.cumsum(np.bincount(level[~labels], minlength=len(levels))[::-1])[::-1]
    too_many = np.flatnonzero((false > false_events) | (normal_rows / (~labels).sum() > most_false_alarms))
    lowest = int(too_many[-1]) + 1 if len(too_many) else 0
    highest = np.maximum.reduceat(np.append(level, -1), runs(labels).ravel())[::2]
    found = highest[highest >= lowest]
    threshold = float(levels[found.min()]) if len(found) else np.inf
    return EventsFound(len(found), len(highest), threshold, float((scores[~labels] >= threshold).mean()))


def merge_alarms(alarms: ArrayLike, merge_gap: int = 10) -> np.ndarray:
    """Return alarms, `(row,)` bool, that go on where at most a few rows without one lie between two.

    Args:
        alarms: `(row,)`, 1 or True where a row raises an alarm, else 0.
        merge_gap: Alarms with at most this many rows between them become one.

    Raises:
        ValueError: The array is empty, has several dimensions or holds other values.
    """
    merged = as_row_flags(alarms, "alarms")  # a copy
    for start, stop in runs(merged, merge_gap):
        merged[start:stop] = True
    return merged


def event_overlaps(labels: ArrayLike, alarms: ArrayLike) -> np.ndarray:
    """Return how well a run of alarms covers each labelled event, `(event,)`: intersection over union, 0 to 1.

    It is that of the run that overlaps the event best; 0 for an event without an alarm.

    Args:
        labels: `(row,)`, 1 where a row is anomalous, else 0.
        alarms: `(row,)`, 1 or True where a row raises an alarm, else 0; see `merge_alarms`.

    Raises:
        ValueError: The arrays are empty, of unequal length or hold other values, or only one class is labelled.
    """
    labels, alarms = labels_and_alarms(labels, alarms)
    (starts, stops), raised = runs(labels)[:, :, None].transpose(1, 0, 2), runs(alarms)
    common = np.minimum(stops, raised[:, 1]) - np.maximum(starts, raised[:, 0])
    union = np.maximum(stops, raised[:, 1]) - np.minimum(starts, raised[:, 0])
    return np.max(np.maximum(common, 0) / union, axis=1, initial=0)


def _closed(level: np.ndarray, merge_gap: int) -> np.ndarray:
    """Return the highest level at which a row is in a run of alarms, with the rows between merged ones, `(row,)`.

    It is a morphological closing (Serra 1982): rows between two alarms belong to the run if no `merge_gap` + 1
    consecutive rows among them are without an alarm. Outside there are no alarms.
    """
    from scipy.ndimage import maximum_filter1d, minimum_filter1d

    size = min(merge_gap, len(level)) + 1
    padded = np.pad(level, (0, size - 1), constant_values=-1)
    before = maximum_filter1d(padded, size, mode="constant", cval=-1, origin=(size - 1) // 2)
    return minimum_filter1d(before, size, mode="constant", cval=-1, origin=-(size // 2))[: len(level)]


def _false_events(labels: np.ndarray, level: np.ndarray, levels: int) -> np.ndarray:
    """Return the number of runs at or above each level that overlap no label, `(level,)`, in linear time.

    A run is counted at its first row: at the levels above that of the row before. A run that overlaps labels is counted
    at the first labelled row in it: at the levels above the lowest one since the labelled row before.
    """
    labelled = np.flatnonzero(labels)
    lowest_between = np.minimum.reduceat(level, labelled)[:-1]
    all_runs = _count_levels(np.append(-1, level[:-1]), level, levels)
    return all_runs - _count_levels(np.append(-1, lowest_between), level[labelled], levels)


def _count_levels(above: np.ndarray, up_to: np.ndarray, levels: int) -> np.ndarray:
    """Return for each level how many ranges hold it, from `above` (exclusive) to `up_to` (inclusive), `(level,)`."""
    first, stop = np.minimum(above, up_to) + 1, up_to + 1
    return np.cumsum(np.bincount(first, minlength=levels + 1) - np.bincount(stop, minlength=levels + 1))[:levels]
