"""The result of a run in sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np

from seqae.anomaly.events import runs
from seqae.evaluation.anomalies import event_scores
from seqae.report.axis import Axis
from seqae.report.formatting import counted, number, percent

if TYPE_CHECKING:
    from seqae.anomaly.events import Event
    from seqae.data.signals.recordings import Recording


def headline(recording: Recording, events: Sequence[Event], labels: np.ndarray | None = None) -> str:
    """Return the result in one sentence; measured against the known faults, as `event_scores` does, if there are any.

    Args:
        recording: The recording that was scored.
        events: The alarms.
        labels: (row,) bool, True in known faults.
    """
    axis = Axis.of(recording)
    alarms = alarm_rows(events, len(recording))
    if labels is None or np.all(labels) or not np.any(labels):
        return _alarms_alone(axis, events, alarms)
    scores = event_scores(labels, alarms)
    sentence = f"{scores.found} of {counted(scores.events, 'fault')} found"
    sentence += f", {counted(scores.false_alarms, 'false alarm') if scores.false_alarms else 'no false alarm'}"
    if scores.already_on:
        sentence += f", the alarm was on before {scores.already_on} of them began"
    if scores.found:
        sentence += f", first alarm {axis.length(scores.mean_delay)} after the start on average"
    return sentence


def _alarms_alone(axis: Axis, events: Sequence[Event], alarms: np.ndarray) -> str:
    searched = axis.elapsed(0, len(alarms))
    if not events:
        return f"No alarm in {searched}"
    worst = max(events, key=lambda event: event.severity)
    return (
        f"{counted(len(events), 'alarm')} in {searched}, {percent(alarms.mean())} of the rows; "
        f"the most severe at {axis.moment(worst.peak)}, mostly {worst.channels[0].channel}"
    )


def alarm_rows(events: Sequence[Event], count: int) -> np.ndarray:
    """Return (row,) bool, True within events."""
    alarms = np.zeros(count, dtype=bool)
    for event in events:
        alarms[event.start : event.stop] = True
    return alarms


def events_of(events: Sequence[Event]) -> list[slice]:
    """Return the rows of each event."""
    return [slice(event.start, event.stop) for event in events]


def most_severe(events: Sequence[Event], count: int = 100) -> list[Event]:
    """Return the events with the highest severity, in the order of time: those that the page lists."""
    chosen = sorted(events, key=lambda event: -event.severity)[:count]
    return sorted(chosen, key=lambda event: event.start)


def largest_departure(
    recording: Recording, reconstruction: np.ndarray, events: Sequence[Event], most: int = 10
) -> tuple[Event, int] | None:
    """Return the event and the index of the channel where a signal departs most from its reconstruction.

    The departure is the median over the event, in standard deviations of the channel, times the fraction that the
    channel contributes: the others of a fault's relations depart from theirs, too, but look as ever. Where the
    reconstruction has gone astray itself, a row does not count: beyond all values of the channel, and beyond the
    middle nine tenths of what it is outside of the alarms.

    Args:
        recording: The signals.
        reconstruction: (row, channel), in the units of the recording.
        events: The alarms; None is returned if there are none.
        most: How many of them, the most severe ones, are compared.
    """
    if not events:
        return None
    compared = most_severe(events, most)
    deviations = np.ma.masked_invalid(recording.values).std(axis=0).filled(0)
    distances = np.abs(recording.values - reconstruction) / np.where(deviations > 0, deviations, np.inf)
    distances = np.where(
        _is_astray(recording.values, reconstruction, events), 0.0, np.nan_to_num(distances, posinf=0.0)
    )
    index = {name: number for number, name in enumerate(recording.channels)}
    candidates = [(event, index[each.channel], each.fraction) for event in compared for each in event.channels]
    departures = [
        fraction * float(np.median(distances[event.start : event.stop, channel]))
        for event, channel, fraction in candidates
    ]
    event, channel, _ = candidates[int(np.argmax(departures))]
    return event, channel


def _is_astray(values: np.ndarray, reconstruction: np.ndarray, events: Sequence[Event]) -> np.ndarray:
    """Return where reconstructions are unlike the values and unlike those outside of the alarms, `(row, channel)`."""
    quiet = reconstruction[~alarm_rows(events, len(values)) & np.isfinite(reconstruction).all(axis=1)]
    if not len(quiet):
        return np.zeros(values.shape, dtype=bool)
    low, high = np.quantile(quiet, [0.05, 0.95], axis=0)
    return (reconstruction < np.fmin(low, np.fmin.reduce(values))) | (
        reconstruction > np.fmax(high, np.fmax.reduce(values))
    )


def faults_of(labels: np.ndarray | None) -> list[slice]:
    """Return the rows of each known fault, none if labels (row,) are unknown."""
    return [] if labels is None else [slice(start, stop) for start, stop in runs(labels).tolist()]


def best_methods(results: Sequence[Mapping[str, object]]) -> list[int]:
    """Return the indices of the rows with the largest number in the second column; several if they are equal."""
    values = [_deciding_number(line) for line in results]
    best = max(values, default=-np.inf)
    return [line for line, value in enumerate(values) if value == best > -np.inf]


def comparison_sentence(results: Sequence[Mapping[str, object]]) -> str:
    """Return a sentence about the best method and the others; "" if there is nothing to compare."""
    best = best_methods(results)
    if not best or len(results) < 2:
        return ""
    methods, values = zip(*(list(line.values())[:2] for line in results))
    sentence = f"Best {list(results[0])[1]}: {' and '.join(str(methods[line]) for line in best)}"
    sentence += f" with {number(values[best[0]])}"
    rest = sorted(set(range(len(results))) - set(best), key=lambda line: -_deciding_number(results[line]))
    others = ", ".join(f"{methods[line]} {number(values[line])}" for line in rest)
    return f"{sentence}; {others}." if others else f"{sentence}, all equal."


def _deciding_number(line: Mapping[str, object]) -> float:
    """Return the number in the second column, minus infinity if there is none."""
    value = list(line.values())[1] if len(line) > 1 else None
    return float(value) if isinstance(value, Real) and not math.isnan(value) else -math.inf
