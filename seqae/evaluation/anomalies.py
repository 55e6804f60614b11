"""Metrics of anomaly scores and alarms, against labels of anomalous rows.

Scores are evaluated without a threshold, by the area under the precision-recall curve (PR) or the receiver operating
characteristic (ROC); `vus_pr` and `vus_roc` tolerate alarms that come a little early or late. Alarms are evaluated row
by row and event by event. There is no point adjustment: one alarm row in an event does not count as an alarm in all of
its rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from seqae.anomaly.events import runs
from seqae.evaluation.row_checks import as_row_vector, labels_and_alarms, labels_and_scores

_CURVE_POINTS = 250  # thresholds on each curve of a volume under the surface, as in the TSB-AD benchmark


def auc_pr(labels: ArrayLike, scores: ArrayLike) -> float:
    """Return the area under the precision-recall curve, as average precision (no interpolation).

    Args:
        labels: `(row,)`, 1 where a row is anomalous, else 0.
        scores: `(row,)` float, higher = more anomalous.

    Raises:
        ValueError: The arrays are empty, of unequal length or hold NaN, or only one class is labelled.
    """
    hits, alarms, labels = _counts_by_score(labels, scores)
    recall = hits / labels.sum()
    return float(np.sum(np.diff(recall, prepend=0) * hits / alarms))


def auc_roc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Return the area under the receiver operating characteristic.

    Args:
        labels: `(row,)`, 1 where a row is anomalous, else 0.
        scores: `(row,)` float, higher = more anomalous.

    Raises:
        ValueError: The arrays are empty, of unequal length or hold NaN, or only one class is labelled.
    """
    hits, alarms, labels = _counts_by_score(labels, scores)
    recall, false_alarm_rate = hits / labels.sum(), (alarms - hits) / (~labels).sum()
    return float(np.trapezoid(np.r_[0, recall], np.r_[0, false_alarm_rate]))


def vus_pr(labels: ArrayLike, scores: ArrayLike, window: int) -> float:
    """Return the volume under the precision-recall surface.

    Paparrizos et al., "Volume under the surface", PVLDB 15 (2022), https://doi.org/10.14778/3551793.3551830; the
    metric that Liu and Paparrizos, "The elephant in the room" (TSB-AD), NeurIPS 2024, recommend. Every anomaly is
    widened on both sides by a margin in which the weight of a row decreases with its distance from the anomaly; the
    areas for margins 0 to `window` are averaged.

    Args:
        labels: `(row,)`, 1 where a row is anomalous, else 0.
        scores: `(row,)` float, higher = more anomalous.
        window: The widest margin in rows, half of it on each side; TSB-AD takes `sliding_window_length`.

    Raises:
        ValueError: `window` is negative, the arrays are empty, of unequal length or hold NaN, or only one class is
            labelled.
    """
    recall, _, precision = _surfaces(labels, scores, window)
    return float(np.sum(np.diff(recall, axis=1, prepend=0) * precision, axis=1).mean())


def vus_roc(labels: ArrayLike, scores: ArrayLike, window: int) -> float:
    """Return the volume under the surface of receiver operating characteristics; source as for `vus_pr`.

    Args:
        labels: `(row,)`, 1 where a row is anomalous, else 0.
        scores: `(row,)` float, higher = more anomalous.
        window: The widest margin in rows, half of it on each side.

    Raises:
        ValueError: As for `vus_pr`.
    """
    recall, false_alarm_rate, _ = _surfaces(labels, scores, window)
    # Every curve runs from (0, 0) to (1, 1).
    recall, false_alarm_rate = (
        np.pad(curve, ((0, 0), (1, 1)), constant_values=(0, 1)) for curve in (recall, false_alarm_rate)
    )
    return float(np.trapezoid(recall, false_alarm_rate, axis=1).mean())


