"""Whether rows raise an alarm only because of channels that have drifted away from their normal range."""

from __future__ import annotations

import numpy as np

from seqae.anomaly.events import runs
from seqae.anomaly.online.drift import OnlineDrift
from seqae.anomaly.online.segment import SegmentScorer
from seqae.anomaly.scorer import Scorer, times_of
from seqae.data.signals.recordings import Recording

ROWS_AT_ONCE = 2**12  # so that memory does not depend on the length of a recording


class OtherChannels:
    """Scores rows as if channels that have drifted had no values.

    To leave out what these channels contribute would not do: each channel is reconstructed from the others, so one
    that has drifted makes others look abnormal too. A missing value is replaced by what the others expect.

    Args:
        scorer: A fitted scorer.
    """

    STATE = ("scores", "drifted")

    def __init__(self, scorer: Scorer):
        self.scorer = scorer
        self.segment = self._new_segment()  # the latest rows at which a channel has drifted
        self.scores = np.zeros(0, dtype=np.float32)  # of rows that were not taken, as far as they are final
        self.drifted = np.zeros(
            (0, len(scorer.channels)), dtype=bool
        )  # which channels have, in rows that were not taken

    def push(self, rows: np.ndarray, drifted: np.ndarray) -> None:
        """Add rows of a segment without gaps in time.

        Args:
            rows: Scaled rows, `(row, channel)` float32, NaN where a value is missing.
            drifted: Which channels have drifted, `(row, channel)` bool.
        """
        self.drifted = np.concatenate([self.drifted, drifted])
        done = 0
        for start, stop in runs(np.any(drifted, axis=1)).tolist():
            self._skip(start - done)
            known = np.where(drifted[start:stop], np.float32(np.nan), rows[start:stop])
            self.segment.push(known, np.zeros(len(known), dtype=np.int64))
            self._keep(self.segment.take_final().scores)
            done = stop
        self._skip(len(rows) - done)

    def end(self) -> None:
        """End the segment."""
        self._keep(self.segment.take_final(ended=True).scores)
        self.segment = self._new_segment()

    def take(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the scores of the next final rows, `(row,)`, NaN if no channel has drifted; and which have."""
        taken = self.scores[:count], self.drifted[:count]
        self.scores, self.drifted = self.scores[count:], self.drifted[count:]
        return taken

    def _skip(self, count: int) -> None:
        """Add rows at which no channel has drifted."""
        if count:
            self.end()
            self._keep(np.full(count, np.nan, dtype=np.float32))

    def _keep(self, scores: np.ndarray) -> None:
        self.scores = np.concatenate([self.scores, scores])

    def _new_segment(self) -> SegmentScorer:
        return SegmentScorer(self.scorer, 0, np.zeros(0, dtype=np.int64))


def other_channels(recording: Recording, scorer: Scorer) -> tuple[np.ndarray, np.ndarray]:
    """Return the scores of rows without channels that have drifted, `(row,)`, and which have, `(row, channel)` bool.

    The scores are NaN where none has.
    """
    drift, others = OnlineDrift(scorer), OtherChannels(scorer)
    for segment in recording.segments():
        for start in range(segment.start, segment.stop, ROWS_AT_ONCE):
            part = slice(start, min(start + ROWS_AT_ONCE, segment.stop))
            scaled = scorer.scaled(recording.values[part], times_of(recording, part))
            drift.observe_rows(scaled, np.zeros(len(scaled), dtype=np.int64))
            others.push(scaled, drift.drifted_rows)
        others.end()
    return others.take(len(recording))
