"""Anomaly detection in machine signals by an autoencoder that is trained on normal rows."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import numpy as np

from seqae.anomaly.detection import Detection, detect_rows, in_original_rows
from seqae.anomaly.drift import Drift
from seqae.anomaly.events import Event
from seqae.anomaly.fit_report import FitReport
from seqae.anomaly.fitting import ScorerFitter
from seqae.anomaly.online.drift import find_drift
from seqae.anomaly.own_models import as_factory, choose_model
from seqae.anomaly.preparation import NormalData, check_settings
from seqae.anomaly.scorer import Scorer
from seqae.anomaly.window_models import WindowModelFactory
from seqae.data.signals.checks import warn_of_times
from seqae.data.signals.loading import read_recordings
from seqae.data.signals.options import ReadingKeywords, ReadingOptions, takes_reading_options
from seqae.data.signals.recordings import Recording
from seqae.data.signals.resampling import Resampled, Resampling, learnt_options, on_grid

if TYPE_CHECKING:
    from seqae.autoencoder import Autoencoder
    from seqae.estimators.sequence_autoencoder import SequenceAutoencoder


class AnomalyDetector:
    """Learns what is normal in windows of all channels, and says of each row how rare it would be among normal rows.

    An autoencoder reconstructs windows of rows, each channel from the others. Each channel's residual and the channel
    itself are weighted by what is usual for them, at several time resolutions; the sum over channels is attributed to
    rows, and calibrated on blocks of normal rows that the models were not fitted to. The score of a row is minus the
    decimal logarithm of the fraction of normal rows that score as high: 2 is one row in a hundred, 3 one in a thousand.
    The same number ranks rows and raises alarms, and the scores of channels add up to it. All formulas are in
    `seqae/anomaly/README.md`.

    Where recordings name their machine, `fit(data, by="machine")`, one model is shared and each machine has its own
    level, scale and threshold; rows that are scored name theirs, too. `recalibrate` adds a machine.
    `fit` sets `scorer_`, which holds all that was learnt, `model_`, which created its window models, and for
    `model="auto"` `model_scores_`: the fraction of injected faults that each model found, less its false alarm rate.

    Rows that come at irregular moments, such as values that were stored when they changed, are brought to a regular
    grid, by `resampling_`, and so are those that are scored; results are about the rows as they came. `fit` says so,
    and `resample="none"` keeps them. `report_` tells what was learnt from, and what may be wrong with it.

    Args:
        model: The model of windows: a name in `seqae.anomaly.WINDOW_MODELS`, a factory (see
            `seqae.anomaly.window_models`), an `Autoencoder` or a `SequenceAutoencoder` of your own, which are trained
            on windows; "auto" compares several by faults that are injected into normal rows. `Linear()` by default.
        resolutions: Rows in a step, for each resolution; those for which there are too few training rows are made
            finer.
        window: The number of steps in a window, 2 or more; fewer where there are more than 128 channels.
        false_alarm_rate: Fraction of normal rows that may raise an alarm, between 0 and 1.
        false_alarms_per_day: Separate false alarms that normal rows may raise in a day, in place of
            `false_alarm_rate`; the rows must have times.
        merge_gap: Alarms with at most this many rows between them are one event.
        min_rows: Minimum length of an event in rows; shorter ones are dropped.
        epochs: Passes over the training windows at most, for models that are trained.
        random_state: Seed of all random numbers.
        calendar: Whether to learn what repeats itself each day or week, where normal rows span three of them, and to
            remove it before all else, so that a Monday that looks like a Sunday is abnormal.
        max_left_out: The largest fraction of a channel's normal values that may be left out as outliers; 0 for none.

    Raises:
        ValueError: A window, a resolution or a rate is out of range.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> rows = np.sin(0.1 * np.arange(3000))[:, None] + 0.1 * rng.standard_normal((3000, 2))
        >>> rows[2500:2520, 1] += 3
        >>> detector = AnomalyDetector().fit(rows[:2000])
        >>> fault = max(detector.events(rows[2000:]), key=lambda event: event.score)
        >>> fault.channels[0].channel  # the one that contributes most
        '1'
        >>> detector.score_samples(rows).shape
        (3000,)
    """

    scorer_: Scorer
    reading_: ReadingOptions
    model_: WindowModelFactory
    model_scores_: Mapping[str, float]
    resampling_: Resampling | None = None
    report_: FitReport

    def __init__(
        self,
        model: str | WindowModelFactory | Autoencoder | SequenceAutoencoder | None = None,
        resolutions: tuple[int, ...] = (1, 4),
        window: int = 16,
        false_alarm_rate: float = 0.01,
        false_alarms_per_day: float | None = None,
        merge_gap: int = 10,
        min_rows: int = 1,
        epochs: int = 15,
        random_state: int = 0,
        calendar: bool = True,
        max_left_out: float = 0.05,
    ):
        check_settings(tuple(resolutions), window, false_alarm_rate, false_alarms_per_day)
        if model != "auto":
            as_factory(model)
        self.model = model
        self.resolutions = tuple(resolutions)
        self.window = window
        self.false_alarm_rate = false_alarm_rate
        self.false_alarms_per_day = false_alarms_per_day
        self.merge_gap = merge_gap
        self.min_rows = min_rows
        self.epochs = epochs
        self.random_state = random_state
        self.calendar = calendar
        self.max_left_out = max_left_out

    @takes_reading_options
    def fit(self, normal: object, progress: bool = False, **reading: Unpack[ReadingKeywords]) -> AnomalyDetector:
        """Fit models and thresholds to normal rows.

        A fit that fails or is interrupted, at any moment, leaves the detector as it was; models and estimators that it
        was given are never changed: copies of them are trained.

        Args:
            normal: A file, a folder of files, a frame, an array `(row, channel)`, or a list of these;
                see `seqae.as_recordings`.
            progress: Whether to show a progress bar of the training.
            **reading: How tables are read, see `ReadingOptions`. Those that say what columns and values mean are kept
                as `reading_`, and hold for tables that are scored, where they name no other.

        Raises:
            ValueError: The data cannot be used; the message names location and reason.
        """
        options = ReadingOptions.of(**reading)
        recordings = read_recordings(normal, replace(options, resample="none"))
        data = NormalData.of(recordings, options, self.window, self.max_left_out)
        model, scores = choose_model(self.model, self._with_model, data.recordings, self.random_state)
        scorer = self._fitter(model).fit(data.recordings, progress, options.time_zone or "UTC")
        learnt = {
            "scorer_": scorer,
            "model_": model,
            "model_scores_": scores,
            "reading_": learnt_options(options, recordings, data.resampling),
            "resampling_": data.resampling,
            "report_": data.report(scorer, None if self.false_alarms_per_day else self.false_alarm_rate),
        }
        vars(self).update(learnt)  # all at one moment: an interrupt comes before or after it
        return self

    @takes_reading_options
    def recalibrate(self, normal: object, **reading: Unpack[ReadingKeywords]) -> AnomalyDetector:
        """Return a copy with the same models, calibrated on other normal rows; this detector does not change.

        For a machine that was serviced or runs at another operating point. It takes no longer than scoring, and fewer
        rows than training. The mean of channels that have shifted is replaced; what is usual for their residuals is
        estimated again, and becomes wider or stays: few rows show too little of how far a channel wanders to make it
        tighter. The scores and the threshold are calibrated anew.

        Of several machines, the one that the rows are of is added or replaced: `recalibrate(rows, entity="m13")`.

        Args:
            normal: Normal recordings in any form that `fit` takes, with the same channels.
            **reading: How tables are read, as for `fit`.

        Raises:
            ValueError: The data cannot be used, or the detector is not fitted.
        """
        recordings = [self.on_grid(recording).recording for recording in self._recordings(normal, reading)]
        recalibrated = copy.copy(self)
        fitter = self._fitter(self.model_)
        recalibrate = fitter.recalibrate_machines if self.scorer_.machines else fitter.recalibrate
        recalibrated.scorer_ = recalibrate(self.scorer_, recordings)
        return recalibrated

    @takes_reading_options
    def score_samples(self, data: object, **reading: Unpack[ReadingKeywords]) -> np.ndarray:
        """Return one score per row of one recording, `(row,)` float32: higher = more anomalous, see the class.

        Rows in which all values are missing get NaN.

        Args:
            data: One recording, in any form that `fit` takes.
            **reading: How tables are read, as for `fit`; so for all methods below.

        Raises:
            ValueError: The data cannot be used, or the detector is not fitted; so for all methods below.
        """
        resampled = self.on_grid(recording := self._one(data, reading))
        return resampled.of_original(self._scorer(recording).row_scores(resampled.recording))

    @takes_reading_options
    def predict(self, data: object, **reading: Unpack[ReadingKeywords]) -> np.ndarray:
        """Return which rows of one recording raise an alarm, `(row,)` bool."""
        return self._detection(self._one(data, reading)).alarms

    @takes_reading_options
    def channel_scores(self, data: object, **reading: Unpack[ReadingKeywords]) -> np.ndarray:
        """Return one score per row and channel of a recording, `(row, channel)` float32; NaN where a value is missing.

        They are what each channel contributes to the score of the row, and add up to it.
        """
        return self._detection(self._one(data, reading)).channel_scores

    @takes_reading_options
    def detect(self, data: object, **reading: Unpack[ReadingKeywords]) -> list[Detection]:
        """Return scores, alarms and events of each recording; `data` may hold several."""
        return [self._detection(recording) for recording in self._recordings(data, reading)]

    @takes_reading_options
    def events(self, data: object, **reading: Unpack[ReadingKeywords]) -> list[Event]:
        """Return when one recording was abnormal, how severely, and which channels contribute."""
        return self._detection(self._one(data, reading)).events

    @takes_reading_options
    def drift(self, data: object, **reading: Unpack[ReadingKeywords]) -> list[Drift]:
        """Return how, and since when, one recording differs from the rows that the detector was calibrated on.

        The mean, the standard deviation or the fraction of missing values of a channel may have changed for good, or
        alarms have become too frequent. In normal rows at most one block of 1000 is reported; a block is a twentieth of
        the normal rows, 64 to 1024 rows. See `recalibrate`.
        """
        resampled = self.on_grid(self._one(data, reading))
        scorer, recording = self._scorer(resampled.recording), resampled.recording
        drifts = find_drift(recording, scorer.row_scores(recording) > scorer.threshold, scorer)
        return [replace(drift, row=resampled.rows_of(drift.row, drift.row + 1)[0]) for drift in drifts]

    @takes_reading_options
    def reconstruct(self, data: object, **reading: Unpack[ReadingKeywords]) -> np.ndarray:
        """Return the reconstruction of one recording by the finest model, `(row, channel)` in the units of the data."""
        resampled = self.on_grid(self._one(data, reading))
        return resampled.of_original(self._scorer(resampled.recording).reconstruct(resampled.recording))

    @takes_reading_options
    def encode(self, data: object, **reading: Unpack[ReadingKeywords]) -> np.ndarray:
        """Return the codes of one recording's windows at the finest resolution, `(window, code_size)` float32.

        The windows are adjacent; the last one ends at the last row of a segment without gaps in time. Of irregular rows
        they are windows of the grid, `on_grid(recording).recording`.
        """
        recording = self.on_grid(self._one(data, reading)).recording
        return self._scorer(recording).encode(recording)

    @takes_reading_options
    def recording(self, data: object, **reading: Unpack[ReadingKeywords]) -> Recording:
        """Return one recording as this detector reads it: its channels, by its options."""
        return self._one(data, reading)

    def on_grid(self, recording: Recording) -> Resampled:
        """Return a recording on the regular grid of this detector, and where its rows are there.

        It is the recording itself if the detector learnt from regular rows, or if it has no times or is on such a grid.
        """
        return on_grid(recording, self.resampling_)

    def to_onnx(self, path: str | os.PathLike[str], entity: str = "") -> Path:
        """Write the detector to an ONNX file (opset 17), which `seqae.export.OnnxDetector` runs; return the path.

        All is inside, from scaling to the threshold; inputs, outputs and metadata are told there. The file is checked
        before it gets its name: its scores are those of the detector, to 1e-6 of the largest score (or of 1); with
        models that compute in float32 to 1e-4, or to four times the rounding error of torch, where that is more.

        Args:
            path: The file, which ends in .onnx; replaced at one moment.
            entity: The machine that the file is for, if the detector has learnt several.

        Raises:
            ValueError: The detector is not fitted, the machine is unknown, the model has no ONNX form, the path does
                not end in .onnx, or the check fails. Nothing is written.
            FileNotFoundError: There is no such folder.
            MissingExtra: onnx or onnxruntime is not installed.
        """
        from seqae.anomaly.onnx_writing import write_scorer

        self._refuse_unfitted()
        return write_scorer(self.scorer_.for_machine(entity), path)

    @property
    def machines_(self) -> tuple[str, ...]:
        """The machines that are known, each with its own level, scale and threshold; none if rows named no machine."""
        return tuple(self.scorer_.machines)

    @property
    def channels_(self) -> tuple[str, ...]:
        """The names of the channels."""
        return self.scorer_.channels

    @property
    def units_(self) -> Mapping[str, str]:
        """The unit of each channel that has one."""
        return self.scorer_.units

    @property
    def threshold_(self) -> float:
        """The score above which a row raises an alarm."""
        return self.scorer_.threshold

    @property
    def empirical_false_alarm_rate_(self) -> float:
        """The fraction of normal rows that raise an alarm by models that were not fitted to them."""
        return self.scorer_.empirical_false_alarm_rate

    @property
    def history_(self) -> Mapping[str, Sequence[float]]:
        """The losses of the finest model in each epoch, "train" and "valid"; empty if it was not trained."""
        return self.scorer_.history

    def _fitter(self, model: WindowModelFactory) -> ScorerFitter:
        names = [each.name for each in fields(ScorerFitter) if each.name != "model"]
        return ScorerFitter(model, **{name: getattr(self, name) for name in names})

    def _with_model(self, model: WindowModelFactory) -> AnomalyDetector:
        """Return a copy with another model, to be fitted to less, without its dates."""
        other = copy.copy(self)
        other.model, other.calendar = model, False
        return other

    def _detection(self, recording: Recording) -> Detection:
        resampled, scorer = self.on_grid(recording), self._scorer(recording)
        detection = detect_rows(resampled.recording, scorer, self.merge_gap, self.min_rows)
        return detection if resampled.recording is recording else in_original_rows(detection, resampled)

    def _scorer(self, recording: Recording) -> Scorer:
        return self.scorer_.for_machine(recording.entity)

    def _refuse_unfitted(self) -> None:
        if not hasattr(self, "scorer_"):
            raise ValueError("this detector is not fitted. Call fit(normal) first")

    def _recordings(self, data: object, reading: ReadingKeywords) -> list[Recording]:
        self._refuse_unfitted()
        options = ReadingOptions.of(**reading)
        options = replace(options, resample=options.resample or "none")
        recordings = read_recordings(data, options, self.reading_, self.scorer_.channels)
        for recording in recordings:
            warn_of_times(self.on_grid(recording).recording, self.scorer_.period)
        return recordings

    def _one(self, data: object, reading: ReadingKeywords) -> Recording:
        recordings = self._recordings(data, reading)
        if len(recordings) != 1:
            raise ValueError(f"{len(recordings)} recordings. This takes one; use detect(data) for several")
        return recordings[0]
