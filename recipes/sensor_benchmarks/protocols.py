"""The evaluation of each benchmark: measures by group, from its cases and a function that scores each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from benchmarks import Case
from seqae.evaluation import events_at, row_scores, sliding_window_length, vus_pr

VUS_WINDOW = 100  # rows, where a benchmark gives none
WIDTH = 101  # rows, the same for all sets
WIDENED = f"VUS-PR over windows of {WIDTH} rows"
Measures = dict[str, dict[str, float]]  # by group, and in it by name


class Scored(Protocol):
    """The rows to search of a case: scores and alarms `(row,)`; a detector also has channel_scores `(row, channel)`."""

    @property
    def scores(self) -> np.ndarray: ...

    @property
    def alarms(self) -> np.ndarray: ...


class Score(Protocol):
    """Learns from the training rows of a case, and scores the rows to search."""

    def __call__(self, case: Case, false_alarm_rate: float = 0.01) -> Scored: ...


def skab(cases: Sequence[Case], score: Score, folder: Path) -> Measures:
    """Return F1, false and missed alarms, pooled over all rows, and the alarms of the run without faults.

    Writes the alarms of each run, as the leaderboard's script reads them. J is Youden's index. At two false events even
    random scores find the one long fault of a run.
    """
    faulty = [case for case in cases if case.group != "anomaly-free"]
    alarms, labels, ranks = [], [], []
    for case in faulty:
        scored = score(case)
        alarms.append(scored.alarms[case.train_prefix :])
        labels.append(case.labels[case.train_prefix :])
        ranks.append(ranking_of_rows(case, scored, VUS_WINDOW))
        (folder / case.group).mkdir(parents=True, exist_ok=True)
        lines = ["label", *map(str, alarms[-1].astype(int))]
        (folder / case.group / f"{case.name}.csv").write_text("\n".join(lines) + "\n")
    rows = row_scores(np.concatenate(labels), np.concatenate(alarms))
    false, missed = rows.false_alarm_rate, rows.missed_alarm_rate
    scores = {"F1": rows.f1, "false alarms %": 100 * false, "missed %": 100 * missed, "J": 1 - false - missed}
    normal = [case for case in cases if case.group == "anomaly-free"]
    return {"SKAB": pooled(ranks) | scores} | alarm_rates(normal, score, folder)


def smd(cases: Sequence[Case], score: Score, folder: Path) -> Measures:
    """Return how rows are ranked, and how well a detector ranks the channels at fault; write the scores."""
    ranks, channel_ranks = [], []
    for case in cases:
        scored = score(case)
        write_scores(case, scored, folder)
        ranks.append(ranking_of_rows(case, scored, VUS_WINDOW))
        channel_scores = getattr(scored, "channel_scores", None)
        if channel_scores is not None:
            hits = [ranking(np.nanmean(channel_scores[rows], axis=0), causes) for rows, causes in case.root_causes]
            channel_ranks.append(np.mean(hits, axis=0))
    named = np.mean(channel_ranks, axis=0).tolist() if channel_ranks else []
    return {"SMD": pooled(ranks) | dict(zip(("Hit@100", "NDCG@100"), named))}


def ranking(scores: np.ndarray, causes: tuple[int, ...]) -> tuple[float, float]:
    """Return Hit@100 % and NDCG@100 % of channels ranked by score (Tuli et al. 2022, TranAD).

    Args:
        scores: `(channel,)`, higher = more anomalous.
        causes: Indices of the channels at fault.
    """
    gains = 1 / np.log2(np.arange(len(causes)) + 2)
    hits = np.isin(np.argsort(-scores, kind="stable")[: len(causes)], causes)
    return float(hits.mean()), float((hits * gains).sum() / gains.sum())


def alarm_rates(cases: Sequence[Case], score: Score, folder: Path) -> Measures:
    """Return the fraction of rows in alarm before the first fault, pooled, for targets of 1 % and 0.1 %."""
    rates = {}
    for target in (0.01, 0.001):
        alarms = [score(case, target).alarms[case.rows_before_faults] for case in cases]
        rates[f"alarms % at {target:.1%}"] = 100 * float(np.concatenate(alarms).mean())
    return {"before faults": rates}


def tsb_ad(cases: Sequence[Case], score: Score, folder: Path) -> Measures:
    """Return how rows are ranked, for each track and each group; write the scores of each case."""
    ranks: dict[str, list[dict[str, float]]] = {}
    for case in cases:
        scored = score(case)
        write_scores(case, scored, folder)
        row = ranking_of_rows(case, scored, sliding_window_length(case.test.values[:, 0]))
        for group in (case.group[0], case.group):
            ranks.setdefault(group, []).append(row)
    return {group: pooled(ranks[group]) for group in sorted(ranks, key=lambda name: (len(name), name))}


def ranking_of_rows(case: Case, scored: Scored, window: int) -> dict[str, float]:
    """Return how the scores of a case rank its rows: events found at two false ones, and VUS-PR.

    VUS-PR is that of the scores as they are, and that of `widened` ones, which suit the long anomalies of the sets.
    """
    labels, scores = case.labels[case.train_prefix :], np.nan_to_num(scored.scores[case.train_prefix :])
    events = events_at(labels, scores, false_events=2)
    return {
        "events": float(events.events),
        "found at 2 false": float(events.found),
        "other rows then in alarm %": 100 * events.false_alarm_rate,
        "VUS-PR": vus_pr(labels, scores, window),
        WIDENED: vus_pr(labels, widened(scores, WIDTH), window),
    }


def widened(scores: np.ndarray, rows: int) -> np.ndarray:
    """Return scores `(row,)` as a detector of windows of an odd number of rows has them.

    A window has the largest score of its rows, and a row the mean of the windows that cover it. So the rows around a
    high score are as anomalous, which is how the sets are labelled; where a fault is to the row is lost.
    """
    padded = np.pad(scores, rows // 2, mode="edge")
    return running_mean(np.lib.stride_tricks.sliding_window_view(padded, rows).max(axis=1), rows)


def running_mean(scores: np.ndarray, rows: int) -> np.ndarray:
    """Return the mean of the scores of an odd number of rows around each, `(row,)`; of fewer rows at the ends."""
    sums, row = np.cumsum(np.append(0, scores)), np.arange(len(scores))
    first, stop = np.maximum(row - rows // 2, 0), np.minimum(row + rows // 2 + 1, len(scores))
    return (sums[stop] - sums[first]) / (stop - first)


def pooled(ranks: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the measures of several cases: the sums of what counts events, the means of the others."""
    columns = {name: [rank[name] for rank in ranks] for name in ranks[0]}
    counts = {"cases": float(len(ranks))}
    return counts | {
        name: float(np.sum(values) if name in ("events", "found at 2 false") else np.mean(values))
        for name, values in columns.items()
    }


def write_scores(case: Case, scored: Scored, folder: Path) -> None:
    """Write the scores of a case as arrays, with those of its channels if there are any."""
    folder.mkdir(exist_ok=True)
    np.save(folder / f"{case.name}.npy", scored.scores)
    if hasattr(scored, "channel_scores"):
        np.save(folder / f"{case.name}-channels.npy", scored.channel_scores)


PROTOCOLS: dict[str, Callable[[Sequence[Case], Score, Path], Measures]] = {
    "skab": skab,
    "smd": smd,
    "nasa": alarm_rates,
    "tsb-ad": tsb_ad,
}