def sliding_window_length(series: ArrayLike) -> int:
    """Return the period of a series in rows: the window of TSB-AD's metrics (computed from the first channel).

    It is the lag, 6 to 303 rows, of the highest local maximum of the autocorrelation of the first 20,000 rows; 125 if
    that maximum lies at another lag or there is none.

    Args:
        series: `(row,)` float, one channel without missing values.

    Raises:
        ValueError: `series` is empty, has several dimensions or holds NaN.
    """
    series = as_row_vector(series, "series")[:20_000]
    longest, shortest, without_period = 400, 3, 125
    correlation = _autocorrelation(series)[shortest : longest + 1]
    peaks = 1 + np.flatnonzero((correlation[1:-1] > correlation[:-2]) & (correlation[1:-1] > correlation[2:]))
    if len(peaks) == 0:
        return without_period
    highest = int(peaks[np.argmax(correlation[peaks])])
    return highest + shortest if 3 <= highest <= 300 else without_period


@dataclass(frozen=True)
class RowScores:
    """Metrics of alarms, row by row.

    Attributes:
        precision: Fraction of the alarm rows that are anomalous; 0 without alarms.
        recall: Fraction of the anomalous rows with an alarm.
        f1: Harmonic mean of precision and recall.
        false_alarm_rate: Fraction of the normal rows with an alarm.
        missed_alarm_rate: Fraction of the anomalous rows without an alarm.
    """

    precision: float
    recall: float
    f1: float
    false_alarm_rate: float
    missed_alarm_rate: float


def row_scores(labels: ArrayLike, alarms: ArrayLike) -> RowScores:
    """Evaluate alarms row by row.

    Args:
        labels: `(row,)`, 1 where a row is anomalous, else 0.
        alarms: `(row,)`, 1 or True where a row raises an alarm, else 0.

    Raises:
        ValueError: The arrays are empty, of unequal length or hold other values, or only one class is labelled.
    """
    labels, alarms = labels_and_alarms(labels, alarms)
    hits, raised = int((labels & alarms).sum()), int(alarms.sum())
    precision, recall = hits / max(raised, 1), hits / int(labels.sum())
    false_alarm_rate = (raised - hits) / int((~labels).sum())
    return RowScores(precision, recall, _f1(precision, recall), false_alarm_rate, 1 - recall)


@dataclass(frozen=True)
class EventScores:
    """Metrics of alarms, each run of consecutive rows counted once.

    Attributes:
        precision: Fraction of the runs of alarms that overlap an event; 0 without alarms.
        recall: Fraction of the events that hold at least one alarm.
        f1: Harmonic mean of precision and recall.
        mean_delay: Rows from an event's first row to its first alarm, averaged over the events found; NaN if none is.
        median_delay: Median of the same delays.
        events: Number of events in the labels.
        found: Number of events that hold an alarm.
        already_on: Number of events found in which the alarm was on before the event began. A constant alarm finds
            every event with delay 0, so such events say little.
        false_alarms: Number of runs of alarms that overlap no event.
    """

    precision: float
    recall: float
    f1: float
    mean_delay: float
    median_delay: float
    events: int
    found: int
    already_on: int
    false_alarms: int


def event_scores(labels: ArrayLike, alarms: ArrayLike) -> EventScores:
    """Evaluate alarms event by event.

    Args:
        labels: `(row,)`, 1 where a row is anomalous, else 0; consecutive anomalous rows are one event.
        alarms: `(row,)`, 1 or True where a row raises an alarm, else 0.

    Raises:
        ValueError: As for `row_scores`.
    """
    labels, alarms = labels_and_alarms(labels, alarms)
    events, raised = runs(labels), runs(alarms)
    true_alarms = int((_first_true(labels, raised) >= 0).sum())
    delays = _first_true(alarms, events)
    before = events[(delays == 0), 0] - 1
    delays = delays[delays >= 0]
    precision, recall = true_alarms / max(len(raised), 1), len(delays) / len(events)
    return EventScores(
        precision=precision,
        recall=recall,
        f1=_f1(precision, recall),
        mean_delay=float(np.mean(delays)) if len(delays) else float("nan"),
        median_delay=float(np.median(delays)) if len(delays) else float("nan"),
        events=len(events),
        found=len(delays),
        already_on=int(alarms[before[before >= 0]].sum()),
        false_alarms=len(raised) - true_alarms,
    )


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _first_true(flags: np.ndarray, within: np.ndarray) -> np.ndarray:
    """Return for each run `(run, 2)` the rows from its start to the first True in it, `(run,)`; -1 without a True."""
    true_rows = np.append(np.flatnonzero(flags), len(flags))
    starts, stops = within.T
    first = true_rows[np.searchsorted(true_rows, starts)]
    return np.where(first < stops, first - starts, -1)


