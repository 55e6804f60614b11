"""A distance of errors that uses the correlation between channels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


class Mahalanobis:
    """Mahalanobis distance of a row's errors from those of normal rows: uses the correlation between channels.

    Malhotra et al., "LSTM-based encoder-decoder for multi-sensor anomaly detection", 2016,
    https://arxiv.org/abs/1607.00148. The correlation matrix is shrunk towards the identity, the more the fewer rows
    there are (Ledoit and Wolf, "A well-conditioned estimator for large-dimensional covariance matrices", Journal of
    Multivariate Analysis 88, 2004), so that channels which are constant or copies of each other do no harm.

    Channels should be scaled: the standard deviation of a channel's errors is taken as at least a thousandth of the
    largest one. Fitting sets `mean_`, `(channel,)`, and `covariance_`, `(channel, channel)`.
    """

    def fit(self, errors: np.ndarray) -> Mahalanobis:
        """Fit mean and covariance to the errors of held-out normal rows.

        Args:
            errors: `(row, channel)` float, NaN where there is no error.

        Raises:
            ValueError: There is only one row, or a channel without any error.
        """
        present = ~np.isnan(errors)
        if len(errors) < 2 or not present.any(axis=0).all():
            empty = np.flatnonzero(~present.any(axis=0)).tolist()
            raise ValueError(
                f"{len(errors)} rows of errors, channels without any: {empty}. Give at least two rows and a value in "
                "every channel; leave empty channels out"
            )
        self.mean_ = np.nanmean(errors, axis=0)
        spread = np.nanstd(errors, axis=0)
        # A channel that is constant in normal rows still needs a scale for its deviations.
        spread = np.maximum(spread, 1e-3 * spread.max()) if spread.any() else np.ones(len(spread))
        deviations = np.where(present, (errors - self.mean_) / spread, 0)
        self.covariance_ = _shrunk_correlation(deviations, present) * np.outer(spread, spread)
        return self

    def scores(self, errors: np.ndarray) -> np.ndarray:
        """Return squared distances divided by the number of channels, `(row,)` float64; about 1 for normal rows.

        Args:
            errors: `(row, channel)` float. Channels that are NaN are left out of their row; rows without any value
                get NaN.

        Raises:
            ValueError: The errors have another shape than those fitted to.
        """
        if errors.ndim != 2 or errors.shape[1] != len(self.mean_):
            raise ValueError(f"errors have shape {errors.shape}. Give (row, channel) with {len(self.mean_)} channels")
        scores = np.full(len(errors), np.nan)
        for rows, present in _rows_by_pattern(~np.isnan(errors)):
            if present.any():
                deviations = (errors[rows] - self.mean_)[:, present]
                whitened = np.linalg.solve(self.covariance_[np.ix_(present, present)], deviations.T).T
                scores[rows] = (deviations * whitened).sum(axis=1) / present.sum()
        return scores


def _rows_by_pattern(present: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield for each pattern of present channels `(channel,)` the rows that have it, `(row,)`; all bool."""
    # Packed into one item a row: sorting rows of booleans takes a hundred times as long.
    packed = np.packbits(present, axis=1)
    items = packed.view(f"V{packed.shape[1]}").ravel()
    _, first_rows, pattern_of_row = np.unique(items, return_index=True, return_inverse=True)
    for pattern, first_row in enumerate(first_rows):
        yield pattern_of_row == pattern, present[first_row]


def _shrunk_correlation(deviations: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Return an invertible correlation matrix, `(channel, channel)`.

    Args:
        deviations: `(row, channel)`, standardised; 0 where not present.
        present: `(row, channel)` bool.
    """
    rows, channels = deviations.shape
    pairs = present.T.astype(float) @ present
    correlation = deviations.T @ deviations / np.maximum(pairs, 1)
    np.fill_diagonal(correlation, 1)
    independent = np.eye(channels)
    noise = (np.square(deviations).sum(axis=1) ** 2).mean() - np.square(correlation).sum()
    signal = np.square(correlation - independent).sum()
    shrinkage = np.clip(noise / rows / max(signal, 1e-300), 0, 1)
    shrunk = shrinkage * independent + (1 - shrinkage) * correlation
    # Copies of a channel give eigenvalues of zero, and missing values negative ones.
    values, vectors = np.linalg.eigh(shrunk)
    return (vectors * np.maximum(values, 1e-4)) @ vectors.T
