"""Whether the rows of recordings come at irregular moments, and the regular grid that suits them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from seqae.data.arrays import blocks_of_rows
from seqae.data.signals.durations import duration_of, round_duration, seconds_of
from seqae.data.signals.names import format_names
from seqae.data.signals.options import Fill, ReadingOptions
from seqae.data.signals.recordings import Recording
from seqae.data.signals.resampling import Resampling
from seqae.data.signals.sampling import MAX_GAP, Sampling

_NO_OPTIONS = ReadingOptions()
MIN_STEPS = 20  # fewer show no rule
ODD_STEP, MAX_ODD = 0.5, 1 / 3  # steps that are off the period by more than a part of it, and how many may be
MAX_SHORT = 0.5  # of the rows may lie in stretches that are shorter than a window
MAX_MISSING, MAX_RUN = 0.5, 2.0  # missing values of a channel with fewer readings in a row: it has rows of its own
SILENCE_FACTOR = 3.0  # a silence of that many times a high quantile of the silences is no silence, but an end
SILENCE_QUANTILES = (0.95, 0.99, 0.995, 0.999, 1.0)
MIN_IN_STRETCHES = 0.9  # of the time that should lie in stretches that are long enough
MAX_REPEATED = 1 / 3  # values that are as before: with more, they are held
CLEARLY_BETTER = 0.8  # the error of interpolating as a fraction of that of holding, which for noise alone is 0.9
MIN_SMALL_CHANGE = 0.4  # the 10 % quantile of changes as a fraction of their median: above it, a deadband cut them


def irregularity(recordings: Sequence[Recording], window: int) -> str:
    """Return why rows are no samples at regular steps, or "".

    Jitter, lost rows, some gaps and rows that stand there twice leave rows regular.

    Args:
        recordings: Recordings with the same channels; those without times, or on a grid, count as regular.
        window: Rows that a stretch without a gap needs.
    """
    timed = [each for each in recordings if each.times is not None and each.period is None and len(each) > 1]
    if not timed or sum(map(len, timed)) <= MIN_STEPS:
        return ""
    if _are_steps_irregular(timed, window):
        return "rows come at irregular moments"
    if own := _with_own_rows(timed):
        return f"channels have values in rows of their own (most are missing in {format_names(own)})"
    return ""


def resampling_for(recordings: Sequence[Recording], options: ReadingOptions, window: int) -> Resampling | None:
    """Return the grid that options ask for, or that irregular rows need, with a warning; None for rows as they are.

    Args:
        recordings: Normal recordings with the same channels.
        options: `resample`, `fill` and `horizon` are chosen from the data where they are not given.
        window: Rows that a stretch without a gap needs.
    """
    if options.resample == "none":
        return None
    if options.resample is not None or options.horizon is not None:
        return choose_resampling(recordings, options, window)
    reason = irregularity(recordings, window)
    if not reason:
        return None
    chosen = choose_resampling(recordings, options, window)
    warnings.warn(f"{reason}: resampled to {chosen}. resample='none' keeps them as they are", stacklevel=5)
    return chosen


def choose_resampling(recordings: Sequence[Recording], options: ReadingOptions, window: int = 16) -> Resampling:
    """Return a grid that suits recordings, with what the options name.

    The grid has about as many rows as the channel that is read most often has readings, or somewhat fewer; rows at
    regular steps keep their period. The log has stopped after a silence of three times the 95 % quantile of all
    silences, or of a higher quantile if that would leave stretches which are too short. A reading may stand as long, or
    as three times that quantile of the silences of the slowest channel.

    Args:
        recordings: Recordings with the same channels, at least one of which has times.
        options: `resample`, `fill` and `horizon`; the others do not matter.
        window: Rows that a stretch without a gap needs.

    Raises:
        ValueError: There are no times, or an option is no duration.
    """
    silences = _Silences([each for each in recordings if each.times is not None])
    given = None if options.resample is None else seconds_of(options.resample, "resample")
    if not len(silences.of_rows):
        raise ValueError(
            f"resample={options.resample!r} needs times, and the rows have none that go on. "
            "Name them: time_column='time'"
        )
    period = given or _period(silences, recordings, window)
    if options.horizon is not None:
        gap = horizon = seconds_of(options.horizon, "horizon")
    else:
        gap = _gap(silences.of_rows, 3 * window * period)
        horizon = max([gap, *(_longest_usual(each) for each in silences.of_channels if len(each))])
        horizon = max(round_duration(horizon), gap)
    return Resampling(period, options.fill or _fill(silences.recordings), horizon, max(gap, MAX_GAP * period))


def grid_advice(recordings: Sequence[Recording], least_rows: int) -> str:
    """Return how to resample rows so that a stretch has enough, as the end of an error message; "" if nothing helps."""
    timed = [each for each in recordings if each.times is not None and each.period is None and len(each) > 1]
    if not timed or not len(_Silences(timed).of_rows):
        return ""
    chosen = choose_resampling(timed, _NO_OPTIONS, least_rows // 3)
    grids = (chosen.apply(each).recording.segments() for each in timed)
    if max(rows.stop - rows.start for segments in grids for rows in segments) < least_rows:
        return ""
    return (
        f", or bring them to one row every {duration_of(chosen.period)}, with the values between: "
        f"resample={duration_of(chosen.period)!r}"
    )


@dataclass(frozen=True, eq=False)
class _Silences:
    """The times from one reading to the next.

    Attributes:
        recordings: Recordings with times.
    """

    recordings: Sequence[Recording]

    @cached_property
    def of_rows(self) -> np.ndarray:
        """Between rows, `(silence,)` seconds."""
        steps = [Sampling.of(each.times).steps for each in self.recordings if each.times is not None]
        joined = np.concatenate([np.zeros(0), *steps])
        return joined[joined > 0]

    @cached_property
    def of_channels(self) -> list[np.ndarray]:
        """Between the readings of each channel, and from its last one to the last row, `(silence,)` seconds each."""
        count = len(self.recordings[0].channels) if self.recordings else 0
        return [self._of_channel(channel) for channel in range(count)]

    def _of_channel(self, channel: int) -> np.ndarray:
        steps = [np.zeros(0)]
        for recording in self.recordings:
            assert recording.times is not None
            known = ~np.isnan(recording.values[:, channel])
            if known.any():
                known[-1] = True  # a value that never changed again was silent up to the last row
                steps.append(Sampling.of(recording.times[known]).steps)
        joined = np.concatenate(steps)
        return joined[joined > 0]


def _are_steps_irregular(recordings: Sequence[Recording], window: int) -> bool:
    steps = _Silences(recordings).of_rows
    if len(steps) < MIN_STEPS:
        return False
    period = float(np.median(steps))
    if np.mean(np.abs(steps - period) > ODD_STEP * period) > MAX_ODD:
        return True
    lengths = np.concatenate([[each.stop - each.start for each in recording.segments()] for recording in recordings])
    is_cut = len(lengths) > len(recordings)
    return (
        is_cut
        and lengths[lengths < window].sum() > MAX_SHORT * lengths.sum()
        and bool((steps > MAX_GAP * period).any())
    )


def _with_own_rows(recordings: Sequence[Recording]) -> list[str]:
    """Return the channels most of whose values are missing, again and again."""
    count, runs, rows = np.zeros(()), np.zeros(()), sum(map(len, recordings))
    for recording in recordings:
        before = np.zeros((1, len(recording.channels)), dtype=bool)
        for _, block in blocks_of_rows(recording.values):
            known = ~np.isnan(block)
            runs = runs + (known & ~np.concatenate([before, known[:-1]])).sum(axis=0)
            count, before = count + known.sum(axis=0), known[-1:]
    own = (count >= MIN_STEPS) & (count < (1 - MAX_MISSING) * rows) & (count <= MAX_RUN * runs)
    return [channel for channel, is_own in zip(recordings[0].channels, own) if is_own]


def _period(silences: _Silences, recordings: Sequence[Recording], window: int) -> float:
    """Return the seconds between the rows of the grid."""
    if not _are_steps_irregular(silences.recordings, window):
        return float(np.median(silences.of_rows))
    means = [each[each <= _longest_usual(each)].mean() for each in silences.of_channels if len(each) >= MIN_STEPS]
    return round_duration(min(means, default=float(np.median(silences.of_rows))))


def _longest_usual(silences: np.ndarray, quantile: float = SILENCE_QUANTILES[0]) -> float:
    """Return how long silences `(silence,)` usually last at most."""
    return SILENCE_FACTOR * float(np.quantile(silences, quantile))


def _gap(steps: np.ndarray, needed: float) -> float:
    """Return the silence after which the log had stopped, in seconds, so that most of the rest is as long as needed."""
    gap = 0.0
    for quantile in SILENCE_QUANTILES:
        gap = max(round_duration(_longest_usual(steps, quantile)), gap)
        stretches = np.array([part[part <= gap].sum() for part in np.split(steps, np.flatnonzero(steps > gap))])
        if stretches[stretches >= needed].sum() >= MIN_IN_STRETCHES * stretches.sum():
            break
    return gap


def _fill(recordings: Sequence[Recording]) -> Fill:
    """Return how values between readings follow: interpolated for smooth signals at random moments, else held."""
    is_smooth = [_is_smooth(*each) for each in _readings(recordings)]
    return "interpolate" if is_smooth and np.mean(is_smooth) > 0.5 else "hold"


def _readings(recordings: Sequence[Recording]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield times in seconds and values of the readings of each channel in the longest recording, `(reading,)` each."""
    longest = max(recordings, key=len)
    assert longest.times is not None
    seconds = np.concatenate([[0.0], np.cumsum(np.maximum(Sampling.of(longest.times).steps, 0))])
    for column in longest.values.T:
        known = ~np.isnan(column)
        if known.sum() > MIN_STEPS:
            yield seconds[known], column[known]


def _is_smooth(seconds: np.ndarray, values: np.ndarray) -> bool:
    """Return whether readings `(reading,)` lie near the line between their neighbours, and no deadband chose them."""
    changes = np.abs(np.diff(values))
    if np.mean(changes == 0) > MAX_REPEATED:
        return False
    if float(np.quantile(changes, 0.1)) > MIN_SMALL_CHANGE * float(np.median(changes)):
        return False
    before, after = np.diff(seconds)[:-1], np.diff(seconds)[1:]
    weight = before / np.maximum(before + after, 1e-300)
    line = values[:-2] + weight * (values[2:] - values[:-2])
    error, held = values[1:-1] - line, np.diff(values)[:-1]
    return float(np.sqrt(np.mean(error**2))) < CLEARLY_BETTER * float(np.sqrt(np.mean(held**2)))
