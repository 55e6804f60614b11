"""A detector at work while the machine runs: rows come one by one, findings as soon as they are certain."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from seqae.anomaly.charts import AHEAD
from seqae.anomaly.deciding import Kind, RunningEvents, strongest
from seqae.anomaly.detector import AnomalyDetector, Scores
from seqae.anomaly.drift import Drift, RunningDrift
from seqae.anomaly.events import Event
from seqae.anomaly.keeping import fingerprint, pack, read_state, unpack, write_state
from seqae.anomaly.running import RunningCharts, RunningErrors, Tail
from seqae.data.arrays import refuse_infinite, to_values
from seqae.data.signals.sampling import Sampling

FIRST = 32  # rows that tell how much time passes from one to the next
TOGETHER = 2**12  # rows computed at once, so that memory does not depend on how many are pushed


@dataclass(frozen=True)
class Alert:
    """The first sign of something abnormal: an event includes this row or lies near it.

    Attributes:
        row: The first row whose evidence is above its limit.
        time: Its time, datetime64 or seconds; None if there are no times.
        known: The row that had to come to know it.
        evidence: How many times the limit.
        sign: "level", "quiet", or "errors over N rows".
        channel: The channel that contributes most.
    """

    row: int
    time: np.generic | None
    known: int
    evidence: float
    sign: str
    channel: str


@dataclass(frozen=True, eq=False)
class Found:
    """What is new after some rows.

    Attributes:
        came: The number of the first row that `now` is about.
        now: `(row,)`, provisional scores of the rows that came: of the windows that ended last, one at each resolution,
            where a settled score is of all windows around the row.
        now_times: `(row,)`, their times; None if there are none.
        first: The number of the first settled row.
        times: `(settled row,)`; None if there are no times.
        scores: `(settled row,)`, as `AnomalyDetector.scores`.
        evidence: `(settled row,)`, as `Detection.evidence`: above 1, the row raises an alarm.
        channel_scores: `(settled row, channel)`, as `AnomalyDetector.channel_scores`.
        alerts: The first signs of what will become events.
        events: Those that have ended, as `AnomalyDetector.events`.
        drifts: How the rows have left what the detector was calibrated on, as `AnomalyDetector.drift`.
    """

    came: int
    now: np.ndarray
    now_times: np.ndarray | None
    first: int
    times: np.ndarray | None
    scores: np.ndarray
    evidence: np.ndarray
    channel_scores: np.ndarray
    alerts: tuple[Alert, ...]
    events: tuple[Event, ...]
    drifts: tuple[Drift, ...]


class OnlineDetector:
    """Scores rows as they come, in memory that does not grow with their number.

    What it finds in the rows of a recording, put together, is what its detector finds in the recording, whether the
    rows came one by one or many at once, and also if the state was saved and loaded in between. A row is settled when
    no later row can change what is said of it, which takes `delay` rows. Two things are told earlier: a provisional
    score comes with its row, and an alert when some evidence has passed its limit, which takes 5 rows for a level or a
    standstill and a window for errors.

    A recording is cut where time has a gap, which depends on its usual sampling period. That is known at its end; here
    it is given, or the first rows tell it and are held back until then.

    Args:
        detector: A fitted one.
        period: Seconds from row to row.
        together: Rows that wait for each other to be computed together, which takes much less work: what is said of a
            row comes as many rows later at most, and is the same.
    """

    STATE = ("row", "period", "is_coarse", "stretch", "cuts", "alerted")

    def __init__(self, detector: AnomalyDetector, period: float | None = None, together: int = 1):
        if not hasattr(detector, "levels_"):
            raise ValueError("this detector has not learnt yet. Call fit(normal) first")
        if period is not None and not 0 < period < np.inf:
            raise ValueError(f"a period of {period} s. Give the seconds from row to row, more than 0")
        if together < 1:
            raise ValueError(f"{together} rows together. Give 1 or more")
        self.detector = detector
        self.given_period = period
        self.together = together
        self._begin()

    @property
    def rows(self) -> int:
        """How many rows have come."""
        return self.known.stop + len(self.waiting.rows)

    @property
    def delay(self) -> int:
        """How many rows have to come after a row until it is settled."""
        return AHEAD + sum(2 * scale.reach for scale in self.detector.scales_) + self.together - 1

    def push(self, rows: object, times: object = None) -> Found:
        """Take the next rows.

        Args:
            rows: `(row, channel)`, or one row `(channel,)`, in the order of the detector's channels; NaN where a value
                is missing.
            times: `(row,)` or one, datetime64 or seconds; with every row, or with none.

        Raises:
            ValueError: They cannot be used; nothing of them was taken.
        """
        values, times = self._checked(rows, times)
        came, now = self.known.stop, []
        for start in range(0, len(values), TOGETHER):
            part = slice(start, start + TOGETHER)
            now += self._take(values[part], times[part])
        return self._found(came, now, ended=False) if self.known.stop > came else self._nothing()

    def finish(self) -> Found:
        """End the recording, and return what is left of it; the next row is the first one of another recording."""
        came, now = self.known.stop, []
        if len(self.waiting.rows):
            now = self._read_waiting()
        self._end_stretch()
        found = self._found(came, now, ended=True)
        self._begin()
        return found

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Keep the state in a folder, in one step; return the file."""
        return write_state(Path(folder), pack(self._running()), fingerprint(self.detector))

    def load(self, folder: str | os.PathLike[str]) -> OnlineDetector:
        """Go on from a state that was saved.

        Raises:
            FileNotFoundError: There is none.
            ValueError: It is damaged, or of another detector.
        """
        unpack(read_state(Path(folder), fingerprint(self.detector)), self._running())
        self.nothing = None
        return self

    def _begin(self) -> None:
        detector, none = self.detector, np.zeros((0, len(self.detector.channels_)))
        self.waiting, self.waiting_times = Tail(none), Tail(np.zeros(0, dtype=np.int64))
        self.known, self.times = Tail(none.astype(bool)), Tail(np.zeros(0, dtype=np.int64))
        self.errors = [Tail(none) for _ in detector.scales_]
        self.off_limits = Tail(none)  # what the charts say
        self.kinds = [Kind(reach) for reach in (0, 0, *(2 * scale.reach for scale in detector.scales_))]
        self.events = RunningEvents(detector.channels_, detector.merge_gap, detector.min_rows)
        self.drift = RunningDrift(detector)
        self.drifts: list[Drift] = []  # found and not told yet
        self.row = 0  # the first that is not settled
        self.period = 0.0  # unknown
        self.is_coarse = False  # whether stamps repeat because the clock ticks slowly
        self.cuts: deque[int] = deque()  # unsettled rows at which a stretch begins
        self.alerted = -(2**62)  # the latest row with evidence above a limit
        self.candidates: list[tuple[int, int, int, float, int]] = []  # known, kind, row, evidence, channel
        self.nothing: Found | None = None  # what is found while no row is settled, once it is known
        self._begin_stretch()

    def _begin_stretch(self) -> None:
        detector, channels = self.detector, len(self.detector.channels_)
        self.stretch = self.known.stop  # its first row
        self.charts = RunningCharts((detector.level_, detector.quiet_), channels)
        self.resolutions = [RunningErrors(scale, detector.stride, channels) for scale in detector.scales_]

    def _running(self) -> dict[str, object]:
        """All that has a state."""
        single = ("waiting", "waiting_times", "known", "times", "off_limits", "events", "drift", "charts")
        several = ("errors", "kinds", "resolutions")
        parts = {f"{name} {number}": part for name in several for number, part in enumerate(getattr(self, name))}
        blocks = {"drift input": self.drift.input, "drift alarms": self.drift.alarms}
        return {"detector": self} | {name: getattr(self, name) for name in single} | blocks | parts

    def _checked(self, rows: object, times: object) -> tuple[np.ndarray, np.ndarray]:
        channels = self.detector.channels_
        values = to_values(np.reshape(rows, (1, -1)) if np.ndim(rows) == 1 else rows)
        if values.shape[1] != len(channels):
            raise ValueError(
                f"{values.shape[1]} values (row {self.rows}). Give one for each of {len(channels)} channels, in this "
                f"order: {', '.join(channels)}"
            )
        if np.isinf(values).any():
            refuse_infinite(values, channels, lambda row: f"row {self.rows + row}")
        clock = _clock(times, len(values), self.rows)
        before = self.times.rows.dtype
        if self.rows and clock.dtype != before:
            kinds = {"i": "no times", "f": "seconds", "M": "dates"}
            raise ValueError(
                f"{kinds[clock.dtype.kind]} after {kinds[before.kind]} (row {self.rows}). Keep to one of them"
            )
        return values, clock

    def _take(self, values: np.ndarray, times: np.ndarray) -> list[float]:
        """Return the provisional scores of the rows that are read by now."""
        if self.rows == 0:
            self.times = Tail(times[:0])  # so that its type is known
        self.waiting.add(values)
        self.waiting_times.add(times)
        is_clear = times.dtype.kind == "i" or self.period > 0
        return self._read_waiting() if len(self.waiting.rows) >= (self.together if is_clear else FIRST) else []

    def _read_waiting(self) -> list[float]:
        values, times = self.waiting.rows, self.waiting_times.rows
        self.waiting, self.waiting_times = Tail(values[:0]), Tail(times[:0])
        if times.dtype.kind != "i" and not self.period:
            sampling = Sampling.of(times[:FIRST])
            self.period, self.is_coarse = self.given_period or sampling.period, sampling.is_coarse
        return self._read(values, times)

    def _read(self, values: np.ndarray, times: np.ndarray) -> list[float]:
        now, cuts = [], self._cuts(times)
        for start, stop in pairwise(sorted({0, *cuts, len(values)})):
            if start in cuts:
                self._end_stretch()
                self.cuts.append(self.known.stop)
                self._begin_stretch()
            now += self._read_stretch(values[start:stop], times[start:stop])
        return now

    def _cuts(self, times: np.ndarray) -> list[int]:
        """Return the rows before which there is a gap in time."""
        if times.dtype.kind == "i":
            return []
        first = self.times.rows[-1:]  # of the rows before; there is none before the first one
        steps = np.diff(np.concatenate([first, times]))
        steps = steps / np.timedelta64(1, "s") if steps.dtype.kind == "m" else steps
        sampling = Sampling(steps, self.period)
        cut = sampling.backwards | sampling.gaps | (sampling.repeats & (not self.is_coarse))
        return (np.flatnonzero(cut) + 1 - len(first)).tolist()

    def _read_stretch(self, values: np.ndarray, times: np.ndarray) -> list[float]:
        known, scaled = ~np.isnan(values), self.detector.scaler_.transform(values)
        self.known.add(known)
        self.times.add(times)
        self.drifts += self.drift.push(scaled, times)
        self._hear_charts(self.charts.push(scaled))
        found = [resolution.push(scaled) for resolution in self.resolutions]
        for number, (errors, _) in enumerate(found):
            self._hear_errors(number, errors)
        return self.detector.levels_.row_scores(
            [np.where(np.isnan(latest), 0, latest) for _, latest in found], known
        ).tolist()

    def _end_stretch(self) -> None:
        if self.known.stop == self.stretch:
            return
        self._hear_charts(self.charts.finish())
        rows = self.known.stop - self.stretch
        for number, resolution in enumerate(self.resolutions):
            errors, fits = resolution.finish(), rows >= self.detector.scales_[number].reach
            if number and not fits:
                finest = self.errors[0].between(self.stretch, self.known.stop)
                errors = self.detector.levels_.stand_in(finest, number)
            self._hear_errors(number, errors, fits)

    def _hear_charts(self, ratios: list[np.ndarray]) -> None:
        if len(ratios[0]) == 0:
            return
        self.off_limits.add(np.maximum(*ratios).astype(np.float32))
        for kind, each in enumerate(ratios):
            self._measure(kind, each.max(axis=1).astype(np.float32), each, self.charts)

    def _hear_errors(self, resolution: int, errors: np.ndarray, fits: bool = True) -> None:
        if len(errors) == 0:
            return
        tail, levels = self.errors[resolution], self.detector.levels_
        known = self.known.between(tail.stop, tail.stop + len(errors))
        tail.add(errors)
        limit = self.detector.limits_[resolution] if fits else np.inf
        evidence = np.nan_to_num(levels.scores_at(resolution, errors, known)) / limit
        by_channel = errors  # asked for above the limit only
        if (evidence > 1).any():
            by_channel = np.where(known, errors / levels.extreme_[resolution], 0)
        self._measure(2 + resolution, evidence.astype(np.float32), by_channel, self.resolutions[resolution])

    def _measure(
        self, kind: int, evidence: np.ndarray, by_channel: np.ndarray, part: RunningCharts | RunningErrors
    ) -> None:
        """Take evidence for the next rows, and note where it is above its limit."""
        first = self.kinds[kind].measured
        for place in np.flatnonzero(self.kinds[kind].measure(evidence)).tolist():
            row = first + place
            known = min(self.stretch + int(part.needs(row - self.stretch)), self.known.stop)
            self.candidates.append((known, kind, row, float(evidence[place]), int(by_channel[place].argmax())))

    def _found(self, came: int, now: list[float], ended: bool) -> Found:
        evidence = strongest(self.kinds, self.known.stop, ended)
        scored, is_timed = np.array(now, dtype=np.float32), self.times.rows.dtype.kind != "i"
        now_times = self.times.between(came, self.times.stop) if is_timed else None
        if self.nothing and not (len(evidence) or self.candidates or self.drifts or ended):
            return replace(self.nothing, came=came, now=scored, now_times=now_times)
        first, stop = self.row, self.row + len(evidence)
        errors, known = [tail.between(first, stop) for tail in self.errors], self.known.between(first, stop)
        levels, times = self.detector.levels_, self.times.between(first, stop)
        scores, channel_scores = levels.row_scores(errors, known), levels.channel_scores(errors, known)
        self.drifts += self.drift.hear(evidence > 1, times)
        blame = channel_scores  # asked for at alarms only
        if (evidence > 1).any():
            blame = Scores(scores, evidence[None], channel_scores, self.off_limits.between(first, stop)).blame
        found = Found(
            came=came,
            now=scored,
            now_times=now_times,
            first=first,
            times=times if is_timed else None,
            scores=scores,
            evidence=evidence,
            channel_scores=channel_scores,
            alerts=tuple(self._alerts()),
            events=tuple(self._events(first, evidence, blame, times, ended)),
            drifts=tuple(self.drifts),
        )
        self.drifts = []
        self.row = stop
        for tail in (*self.errors, self.off_limits, self.known, self.times):
            tail.forget(stop)
        none = slice(0)
        self.nothing = replace(
            found,
            came=self.known.stop,
            now=scored[none],
            now_times=now_times[none] if is_timed else None,
            first=stop,
            times=times[none] if is_timed else None,
            scores=scores[none],
            evidence=evidence[none],
            channel_scores=channel_scores[none],
            alerts=(),
            events=(),
            drifts=(),
        )
        return found

    def _nothing(self) -> Found:
        """Return what is found while rows only wait."""
        if self.nothing is None:
            self._found(self.known.stop, [], ended=False)
        elif self.nothing.came != self.known.stop:
            self.nothing = replace(self.nothing, came=self.known.stop)
        return self.nothing

    def _alerts(self) -> Iterator[Alert]:
        """Yield candidates that are not about something of which there was an alert already."""
        scales = self.detector.scales_
        for known, kind, row, evidence, channel in sorted(self.candidates):
            explained = self.kinds[kind].reach or self.detector.merge_gap
            if row > self.alerted + explained:
                sign = ("level", "quiet")[kind] if kind < 2 else f"errors over {scales[kind - 2].reach} rows"
                time = None if self.times.rows.dtype.kind == "i" else self.times.between(row, row + 1)[0]
                yield Alert(row, time, known, evidence, sign, self.detector.channels_[channel])
            self.alerted = max(self.alerted, row)
        self.candidates.clear()

    def _events(
        self, first: int, evidence: np.ndarray, blame: np.ndarray, times: np.ndarray, ended: bool
    ) -> Iterator[Event]:
        stop = first + len(evidence)
        period = None if times.dtype.kind == "i" else self.period if np.isfinite(self.period) else 0.0
        for start, end in pairwise([first, *(cut for cut in self.cuts if first < cut < stop), stop]):
            if self.cuts and self.cuts[0] == start < stop:
                self.cuts.popleft()
                yield from self.events.end(period)
            rows = slice(start - first, end - first)
            yield from self.events.add(start, evidence[rows], blame[rows], times[rows], period)
        if ended:
            yield from self.events.end(period)


def _clock(times: object, rows: int, first: int) -> np.ndarray:
    """Return times as datetime64[ns] or seconds, `(row,)`; integers where there are none."""
    if times is None:
        return np.zeros(rows, dtype=np.int64)
    clock = np.atleast_1d(np.asarray(times))
    if clock.dtype.kind not in "Mfiu" or clock.shape != (rows,):
        raise ValueError(
            f"times of {clock.dtype} and shape {clock.shape} for {rows} rows (row {first}). "
            "Give datetime64 or seconds, one to each row"
        )
    clock = clock.astype("datetime64[ns]" if clock.dtype.kind == "M" else np.float64)
    unknown = np.flatnonzero(np.isnat(clock) if clock.dtype.kind == "M" else ~np.isfinite(clock))
    if len(unknown):
        raise ValueError(f"row {first + unknown[0]} has no time. Every row needs one, or none has")
    return clock
