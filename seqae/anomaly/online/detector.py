"""Online detection: scores rows as they arrive, with results as soon as they are final."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.drift import Drift
from seqae.anomaly.events import Event
from seqae.anomaly.feedback.applying import as_fitted
from seqae.anomaly.online.alerts import Alert, AlertTracker
from seqae.anomaly.online.drift import OnlineDrift
from seqae.anomaly.online.events import OnlineEvents
from seqae.anomaly.online.intake import RowIntake
from seqae.anomaly.online.resampling import OnlineResampler
from seqae.anomaly.online.row_kernel import RowKernel
from seqae.anomaly.online.segment import ScoredRows, SegmentScorer
from seqae.anomaly.online.state import Stateful, collect_state, fingerprint, read_state, restore_state, write_state
from seqae.anomaly.online.state_soundness import refuse_unsound

MAX_ROWS_AT_ONCE = 2**12  # rows computed together, so that memory does not depend on how many are pushed


@dataclass(frozen=True, eq=False)
class StreamUpdate:
    """The new results after some rows were pushed. Rows are numbered from the start of the recording.

    Of a detector that resamples, they are the rows of its grid, each with its time, from the first one on.

    Attributes:
        first_new_row: The number of the first row that `provisional_scores` are about.
        provisional_scores: `(new row,)` float32, how rare the evidence so far is among normal rows when they are the
            latest; so the threshold means the same as for final scores. NaN before the first window is complete.
        provisional_times: `(new row,)`, the times of these rows; None if there are none.
        first_final_row: The number of the first row that has become final.
        times: `(final row,)`, None if there are no times.
        scores: `(final row,)` float32, as `Detection.scores`: above the threshold, the row raises an alarm.
        channel_scores: `(final row, channel)` float32, as `Detection.channel_scores`.
        alerts: The first evidence of possible events.
        events: The events that have ended, as `AnomalyDetector.events`.
        drifts: Channels that have drifted from the calibration rows, as `AnomalyDetector.drift`.
    """

    first_new_row: int
    provisional_scores: np.ndarray
    provisional_times: np.ndarray | None
    first_final_row: int
    times: np.ndarray | None
    scores: np.ndarray
    channel_scores: np.ndarray
    alerts: tuple[Alert, ...] = ()
    events: tuple[Event, ...] = ()
    drifts: tuple[Drift, ...] = ()


@dataclass(eq=False)
class _Results:
    """The results of one call, as they are found; the first blocks of rows tell the types and where they start."""

    provisional: list[ScoredRows]
    final: list[ScoredRows]
    alerts: list[Alert] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    drifts: list[Drift] = field(default_factory=list)

    def update(self, is_timed: bool) -> StreamUpdate:
        return StreamUpdate(
            first_new_row=self.provisional[0].first,
            provisional_scores=_joined(self.provisional, "scores"),
            provisional_times=_joined(self.provisional, "times") if is_timed else None,
            first_final_row=self.final[0].first,
            times=_joined(self.final, "times") if is_timed else None,
            scores=_joined(self.final, "scores"),
            channel_scores=_joined(self.final, "channel_scores"),
            alerts=tuple(self.alerts),
            events=tuple(self.events),
            drifts=tuple(self.drifts),
        )


def _joined(blocks: Sequence[ScoredRows], name: str) -> np.ndarray:
    return np.concatenate([getattr(each, name) for each in blocks])


class OnlineDetector:
    """Scores rows as they arrive, in memory that does not grow with their number.

    All updates for the rows of a recording, put together, equal what the detector returns for the recording, whether
    the rows came one by one or many at once, and also if the state was saved and loaded in between: both are computed
    by the same functions, here on the latest rows. The results for a row are final when no later row can change them,
    which takes `delay` rows. Two results come with the row itself: its provisional score, and an alert if that is above
    the threshold.

    A recording is cut where time has a gap: a step much longer than the sampling period. The period of a
    whole recording is known; here it is given, or estimated from the first 32 rows, which are held until then.

    A detector that learnt from irregular rows resamples those that arrive. A row of its grid is there once a later row
    has come, and results, which are about the rows of the grid, equal `Detection.on_grid` of the recording.

    Args:
        detector: A fitted detector.
        period: Seconds from row to row.
        batch_rows: Rows that are held to be computed together, which takes much less time in all. Results come up to
            this number of rows later and are the same.
        entity: The machine that the rows are of; needed by a detector that has learnt several, which knows it or was
            recalibrated for it.

    Raises:
        ValueError: The detector is not fitted, a number is out of range, or the machine is unknown or not named.
    """

    def __init__(self, detector: AnomalyDetector, period: float | None = None, batch_rows: int = 1, entity: str = ""):
        if not hasattr(detector, "scorer_"):
            raise ValueError("this detector is not fitted. Call fit(normal) first")
        if period is not None and not 0 < period < np.inf:
            raise ValueError(f"a period of {period} s. Give the seconds from row to row, more than 0")
        if batch_rows < 1:
            raise ValueError(f"batch_rows is {batch_rows}. Give 1 or more")
        self.detector = detector
        self.scorer = detector.scorer_.for_machine(entity)
        self.kernel = RowKernel.of(self.scorer)
        self.entity = entity
        self.given_period = period if detector.resampling_ is None else detector.resampling_.period
        self.batch_rows = batch_rows
        self._begin()

    @property
    def rows(self) -> int:
        """How many rows have arrived."""
        if self.resampler is not None and self.resampler.rows:
            return self.resampler.rows
        return self.segment.stop + len(self.intake.values)

    @property
    def delay(self) -> int:
        """How many rows (of the grid, if there is one) have to arrive after a row until its results are final."""
        return self.scorer.localization.reach + self.batch_rows - 1

    def push(self, rows: object, times: object = None) -> StreamUpdate:
        """Take the next rows and return the new results.

        Args:
            rows: `(row, channel)`, or one row `(channel,)`, in the order of the detector's channels; NaN where a value
                is missing.
            times: `(row,)` or one, datetime64 or seconds; with every row, or with none.

        Raises:
            ValueError: They cannot be used; nothing of them was taken.
        """
        count = self.rows
        values, clock = self.intake.checked(rows, times, count)
        if self.scorer.rhythm is not None:
            self.scorer.rhythm.dated(clock)
        if count == 0:
            self.segment = SegmentScorer(self.scorer, 0, clock[:0])  # now that the type of the times is known
        if len(values) == 1 and self.kernel is not None and self.resampler is None and self.intake.passes(clock):
            return self._push_one(self.kernel, values, clock)
        if self.resampler is not None and clock.dtype.kind != "i":
            self.intake.add(values[:0], clock[:0])  # they have times, though there may be no row of the grid yet
            values, clock = self.resampler.push(values, clock)
        results = self._no_results()
        for start in range(0, len(values), MAX_ROWS_AT_ONCE):
            part = slice(start, start + MAX_ROWS_AT_ONCE)
            self.intake.add(values[part], clock[part])
            if self.intake.is_ready:
                self._read(results)
        return results.update(self.intake.is_timed)

    def finish(self) -> StreamUpdate:
        """End the recording and return the rest of its results; the next row is the first one of another recording."""
        results = self._no_results()
        if self.resampler is not None and self.resampler.rows:
            self.intake.add(*self.resampler.finish())
        self._read(results)
        self._end_segment(results)
        update = results.update(self.intake.is_timed)
        self._begin()
        return update

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write the state into a folder in one step, and return the file.

        Raises:
            OSError: The file cannot be written; an older one stays.
        """
        return write_state(Path(folder), self.state(), self._owner())

    def load(self, folder: str | os.PathLike[str]) -> OnlineDetector:
        """Continue from a state that was saved, and return this detector.

        Raises:
            FileNotFoundError: The folder holds no state.
            ValueError: The state is damaged, or belongs to another detector.
        """
        self.restore(read_state(Path(folder), self._owner()))
        return self

    def state(self) -> dict[str, np.ndarray]:
        """Return the state as arrays of any shape by name, for those who keep the states of several together."""
        return collect_state(self._parts())

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from what `state` returned, of a detector that is the same: arrays of any shape by name.

        Raises:
            ValueError: It is the state of another detector, and nothing of it was taken: a recording begins.
        """
        self._begin()
        try:
            restore_state(state, self._parts())
            refuse_unsound(self.intake, self.segment, self.alerts, self.events, self.drift, self.resampler)
        except ValueError:
            self._begin()
            raise

    def use(self, detector: AnomalyDetector) -> None:
        """Go on with a detector that differs in its feedback alone, see `seqae.anomaly.FeedbackLog`.

        Windows that are complete keep their evidence.

        Raises:
            ValueError: It differs in more.
        """
        if fingerprint(as_fitted(detector)) != fingerprint(as_fitted(self.detector)):
            raise ValueError("another detector than the one at work. Start anew with it")
        self.detector, self.scorer = detector, detector.scorer_.for_machine(self.entity)
        self.kernel = RowKernel.of(self.scorer)
        self.segment.scorer, self.events.compare = self.scorer, self._compare

    @property
    def _compare(self) -> Callable[[Event, np.ndarray], Event] | None:
        return self.scorer.with_fault if self.scorer.faults else None

    def _owner(self) -> str:
        """Return what the state belongs to: the detector and the machine."""
        return " ".join([fingerprint(as_fitted(self.detector)), *([self.entity] if self.entity else [])])

    def _begin(self) -> None:
        """Start a recording."""
        detector, scorer = self.detector, self.scorer
        self.intake = RowIntake(scorer.channels, self.given_period, self.batch_rows)
        self.segment = SegmentScorer(scorer, 0, np.zeros(0, dtype=np.int64))
        quiet_rows = detector.merge_gap + scorer.localization.reach
        self.alerts = AlertTracker(scorer.channels, scorer.threshold, quiet_rows, self.detector.merge_gap)
        self.events = OnlineEvents(
            scorer.channels, scorer.threshold, detector.merge_gap, detector.min_rows, self.entity, self._compare
        )
        self.drift = OnlineDrift(scorer)
        resampling = detector.resampling_
        self.resampler = None if resampling is None else OnlineResampler(resampling, scorer.channels)

    def _parts(self) -> dict[str, Stateful]:
        """Return all parts that have a state, by name."""
        parts = {name: getattr(self, name) for name in ("intake", "segment", "alerts", "events", "drift")}
        if self.resampler is not None:
            parts["resampler"] = self.resampler
        return parts | {"drift rows": self.drift.rows, "drift alarms": self.drift.alarms}

    def _push_one(self, kernel: RowKernel, values: np.ndarray, times: np.ndarray) -> StreamUpdate:
        """Do for one row, `(1, channel)` and `(1,)`, what `push` does for many, without what takes time for nothing."""
        is_timed = self.intake.is_timed
        if self.scorer.rhythm is not None:
            values = values - self.scorer.expected(times)
        final_time = self.segment.push_one(kernel, values[0], times)
        drifts = self.drift.observe_rows(kernel.scaled, times)
        latest, final, count = kernel.provisional.copy(), kernel.final.copy(), len(final_time)
        threshold = self.scorer.threshold
        is_alarm, is_latest_alarm = count > 0 and final.item(0) > threshold, latest.item(0) > threshold
        alerts: list[Alert] = []
        events: list[Event] = []
        if is_alarm or is_latest_alarm:
            known = [self.segment.final_row(final)] if count else []
            alerts = self.alerts.add(*known, self.segment.latest_row(latest))
        if count:
            drifts += self.drift.observe_alarms((is_alarm,), final_time)
            if is_alarm or self.events.is_open:
                around = self.segment.around if self.scorer.faults else None
                events = self.events.add(
                    self.segment.final - 1, final[:1], final[None, 1:], final_time, self._row_seconds(), around
                )
        return StreamUpdate(
            self.segment.stop - 1,
            latest[:1],
            times.copy() if is_timed else None,
            self.segment.final - count,
            final_time if is_timed else None,
            final[:count],
            final[None, 1:][:count],
            tuple(alerts),
            tuple(events),
            tuple(drifts),
        )

    def _no_results(self) -> _Results:
        return _Results([self.segment.no_rows(self.segment.stop)], [self.segment.no_rows(self.segment.final)])

    def _read(self, results: _Results) -> None:
        """Read the rows that were held."""
        for is_after_gap, values, times in self.intake.take():
            if is_after_gap:
                self._end_segment(results)
                self.segment = SegmentScorer(self.scorer, self.segment.stop, times[:0])
            scaled = self.scorer.scaled(values, times if self.intake.is_timed else None)
            results.drifts += self.drift.observe_rows(scaled, times)
            provisional = self.segment.push(scaled, times)
            results.provisional.append(provisional)
            self._take_final(results, self.segment.take_final(), provisional)

    def _end_segment(self, results: _Results) -> None:
        """Take the rest of a segment; no event spans a gap in time."""
        self._take_final(results, self.segment.take_final(ended=True))
        results.events += self.events.end(self._row_seconds())

    def _take_final(self, results: _Results, final: ScoredRows, *provisional: ScoredRows) -> None:
        """Look for alerts, drift and events in rows that have become final, and for alerts in provisional scores."""
        results.final.append(final)
        results.alerts += self.alerts.add(final, *provisional)
        results.drifts += self.drift.observe_alarms(final.scores > self.scorer.threshold, final.times)
        length = self.scorer.localization.lengths[0]
        around = None if final.kept is None else partial(final.around, length=length)
        results.events += self.events.add(
            final.first, final.scores, final.channel_scores, final.times, self._row_seconds(), around
        )

    def _row_seconds(self) -> float | None:
        """Return how many seconds the last row of an event lasts; None if there are no times."""
        if not self.intake.is_timed:
            return None
        return self.intake.period if np.isfinite(self.intake.period) else 0.0
