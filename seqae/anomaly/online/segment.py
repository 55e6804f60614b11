"""The scores of rows that follow each other without a gap in time, computed as the rows arrive."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seqae._processes import one_thread
from seqae.anomaly.online.row_buffer import RowBuffer
from seqae.anomaly.online.row_kernel import RowKernel, latest_rows
from seqae.anomaly.scorer import Scorer, rows_near
from seqae.anomaly.window_kernel import judge


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """Consecutive rows with their scores.

    Attributes:
        first: The number of the first row.
        known_at: The number of the row with which each score was known, `(row,)`.
        times: `(row,)`, datetime64 or seconds; integers if there are no times.
        scores: `(row,)` float32, as in `Scores`.
        channel_scores: `(row, channel)` float32, as in `Scores`.
        kept: Filled rows of the segment around these, `(row, channel)`, if faults are known; else None.
        kept_first: The number of the first of them.
    """

    first: int
    known_at: np.ndarray
    times: np.ndarray
    scores: np.ndarray
    channel_scores: np.ndarray
    kept: np.ndarray | None = None
    kept_first: int = 0

    def around(self, row: int, length: int) -> np.ndarray:
        """Return the filled rows around one, `(row, channel)`, as `Scorer.rows_around`."""
        assert self.kept is not None
        return rows_near(self.kept, row - self.kept_first, length)


class SegmentScorer:
    """Scores the rows of a segment by what `Scorer.score` calls, on the latest rows alone.

    Only so many rows are kept that those to come can be scored: `reach` rows on either side of the first row that is
    not final. Rows are numbered from the start of the recording.

    Args:
        scorer: A fitted scorer.
        start: The number of the first row.
        times: An empty array of the type of the times, `(0,)`.
    """

    STATE = ("start", "first", "final", "table", "times")

    def __init__(self, scorer: Scorer, start: int, times: np.ndarray):
        self.scorer = scorer
        self.reach = scorer.localization.reach
        self.start = start
        self.first = start  # the first row that is kept
        self.final = start  # the first row that is not final
        # Of the rows that are kept, `(row, 2 + resolution, channel)`: their scaled values, completed and as they came,
        # and the evidence in the windows that start with them, NaN while they are not complete.
        self.table = RowBuffer(np.zeros((0, 2 + len(scorer.resolutions), len(scorer.channels))))
        self.times = RowBuffer(times)
        self._found: RowBuffer | None = None  # what the kernel has found so far; found anew if it is lost

    @property
    def stop(self) -> int:
        """The number of the row that comes next."""
        return self.first + len(self.table)

    def push(self, rows: np.ndarray, times: np.ndarray) -> ScoredRows:
        """Take the next rows and return their provisional scores, NaN while no window is complete.

        Args:
            rows: Scaled rows, `(row, channel)`, NaN where a value is missing.
            times: `(row,)`, of the type given before.
        """
        filled = self.scorer.fill(rows, latest_rows(self.table.rows[:, 0], self.scorer.resolutions[0].window))
        new = np.full((len(rows), *self.table.rows.shape[1:]), np.nan)
        new[:, 0], new[:, 1] = filled, rows
        before = len(self.table)
        self.table.append(new)
        self.times.append(times)
        with one_thread(), torch.inference_mode():
            self._judge_windows(before)
            return self._provisional(len(rows))

    def push_one(self, kernel: RowKernel, row: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Do what `push` and `take_final` do, for one row, and return the time of the row that has become final.

        That is `(1,)`, or `(0,)` if none has.

        The scaled row and the scores are in the kernel; `latest_row` and `final_row` return them as those do.

        Args:
            kernel: That of the scorer.
            row: `(channel,)` in the units of the data, without what the rhythm expects; NaN where a value is missing.
            time: Its time, `(1,)`.
        """
        kernel.values[:] = row
        self.table.extend()
        self.times.append(time)
        final = self.final - self.first if self.stop > self.final + self.reach else -1
        if self._found is None:
            self._found = kernel.new_found()
        is_near_end = self.final - self.start < self.scorer.localization.lengths[0] - 1
        kernel.push(self.table, self._found, self.first, final, is_near_end)
        if final < 0:
            return self.times.rows[:0]
        final_time = self.times.rows[final : final + 1].copy()
        self.final += 1
        self._keep_from(max(self.final - self.reach, self.start))
        return final_time

    def around(self, row: int) -> np.ndarray:
        """Return the filled rows around one of those that are kept, `(row, channel)`, as `Scorer.rows_around`."""
        return rows_near(self.table.rows[:, 0].copy(), row - self.first, self.scorer.localization.lengths[0])

    def latest_row(self, scores: np.ndarray) -> ScoredRows:
        """Return the row that `push_one` took with its provisional scores, `(1 + channel,)` as the kernel has them."""
        return self._row(self.stop - 1, scores)

    def final_row(self, scores: np.ndarray) -> ScoredRows:
        """Return the row that became final with the one that `push_one` took, with its scores, `(1 + channel,)`."""
        return self._row(self.final - 1, scores)

    def _row(self, number: int, scores: np.ndarray) -> ScoredRows:
        place = number - self.first
        time = self.times.rows[place : place + 1].copy()
        return ScoredRows(number, np.array([self.stop - 1]), time, scores[:1], scores[None, 1:])

    def take_final(self, ended: bool = False) -> ScoredRows:
        """Return the scores of the rows that have become final, and drop what no later row needs.

        Args:
            ended: Whether the segment has ended, so that all its rows are final.
        """
        first, stop = self.final, self.stop if ended else max(self.stop - self.reach, self.final)
        if first == stop:
            return self.no_rows(first)
        known_at = np.minimum(np.arange(first, stop) + self.reach, self.stop - 1)
        rows = slice(first - self.first, stop - self.first)
        missing = np.isnan(self.table.rows[rows, 1])
        with one_thread(), torch.inference_mode():
            if len(self.table) >= self.scorer.localization.lengths[0]:
                evidence = self.scorer.localization.of_rows(self._evidence())[rows]
            else:  # the whole segment is shorter than a window
                evidence = torch.zeros(missing.shape, dtype=torch.float64)
            near_end = self.scorer.near_ends(
                np.arange(first, stop) - self.start, self.stop - self.start if ended else None
            )
            found = self.scorer.scores(evidence, missing, near_end)
        kept = self.table.rows[:, 0].copy() if self.scorer.faults else None
        scored = ScoredRows(
            first, known_at, self.times.rows[rows], found.scores, found.channel_scores, kept, self.first
        )
        self._keep_from(max(stop - self.reach, self.start))
        self.final = stop
        return scored

    def no_rows(self, first: int) -> ScoredRows:
        """Return scores of no rows, before the row with this number."""
        none = np.zeros((0, len(self.scorer.channels)), dtype=np.float32)
        return ScoredRows(first, np.zeros(0, dtype=np.int64), self.times.rows[:0], none[:, 0], none)

    def _judge_windows(self, before: int) -> None:
        """Write the evidence in the windows that have become complete since there were fewer rows."""
        rows, missing = (
            torch.from_numpy(each) for each in (self.table.rows[:, 0].copy(), np.isnan(self.table.rows[:, 1]))
        )
        for number, each in enumerate(self.scorer.resolutions):
            first, stop = max(before - each.length + 1, 0), len(rows) - each.length + 1
            if first < stop:
                self.table.rows[first:stop, 2 + number] = judge(each, rows[first:], missing[first:]).numpy()

    def _evidence(self) -> list[Tensor | None]:
        """Return the evidence in all windows of the rows that are kept, as `Scorer.window_evidence`."""
        table, lengths = self.table.rows, self.scorer.localization.lengths
        counts = [len(table) - length + 1 for length in lengths]
        return [
            torch.from_numpy(table[:count, 2 + number].copy()) if count > 0 else None
            for number, count in enumerate(counts)
        ]

    def _provisional(self, new: int) -> ScoredRows:
        """Return the provisional scores of the latest rows; those before the first whole window are as if missing."""
        rows, windows = slice(len(self.table) - new, None), len(self.table) - self.scorer.localization.lengths[0] + 1
        known = max(min(new, windows), 0)  # rows
        missing = np.isnan(self.table.rows[rows, 1])
        missing[: new - known] = True
        evidence = torch.zeros(missing.shape, dtype=torch.float64)
        if known:
            evidence[new - known :] = self.scorer.localization.of_last_rows(self._evidence(), windows - known)
        found = self.scorer.latest_scores(evidence, missing)
        first = self.stop - new
        return ScoredRows(first, np.arange(first, self.stop), self.times.rows[rows], found.scores, found.channel_scores)

    def _keep_from(self, first: int) -> None:
        drop, self.first = first - self.first, first
        self.table.drop(drop)
        self.times.drop(drop)
