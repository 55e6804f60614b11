"""The evaluation of each benchmark: scores by name, from its cases and a fitted detector for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from benchmarks import Case
from seqae.anomaly import Detection
from seqae.evaluation import row_scores, sliding_window_length, vus_pr

SMD_WINDOW = 100  # rows


class Detect(Protocol):
    """Fits a detector to the training rows of a case, and returns its result for the rows to search."""

    def __call__(self, case: Case, false_alarm_rate: float = 0.01) -> Detection: ...


def skab(cases: Sequence[Case], detect: Detect, folder: Path) -> dict[str, float]:
    """Return F1, false and missed alarms, pooled over all rows, and the alarms of the run without faults.

    Writes the alarms of each run, as the leaderboard's script reads them. J is Youden's index.
    """
    alarms, labels = [], []
    for case in (case for case in cases if case.group != "anomaly-free"):
        alarms.append(detect(case).alarms[case.train_prefix :])
        labels.append(case.labels[case.train_prefix :])
        (folder / case.group).mkdir(parents=True, exist_ok=True)
        lines = ["label", *map(str, alarms[-1].astype(int))]
        (folder / case.group / f"{case.name}.csv").write_text("\n".join(lines) + "\n")
    rows = row_scores(np.concatenate(labels), np.concatenate(alarms))
    false, missed = rows.false_alarm_rate, rows.missed_alarm_rate
    scores = {"F1": rows.f1, "false alarms %": 100 * false, "missed %": 100 * missed, "J": 1 - false - missed}
    return scores | alarm_rates([case for case in cases if case.group == "anomaly-free"], detect, folder)


def smd(cases: Sequence[Case], detect: Detect, folder: Path) -> dict[str, float]:
    """Return the means over machines of VUS-PR and of how well the channels at fault are ranked; write the scores."""
    folder.mkdir()
    found = []
    for case in cases:
        detection = detect(case)
        np.save(folder / f"{case.name}.npy", detection.scores)
        np.save(folder / f"{case.name}-channels.npy", detection.channel_scores)
        ranks = [ranking(detection.channel_scores[rows].mean(axis=0), causes) for rows, causes in case.root_causes]
        found.append([vus_pr(case.labels, detection.scores, SMD_WINDOW), *np.mean(ranks, axis=0)])
    return dict(zip(("VUS-PR", "Hit@100", "NDCG@100"), map(float, np.mean(found, axis=0))))


def ranking(scores: np.ndarray, causes: tuple[int, ...]) -> tuple[float, float]:
    """Return Hit@100 % and NDCG@100 % of channels ranked by score (Tuli et al. 2022, TranAD).

    Args:
        scores: `(channel,)`, higher = more anomalous.
        causes: Indices of the channels at fault.
    """
    gains = 1 / np.log2(np.arange(len(causes)) + 2)
    hits = np.isin(np.argsort(-scores, kind="stable")[: len(causes)], causes)
    return float(hits.mean()), float((hits * gains).sum() / gains.sum())


def alarm_rates(cases: Sequence[Case], detect: Detect, folder: Path) -> dict[str, float]:
    """Return the fraction of rows in alarm before the first fault, pooled, for targets of 1 % and 0.1 %."""
    rates = {}
    for target in (0.01, 0.001):
        alarms = [detect(case, target).alarms[case.rows_before_faults] for case in cases]
        rates[f"alarms % at {target:.1%}"] = 100 * float(np.concatenate(alarms).mean())
    return rates


def tsb_ad(cases: Sequence[Case], detect: Detect, folder: Path) -> dict[str, float]:
    """Return the mean VUS-PR of each track and group; write the scores of each case."""
    folder.mkdir()
    found: dict[str, list[float]] = {}
    for case in cases:
        scores = detect(case).scores
        np.save(folder / f"{case.name}.npy", scores)
        value = vus_pr(case.labels, scores, sliding_window_length(case.test.values[:, 0]))
        for group in (case.group[0], case.group):
            found.setdefault(group, []).append(value)
    return {group: float(np.mean(found[group])) for group in sorted(found, key=len)} | {"cases": float(len(cases))}


PROTOCOLS: dict[str, Callable[[Sequence[Case], Detect, Path], dict[str, float]]] = {
    "skab": skab,
    "smd": smd,
    "nasa": alarm_rates,
    "tsb-ad": tsb_ad,
}
