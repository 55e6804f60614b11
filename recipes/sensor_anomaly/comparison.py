"""Compares a detector with baselines on labelled rows, and on faults injected into normal ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas

import seqae
from seqae.evaluation import (
    FAULTS,
    ROW_BASELINES,
    auc_pr,
    detection_rates,
    event_overlaps,
    event_scores,
    events_at,
    merge_alarms,
    row_scores,
    score_by_baseline,
    vus_pr,
)

VUS_WINDOW = 100  # rows, as TSB-AD takes for series without a clear period
FITTED_FRACTION = 0.7  # of the normal rows; faults are injected into the others
Row = dict[str, object]


def evaluate(method: str, scores: np.ndarray, alarms: np.ndarray, labels: np.ndarray | None) -> Row:
    """Return a row of a table of results; without labels it only counts the alarms.

    Args:
        method: The name of the method.
        scores: `(row,)`, higher = more anomalous; NaN where a row has no score.
        alarms: `(row,)` bool.
        labels: `(row,)` bool, True in known faults; None if unknown.
    """
    merged = merge_alarms(alarms)
    if labels is None:
        starts = np.diff(merged.astype(int), prepend=0) == 1
        return {"method": method, "fraction of rows in alarm": float(alarms.mean()), "events": int(starts.sum())}
    scores = np.nan_to_num(scores)
    ranked, events = events_at(labels, scores, false_events=2), event_scores(labels, merged)
    return {
        "method": method,
        "VUS-PR": vus_pr(labels, scores, VUS_WINDOW),
        "AUC-PR": auc_pr(labels, scores),
        "events at 2 false": ranked.found,
        "other rows then in alarm": ranked.false_alarm_rate,
        "faults found": events.found,
        "alarm on before": events.already_on,
        "false alarms": events.false_alarms,
        "delay [rows]": events.mean_delay,
        "median IoU": float(np.median(event_overlaps(labels, merged))),
        "false alarm rate": row_scores(labels, alarms).false_alarm_rate,
    }


def evaluate_baselines(
    normal: Sequence[seqae.Recording], searched: seqae.Recording, labels: np.ndarray | None, false_alarm_rate: float
) -> list[Row]:
    """Return a row of the table for each baseline, with a threshold for the same rate of false alarms as ours."""
    rows, results = np.concatenate([recording.values for recording in normal]), []
    for name, baseline in ROW_BASELINES.items():
        try:
            scored = score_by_baseline(baseline, rows, searched.values, false_alarm_rate)
        except ImportError as error:
            print(f"note   {name} is left out: it {error}")
            continue
        results.append(evaluate(name, scored.scores, scored.alarms, labels))
    return results


def rates_on_injected_faults(
    new_detector: Callable[[], seqae.AnomalyDetector], normal: Sequence[seqae.Recording], smoke: bool
) -> pandas.DataFrame:
    """Return which injected faults a detector finds that saw the first part of the normal rows, see `detection_rates`.

    They hold faults that recordings rarely do: of the relation between channels, each of which reads as ever.
    """
    cuts = [int(FITTED_FRACTION * len(recording)) for recording in normal]
    first = [recording.rows(0, cut) for recording, cut in zip(normal, cuts)]
    others = [recording.rows(cut, len(recording)) for recording, cut in zip(normal, cuts)]
    sizes, repeats = ((3.0,), 1) if smoke else ((1.0, 3.0, 6.0), 8)
    held_out = max(others, key=len)
    varying = int((np.nanmax(held_out.values, axis=0) > np.nanmin(held_out.values, axis=0)).sum())
    kinds = [kind for kind in FAULTS if kind != "swap" or varying > 1]  # two channels are exchanged
    length = min(50, len(held_out) // 4)  # a replay needs as many rows before or after
    detector = new_detector().fit(first)
    return detection_rates(detector, held_out, kinds=kinds, sizes=sizes, length=length, repeats=repeats)


def rates_in_a_sentence(rates: pandas.DataFrame) -> str:
    """Return how many faults of each kind were found; of the kinds that have a size, those of 3 deviations."""
    shown = rates[rates["size"].isna() | (rates["size"] == 3)]
    found = ", ".join(
        f"{kind.replace('_', ' ')} {100 * fraction:.0f} %" for kind, fraction in zip(shown["kind"], shown["found"])
    )
    return f"Found of faults of 3 deviations injected into normal rows that were not learnt from: {found}."


def numbers(results: Sequence[Row]) -> dict[str, float]:
    """Return the numbers of a table by "method: measure", without those that are undefined."""
    cells = {f"{row['method']}: {name}": value for row in results for name, value in row.items()}
    values = {name: float(value) for name, value in cells.items() if isinstance(value, float | int)}
    return {name: value for name, value in values.items() if np.isfinite(value)}
