"""The anomaly detector and the sequence encoder by the rules of aeon."""

from __future__ import annotations

import numpy as np

from seqae._extras import require
from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.window_models import PCA, WindowModelFactory
from seqae.estimators.sequence_autoencoder import SequenceAutoencoder
from seqae.estimators.sequence_encoder import SequenceEncoder

require("aeon", extra="aeon", purpose="a detector in aeon's form")

from aeon.anomaly_detection.collection.base import BaseCollectionAnomalyDetector  # noqa: E402 (after the check)
from aeon.anomaly_detection.series.base import BaseSeriesAnomalyDetector  # noqa: E402
from aeon.transformations.collection.base import BaseCollectionTransformer  # noqa: E402

_MIN_ROWS = 6  # rows, which make windows of two steps


class AeonDetector(BaseSeriesAnomalyDetector):
    """An `AnomalyDetector` of one series: `fit` on a normal one, `predict` a score for each row of another.

    Args:
        model: The model of windows, or its name, see `AnomalyDetector`.
        resolutions: The number of rows in a step, for each resolution.
        window: The number of steps in a window, at most a third of the training rows.
        epochs: The largest number of passes over the training windows.
        random_state: Seed of all random numbers.
    """

    _tags = {  # noqa: RUF012 (aeon's way)
        "capability:univariate": True,
        "capability:multivariate": True,
        "capability:missing_values": True,
        "anomaly_output_type": "anomaly_scores",
        "learning_type:semi_supervised": True,
        "fit_is_empty": False,
        "requires_y": False,
        "python_dependencies": "torch",
    }

    def __init__(
        self,
        model: str | WindowModelFactory | None = None,
        resolutions: tuple[int, ...] = (1, 4),
        window: int = 16,
        epochs: int = 15,
        random_state: int = 0,
    ):
        self.model = model
        self.resolutions = resolutions
        self.window = window
        self.epochs = epochs
        self.random_state = random_state
        super().__init__(axis=0)

    def _fit(self, X: np.ndarray, y: object = None) -> AeonDetector:  # noqa: N803 (aeon's name)
        if len(X) < _MIN_ROWS:
            raise ValueError(f"a series of {len(X)} rows. A detector learns from {_MIN_ROWS} or more")
        self.detector_ = AnomalyDetector(
            model=self.model,
            resolutions=self.resolutions,
            window=min(self.window, len(X) // 3),
            epochs=self.epochs,
            random_state=self.random_state,
        ).fit(np.asarray(X))
        return self

    def _predict(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        return self.detector_.score_samples(np.asarray(X)).astype(np.float64)

    @classmethod
    def _get_test_params(cls, parameter_set: str = "default") -> dict[str, object]:
        return {"model": PCA(), "resolutions": (1,), "window": 4}


class AeonCollectionDetector(BaseCollectionAnomalyDetector):
    """A `SequenceAutoencoder` that tells how unlike those of training each series of a collection is.

    `predict` returns the mean squared error of the reconstruction of each series, in squared deviations of a channel.

    Args:
        code_size: The size of a code.
        hidden_size: The size of the vectors within the network; None chooses by the network.
        epochs: The number of passes over the series; None chooses by their number.
        random_state: Seed of the first weights and of the order of the batches.
    """

    _tags = {  # noqa: RUF012
        "capability:univariate": True,
        "capability:multivariate": True,
        "capability:unequal_length": True,
        "capability:missing_values": True,
        "X_inner_type": ["numpy3D", "np-list"],
        "anomaly_output_type": "anomaly_scores",
        "learning_type:semi_supervised": True,
        "fit_is_empty": False,
        "python_dependencies": "torch",
    }

    def __init__(
        self,
        code_size: int = 16,
        hidden_size: int | None = None,
        epochs: int | None = None,
        random_state: int = 0,
    ):
        self.code_size = code_size
        self.hidden_size = hidden_size
        self.epochs = epochs
        self.random_state = random_state
        super().__init__()

    def _fit(self, X: np.ndarray | list[np.ndarray], y: object = None) -> AeonCollectionDetector:  # noqa: N803
        autoencoder = SequenceAutoencoder(
            code_size=self.code_size,
            hidden_size=self.hidden_size,
            channels=X[0].shape[0],  # see AeonEncoder
            epochs=self.epochs,
            random_state=self.random_state,
        )
        self.autoencoder_ = autoencoder.fit(_time_first(X))
        return self

    def _predict(self, X: np.ndarray | list[np.ndarray]) -> np.ndarray:  # noqa: N803
        return -self.autoencoder_.score_samples(_time_first(X))

    @classmethod
    def _get_test_params(cls, parameter_set: str = "default") -> dict[str, object]:
        return {"code_size": 2, "hidden_size": 4, "epochs": 1}


class AeonEncoder(BaseCollectionTransformer):
    """A `SequenceEncoder` of a collection of series of any lengths: `transform` gives a code for each.

    Args:
        code_size: The size of a code.
        hidden_size: The size of the vectors within the encoder.
        epochs: The number of passes over the series.
        random_state: Seed of the first weights and of the order of the batches.
    """

    _tags = {  # noqa: RUF012
        "capability:univariate": True,
        "capability:multivariate": True,
        "capability:unequal_length": True,
        "capability:missing_values": True,
        "X_inner_type": ["numpy3D", "np-list"],
        "output_data_type": "Tabular",
        "python_dependencies": "torch",
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

    def _fit(self, X: np.ndarray | list[np.ndarray], y: object = None) -> AeonEncoder:  # noqa: N803
        encoder = SequenceEncoder(
            self.code_size,
            hidden_size=self.hidden_size,
            channels=X[0].shape[0],  # few steps of many channels are no mistake: aeon knows its axes
            epochs=self.epochs,
            random_state=self.random_state,
        )
        self.encoder_ = encoder.fit(_time_first(X))
        return self

    def _transform(self, X: np.ndarray | list[np.ndarray], y: object = None) -> np.ndarray:  # noqa: N803
        return self.encoder_.transform(_time_first(X))

    @classmethod
    def _get_test_params(cls, parameter_set: str = "default") -> dict[str, object]:
        return {"code_size": 4, "hidden_size": 4, "epochs": 1}


def _time_first(collection: np.ndarray | list[np.ndarray]) -> list[np.ndarray]:
    """Return aeon's `(channel, time)` as `(time, channel)`."""
    return [series.T for series in collection]
