"""Anomaly scores of rows that need no network, to compare a detector with: each from normal rows and rows to search.

Schmidt, Peng, Wenig & Papenbrock, "Anomaly detection in time series: a comprehensive evaluation", PVLDB 15 (2022),
https://doi.org/10.14778/3538598.3538602, and Sarfraz et al., "Position: Quo vadis, unsupervised time series anomaly
detection?", ICML 2024, https://arxiv.org/abs/2405.02678, show how often such scores are as good as a network's.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

RowBaseline = Callable[[np.ndarray, np.ndarray], np.ndarray]
_RIDGE = 0.01  # variance added to that of a standardised channel
_FITTED_FRACTION = 0.7


@dataclass(frozen=True, eq=False)
class BaselineScores:
    """The scores of a baseline.

    Attributes:
        scores: `(row,)` float, higher = more anomalous.
        threshold: The score from which on a row raises an alarm.
    """

    scores: np.ndarray
    threshold: float

    @property
    def alarms(self) -> np.ndarray:
        """Which rows raise an alarm, `(row,)` bool."""
        return self.scores >= self.threshold


def score_by_baseline(
    baseline: RowBaseline, normal: np.ndarray, rows: np.ndarray, false_alarm_rate: float = 0.01
) -> BaselineScores:
    """Return the scores of a baseline, and a threshold for a rate of false alarms.

    The baseline is fitted to the first 70 % of the normal rows; the threshold is a quantile of its scores of the
    others. It is then fitted again, to all of them. Channels are standardised, and missing values become 0 (the mean).

    Args:
        baseline: One of `ROW_BASELINES`, or another function of standardised normal rows and rows to search,
            `(row, channel)`, that returns `(row,)` scores.
        normal: `(row, channel)`, consecutive normal rows; NaN where a value is missing.
        rows: `(row, channel)`, the rows to search.
        false_alarm_rate: Fraction of normal rows that may raise an alarm, between 0 and 1.

    Raises:
        ValueError: The rows have other channels than the normal ones, the rate is not between 0 and 1, or there are
            fewer rows than the baseline needs.
        ImportError: The baseline needs a package that is not installed.
    """
    normal, rows = np.asarray(normal, dtype=float), np.asarray(rows, dtype=float)
    if normal.ndim != 2 or rows.ndim != 2 or normal.shape[1] != rows.shape[1]:
        raise ValueError(f"normal rows of shape {normal.shape}, rows to search of {rows.shape}. Give (row, channel)")
    if not 0 < false_alarm_rate < 1:
        raise ValueError(f"a false alarm rate of {false_alarm_rate:g}. Give a fraction between 0 and 1")
    cut = int(_FITTED_FRACTION * len(normal))
    held_out = baseline(*_standardised(normal[:cut], normal[cut:]))
    threshold = float(np.quantile(held_out, 1 - false_alarm_rate))
    return BaselineScores(baseline(*_standardised(normal, rows)), threshold)


def _random_scores(normal: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return np.random.default_rng(0).random(len(rows))


def _constant_scores(normal: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return np.ones(len(rows))


def _squared_z_scores(normal: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return (rows**2).mean(axis=1)


def _mahalanobis_distances(normal: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return squared distances by the covariance of the channels, with a ridge, `(row,)`."""
    covariance = normal.T @ normal / len(normal) + _RIDGE * np.eye(normal.shape[1])
    return _quadratic_forms(rows, covariance)


def _pca_residuals(normal: np.ndarray, rows: np.ndarray, window: int) -> np.ndarray:
    """Return squared residuals of windows of all channels beside the components of 90 % of the variance, `(row,)`.

    A row's is the mean over all windows that cover it.
    """
    train, windows = _windows(normal, window), _windows(rows, window)
    mean = train.mean(axis=0)
    variances, axes = np.linalg.eigh(np.cov(train - mean, rowvar=False, bias=True).reshape(2 * (train.shape[1],)))
    explained = np.cumsum(variances[::-1]) / max(variances.sum(), 1e-12)
    axes = axes[:, ::-1][:, : int(np.searchsorted(explained, 0.9)) + 1].astype(np.float32)
    deviations = windows - mean
    residuals = deviations - deviations @ axes @ axes.T
    return _mean_over_covering((residuals**2).mean(axis=1), window)


def _pca_residuals_per_channel(normal: np.ndarray, rows: np.ndarray, window: int) -> np.ndarray:
    """Return the mean over channels of the residuals by components of each channel alone, `(row,)`."""
    channels = np.arange(rows.shape[1])[:, None]
    return np.mean([_pca_residuals(normal[:, one], rows[:, one], window) for one in channels], axis=0)


