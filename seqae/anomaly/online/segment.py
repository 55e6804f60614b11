"""The scores of rows that follow each other without a gap in time, computed as the rows arrive."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seqae.anomaly.evidence import WindowEvidence
from seqae.anomaly.online.row_buffer import RowBuffer
from seqae.anomaly.online.row_kernel import RowKernel
from seqae.anomaly.scorer import Scorer
from seqae.anomaly.windows import one_thread


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """Consecutive rows with their scores.

    Attributes:
        first: The number of the first row.
        known_at: The number of the row with which each score was known, `(row,)`.
        times: `(row,)`, datetime64 or seconds; integers if there are no times.
        scores: `(row,)` float32, as in `Scores`.
        channel_scores: `(row, channel)` float32, as in `Scores`.
    """

    first: int
    known_at: np.ndarray
    times: np.ndarray
    scores: np.ndarray
    channel_scores: np.ndarray


class EvidenceCache:
    """The evidence in the windows that start at each row that is kept, so that none is computed twice.

    Args:
        evidence: The evidence at one time resolution.
        channels: The number of channels.
    """

    STATE = ("windows",)

    def __init__(self, evidence: WindowEvidence, channels: int):
        self.evidence = evidence
        self.windows = RowBuffer(np.zeros((0, channels)))  # (window, channel)

    def extend(self, rows: Tensor) -> None:
        """Add the windows that have become complete, given all filled rows that are kept, `(row, channel)` float64."""
        if len(rows) - self.evidence.length >= len(self.windows):
            self.windows.append(self.evidence.of_rows(rows[len(self.windows) :]).numpy())


class SegmentScorer:
    """Scores the rows of a segment by what `Scorer.score` calls, on the latest rows alone.

    Only so many rows are kept that those to come can be scored: `reach` rows on either side of the first row that is
    not final. Rows are numbered from the start of the recording.

    Args:
        scorer: A fitted scorer.
        start: The number of the first row.
        times: An empty array of the type of the times, `(0,)`.
        kernel: Scores single rows; None to compute them as many.
    """

    STATE = ("start", "first", "final", "filled", "missing", "times")

    def __init__(self, scorer: Scorer, start: int, times: np.ndarray, kernel: RowKernel | None = None):
        self.scorer = scorer
        self.kernel = kernel
        self.reach = scorer.localization.reach
        self.start = start
        self.first = start  # the first row that is kept
        self.final = start  # the first row that is not final
        # For the rows that are kept:
        self.filled = RowBuffer(np.zeros((0, len(scorer.channels))))
        self.missing = RowBuffer(np.zeros((0, len(scorer.channels)), dtype=bool))
        self.times = RowBuffer(times)
        self.caches = [EvidenceCache(each, len(scorer.channels)) for each in scorer.resolutions]

    @property
    def stop(self) -> int:
        """The number of the row that comes next."""
        return self.first + len(self.filled)

    def push(self, rows: np.ndarray, times: np.ndarray) -> ScoredRows:
        """Take the next rows and return their provisional scores, NaN while no window is complete.

        Args:
            rows: Scaled rows, `(row, channel)`, NaN where a value is missing.
            times: `(row,)`, of the type given before.
        """
        self.filled.append(self.scorer.fill(rows, self._latest_rows()))
        self.missing.append(np.isnan(rows))
        self.times.append(times)
        with one_thread(), torch.inference_mode():
            kept = torch.from_numpy(self.filled.rows)
            for cache in self.caches:
                cache.extend(kept)
            return self._provisional(len(rows))

    def push_one(self, row: np.ndarray, time: np.ndarray) -> tuple[ScoredRows, ScoredRows | None]:
        """Do what `push` and `take_final` do, for one row, by the kernel.

        Args:
            row: One scaled row, `(1, channel)`, NaN where a value is missing.
            time: Its time, `(1,)`.

        Returns:
            The provisional score of the row, and the scores of the row that has become final, if one has.
        """
        kernel, missing = self.kernel, np.isnan(row)
        assert kernel is not None
        is_filled = not missing.any()
        if not is_filled and not kernel.fills_rows:
            row, is_filled = self.scorer.fill(row, self._latest_rows()), True
        for buffer, new in ((self.filled, row), (self.missing, missing), (self.times, time)):
            buffer.append(new)
        for cache in self.caches:
            if len(self.filled) >= cache.evidence.length:
                cache.windows.extend()
        has_final = self.stop - self.reach > self.final
        final = self.final - self.first if has_final else -1
        is_near_end = self.final - self.start < self.scorer.localization.lengths[0] - 1
        kernel.push(self.filled, self.missing, [each.windows for each in self.caches], is_filled, final, is_near_end)
        latest = _one_row(self.stop - 1, self.stop - 1, time, kernel.provisional)
        if not has_final:
            return latest, None
        scored = _one_row(self.final, self.stop - 1, self.times.rows[final : final + 1].copy(), kernel.final)
        self.final += 1
        self._keep_from(max(self.final - self.reach, self.start))
        return latest, scored

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
        missing = self.missing.rows[rows]
        with one_thread(), torch.inference_mode():
            if len(self.caches[0].windows):
                evidence = self.scorer.localization.of_rows(self._evidence())[rows]
            else:  # the whole segment is shorter than a window
                evidence = torch.zeros(missing.shape, dtype=torch.float64)
            near_end = self.scorer.near_ends(
                np.arange(first, stop) - self.start, self.stop - self.start if ended else None
            )
            found = self.scorer.scores(evidence, missing, near_end)
        scored = ScoredRows(first, known_at, self.times.rows[rows], found.scores, found.channel_scores)
        self._keep_from(max(stop - self.reach, self.start))
        self.final = stop
        return scored

    def no_rows(self, first: int) -> ScoredRows:
        """Return scores of no rows, before the row with this number."""
        none = np.zeros((0, len(self.scorer.channels)), dtype=np.float32)
        return ScoredRows(first, np.zeros(0, dtype=np.int64), self.times.rows[:0], none[:, 0], none)

    def _latest_rows(self) -> np.ndarray:
        """Return as many filled rows as `Scorer.fill` reads, `(row, channel)`; normal ones before the first."""
        window = self.scorer.resolutions[0].window
        normal = np.zeros((max(window - len(self.filled), 0), len(self.scorer.channels)))
        return np.concatenate([normal, self.filled.rows[-window:]])

    def _evidence(self) -> list[Tensor | None]:
        """Return the evidence in all windows of the rows that are kept, as `Scorer.window_evidence`."""
        return [torch.from_numpy(each.windows.rows) if len(each.windows) else None for each in self.caches]

    def _provisional(self, new: int) -> ScoredRows:
        """Return the provisional scores of the latest rows; those before the first whole window are as if missing."""
        rows, windows = slice(len(self.filled) - new, None), len(self.caches[0].windows)
        known = min(new, windows)  # rows
        missing = self.missing.rows[rows].copy()
        missing[: new - known] = True
        evidence = torch.zeros(missing.shape, dtype=torch.float64)
        if known:
            evidence[new - known :] = self.scorer.localization.of_last_rows(self._evidence(), windows - known)
        found = self.scorer.latest_scores(evidence, missing)
        first = self.stop - new
        return ScoredRows(first, np.arange(first, self.stop), self.times.rows[rows], found.scores, found.channel_scores)

    def _keep_from(self, first: int) -> None:
        drop, self.first = first - self.first, first
        for buffer in (self.filled, self.missing, self.times, *[each.windows for each in self.caches]):
            buffer.drop(drop)


def _one_row(number: int, known_at: int, time: np.ndarray, scores: np.ndarray) -> ScoredRows:
    """Return one row with its score and those of its channels, `(1 + channel,)`, which are copied."""
    scores = scores.copy()
    return ScoredRows(number, np.array([known_at]), time, scores[:1], scores[None, 1:])