def _counts_by_score(labels: ArrayLike, scores: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how many anomalous rows and how many rows lie at or above each distinct score, and the labels as bool.

    The counts are `(distinct score,)`, from the highest score down; the labels are `(row,)`.
    """
    labels, scores = labels_and_scores(labels, scores)
    order = np.argsort(-scores)
    descending = scores[order]
    last_of_ties = np.append(np.flatnonzero(descending[1:] != descending[:-1]), len(scores) - 1)
    return np.cumsum(labels[order])[last_of_ties], last_of_ties + 1, labels


def _surfaces(labels: ArrayLike, scores: ArrayLike, window: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return recall, false alarm rate and precision, each `(margin, threshold)`, thresholds from high to low."""
    labels, scores = labels_and_scores(labels, scores)
    if window < 0:
        raise ValueError(f"window is {window}. Give a number of rows, 0 or more, such as sliding_window_length(series)")
    thresholds = np.sort(scores)[::-1][np.linspace(0, len(scores) - 1, _CURVE_POINTS).astype(int)]
    # The first threshold that a row reaches: counting rows by it gives the whole curve at once.
    reached = np.searchsorted(-thresholds, -scores)
    alarms, hits = _curve(reached, np.ones(len(scores))), _curve(reached, labels)
    nearby = _margin_curves(labels, reached, window)
    detected = np.stack([_detected_fraction(labels, scores, thresholds, margin // 2) for margin in range(window + 1)])
    positives = labels.sum() + nearby / 2
    recall = np.minimum((hits + nearby) / positives, 1) * detected
    return recall, (alarms - hits - nearby) / (len(labels) - positives), (hits + nearby) / alarms


def _curve(reached: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the total weight of the rows at or above each threshold, `(threshold,)`."""
    return np.cumsum(np.bincount(reached, weights, minlength=_CURVE_POINTS))


def _margin_curves(labels: np.ndarray, reached: np.ndarray, window: int) -> np.ndarray:
    """Return the weight of normal rows near an anomaly for margins 0 to `window`, `(margin, threshold)`."""
    starts, stops = runs(labels).T
    distances = np.arange(1, window // 2 + 1)[:, None]
    rows = np.concatenate([starts - distances, stops - 1 + distances], axis=1)
    distances = np.broadcast_to(distances, rows.shape)
    normal = (rows >= 0) & (rows < len(labels)) & ~labels[np.clip(rows, 0, len(labels) - 1)]
    near, position = np.unique(rows[normal], return_inverse=True)  # a row may be near several anomalies
    distances = distances[normal]  # ascending: a margin takes the first ones
    curves = []
    for margin in range(window + 1):
        count = np.searchsorted(distances, margin // 2, side="right")
        weights = np.bincount(position[:count], np.sqrt(1 - distances[:count] / max(margin, 1)), minlength=len(near))
        curves.append(_curve(reached[near], np.minimum(weights, 1)))
    return np.stack(curves)


def _detected_fraction(labels: np.ndarray, scores: np.ndarray, thresholds: np.ndarray, half: int) -> np.ndarray:
    """Return the fraction of anomalies, widened by `half` rows on each side, that reach each threshold."""
    widened = runs(labels, merge_gap=2 * half - 1) + np.array([-half, half])
    ends = np.clip(widened, 0, len(labels)).ravel()
    highest = np.maximum.reduceat(np.append(scores, -np.inf), ends)[::2]
    return np.searchsorted(np.sort(-highest), -thresholds, side="right") / len(highest)


def _autocorrelation(series: np.ndarray) -> np.ndarray:
    """Return the autocorrelation at lags 0, 1, ..., `(lag,)`; NaN for a constant series."""
    deviations = series - series.mean()
    spectrum = np.fft.rfft(deviations, 2 * len(series))  # twice the length: no wrapping around
    covariance = np.fft.irfft(np.abs(spectrum) ** 2)[: len(series)]
    return covariance / covariance[0] if deviations.any() else np.full(len(series), np.nan)
