"""What a table holds, before anything is learnt from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Unpack

import numpy as np

from seqae.data.signals.file_heads import head_of
from seqae.data.signals.loading import read_recordings
from seqae.data.signals.options import ReadingKeywords, ReadingOptions, takes_reading_options
from seqae.data.signals.overview_text import (
    counted_text,
    moment_text,
    number_text,
    seconds_text,
    sketch,
    sketch_points,
    table_text,
)
from seqae.data.signals.recordings import Recording
from seqae.data.signals.sampling import Sampling
from seqae.data.signals.warnings import is_label_name

MAX_STATES = 20  # of a channel that only has a few whole numbers, each of them often
_SHOWN = 40  # lines of channels, recordings or warnings


@dataclass(frozen=True)
class ChannelOverview:
    """What one channel holds.

    Attributes:
        name: Its name.
        unit: Its unit, or "".
        minimum: The smallest value; NaN if there is none.
        mean: The mean of the values.
        maximum: The largest value.
        missing: The fraction of rows without a value.
        notes: What it may be: constant, a counter, a label, states, a copy of another channel.
        sketch: The course of the values in about 40 characters, a blank where there are none.
    """

    name: str
    unit: str
    minimum: float
    mean: float
    maximum: float
    missing: float
    notes: tuple[str, ...]
    sketch: str


@dataclass(frozen=True)
class RunOverview:
    """The rows and times of one recording.

    Attributes:
        name: The name of its file, or "".
        entity: The machine that it is of, or "".
        rows: How many rows it has.
        start: The first time: a date, or seconds; "" if it has no times.
        end: The last time.
        period: Seconds from row to row; None without times.
        irregular: The fraction of steps that are more than a tenth off the period.
        gaps: How many times rows are missing.
        longest_gap: The longest step between two rows in seconds, if it is a gap; else 0.
        before_gap: The time of the last row before it, or "".
        repeated: How many rows have the time stamp of the row before.
        backward: How often time goes back.
        segments: How many stretches without gaps it has.
        longest: The rows of the longest of them.
    """

    name: str
    entity: str
    rows: int
    start: str = ""
    end: str = ""
    period: float | None = None
    irregular: float = 0.0
    gaps: int = 0
    longest_gap: float = 0.0
    before_gap: str = ""
    repeated: int = 0
    backward: int = 0
    segments: int = 1
    longest: int = 0


@dataclass(frozen=True)
class Overview:
    """What a table, or several of the same machine or fleet, hold. As text, it is a page for the terminal.

    Attributes:
        rows: How many rows were read.
        runs: The recordings.
        channels: The channels.
        zone: What the times are: UTC, or as they are written.
        learnt: What a detector would learn from.
        warnings: Odd things, one line each.
        part: Which part of a large file was read; "" if it was the whole.
        rows_in_all: How many rows there are about, where only a part was read.
        recordings: What was read.
    """

    rows: int
    runs: tuple[RunOverview, ...]
    channels: tuple[ChannelOverview, ...]
    zone: str
    learnt: str
    warnings: tuple[str, ...]
    part: str
    rows_in_all: int
    recordings: tuple[Recording, ...] = field(repr=False, compare=False)

    def __str__(self) -> str:
        return "\n".join([self._size(), *self._times(), "", *self._channels(), "", *self._rest()])

    def _size(self) -> str:
        machines = len({run.entity for run in self.runs if run.entity})
        parts = [counted_text(self.rows, "row"), counted_text(len(self.channels), "channel")]
        parts += [counted_text(len(self.runs), "recording")] if len(self.runs) > 1 else []
        parts += [counted_text(machines, "machine")] if machines else []
        return ", ".join(parts) + (f" ({self.part}; about {self.rows_in_all:,} rows in all)" if self.part else "")

    def _times(self) -> list[str]:
        lines, is_several = [], len({run.name for run in self.runs}) > 1
        for run in self.runs[:_SHOWN]:
            label = " ".join(filter(None, [run.entity, run.name if is_several else ""])) if len(self.runs) > 1 else ""
            lines.append(f"{label or 'clock':<8} {_told_run(run, len(self.runs) > 1)}")
        more = len(self.runs) - _SHOWN
        lines += [f"and {counted_text(more, 'recording')} more"] if more > 0 else []
        return lines + ([f"zone     {self.zone}"] if self.runs[0].start else [])

    def _channels(self) -> list[str]:
        rows = [["channel", "unit", "min", "mean", "max", "missing", "course", ""]]
        for each in self.channels[:_SHOWN]:
            numbers = [number_text(value) for value in (each.minimum, each.mean, each.maximum)]
            missing = f"{each.missing:.1%}" if each.missing else ""
            rows.append([each.name, each.unit, *numbers, missing, each.sketch, ", ".join(each.notes)])
        more = len(self.channels) - _SHOWN
        return table_text(rows, right=(2, 3, 4, 5)) + (
            [f"and {counted_text(more, 'channel')} more"] if more > 0 else []
        )

    def _rest(self) -> list[str]:
        more = len(self.warnings) - _SHOWN
        lines = [f"learnt   {self.learnt}", *(f"note     {each}" for each in self.warnings[:_SHOWN])]
        return lines + ([f"and {counted_text(more, 'note')} more"] if more > 0 else [])


@takes_reading_options
def overview(data: object, *, whole: bool = False, **reading: Unpack[ReadingKeywords]) -> Overview:
    """Return what a table holds: rows, channels, clock, gaps and odd things, before anything is learnt from it.

    Of a large file or folder only the first part is read, so that it takes seconds.

    Args:
        data: As for `as_recordings`.
        whole: Read all of it, however large.
        **reading: How tables are read, see `ReadingOptions`.

    Raises:
        ValueError: The data cannot be read without guessing; the message names location and remedy.

    Example:
        >>> import pandas as pd
        >>> from seqae.data import overview
        >>> found = overview(pd.DataFrame({"time": [0, 1, 2, 9], "flow [l/min]": [1.0, 2.0, 3.0, 4.0]}))
        >>> found.runs[0].gaps, found.channels[0].unit
        (1, 'l/min')
    """
    options = ReadingOptions.of(**reading)
    if whole:
        return _overview(read_recordings(data, options), options)
    with head_of(data) as head:
        return _overview(read_recordings(head.data, options), options, head.told, head.fraction)


def _overview(
    recordings: Sequence[Recording], options: ReadingOptions, part: str = "", fraction: float = 1
) -> Overview:
    rows = sum(map(len, recordings))
    runs = tuple(map(_run, recordings))
    channels = tuple(_channels(recordings))
    warnings = [
        f"{each.name}: {line}" if len(recordings) > 1 and each.name else line
        for each in recordings
        for line in each.warnings
    ]
    return Overview(
        rows=rows,
        runs=runs,
        channels=channels,
        zone=f"UTC, written in {options.time_zone}" if options.time_zone else "as written; UTC where they carry a zone",
        learnt=_learnt(runs, channels),
        warnings=tuple(dict.fromkeys(warnings)),
        part=part,
        rows_in_all=round(rows / fraction),
        recordings=tuple(recordings),
    )


def _run(recording: Recording) -> RunOverview:
    times = recording.times
    if times is None or len(times) == 0:
        return RunOverview(recording.name, recording.entity, len(recording), longest=len(recording))
    sampling, segments = Sampling.of(times, recording.period), recording.segments()
    gaps = np.flatnonzero(sampling.gaps)
    longest = int(gaps[np.argmax(sampling.steps[gaps])]) if len(gaps) else None
    return RunOverview(
        name=recording.name,
        entity=recording.entity,
        rows=len(recording),
        start=moment_text(times[0]),
        end=moment_text(times[-1]),
        period=sampling.period if np.isfinite(sampling.period) else None,
        irregular=sampling.irregular,
        gaps=len(gaps),
        longest_gap=0.0 if longest is None else float(sampling.steps[longest]),
        before_gap="" if longest is None else moment_text(times[longest]),
        repeated=int(sampling.repeats.sum()),
        backward=int(sampling.backwards.sum()),
        segments=len(segments),
        longest=max(each.stop - each.start for each in segments),
    )


def _channels(recordings: Sequence[Recording]) -> list[ChannelOverview]:
    first, found = recordings[0], []
    seen: dict[bytes, str] = {}
    points = sketch_points(recordings)
    for index, name in enumerate(first.channels):
        values = np.concatenate([each.values[:, index] for each in recordings])
        known = values[~np.isnan(values)]
        copied = seen.setdefault(blake2b(values.tobytes()).digest(), name)
        notes = [f"copy of {copied}"] if copied != name else []
        found.append(
            ChannelOverview(
                name=name,
                unit=first.units.get(name, ""),
                minimum=float(known.min()) if len(known) else np.nan,
                mean=float(known.mean()) if len(known) else np.nan,
                maximum=float(known.max()) if len(known) else np.nan,
                missing=1 - len(known) / len(values),
                notes=tuple(notes + _kinds(name, known)),
                sketch=sketch(values, points),
            )
        )
    return found


def _kinds(name: str, known: np.ndarray) -> list[str]:
    if len(known) == 0:
        return ["empty"]
    if (known == known[0]).all():
        return ["constant"]
    if is_label_name(name):
        return ["a label?"]
    if len(known) >= 10 and (np.diff(known) > 0).all():
        return ["counter or clock?"]
    few = np.unique(known[:: max(1, len(known) // 10_000)])
    if len(few) <= MAX_STATES < len(known) / 5 and (few == np.floor(few)).all() and np.isin(known, few).all():
        return [f"{len(few)} states"]
    return []


def _learnt(runs: Sequence[RunOverview], channels: Sequence[ChannelOverview]) -> str:
    used = [each for each in channels if not {"constant", "empty"} & {*each.notes}]
    stretches, longest = sum(run.segments for run in runs), max(run.longest for run in runs)
    text = f"{counted_text(len(used), 'channel')} that vary" if len(used) != 1 else "1 channel that varies"
    if stretches == 1:
        return f"{text}, one stretch of {counted_text(longest, 'row')}"
    return f"{text}, {stretches:,} stretches without gaps, the longest of {counted_text(longest, 'row')}"


def _told_run(run: RunOverview, with_rows: bool) -> str:
    parts = [counted_text(run.rows, "row")] if with_rows else []
    if not run.start:
        return ", ".join([*parts, "no times"])
    parts.append(f"{run.start} to {run.end}")
    if run.period is not None:
        parts.append(f"a row every {seconds_text(run.period)}")
    if run.irregular > 0.05:
        parts.append(f"{run.irregular:.0%} of the steps irregular")
    if run.gaps:
        parts.append(
            f"{counted_text(run.gaps, 'gap')}, the longest {seconds_text(run.longest_gap)} after {run.before_gap}"
        )
    if run.repeated:
        parts.append(f"{counted_text(run.repeated, 'stamp')} repeated")
    if run.backward:
        parts.append(f"time goes back {counted_text(run.backward, 'time')}")
    return ", ".join(parts)
