"""Normal recordings before they are learnt from: outliers are left out, irregular rows are brought to a grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from seqae.anomaly.fit_report import FitReport, fit_warnings
from seqae.anomaly.outliers import find_outliers, outlier_note
from seqae.anomaly.scorer import Scorer
from seqae.data.signals.irregularity import resampling_for
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.recordings import Recording
from seqae.data.signals.resampling import Resampling, on_grid


@dataclass(frozen=True, eq=False)
class NormalData:
    """What a detector learns from.

    Attributes:
        recordings: Normal recordings at regular steps, outliers missing.
        resampling: The grid they were brought to; None if they came at regular steps.
        left_out: Rows with outliers.
        notes: What was left out, for each recording with outliers.
    """

    recordings: Sequence[Recording]
    resampling: Resampling | None
    left_out: int
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls, recordings: Sequence[Recording], options: ReadingOptions, window: int, max_left_out: float
    ) -> NormalData:
        """Prepare recordings as they came.

        Args:
            recordings: Normal recordings with the same channels.
            options: `resample`, `fill` and `horizon`.
            window: Rows that a stretch without a gap needs.
            max_left_out: The largest fraction of the values of a channel that may be outliers.
        """
        resampling = resampling_for(recordings, options, window)
        found = [find_outliers(recording, max_left_out) for recording in recordings]
        notes = tuple(
            outlier_note(recording, outliers, recording.entity or recording.name)
            for recording, outliers in zip(recordings, found)
            if outliers.any()
        )
        kept = [
            replace(recording, values=np.where(outliers, np.nan, recording.values)) if outliers.any() else recording
            for recording, outliers in zip(recordings, found)
        ]
        left_out = sum(int(outliers.any(axis=1).sum()) for outliers in found)
        return cls([on_grid(recording, resampling).recording for recording in kept], resampling, left_out, notes)

    def report(self, scorer: Scorer, false_alarm_rate: float | None, warnings: Sequence[str]) -> FitReport:
        """Return a report on these data and what was learnt from them.

        Args:
            scorer: What was learnt.
            false_alarm_rate: What is asked for; None if alarms are counted by day.
            warnings: What else there is to say of the data.
        """
        return FitReport(
            rows=sum(map(len, self.recordings)),
            recordings=len(self.recordings),
            machines=tuple(sorted({each.entity for each in self.recordings if each.entity})),
            channels=scorer.channels,
            period=scorer.period,
            resampling="" if self.resampling is None else str(self.resampling),
            left_out=self.left_out,
            asked_false_alarm_rate=false_alarm_rate,
            false_alarm_rate=scorer.empirical_false_alarm_rate,
            warnings=(*warnings, *self.notes, *fit_warnings(self.recordings, scorer, false_alarm_rate)),
        )
