"""Checks of labels, scores and alarms of rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def labels_and_scores(labels: ArrayLike, scores: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return labels as bool and scores as float, `(row,)` each; raise ValueError where a metric is undefined."""
    scores = as_row_vector(scores, "scores")
    return _as_labels(labels, len(scores), "scores"), scores


def labels_and_alarms(labels: ArrayLike, alarms: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and alarms as bool, `(row,)` each; raise ValueError where a metric is undefined."""
    alarms = as_row_flags(alarms, "alarms")
    return _as_labels(labels, len(alarms), "alarms"), alarms


def _as_labels(labels: ArrayLike, rows: int, other: str) -> np.ndarray:
    labels = as_row_flags(labels, "labels")
    if len(labels) != rows:
        raise ValueError(f"{len(labels)} labels for {rows} {other}. Give one label for each row")
    if labels.all() or not labels.any():
        kind, missing = ("anomalous", "normal") if labels.all() else ("normal", "anomalous")
        raise ValueError(
            f"all {rows} rows are labelled {kind}. These metrics need {missing} rows too: label them, "
            "or look at the fraction of alarm rows alone"
        )
    return labels


def as_row_flags(values: ArrayLike, name: str) -> np.ndarray:
    """Return values that are 0 or 1 as bool, `(row,)`; raise ValueError for others."""
    values = as_row_vector(values, name)
    odd = np.flatnonzero((values != 0) & (values != 1))
    if len(odd):
        raise ValueError(f"{name} hold {values[odd[0]]:g} (row {odd[0]}). Give 0 or 1, or True or False")
    return values.astype(bool)


def as_row_vector(values: ArrayLike, name: str) -> np.ndarray:
    """Return values as float, `(row,)`; raise ValueError for another shape, none at all, and NaN."""
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(f"{name} have shape {values.shape}. Give one number for each row, (row,)")
    missing = np.flatnonzero(np.isnan(values))
    if len(missing):
        raise ValueError(
            f"{name} are NaN in {len(missing)} rows (first: row {missing[0]}). "
            f"Drop these rows from {name} and labels alike"
        )
    return values
