"""Compares a detector with baselines on labelled rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import seqae
from seqae.anomaly import Detection
from seqae.evaluation import auc_pr, event_scores, row_scores, vus_pr

VUS_WINDOW = 100  # rows, as TSB-AD takes for series without a clear period


def evaluate(method: str, detection: Detection, labels: np.ndarray | None) -> dict[str, object]:
    """Return a row of a table of results; without labels it only counts the alarms.

    Args:
        method: The name of the method.
        detection: The result of the detector.
        labels: `(row,)` bool, True in known faults; None if unknown.
    """
    alarms = np.zeros(len(detection.scores), dtype=bool)
    for event in detection.events:
        alarms[event.start : event.stop] = True
    if labels is None:
        return {"method": method, "fraction of rows in alarm": float(alarms.mean()), "events": len(detection.events)}
    scores = np.nan_to_num(detection.scores)
    events, rows = event_scores(labels, alarms), row_scores(labels, alarms)
    return {
        "method": method,
        "VUS-PR": vus_pr(labels, scores, VUS_WINDOW),
        "AUC-PR": auc_pr(labels, scores),
        "faults found": f"{events.found} of {events.events}",
        "alarm on before": events.already_on,
        "false alarms": events.false_alarms,
        "delay [rows]": events.mean_delay,
        "event F1": events.f1,
        "row F1": rows.f1,
        "false alarm rate": rows.false_alarm_rate,
        "missed alarm rate": rows.missed_alarm_rate,
    }


def constant_alarm_baseline(detection: Detection) -> Detection:
    """Return the result of an alarm in every row: the floor of every measure of alarms."""
    rows = len(detection.scores)
    return replace(detection, scores=np.ones(rows), threshold_ratio=np.full(rows, 2.0))


def control_chart_baseline(detector: seqae.AnomalyDetector, detection: Detection) -> Detection:
    """Return the result of a detector's control charts without its autoencoders; scores are ratios to the threshold."""
    ratios = detector.scorer_.score(detection.recording).threshold_ratios
    ratios[2:] = 0
    return replace(detection, scores=ratios.max(axis=0), threshold_ratio=detector.scorer_.combine_evidence(ratios))