def _moving_average_errors(normal: np.ndarray, rows: np.ndarray, window: int) -> np.ndarray:
    """Return squared differences from the mean of the rows before, `(row,)`; 0 for the first."""
    sums = np.cumsum(np.insert(rows, 0, 0, axis=0), axis=0)
    row = np.arange(1, len(rows))
    first = np.maximum(row - window, 0)
    means = (sums[row] - sums[first]) / (row - first)[:, None]
    return np.append(0, ((rows[1:] - means) ** 2).mean(axis=1))


def _autoregression_errors(normal: np.ndarray, rows: np.ndarray, lags: int) -> np.ndarray:
    """Return the errors of a vector autoregression, fitted with a ridge, whitened by their covariance, `(row,)`.

    Lütkepohl 2005, New introduction to multiple time series analysis, https://doi.org/10.1007/978-3-540-27752-1.
    """

    def design(values: np.ndarray) -> np.ndarray:
        return np.insert(_windows(values, lags)[:-1].astype(float), 0, 1, axis=1)

    before, channels = design(normal), normal.shape[1]
    penalty = _RIDGE * len(before) * np.eye(before.shape[1])
    weights = np.linalg.solve(before.T @ before + penalty, before.T @ normal[lags:])
    errors = normal[lags:] - before @ weights
    variances = (errors**2).mean(axis=0)
    covariance = errors.T @ errors / len(errors) + np.diag(_RIDGE * variances) + 1e-4 * np.eye(channels)
    return np.append(np.zeros(lags), _quadratic_forms(rows[lags:] - design(rows) @ weights, covariance))


def _isolation_forest_scores(normal: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the scores of an isolation forest of rows (Liu et al. 2008, https://doi.org/10.1109/ICDM.2008.17)."""
    from sklearn.ensemble import IsolationForest

    return -IsolationForest(random_state=0).fit(normal).score_samples(rows)


def _pyod_autoencoder_scores(normal: np.ndarray, rows: np.ndarray, window: int) -> np.ndarray:
    """Return the errors of PyOD's autoencoder on windows of all channels, at the row in the middle, `(row,)`.

    Zhao, Nasrullah & Li 2019, PyOD, https://jmlr.org/papers/v20/19-011.html. Shorter windows if there are few rows.
    """
    try:
        model = importlib.import_module("pyod.models.auto_encoder").AutoEncoder
    except ImportError as error:
        raise ImportError(f"needs PyOD ({error}). Install: pip install pyod") from error
    window = min(window, len(normal) // 2, len(rows) // 2)
    train = _windows(normal, window)
    batch_size = min(128, len(train))  # PyOD fails if a batch is larger than the data
    network = model(
        hidden_neuron_list=[64, 32], epoch_num=10, batch_size=batch_size, random_state=0, verbose=0, device="cpu"
    )
    errors = network.fit(train).decision_function(_windows(rows, window))
    return np.pad(errors, (window // 2, window - 1 - window // 2), mode="edge")


ROW_BASELINES: dict[str, RowBaseline] = {
    "random": _random_scores,
    "constant": _constant_scores,
    "squared z-score": _squared_z_scores,
    "Mahalanobis distance": _mahalanobis_distances,
    "PCA of 8 rows": partial(_pca_residuals, window=8),
    "PCA of 16 rows": partial(_pca_residuals, window=16),
    "PCA of 16 rows, per channel": partial(_pca_residuals_per_channel, window=16),
    "moving average of 4 rows": partial(_moving_average_errors, window=4),
    "VAR(8)": partial(_autoregression_errors, lags=8),
    "isolation forest": _isolation_forest_scores,
    "autoencoder of PyOD": partial(_pyod_autoencoder_scores, window=100),
}


def _standardised(normal: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows with the means 0 and the deviations 1 of normal ones; a constant channel is only centred."""
    present = ~np.isnan(normal)
    count = np.maximum(present.sum(axis=0), 1)
    mean = np.where(present, normal, 0).sum(axis=0) / count
    deviation = np.sqrt(np.where(present, (normal - mean) ** 2, 0).sum(axis=0) / count)
    scale = np.where(deviation > 1e-8, deviation, 1)
    return np.nan_to_num((normal - mean) / scale), np.nan_to_num((rows - mean) / scale)


def _windows(rows: np.ndarray, window: int) -> np.ndarray:
    """Return all windows of consecutive rows, `(window, step * channel)` float32."""
    if len(rows) <= window:
        raise ValueError(f"{len(rows)} rows for windows of {window}. Give more, also to fit 70 % of the normal rows")
    windows = np.lib.stride_tricks.sliding_window_view(rows.astype(np.float32), window, axis=0)
    return windows.transpose(0, 2, 1).reshape(len(windows), -1)


def _mean_over_covering(values: np.ndarray, window: int) -> np.ndarray:
    """Return for each row the mean over the windows that cover it, `(row,)`."""
    ones = np.ones(window)
    return np.convolve(values, ones) / np.convolve(np.ones(len(values)), ones)


def _quadratic_forms(rows: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    return np.einsum("rc,rc->r", rows, np.linalg.solve(covariance, rows.T).T)
