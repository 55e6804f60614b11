"""The anomaly detector by the rules of sktime."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seqae._extras import require
from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.window_models import PCA, WindowModelFactory

require("sktime", extra="sktime", purpose="a detector in sktime's form")

from sktime.detection.base import BaseDetector  # noqa: E402 (after the check)

if TYPE_CHECKING:
    import pandas

_MIN_ROWS = 6  # rows, which make windows of two steps


class SktimeDetector(BaseDetector):
    """An `AnomalyDetector` of one series: `fit` on a normal one, `predict` which rows of another raise an alarm.

    Args:
        model: The model of windows, or its name, see `AnomalyDetector`.
        resolutions: The number of rows in a step, for each resolution.
        window: The number of steps in a window, at most a third of the training rows.
        false_alarm_rate: The fraction of normal rows that may raise an alarm.
        epochs: The largest number of passes over the training windows.
        random_state: Seed of all random numbers.

    Examples:
        >>> import numpy as np
        >>> from seqae.adapters.sktime import SktimeDetector
        >>> from seqae.anomaly.window_models import PCA
        >>> series = np.sin(np.arange(300.0))
        >>> detector = SktimeDetector(model=PCA()).fit(series)
        >>> series[100:110] += 5
        >>> len(detector.predict(series)) > 0
        True
    """

    _tags = {  # noqa: RUF012 (sktime's way)
        "authors": "The seqae developers",
        "maintainers": "The seqae developers",
        "python_dependencies": "torch",
        "task": "anomaly_detection",
        "learning_type": "unsupervised",
        "capability:multivariate": True,
        "capability:missing_values": True,
        "capability:random_state": True,
        "property:randomness": "derandomized",
        "X_inner_mtype": "pd.DataFrame",
        "fit_is_empty": False,
    }

    def __init__(
        self,
        model: str | WindowModelFactory | None = None,
        resolutions: tuple[int, ...] = (1, 4),
        window: int = 16,
        false_alarm_rate: float = 0.01,
        epochs: int = 15,
        random_state: int = 0,
    ):
        self.model = model
        self.resolutions = resolutions
        self.window = window
        self.false_alarm_rate = false_alarm_rate
        self.epochs = epochs
        self.random_state = random_state
        super().__init__()

    def _fit(self, X: pandas.DataFrame, y: object = None) -> SktimeDetector:  # noqa: N803 (sktime's name)
        if len(X) < _MIN_ROWS:
            raise ValueError(f"a series of {len(X)} rows. A detector learns from {_MIN_ROWS} or more")
        self.detector_ = AnomalyDetector(
            model=self.model,
            resolutions=self.resolutions,
            window=min(self.window, len(X) // 3),
            false_alarm_rate=self.false_alarm_rate,
            epochs=self.epochs,
            random_state=0 if self.random_state is None else self.random_state,
        ).fit(_values(X))
        return self

    def _predict(self, X: pandas.DataFrame) -> pandas.Series:  # noqa: N803
        import pandas as pd

        return pd.Series(np.flatnonzero(self.detector_.predict(_values(X))), dtype="int64")

    def _predict_scores(self, X: pandas.DataFrame) -> pandas.Series:  # noqa: N803
        import pandas as pd

        values = _values(X)
        return pd.Series(self.detector_.score_samples(values)[self.detector_.predict(values)])

    def _transform_scores(self, X: pandas.DataFrame) -> pandas.DataFrame:  # noqa: N803
        import pandas as pd

        return pd.DataFrame({"scores": self.detector_.score_samples(_values(X))}, index=X.index)

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, object]]:
        """Return small settings for sktime's own checks."""
        return [
            {"model": PCA(), "resolutions": (1,), "window": 4},
            {"model": PCA(), "resolutions": (1, 2), "window": 3, "false_alarm_rate": 0.05},
        ]


def _values(series: pandas.DataFrame | pandas.Series) -> np.ndarray:
    """Return `(row, channel)`; sktime sometimes passes a Series, regardless of the tags."""
    return np.asarray(series, dtype=np.float64).reshape(len(series), -1)
