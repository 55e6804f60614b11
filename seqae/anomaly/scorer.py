"""The fitted state of a detector, and the scores that follow from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from seqae._processes import one_thread
from seqae.anomaly.calibration import Calibration
from seqae.anomaly.drift import DriftChart
from seqae.anomaly.events import Event
from seqae.anomaly.evidence import WindowEvidence, encode_windows, reconstructions
from seqae.anomaly.fault_codes import KnownFault, fault_code, nearest_fault
from seqae.anomaly.fleet import Machine, find_machine
from seqae.anomaly.localization import Localization
from seqae.anomaly.rhythm import Rhythm
from seqae.anomaly.scores import Scores, divided
from seqae.anomaly.soundness import (
    check_calibration,
    check_chart,
    check_evidence,
    check_rhythm,
    check_scaler,
    evidence_of_usual,
    require_count,
    require_numbers,
)
from seqae.anomaly.window_kernel import judge
from seqae.anomaly.windows import windows_of
from seqae.data.signals.recordings import Recording
from seqae.transforms.scaler import Scaler

ROWS_PER_CHUNK = 2**13  # rows that are scored together


@dataclass(frozen=True, eq=False)
class Scorer:
    """The parts of a detector that are fitted to normal rows, and the scoring of other rows.

    Attributes:
        channels: The names of the channels.
        scaler: Scales the channels; that of a typical machine, if there are several.
        resolutions: The evidence at each time resolution, finest first.
        localization: Attributes the evidence in windows to rows.
        calibration: Turns the evidence in a row into its score.
        latest_calibration: The same for the latest row of a stream, which fewer windows cover.
        threshold: Scores above it raise an alarm.
        units: The unit of each channel that has one.
        period: Seconds from row to row; None if the normal rows had no times.
        history: The losses of the finest model in each epoch, "train" and "valid"; empty if it was not trained.
        empirical_false_alarm_rate: The fraction of normal rows that raise an alarm by models that were not fitted to
            them.
        warning: Why the threshold may be unreliable; "" if nothing is known against it.
        drift_chart: Finds rows that are no longer like the normal ones.
        machines: What each machine of a fleet has of its own, by its name; none if the normal rows named no machine.
        rhythm: What repeats itself each day or week, in scaled rows; None if nothing does.
        faults: Faults that operators have named, which events are compared with.
    """

    channels: tuple[str, ...]
    scaler: Scaler
    resolutions: Sequence[WindowEvidence]
    localization: Localization
    calibration: Calibration
    latest_calibration: Calibration
    threshold: float
    units: Mapping[str, str] = field(default_factory=dict)
    period: float | None = None
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    empirical_false_alarm_rate: float = float("nan")
    warning: str = ""
    drift_chart: DriftChart = field(default_factory=DriftChart)
    machines: Mapping[str, Machine] = field(default_factory=dict)
    rhythm: Rhythm | None = None
    faults: tuple[KnownFault, ...] = ()

    def for_machine(self, entity: str) -> Scorer:
        """Return the scorer of a machine of the fleet; this one, if the normal rows named no machine.

        Raises:
            ValueError: There are machines, and none is named, or not one of them.
        """
        if not self.machines:
            return self
        own = find_machine(self.machines, entity)
        return replace(
            self,
            scaler=own.scaler,
            calibration=self.calibration.inflated(own.inflation),
            latest_calibration=self.latest_calibration.inflated(own.inflation),
            drift_chart=own.drift_chart,
            machines={},
        )

    def check_soundness(self) -> None:
        """Raise a ValueError if the parts do not fit together, or if usual rows get no scores that are numbers."""
        count = len(self.channels)
        require_count("the number of resolutions", len(self.resolutions), 1, 100)
        for scaler in (self.scaler, *(each.scaler for each in self.machines.values())):
            check_scaler(scaler, count)
        for own in self.resolutions:
            check_evidence(own, count)
        lengths = tuple(own.length for own in self.resolutions)
        if tuple(self.localization.lengths) != lengths:
            raise ValueError(f"lengths are {self.localization.lengths!s:.60}, and windows cover {lengths} rows")
        usual = evidence_of_usual(self.resolutions[0], count).sum(dim=1).tolist()
        for own in self.resolutions[1:]:
            evidence_of_usual(own, count)
        for calibration in (self.calibration, self.latest_calibration):
            check_calibration(calibration, usual)
        for machine in self.machines.values():
            require_numbers("inflation", machine.inflation, above=0)
        for chart in (self.drift_chart, *(each.drift_chart for each in self.machines.values())):
            check_chart(chart, count)
        if self.rhythm is not None:
            check_rhythm(self.rhythm, count)
        require_numbers("threshold", self.threshold)

    def scaled(self, values: np.ndarray, times: np.ndarray | None) -> np.ndarray:
        """Return rows as the models read them, `(row, channel)` float32, NaN where a value is missing.

        Args:
            values: Rows in the units of the data, `(row, channel)`.
            times: `(row,)`; None if there are none.

        Raises:
            ValueError: There is a rhythm, and the times are no dates.
        """
        return self.scaler.transform(values if self.rhythm is None else values - self.expected(times))

    def expected(self, times: np.ndarray | None) -> np.ndarray | float:
        """Return what the rhythm adds to the mean at times `(row,)`, `(row, channel)` in the units of the data."""
        return 0.0 if self.rhythm is None else self.rhythm.of(times) * self.scaler.scale_

    def in_data_units(self, scaled: np.ndarray, times: np.ndarray | None) -> np.ndarray:
        """Return scaled rows `(row, channel)` with their times `(row,)` in the units of the data, float64."""
        return self.scaler.inverse_transform(scaled) + self.expected(times)

    def score(self, recording: Recording) -> Scores:
        """Return the scores of a recording.

        Args:
            recording: Rows with this scorer's channels.
        """
        rows, channels = recording.values.shape
        found = Scores(np.empty(rows, np.float32), np.empty((rows, channels), np.float32))
        for start, piece in self._scores_in_pieces(recording):
            part = slice(start, start + len(piece.scores))
            found.scores[part], found.channel_scores[part] = piece.scores, piece.channel_scores
        return found

    def row_scores(self, recording: Recording) -> np.ndarray:
        """Return the scores of rows alone, `(row,)` float32: those of the channels would take far more memory."""
        found = np.empty(len(recording), np.float32)
        for start, piece in self._scores_in_pieces(recording):
            found[start : start + len(piece.scores)] = piece.scores
        return found

    def _scores_in_pieces(self, recording: Recording) -> Iterator[tuple[int, Scores]]:
        """Yield the scores of rows and the first of them, segment by segment: what they need is held for one piece."""
        for segment in recording.segments():
            yield from self._scores_of_segment(recording, segment)

    def _scores_of_segment(self, recording: Recording, rows: slice) -> Iterator[tuple[int, Scores]]:
        reach, first = self.localization.reach, rows.start  # the first row that is held
        filled = np.empty((0, len(self.channels)))
        for start in range(rows.start, rows.stop, ROWS_PER_CHUNK):
            stop, known = min(start + ROWS_PER_CHUNK, rows.stop), first + len(filled)
            new = slice(known, min(stop + reach, rows.stop))
            scaled = self.scaled(recording.values[new], times_of(recording, new))
            filled = np.concatenate([filled, self.fill(scaled, filled if len(filled) else None)])
            drop = max(start - reach, rows.start) - first
            filled, first = filled[drop:], first + drop
            missing, own = np.isnan(recording.values[first : new.stop]), slice(start - first, stop - first)
            near_end = self.near_ends(np.arange(start, stop) - rows.start, rows.stop - rows.start)
            with one_thread(), torch.inference_mode():
                evidence = self._evidence(torch.from_numpy(filled), torch.from_numpy(missing))[own]
                yield start, self.scores(evidence, missing[own], near_end)

    def fill(self, rows: np.ndarray, before: np.ndarray | None = None) -> np.ndarray:
        """Return scaled rows with missing values replaced by what is least unusual there, `(row, channel)`.

        That is what the finest model reconstructs, and the residual that the channel's last residuals predict. A value
        follows from the rows up to its own, so that later rows change nothing.

        Args:
            rows: Scaled rows, `(row, channel)`, NaN where a value is missing.
            before: The filled rows just before them, `(row, channel)`, as many as a window has steps; normal rows
                if None.
        """
        finest, window = self.resolutions[0], self.resolutions[0].window
        start = np.zeros((window, rows.shape[1])) if before is None else before[-window:]
        filled, missing_in = np.concatenate([start, rows], dtype=np.float64), np.isnan(rows)
        incomplete = np.flatnonzero(missing_in.any(axis=1)) if missing_in.any() else np.zeros(0, np.int64)
        for row in (incomplete + len(start)).tolist():
            missing = np.isnan(filled[row])
            filled[row, missing] = filled[row - 1, missing]
            if finest.rows_per_step == 1:
                recent = torch.from_numpy(filled[row + 1 - window : row + 1])[None]
                with torch.inference_mode():
                    expected = reconstructions(finest.model, recent)
                    residual = finest.residuals.last_step((recent - expected)[:, :-1])
                filled[row, missing] = (expected[0, -1] + residual[0]).numpy()[missing]
        return filled[len(start) :]

    def with_faults(self, recording: Recording, events: list[Event]) -> list[Event]:
        """Return the events of a recording, each with the known fault that it is most similar to."""
        return [self.with_fault(event, self.rows_around(recording, event.peak)) for event in events]

    def with_fault(self, event: Event, rows: np.ndarray) -> Event:
        """Return an event with the known fault that it is most similar to.

        Args:
            event: The event.
            rows: The rows around its peak, `(row, channel)`, of `rows_around`.
        """
        name, distance = nearest_fault(self.faults, fault_code(self.resolutions[0], rows))
        return replace(event, similar_fault=name, fault_distance=distance)

    def rows_around(self, recording: Recording, row: int) -> np.ndarray:
        """Return the filled, scaled rows around a row that a stream keeps, too, `(row, channel)` float64.

        Up to two rows less than a finest window has, on either side.
        """
        (rows,) = [each for each in recording.segments() if each.start <= row < each.stop]
        filled = self.fill(self.scaled(recording.values[rows], times_of(recording, rows)))
        return rows_near(filled, row - rows.start, self.localization.lengths[0])

    def window_evidence(self, rows: Tensor, missing: Tensor) -> list[Tensor | None]:
        """Return the evidence in the windows that start at every row, `(window, channel)` for each resolution.

        None where there are fewer rows than a window covers.

        Args:
            rows: Filled rows, `(row, channel)` float64.
            missing: `(row, channel)` bool, True where a value was filled in.
        """
        return [judge(each, rows, missing) if len(rows) >= each.length else None for each in self.resolutions]

    def near_ends(self, rows: np.ndarray, count: int | None) -> np.ndarray:
        """Return which rows are covered by fewer windows than others, near the first row or the last, `(row,)` bool.

        Args:
            rows: Their numbers in a segment without gaps in time, `(row,)`.
            count: The number of rows of the segment; None if it has not ended.
        """
        reach = self.localization.lengths[0] - 1
        return (rows < reach) | (False if count is None else rows >= count - reach)

    def scores(self, evidence: Tensor, missing: np.ndarray, near_end: np.ndarray) -> Scores:
        """Return the scores of rows.

        Rows near an end have the evidence of fewer windows, of one at last, which is usually more: they get the lower
        score of both calibrations.

        Args:
            evidence: `(row, channel)` float64.
            missing: `(row, channel)` bool, True where a value is missing.
            near_end: `(row,)` bool, see `near_ends`.
        """
        totals, few = evidence.sum(dim=1), torch.from_numpy(near_end)
        scores = self.calibration.scores(totals)
        if near_end.any():
            scores[few] = torch.minimum(scores[few], self.latest_calibration.scores(totals[few]))
        return divided(scores, evidence, missing)

    def latest_scores(self, evidence: Tensor, missing: np.ndarray) -> Scores:
        """Return the scores of rows that are, or were, the latest ones; arguments as for `scores`.

        Their evidence is that of `Localization.of_last_rows`.
        """
        return divided(self.latest_calibration.scores(evidence.sum(dim=1)), evidence, missing)

    def reconstruct(self, recording: Recording) -> np.ndarray:
        """Return the reconstruction by the finest model, `(row, channel)` in the units of the data.

        It is the mean of the reconstructions by all windows that cover a row.
        """
        finest, results = self.resolutions[0], []
        for rows in recording.segments():
            filled = self.fill(self.scaled(recording.values[rows], times_of(recording, rows)))
            padded = torch.from_numpy(_padded(filled, finest.length))
            with one_thread(), torch.inference_mode():
                means = _in_pieces(self._window_means, finest.length - 1, padded)
            results.append(means.numpy()[: rows.stop - rows.start])
        return self.in_data_units(np.concatenate(results), recording.times)

    def encode(self, recording: Recording) -> np.ndarray:
        """Return the codes of adjacent windows at the finest resolution, `(window, code_size)` float32.

        The last window of a segment without gaps in time ends at its last row.
        """
        finest, codes = self.resolutions[0], []
        for rows in recording.segments():
            filled = self.fill(self.scaled(recording.values[rows], times_of(recording, rows)))
            padded = torch.from_numpy(_padded(filled, finest.length))
            with one_thread(), torch.inference_mode():
                windows = windows_of(padded, finest.window, finest.rows_per_step)
                starts = sorted({*range(0, len(windows) - 1, finest.length), len(windows) - 1})
                codes.append(encode_windows(finest.model, windows[starts]).numpy())
        return np.concatenate(codes).astype(np.float32)

    def _evidence(self, rows: Tensor, missing: Tensor) -> Tensor:
        """Return the evidence in rows, `(row, channel)`; arguments as for `window_evidence`."""
        if len(rows) < self.resolutions[0].length:  # no window fits: there is no evidence
            return torch.zeros_like(rows)
        return self.localization.of_rows(self.window_evidence(rows, missing))

    def _window_means(self, rows: Tensor) -> Tensor:
        """Return the mean reconstruction of each row by the windows around it, `(row, channel)`."""
        finest = self.resolutions[0]
        steps = reconstructions(finest.model, windows_of(rows, finest.window, finest.rows_per_step))
        total, count = torch.zeros_like(rows), torch.zeros(len(rows), 1, dtype=rows.dtype)
        for offset in range(finest.length):
            covered = slice(offset, offset + len(steps))
            total[covered] += steps[:, offset // finest.rows_per_step]
            count[covered] += 1
        return total / count


def rows_near(rows: np.ndarray, row: int, length: int) -> np.ndarray:
    """Return the rows up to `length - 2` on either side of one, `(row, channel)`, fewer at the ends."""
    reach = max(length - 2, 0)
    return rows[max(row - reach, 0) : row + reach + 1]


def times_of(recording: Recording, rows: slice) -> np.ndarray | None:
    """Return the times of some rows, `(row,)`; None if there are none."""
    return None if recording.times is None else recording.times[rows]


def _in_pieces(function: Callable[..., Tensor], reach: int, *rows: Tensor) -> Tensor:
    """Return what a function says of rows `(row, ...)`, called for pieces with `reach` more rows on either side."""
    found = []
    for start in range(0, len(rows[0]), ROWS_PER_CHUNK):
        stop, first = min(start + ROWS_PER_CHUNK, len(rows[0])), max(start - reach, 0)
        found.append(function(*(each[first : stop + reach] for each in rows))[start - first : stop - first])
    return torch.cat(found)


def _padded(rows: np.ndarray, length: int) -> np.ndarray:
    """Return rows with the last one repeated up to a length, `(row, channel)`."""
    return np.pad(rows, ((0, max(length - len(rows), 0)), (0, 0)), mode="edge")
