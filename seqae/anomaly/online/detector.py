"""Online detection: scores rows as they arrive, with results as soon as they are final."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from seqae.anomaly.control_charts import ROWS_AHEAD
from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.drift import Drift
from seqae.anomaly.events import Event
from seqae.anomaly.online.alerts import Alert, AlertTracker, Candidate
from seqae.anomaly.online.drift import OnlineDrift
from seqae.anomaly.online.errors import OnlineCharts, OnlineErrors, RowBuffer
from seqae.anomaly.online.events import EvidenceStream, OnlineEvents, combine_streams
from seqae.anomaly.online.intake import RowIntake
from seqae.anomaly.online.state import Stateful, collect_state, fingerprint, read_state, restore_state, write_state
from seqae.anomaly.scorer import contributions

MAX_ROWS_AT_ONCE = 2**12  # rows computed together, so that memory does not depend on how many are pushed


@dataclass(frozen=True, eq=False)
class StreamUpdate:
    """The new results after some rows were pushed. Rows are numbered from the start of the recording.

    Attributes:
        first_new_row: The number of the first row that `provisional_scores` are about.
        provisional_scores: `(new row,)` float32, scores from the latest complete window at each resolution; the final
            score is from all windows around the row.
        provisional_times: `(new row,)`, the times of these rows; None if there are none.
        first_final_row: The number of the first row that has become final.
        times: `(final row,)`, None if there are no times.
        scores: `(final row,)` float32, as `AnomalyDetector.score_samples`.
        threshold_ratio: `(final row,)` float32, as `Detection.threshold_ratio`: above 1, the row raises an alarm.
        channel_scores: `(final row, channel)` float32, as `AnomalyDetector.channel_scores`.
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
    threshold_ratio: np.ndarray
    channel_scores: np.ndarray
    alerts: tuple[Alert, ...] = ()
    events: tuple[Event, ...] = ()
    drifts: tuple[Drift, ...] = ()


