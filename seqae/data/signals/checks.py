"""Checks of recordings before a detector learns from them or scores them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial

import numpy as np

from seqae.data.arrays import refuse_enormous, refuse_erasing
from seqae.data.signals.durations import duration_of
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.recordings import Recording
from seqae.data.signals.sampling import MAX_RATE_CHANGE, RateChange, Sampling
from seqae.data.signals.warnings import channel_warnings

MAX_WARNINGS = 10  # about channels, at once


def refuse_unlearnable(recordings: Sequence[Recording]) -> None:
    """Raise if nothing can be learnt from recordings.

    Raises:
        ValueError: All values are missing, or one is so large that its square is not finite, or that all others of its
            channel would look the same beside it; names row and channel.
    """
    if all(np.isnan(recording.values).all() for recording in recordings):
        raise ValueError(
            "no values at all: every one is missing (NaN). Expected readings. Check how missing values are marked"
        )
    for number, recording in enumerate(recordings):
        name = recording.name or (f"recording {number}" if len(recordings) > 1 else "")
        refuse_enormous(recording.values, recording.channels, partial(_locate, name))
        refuse_erasing(recording.values, recording.channels, partial(_locate, name))


def warn_of_data(
    recordings: Sequence[Recording], options: ReadingOptions | None = None, may_be_sparse: bool = False
) -> list[str]:
    """Warn of channels from which nothing or nonsense would be learnt: labels, marks of missing values, copies.

    Returns what there is to say of them.

    Args:
        recordings: The rows to learn from, all with the same channels.
        options: How they were read, which proposals add to.
        may_be_sparse: Whether a channel may have values in few rows, because they are resampled.
    """
    values = [each.values for each in recordings]
    found = list(channel_warnings(values, recordings[0].channels, options, may_be_sparse))
    for message in found[:MAX_WARNINGS]:
        warnings.warn(message, stacklevel=5)  # through `fit`, what prepares its data, and what spells its signature out
    if len(found) > MAX_WARNINGS:
        warnings.warn(f"{len(found) - MAX_WARNINGS} more channels like these", stacklevel=5)
    return found


def usual_period(recordings: Sequence[Recording]) -> float | None:
    """Return the seconds from row to row in most recordings; None if none of them has times."""
    periods = [Sampling.of(each.times, each.period).period for each in recordings if each.times is not None]
    periods = [period for period in periods if np.isfinite(period)]
    return float(np.median(periods)) if periods else None


def rate_change(recording: Recording) -> RateChange | None:
    """Return where the sampling rate of a recording changes; None if it does not, or if it is on a grid."""
    if recording.times is None or recording.period is not None:
        return None
    return Sampling.of(recording.times).rate_change()


def warn_of_rates(recordings: Sequence[Recording]) -> list[str]:
    """Warn of recordings to learn from whose sampling rate changes, and return what there is to say of them."""
    found = []
    for number, recording in enumerate(recordings):
        if change := rate_change(recording):
            name = recording.entity or recording.name or (f"recording {number}" if len(recordings) > 1 else "")
            found.append(
                f"{change}{f' ({name})' if name else ''}. Rows of both rates are learnt as if they were of one. Fit to "
                f"one of them, or bring all to one rate: resample={duration_of(max(change.before, change.after))!r}"
            )
    for message in found[:MAX_WARNINGS]:
        warnings.warn(message, stacklevel=5)  # as for `warn_of_data`
    return found


def warn_of_times(recording: Recording, period: float | None) -> None:
    """Warn if a recording has another sampling rate than the training data, or if its time goes back or stands still.

    Args:
        recording: The recording to score.
        period: Seconds from row to row in the training data; None if it had no times.
    """
    if recording.times is None:
        return
    sampling, name = Sampling.of(recording.times, recording.period), recording.name or "recording"
    if period and np.isfinite(sampling.period) and abs(sampling.period / period - 1) > MAX_RATE_CHANGE:
        warnings.warn(
            f"{name} has a row every {sampling.period:g} s, and the detector learnt from rows every {period:g} s: "
            "what is usual at one rate is not at another. Give rows at the same rate",
            stacklevel=2,
        )
    if change := rate_change(recording):
        warnings.warn(
            f"in {name} {change}. What is usual at one rate is not at another, and steps of more than three usual "
            "ones are gaps, between which few rows cannot be judged. Score the parts by themselves, or bring the rows "
            f"to one rate: resample={duration_of(max(change.before, change.after))!r}",
            stacklevel=2,
        )
    stuck = sampling.backwards if sampling.is_coarse else sampling.backwards | sampling.repeats
    if len(rows := np.flatnonzero(stuck)):
        warnings.warn(
            f"in {name} time goes back or stands still at {len(rows)} rows, first at row {rows[0] + 1}: what comes "
            "after is read as another run. If it is one run, sort the rows and drop those that stand there twice",
            stacklevel=2,
        )


def _locate(name: str, row: int) -> str:
    return f"{name}, row {row}" if name else f"row {row}"
