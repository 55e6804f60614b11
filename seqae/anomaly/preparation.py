"""What stands before a fit: checked settings, and normal recordings without outliers at regular steps."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from seqae.anomaly.fit_report import FitReport, fit_warnings
from seqae.anomaly.fleet import check_machines
from seqae.anomaly.outliers import find_outliers, outlier_note
from seqae.anomaly.scorer import Scorer
from seqae.data.signals.checks import warn_of_data, warn_of_rates
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
        known: What the user was warned of.
        notes: What was left out, for each recording with outliers.
    """

    recordings: Sequence[Recording]
    resampling: Resampling | None
    left_out: int
    known: tuple[str, ...]
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls, recordings: Sequence[Recording], options: ReadingOptions, window: int, max_left_out: float
    ) -> NormalData:
        """Prepare recordings as they came, and warn of what may be wrong with them.

        Args:
            recordings: Normal recordings with the same channels.
            options: `resample`, `fill` and `horizon`.
            window: Rows that a stretch without a gap needs.
            max_left_out: The largest fraction of the values of a channel that may be outliers.

        Raises:
            ValueError: Some recordings name a machine and others do not.
        """
        resampling = resampling_for(recordings, options, window)
        known = tuple(warn_of_data(recordings, options, may_be_sparse=resampling is not None))
        known += () if resampling is not None else tuple(warn_of_rates(recordings))
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
        regular = [on_grid(recording, resampling).recording for recording in kept]
        check_machines(regular)
        return cls(regular, resampling, left_out, known, notes)

    def report(self, scorer: Scorer, false_alarm_rate: float | None) -> FitReport:
        """Return a report on these data and what was learnt from them, and warn of what is new in it.

        Args:
            scorer: What was learnt.
            false_alarm_rate: What is asked for; None if alarms are counted by day.
        """
        found = [*self.notes, *fit_warnings(self.recordings, scorer, false_alarm_rate)]
        for each in found:
            warnings.warn(each, stacklevel=4)  # through `fit` and what spells its signature out
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
            warnings=(*self.known, *found),
        )


def check_settings(
    resolutions: tuple[int, ...], window: int, false_alarm_rate: float, false_alarms_per_day: float | None
) -> None:
    """Raise ValueError if a window, a resolution or a rate is out of range; they are those of `AnomalyDetector`."""
    if window < 2 or not resolutions or min(resolutions) < 1:
        raise ValueError(
            f"a window of {window} steps at resolutions {resolutions}. Give a window of 2 steps or more, "
            "and at least one resolution of 1 row or more"
        )
    if not 0 < false_alarm_rate < 1:
        raise ValueError(
            f"false_alarm_rate is {false_alarm_rate}. Give the fraction of normal rows that may raise an alarm, "
            "for example 0.01"
        )
    if false_alarms_per_day is not None and not false_alarms_per_day > 0:
        raise ValueError(
            f"false_alarms_per_day is {false_alarms_per_day}. Give a number above 0, for example 1 / 7 for one a week"
        )
