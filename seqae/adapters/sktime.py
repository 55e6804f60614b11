"""The anomaly detector and the sequence encoder by the rules of sktime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqae._extras import require
from seqae.adapters.times import with_times
from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.window_models import PCA, WindowModelFactory
from seqae.estimators.sequence_encoder import SequenceEncoder

require("sktime", extra="sktime", purpose="a detector in sktime's form")

from sktime.detection.base import BaseDetector  # noqa: E402 (after the check)
from sktime.transformations.base import BaseTransformer  # noqa: E402

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
        ).fit(_rows(X))
        return self

    def _predict(self, X: pandas.DataFrame) -> pandas.Series:  # noqa: N803
        import pandas as pd

        return pd.Series(np.flatnonzero(self.detector_.predict(_rows(X))), dtype="int64")

    def _predict_scores(self, X: pandas.DataFrame) -> pandas.Series:  # noqa: N803
        import pandas as pd

        rows = _rows(X)
        return pd.Series(self.detector_.score_samples(rows)[self.detector_.predict(rows)])

    def _transform_scores(self, X: pandas.DataFrame) -> pandas.DataFrame:  # noqa: N803
        import pandas as pd

        return pd.DataFrame({"scores": self.detector_.score_samples(_rows(X))}, index=X.index)

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, object]]:
        """Return small settings for sktime's own checks."""
        return [
            {"model": PCA(), "resolutions": (1,), "window": 4},
            {"model": PCA(), "resolutions": (1, 2), "window": 3, "false_alarm_rate": 0.05},
        ]


class SktimeEncoder(BaseTransformer):
    """A `SequenceEncoder` of a panel of series of any lengths: `transform` gives a row with the code of each.

    If it is fitted to one series alone, it learns from its two halves.

    Args:
        code_size: The size of a code.
        hidden_size: The size of the vectors within the encoder.
        epochs: The number of passes over the series.
        random_state: Seed of the first weights and of the order of the batches.

    Examples:
        >>> import numpy as np
        >>> from seqae.adapters.sktime import SktimeEncoder
        >>> panel = np.random.default_rng(0).normal(size=(12, 2, 30))  # (series, channel, time)
        >>> SktimeEncoder(code_size=4, hidden_size=8, epochs=2).fit_transform(panel).shape
        (12, 4)
    """

    _tags = {  # noqa: RUF012
        "authors": "The seqae developers",
        "maintainers": "The seqae developers",
        "python_dependencies": "torch",
        "scitype:transform-input": "Panel",
        "scitype:transform-output": "Primitives",
        "scitype:instancewise": False,
        "X_inner_mtype": "df-list",
        "y_inner_mtype": "None",
        "capability:multivariate": True,
        "capability:unequal_length": True,
        "capability:missing_values": True,
        "capability:categorical_in_X": False,
        "capability:random_state": True,
        "property:randomness": "derandomized",
        "fit_is_empty": False,
    }

    def __init__(
        self,
        code_size: int = 256,
        hidden_size: int = 256,
        epochs: int = 40,
        random_state: int = 0,
    ):
        self.code_size = code_size
        self.hidden_size = hidden_size
        self.epochs = epochs
        self.random_state = random_state
        super().__init__()

    def _fit(self, X: list[pandas.DataFrame], y: object = None) -> SktimeEncoder:  # noqa: N803
        encoder = SequenceEncoder(
            self.code_size,
            hidden_size=self.hidden_size,
            channels=X[0].shape[1],  # few steps of many channels are no mistake: sktime knows its axes
            epochs=self.epochs,
            random_state=0 if self.random_state is None else self.random_state,
        )
        series = _arrays(X)
        self.encoder_ = encoder.fit(series if len(series) > 1 else np.array_split(series[0], 2))
        return self

    def _transform(self, X: list[pandas.DataFrame], y: object = None) -> pandas.DataFrame:  # noqa: N803
        import pandas as pd

        return pd.DataFrame(self.encoder_.transform(_arrays(X)).astype(np.float64))

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, object]]:
        """Return small settings for sktime's own checks."""
        return [{"code_size": 4, "hidden_size": 4, "epochs": 1}, {"code_size": 2, "hidden_size": 8, "epochs": 0}]


def _arrays(panel: list[pandas.DataFrame]) -> list[np.ndarray]:
    """Return the series of a panel, `(time, channel)` each; sktime has put their steps in order."""
    return [series.to_numpy(dtype=np.float64) for series in panel]


def _rows(series: pandas.DataFrame | pandas.Series) -> Any:
    """Return `(row, channel)` with its times; sktime sometimes passes a Series, regardless of the tags."""
    return with_times(np.asarray(series, dtype=np.float64).reshape(len(series), -1), series)
