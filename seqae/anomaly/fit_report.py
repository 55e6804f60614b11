"""What a detector learnt from, and what about it may make the detector less good than it could be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from seqae.anomaly.scorer import Scorer
from seqae.data.signals.durations import duration_of
from seqae.data.signals.recordings import Recording

FIFTHS = 5
MIN_FIFTH_ROWS = 100  # fewer rows say little about a level
MAX_LEVEL_CHANGE = 3.0  # deviations within a fifth of the rows
MIN_FACTOR = 5.0  # false alarms in a part of the normal rows by the others, as a multiple of what is asked for


@dataclass(frozen=True)
class FitReport:
    """What a detector learnt from.

    Attributes:
        rows: Normal rows, of the grid if they were resampled.
        recordings: How many recordings they are in.
        machines: The machines that they are of, where they are told apart.
        channels: The names of the channels.
        period: Seconds from row to row; None without times.
        resampling: How irregular rows were brought to a regular grid; "" if they were not.
        left_out: Normal rows as they came, of which values were left out as outliers.
        asked_false_alarm_rate: The fraction of normal rows that may raise an alarm; None if alarms are counted by day.
        false_alarm_rate: The fraction of normal rows that raise one by models that were not fitted to them.
        warnings: What may make the detector less good, one line each.
    """

    rows: int
    recordings: int
    machines: tuple[str, ...]
    channels: tuple[str, ...]
    period: float | None
    resampling: str
    left_out: int
    asked_false_alarm_rate: float | None
    false_alarm_rate: float
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        machines = f" of {len(self.machines)} machines" if self.machines else ""
        asked = "" if self.asked_false_alarm_rate is None else f" ({self.asked_false_alarm_rate:g} asked for)"
        lines = [
            f"rows         {self.rows:,} in {self.recordings} recording{'s' if self.recordings > 1 else ''}{machines}",
            f"channels     {len(self.channels)}",
            f"period       {'unknown' if self.period is None else duration_of(self.period)}",
            f"resampled    {self.resampling or 'no'}",
            f"left out     values in {self.left_out:,} rows",
            f"false alarms {self.false_alarm_rate:.2g} of the normal rows{asked}",
            *(f"warning      {each}" for each in self.warnings),
        ]
        return "\n".join(lines)


def fit_warnings(recordings: Sequence[Recording], scorer: Scorer, false_alarm_rate: float | None) -> Iterator[str]:
    """Yield what about normal rows may make a detector less good than it could be.

    Args:
        recordings: The rows that it was fitted to.
        scorer: What it learnt.
        false_alarm_rate: What is asked for; None if alarms are counted by day.
    """
    if scorer.warning:
        yield scorer.warning
    factor = scorer.calibration.inflation
    if false_alarm_rate is not None and factor > MIN_FACTOR:
        yield (
            f"parts of the normal rows would raise alarms in {min(factor * false_alarm_rate, 1):.1%} of their rows by "
            f"what the other parts show, where {false_alarm_rate:.1%} is asked for: what is normal changes. Scores are "
            "lowered by that, so that smaller faults are missed. Give normal rows of all states, or several times as "
            "many"
        )
    for recording in recordings:
        yield from _level_changes(recording)


def _level_changes(recording: Recording) -> Iterator[str]:
    """Yield channels whose level rose or fell from each fifth of the rows to the next."""
    size = len(recording) // FIFTHS
    if size < MIN_FIFTH_ROWS:
        return
    means, deviations = [], []
    for number in range(FIFTHS):
        part = recording.values[number * size : (number + 1) * size]
        with np.errstate(all="ignore"):
            count = (~np.isnan(part)).sum(axis=0)
            mean = np.nansum(part, axis=0) / count
            means.append(mean)
            deviations.append(np.sqrt(np.nansum(np.square(part - mean), axis=0) / count))
    steps, within = np.diff(means, axis=0), np.mean(deviations, axis=0)
    changed = np.abs(means[-1] - means[0]) > MAX_LEVEL_CHANGE * within
    steady = (steps > 0).all(axis=0) | (steps < 0).all(axis=0)
    for channel in np.flatnonzero(changed & steady & (within > 0)):
        name, ratio = recording.channels[channel], abs(means[-1][channel] - means[0][channel]) / within[channel]
        where = f" ({recording.entity or recording.name})" if recording.entity or recording.name else ""
        yield (
            f"the level of {name!r}{where} moved by {ratio:.1f} deviations from the first to the last fifth of the "
            f"normal rows, and raises alarms if it moves on. If it is a counter or a clock: ignore=[{name!r}]"
        )
