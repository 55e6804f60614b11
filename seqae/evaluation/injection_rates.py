"""How many injected faults a detector finds, and whether it names the right channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from seqae.data.signals.loading import as_recordings
from seqae.data.signals.recordings import Recording
from seqae.evaluation.fault_kinds import FAULTS
from seqae.evaluation.injection import InjectedFault, iterate_cases

if TYPE_CHECKING:
    import pandas

_ROWS_AROUND = 2000  # scored on each side of a fault: long rows are not scored again and again


class _Contribution(Protocol):
    @property
    def channel(self) -> str: ...


class _Event(Protocol):
    @property
    def start(self) -> int: ...

    @property
    def stop(self) -> int: ...

    def top_channels(self, k: int, /) -> Sequence[_Contribution]: ...


class _Detection(Protocol):
    @property
    def events(self) -> Sequence[_Event]: ...

    @property
    def alarms(self) -> np.ndarray: ...


class _Detector(Protocol):
    # Of _Detection; to pyright, the cached property of a Detection is none of these properties.
    def detect(self, data: Any, /) -> Sequence[Any]: ...


def detection_rates(
    detector: _Detector,
    normal: object,
    *,
    kinds: Sequence[str] = FAULTS,
    sizes: Sequence[float] = (1, 3, 6),
    length: int = 50,
    repeats: int = 8,
    random_state: int = 0,
) -> pandas.DataFrame:
    """Return how many faults a fitted detector finds that are injected into normal rows, by kind and size.

    The rows should be normal ones that the detector was not fitted to: other rows of the same machine. Two detectors
    can be compared by the same faults, as `random_state` tells which ones these are; look at the false alarms, too.

    Args:
        detector: What has `detect(values)`, for `(row, channel)` float64, that returns a list of one detection: its
            `events`, which have `start`, `stop` and `top_channels(k)`, and its `alarms`, `(row,)` bool. Such as an
            `AnomalyDetector`. Its channels are those of its `channels_` if it has them, else those of `normal`.
            One that has learnt several machines, or the rhythm of the day, gets recordings in place of arrays.
        normal: One recording of normal rows in any form that `seqae.as_recordings` takes, such as an array
            `(row, channel)`; of rows with times, the longest part without a gap is used. Of long rows, 2000 on each
            side of a fault are scored.
        kinds: Some of `FAULTS`, see `inject`.
        sizes: Sizes in standard deviations of the channel, for the kinds that have a size.
        length: Rows in a fault; a spike is one row.
        repeats: Faults of each kind and size.
        random_state: Seed of the channels and places of the faults.

    Returns:
        A table with a line for each kind and size: `kind`; `size`, NaN for a kind that has none; `faults`, their
        number; `found`, the fraction of faults that an event overlaps; `named`, the fraction of faults where, in the
        event that overlaps most of it, the channel that contributes most is one at fault; `false_alarm_rate`, the
        fraction of rows with an alarm among those farther than `length` rows from the fault, NaN if there are none.

    Raises:
        ValueError: `normal` can't be read, holds several recordings, or has other channels than the detector; or as
            for `inject`.
        TypeError: `normal` is nothing that `as_recordings` takes.

    Examples:
        >>> import numpy as np
        >>> from seqae.anomaly import AnomalyDetector
        >>> time, rng = np.arange(5000), np.random.default_rng(0)
        >>> rows = np.sin(0.1 * time)[:, None] * [1.0, -2.0, 3.0] + 0.1 * rng.standard_normal((5000, 3))
        >>> detector = AnomalyDetector(epochs=0).fit(rows[:3000])
        >>> table = detection_rates(detector, rows[3000:], kinds=["offset", "stuck"], sizes=[3], repeats=4)
        >>> table[["kind", "size", "faults", "found", "named"]]
             kind  size  faults  found  named
        0  offset   3.0       4    1.0    1.0
        1   stuck   NaN       4    1.0    1.0
    """
    import pandas as pd

    recording = _longest_rows(detector, normal)
    outcomes = [
        (fault.kind, np.nan if fault.size is None else fault.size, *_outcome(detector, fault, recording, margin=length))
        for fault in iterate_cases(recording.values, kinds, sizes, [length], repeats, random_state)
    ]
    table = pd.DataFrame(outcomes, columns=["kind", "size", "found", "named", "false_alarm_rate"])
    alike = table.groupby(["kind", "size"], sort=False, dropna=False)
    rates = alike.mean()
    rates.insert(0, "faults", alike.size())
    return rates.reset_index()


def format_rates(frame: pandas.DataFrame) -> list[str]:
    """Return what `detection_rates` found, a line for each kind and size and one for the false alarms.

    Args:
        frame: The table that `detection_rates` returned.

    Examples:
        >>> import pandas as pd
        >>> columns = ["kind", "size", "faults", "found", "named", "false_alarm_rate"]
        >>> rates = [("offset", 3.0, 8, 1.0, 0.875, 0.01), ("missing_cycle", None, 8, 0.5, 0.5, 0.02)]
        >>> for line in format_rates(pd.DataFrame(rates, columns=columns)):
        ...     print(line)
        offset of 3 deviations: 100 % found, 88 % with the right channel
        missing cycle: 50 % found, 50 % with the right channel
        false alarms in 1.5 % of the other rows
    """
    lines = []
    for kind, size, found, named in frame[["kind", "size", "found", "named"]].itertuples(index=False):
        of_size = "" if np.isnan(size) else f" of {size:g} deviation{'s' if size != 1 else ''}"
        name = kind.replace("_", " ")
        lines.append(f"{name}{of_size}: {100 * found:.0f} % found, {100 * named:.0f} % with the right channel")
    false_alarm_rate = frame["false_alarm_rate"].mean()  # of the faults, which are as many in each line
    if not np.isnan(false_alarm_rate):
        lines.append(f"false alarms in {100 * false_alarm_rate:.2g} % of the other rows")
    return lines


def _longest_rows(detector: _Detector, normal: object) -> Recording:
    """Return consecutive normal rows, whose channels have the names that a detector gives to them."""
    recordings = as_recordings(normal, channels=getattr(detector, "channels_", None))
    if len(recordings) != 1:
        raise ValueError(f"{len(recordings)} recordings of normal rows. Give one")
    on_grid = getattr(detector, "on_grid", None)  # faults are of the rows that a detector's models see
    recording = recordings[0] if on_grid is None else on_grid(recordings[0]).recording
    longest = max(recording.segments(), key=lambda rows: rows.stop - rows.start)
    return recording.rows(longest.start, longest.stop)


def _outcome(
    detector: _Detector, fault: InjectedFault, recording: Recording, margin: int
) -> tuple[float, float, float]:
    """Return whether a fault is found, whether its channel is named, and the rate of false alarms."""
    at_fault = np.flatnonzero(fault.labels)
    first, last = max(0, int(at_fault[0]) - _ROWS_AROUND), int(at_fault[-1]) + 1 + _ROWS_AROUND
    rows: Any = fault.rows[first:last]
    scorer = getattr(detector, "scorer_", None)
    if getattr(scorer, "machines", None) or getattr(scorer, "rhythm", None) is not None:
        rows = replace(recording.rows(first, last), values=rows)
    detections: Sequence[_Detection] = detector.detect(rows)
    (detection,) = detections
    start, stop = int(at_fault[0]) - first, int(at_fault[-1]) + 1 - first
    overlaps = [(min(event.stop, stop) - max(event.start, start), event) for event in detection.events]
    rows, event = max(overlaps, key=lambda overlap: overlap[0], default=(0, None))
    found = event is not None and rows > 0
    top = [each.channel for each in event.top_channels(1)] if event is not None and found else []
    named = any(recording.channels[channel] in top for channel in fault.channels)
    outside = np.ones(len(detection.alarms), dtype=bool)
    outside[max(0, start - margin) : stop + margin] = False
    rate = float(detection.alarms[outside].mean()) if outside.any() else np.nan
    return float(found), float(named), rate
