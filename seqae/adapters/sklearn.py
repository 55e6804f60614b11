"""The anomaly detector by the rules of scikit-learn."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from seqae.adapters.times import with_times
from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.window_models import WindowModelFactory
from seqae.estimators.fitting import fit_into_copy

_MIN_ROWS = 6  # rows, which make windows of two steps


class OutlierDetector(OutlierMixin, BaseEstimator):
    """An `AnomalyDetector` for rows in the order of time, `(row, channel)`; NaN where a value is missing.

    The times of a frame of pandas whose index they are count, as for an `AnomalyDetector`.

    Unlike scikit-learn's own detectors it reads a row together with its neighbours: rows in another order, or some of
    them alone, have other scores.

    Args:
        model: The model of windows, or its name, see `AnomalyDetector`.
        resolutions: The number of rows in a step, for each resolution.
        window: The number of steps in a window, at most a third of the training rows.
        false_alarm_rate: The fraction of normal rows that may raise an alarm.
        contamination: The fraction of the training rows that are outliers, up to 0.5, or less where several rows have
            the same score; "auto" if all are normal: then outliers are the rows that raise an alarm.
        epochs: The largest number of passes over the training windows.
        random_state: Seed of all random numbers.
    """

    def __init__(
        self,
        model: str | WindowModelFactory | None = None,
        resolutions: tuple[int, ...] = (1, 4),
        window: int = 16,
        false_alarm_rate: float = 0.01,
        contamination: float | Literal["auto"] = "auto",
        epochs: int = 15,
        random_state: int | np.random.RandomState | None = 0,
    ):
        self.model = model
        self.resolutions = resolutions
        self.window = window
        self.false_alarm_rate = false_alarm_rate
        self.contamination = contamination
        self.epochs = epochs
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: object = None) -> OutlierDetector:  # noqa: N803 (scikit-learn's name)
        """Fit to rows in the order of time, `(row, channel)`; labels are ignored.

        Raises:
            ValueError: `contamination` is not above 0 and up to 0.5, or there are fewer than 6 rows.
        """
        return fit_into_copy(self, lambda copied: copied._fit(X))

    def _fit(self, data: Any) -> None:
        if self.contamination != "auto" and not 0 < self.contamination <= 0.5:
            raise ValueError(f"contamination is {self.contamination}. Give a fraction up to 0.5, or 'auto'")
        rows = self._rows(data, reset=True)
        self.detector_ = AnomalyDetector(
            model=self.model,
            resolutions=self.resolutions,
            window=min(self.window, len(rows) // 3),
            false_alarm_rate=self.false_alarm_rate,
            epochs=self.epochs,
            random_state=check_random_state(self.random_state).randint(2**31 - 1),
        ).fit(rows)
        self.offset_ = -self.detector_.threshold_
        if self.contamination != "auto":
            self.offset_ = float(np.quantile(self._scores(rows), float(self.contamination)))

    def check_soundness(self) -> None:
        """Raise a ValueError if it is fitted, and its threshold is no number."""
        if hasattr(self, "detector_") and not np.isfinite(self.offset_):
            raise ValueError(f"offset_ is {self.offset_}. Expected a finite number")

    def score_samples(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        """Return how normal each row is, `(row,)`: minus its score; below `offset_` it is an outlier."""
        check_is_fitted(self)
        return self._scores(self._rows(X, reset=False))

    def decision_function(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        """Return how far each row is from the threshold, `(row,)`: negative for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        """Return -1 for outliers and 1 for other rows, `(row,)`."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _rows(self, data: Any, reset: bool) -> Any:
        if isinstance(data, list | tuple) and len({*map(np.size, data)}) > 1:
            raise ValueError(
                "a list of sequences of different lengths. Expected one table, (row, channel): a detector of rows. For "
                "whole sequences that differ from others take seqae.adapters.aeon.AeonCollectionDetector, for rows of "
                "several recordings seqae.AnomalyDetector"
            )
        rows = validate_data(
            self,
            data,
            reset=reset,
            dtype=[np.float64, np.float32],
            ensure_all_finite="allow-nan",
            ensure_min_samples=_MIN_ROWS if reset else 1,
        )
        return with_times(rows, data)

    def _scores(self, rows: Any) -> np.ndarray:
        return -self.detector_.score_samples(rows).astype(np.float64)