class OnlineDetector:
    """Scores rows as they arrive, in memory that does not grow with their number.

    All updates for the rows of a recording, put together, equal what the detector returns for the recording, whether
    the rows came one by one or many at once, and also if the state was saved and loaded in between. The results for a
    row are final when no later row can change them, which takes `delay` rows. Two results come earlier: a provisional
    score with the row itself, and an alert when some evidence has exceeded its threshold, which takes 5 rows for a
    control chart and a window for errors.

    A recording is cut where time has a gap: a step much longer than the sampling period. The period of a
    whole recording is known; here it is given, or estimated from the first 32 rows, which are held until then.

    Args:
        detector: A fitted detector.
        period: Seconds from row to row.
        batch_rows: Rows that are held to be computed together, which takes much less time in all. Results come up to
            this number of rows later and are the same.

    Raises:
        ValueError: The detector is not fitted, or a number is out of range.
    """

    STATE = ("row", "segment_start", "segment_starts")

    def __init__(self, detector: AnomalyDetector, period: float | None = None, batch_rows: int = 1):
        if not hasattr(detector, "scorer_"):
            raise ValueError("this detector is not fitted. Call fit(normal) first")
        if period is not None and not 0 < period < np.inf:
            raise ValueError(f"a period of {period} s. Give the seconds from row to row, more than 0")
        if batch_rows < 1:
            raise ValueError(f"batch_rows is {batch_rows}. Give 1 or more")
        self.detector = detector
        self.scorer = detector.scorer_
        self.threshold_values = self.scorer.threshold_values
        self.given_period = period
        self.batch_rows = batch_rows
        self._begin()

    @property
    def rows(self) -> int:
        """How many rows have arrived."""
        return self.known.stop + len(self.intake.values)

    @property
    def delay(self) -> int:
        """How many rows have to arrive after a row until its results are final."""
        return ROWS_AHEAD + sum(self.scorer.explained_rows) + self.batch_rows - 1

    def push(self, rows: object, times: object = None) -> StreamUpdate:
        """Take the next rows and return the new results.

        Args:
            rows: `(row, channel)`, or one row `(channel,)`, in the order of the detector's channels; NaN where a value
                is missing.
            times: `(row,)` or one, datetime64 or seconds; with every row, or with none.

        Raises:
            ValueError: They cannot be used; nothing of them was taken.
        """
        values, clock = self.intake.checked(rows, times, self.rows)
        if self.rows == 0:
            self.times = RowBuffer(clock[:0])  # so that its type is known
        first_new_row, provisional = self.known.stop, []
        for start in range(0, len(values), MAX_ROWS_AT_ONCE):
            part = slice(start, start + MAX_ROWS_AT_ONCE)
            self.intake.add(values[part], clock[part])
            if self.intake.is_ready:
                provisional += self._read()
        return self._update(first_new_row, provisional, ended=False)

    def finish(self) -> StreamUpdate:
        """End the recording and return the rest of its results; the next row is the first one of another recording."""
        first_new_row, provisional = self.known.stop, []
        if len(self.intake.values):
            provisional = self._read()
        self._end_segment()
        update = self._update(first_new_row, provisional, ended=True)
        self._begin()
        return update

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write the state into a folder in one step, and return the file.

        Raises:
            OSError: The file cannot be written; an older one stays.
        """
        return write_state(Path(folder), collect_state(self._parts()), fingerprint(self.detector))

    def load(self, folder: str | os.PathLike[str]) -> OnlineDetector:
        """Continue from a state that was saved, and return this detector.

        Raises:
            FileNotFoundError: The folder holds no state.
            ValueError: The state is damaged, or belongs to another detector.
        """
        restore_state(read_state(Path(folder), fingerprint(self.detector)), self._parts())
        return self

    def _begin(self) -> None:
        """Start a recording."""
        scorer, empty = self.scorer, np.zeros((0, len(self.scorer.channels)))
        self.intake = RowIntake(scorer.channels, self.given_period, self.batch_rows)
        # For the rows that are not final yet, and for the latest row:
        self.known, self.times = RowBuffer(empty.astype(bool)), RowBuffer(np.zeros(0, dtype=np.int64))
        self.errors = [RowBuffer(empty) for _ in scorer.resolution_models]
        self.chart_ratios = RowBuffer(empty)
        self.streams = [EvidenceStream(reach) for reach in scorer.explained_rows]
        reasons = ["mean", "stuck", *(f"errors over {model.receptive_rows} rows" for model in scorer.resolution_models)]
        explained_rows = [reach or self.detector.merge_gap for reach in scorer.explained_rows]
        self.alerts = AlertTracker(reasons, explained_rows, scorer.channels)
        self.events = OnlineEvents(scorer.channels, self.detector.merge_gap, self.detector.min_rows)
        self.drift = OnlineDrift(scorer)
        self.drifts: list[Drift] = []  # not returned yet
        self.row = 0  # the first that is not final
        self.segment_starts: deque[int] = deque()  # after a gap, while their first rows are not final
        self._begin_segment()

    def _begin_segment(self) -> None:
        """Start consecutive rows without a gap in time."""
        scorer, channels = self.scorer, len(self.scorer.channels)
        self.segment_start = self.known.stop
        self.charts = OnlineCharts((scorer.mean_chart, scorer.stuck_chart), channels)
        self.resolutions = [OnlineErrors(model, scorer.stride, channels) for model in scorer.resolution_models]

    def _parts(self) -> dict[str, Stateful]:
        """Return all parts that have a state, by name."""
        single = ("intake", "known", "times", "chart_ratios", "alerts", "events", "drift", "charts")
        several = ("errors", "streams", "resolutions")
        numbered = {f"{name} {number}": part for name in several for number, part in enumerate(getattr(self, name))}
        blocks = {"drift rows": self.drift.rows, "drift alarms": self.drift.alarms}
        return {"detector": self} | {name: getattr(self, name) for name in single} | blocks | numbered

    def _read(self) -> list[float]:
        """Read the rows that were held, and return their provisional scores."""
        provisional = []
        for is_after_gap, values, times in self.intake.take():
            if is_after_gap:
                self._end_segment()
                self.segment_starts.append(self.known.stop)
                self._begin_segment()
            provisional += self._read_segment(values, times)
        return provisional

    def _read_segment(self, values: np.ndarray, times: np.ndarray) -> list[float]:
        """Read rows of the current segment, and return their provisional scores."""
        known, scaled = ~np.isnan(values), self.scorer.scaler.transform(values)
        self.known.append(known)
        self.times.append(times)
        self.drifts += self.drift.observe_rows(scaled, times)
        self._add_chart_ratios(self.charts.push(scaled))
        latest_errors = []
        pushed = [resolution.push(scaled) for resolution in self.resolutions]
        for number, (errors, latest) in enumerate(pushed):
            self._add_errors(number, errors)
            latest_errors.append(np.where(np.isnan(latest), 0, latest))
        return self.scorer.error_scaler.row_scores(latest_errors, known).tolist()

    def _end_segment(self) -> None:
        if self.known.stop == self.segment_start:
            return
        self._add_chart_ratios(self.charts.finish())
        rows = self.known.stop - self.segment_start
        for number, resolution in enumerate(self.resolutions):
            errors, has_window = resolution.finish(), rows >= self.scorer.resolution_models[number].receptive_rows
            if number and not has_window:
                finest = self.errors[0].between(self.segment_start, self.known.stop)
                errors = self.scorer.error_scaler.substitute(finest, number)
            self._add_errors(number, errors, has_window)

    def _add_chart_ratios(self, ratios: list[np.ndarray]) -> None:
        """Take the final ratios of both charts, `(row, channel)` each."""
        if len(ratios[0]) == 0:
            return
        self.chart_ratios.append(np.maximum(*ratios).astype(np.float32))
        for stream, each in enumerate(ratios):
            self._append(stream, each.max(axis=1).astype(np.float32), each, self.charts)

    def _add_errors(self, resolution: int, errors: np.ndarray, has_window: bool = True) -> None:
        """Take final errors at a resolution, `(row, channel)`; without a whole window they are no evidence."""
        if len(errors) == 0:
            return
        buffer, error_scaler = self.errors[resolution], self.scorer.error_scaler
        known = self.known.between(buffer.stop, buffer.stop + len(errors))
        buffer.append(errors)
        threshold = self.threshold_values[resolution] if has_window else np.inf
        ratios = np.nan_to_num(error_scaler.resolution_scores(resolution, errors, known)) / threshold
        by_channel = errors  # used above the threshold only
        if (ratios > 1).any():
            by_channel = np.where(known, errors / error_scaler.row_scale_[resolution], 0)
        self._append(2 + resolution, ratios.astype(np.float32), by_channel, self.resolutions[resolution])

    def _append(
        self, stream: int, ratios: np.ndarray, by_channel: np.ndarray, source: OnlineCharts | OnlineErrors
    ) -> None:
        """Append final ratios `(row,)` to a stream, and note the rows in alarm; `by_channel` is `(row, channel)`."""
        first = self.streams[stream].stop
        for index in np.flatnonzero(self.streams[stream].append(ratios)).tolist():
            row = first + index
            required = self.segment_start + source.required_row(row - self.segment_start)
            detected_at, channel = min(required, self.known.stop), int(by_channel[index].argmax())
            self.alerts.add(Candidate(detected_at, stream, row, float(ratios[index]), channel))

    def _update(self, first_new_row: int, provisional: list[float], ended: bool) -> StreamUpdate:
        """Return the new results, and drop the rows kept for them."""
        is_timed, no_scores = self.intake.is_timed, np.zeros(0, dtype=np.float32)
        update = StreamUpdate(
            first_new_row=first_new_row,
            provisional_scores=np.array(provisional, dtype=np.float32),
            provisional_times=self.times.between(first_new_row, self.times.stop) if is_timed else None,
            first_final_row=self.row,
            times=self.times.rows[:0] if is_timed else None,
            scores=no_scores,
            threshold_ratio=no_scores,
            channel_scores=np.zeros((0, len(self.scorer.channels)), dtype=np.float32),
        )
        if self.known.stop == first_new_row and not ended:  # the rows are held by the intake
            return update
        ratios = combine_streams(self.streams, self.known.stop, ended)
        if not (len(ratios) or self.alerts.candidates or self.drifts or ended):
            return update
        return self._with_results(update, ratios, ended)

    def _with_results(self, update: StreamUpdate, ratios: np.ndarray, ended: bool) -> StreamUpdate:
        """Return an update with all results of the rows whose combined ratios `(row,)` have become final."""
        first, stop = self.row, self.row + len(ratios)
        errors, known = [buffer.between(first, stop) for buffer in self.errors], self.known.between(first, stop)
        times, error_scaler = self.times.between(first, stop), self.scorer.error_scaler
        channel_scores = error_scaler.channel_scores(errors, known)
        events = self._take_final(first, ratios, channel_scores, times, ended)
        update = replace(
            update,
            times=times if self.intake.is_timed else None,
            scores=error_scaler.row_scores(errors, known),
            threshold_ratio=ratios,
            channel_scores=channel_scores,
            alerts=tuple(self.alerts.alerts(self.times)),
            events=tuple(events),
            drifts=tuple(self.drifts),
        )
        self.drifts = []
        self.row = stop
        for buffer in (*self.errors, self.chart_ratios, self.known, self.times):
            buffer.discard(stop)
        return update

    def _take_final(
        self, first: int, ratios: np.ndarray, channel_scores: np.ndarray, times: np.ndarray, ended: bool
    ) -> list[Event]:
        """Look for drift and events in rows that have become final, from `first` on; return the events that ended."""
        alarms = ratios > 1
        self.drifts += self.drift.observe_alarms(alarms, times)
        fractions = channel_scores  # used at alarms only
        if alarms.any():
            chart_ratios = self.chart_ratios.between(first, first + len(ratios))
            fractions = contributions(chart_ratios, channel_scores)
        return list(self._events(first, ratios, fractions, times, ended))

    def _events(
        self, first: int, ratios: np.ndarray, fractions: np.ndarray, times: np.ndarray, ended: bool
    ) -> Iterator[Event]:
        """Yield the events that have ended; no event spans a gap in time."""
        stop, period = first + len(ratios), None
        if self.intake.is_timed:
            period = self.intake.period if np.isfinite(self.intake.period) else 0.0
        for start, end in pairwise([first, *(row for row in self.segment_starts if first < row < stop), stop]):
            if self.segment_starts and self.segment_starts[0] == start < stop:
                self.segment_starts.popleft()
                yield from self.events.end(period)
            rows = slice(start - first, end - first)
            yield from self.events.add(start, ratios[rows], fractions[rows], times[rows], period)
        if ended:
            yield from self.events.end(period)
