"""Evaluate the detector on public benchmarks of machine signals; row by row, others rank those of TSB-AD better.

skab: 34 runs of a pump test bed; learns from the first 400 rows of each and evaluates the alarms of the others, pooled.
smd: servers; also the ranking of the channels at fault. nasa: the fraction of rows in alarm before the first fault.
tsb-ad: by track (U has one channel, M several), Liu and Paparrizos 2024. Rows are ranked by VUS-PR, and by how many
events are found before more than two false ones are. Thresholds are fitted to the training rows alone, and no alarm is
adjusted afterwards.

    python recipes/sensor_benchmarks/sensor_benchmarks.py
    python recipes/sensor_benchmarks/sensor_benchmarks.py --set tsb-ad --data-root folder/with/TSB-AD
"""

import os
import re
from functools import partial
from pathlib import Path

import numpy as np
import torch
from protocols import PROTOCOLS, Measures, Score

import seqae
from benchmarks import SOURCES, Case, read_benchmark, synthetic_cases
from seqae import cli
from seqae.anomaly import WINDOW_MODELS, Detection
from seqae.evaluation import ROW_BASELINES, BaselineScores, score_by_baseline

NAME = "autoencoder"
DATA = "SKAB, SMD, NASA or TSB-AD, yours to download"
QUICK = {"data_root": ""}
PUBLISHED: dict[str, dict[str, Measures]] = {
    "skab": {
        "Conv-AE, best of the leaderboard": {
            "SKAB": {"F1": 0.7838, "false alarms %": 13.55, "missed %": 28.02, "J": 0.584}
        },
    },
    "smd": {},
    "nasa": {},
    "tsb-ad": {
        "best published for 49 U, 21 M cases (POLY, KMeansAD)": {"U": {"VUS-PR": 0.638}, "M": {"VUS-PR": 0.396}},
        "autoencoder of PyOD, windows of 100 rows, same cases": {"U": {"VUS-PR": 0.666}, "M": {"VUS-PR": 0.506}},
    },
}


def main(
    set: str = "tsb-ad",
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    model: str = "linear",
    seeds: int = 1,
    epochs: int = 15,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Fit a detector to each case of a benchmark and compare the scores with the labels.

    Args:
        set: The benchmark: skab, smd, nasa or tsb-ad.
        data_root: Folder that holds the set, in its official layout; synthetic cases if empty.
        model: The autoencoder: linear, lstm, gru, conv or attention; auto chooses one by injected faults.
        seeds: Number of times that the autoencoders are trained; linear ones are the same each time.
        epochs: Passes over the training windows.
        smoke: Only try whether it runs.
        out: Folder for the results.
    """
    if smoke:
        seeds, epochs = 1, 1
    run = seqae.Run(main, locals())
    seqae.configure_runtime()
    torch.manual_seed(0)
    if set not in SOURCES:
        raise ValueError(f"no benchmark {set!r}. Choose one of {', '.join(SOURCES)}")
    if model not in {*WINDOW_MODELS, "auto"}:
        raise ValueError(f"no model {model!r}. Choose one of {', '.join(WINDOW_MODELS)}, auto")
    if not data_root:
        print(f"note   no data: synthetic cases. Download {SOURCES[set]}, and give it as --data-root")
    cases = read_benchmark(set, data_root) if data_root else synthetic_cases()
    if smoke or not data_root:  # SKAB needs the case without faults, which comes first
        cases = cases[:1] + cases[1:][-1:] if set == "skab" else cases[-2:]
    print(f"data   {set}: {len(cases)} cases, {sum(len(case.test) for case in cases):,} rows to search")

    detectors: list[Score] = [
        partial(score_by_detector, model=model, seed=seed, epochs=epochs) for seed in range(seeds)
    ]
    methods: dict[str, list[Score]] = {NAME: detectors}
    methods |= {name: [partial(score_case, name=name)] for name in ROW_BASELINES}
    found: dict[str, Measures] = {}
    for method, scorers in methods.items():
        slug = re.sub(r"[^A-Za-z0-9]+", "-", method).strip("-")
        folders = [run.path(f"{slug}-{seed}") for seed in range(len(scorers))]
        try:
            found[method] = averaged([PROTOCOLS[set](cases, *each) for each in zip(scorers, folders)])
        except ImportError as error:
            print(f"note   {method} is left out: it {error}")
            continue
        group, measures = next(iter(found[method].items()))
        print(f"{method}, {group}:", "  ".join(f"{name} {value:.4g}" for name, value in measures.items()))
    metrics = {
        f"{method}: {group}: {name}": value
        for method, groups in found.items()
        for group, measures in groups.items()
        for name, value in measures.items()
    }
    run.finish(table_by_group(found | PUBLISHED[set], list(found[NAME])), metrics)
    return metrics


def score_by_detector(case: Case, false_alarm_rate: float = 0.01, *, model: str, seed: int, epochs: int) -> Detection:
    """Return the result of a detector, fitted to the training rows of a case, for the rows to search."""
    detector = seqae.AnomalyDetector(
        model if model == "auto" else WINDOW_MODELS[model],
        false_alarm_rate=false_alarm_rate,
        random_state=seed,
        epochs=epochs,
    )
    return detector.fit(case.train).detect(case.test)[0]


def score_case(case: Case, false_alarm_rate: float = 0.01, *, name: str) -> BaselineScores:
    """Return the result of a baseline, as `score_by_detector` does."""
    return score_by_baseline(ROW_BASELINES[name], case.train.values, case.test.values, false_alarm_rate)


def averaged(runs: list[Measures]) -> Measures:
    """Return the means over seeds, and with several seeds the standard deviations of all measures."""
    means = {}
    for group, measures in runs[0].items():
        values = {name: [run[group][name] for run in runs] for name in measures}
        means[group] = {name: float(np.mean(each)) for name, each in values.items()}
        if len(runs) > 1:
            means[group] |= {f"{name} sd": float(np.std(each)) for name, each in values.items()}
    return means


def table_by_group(found: dict[str, Measures], groups: list[str]) -> list[dict[str, object]]:
    """Return the rows of the table: all methods for one group after the other."""
    return [
        {"group": group, "method": method, **measures[group]}
        for group in groups
        for method, measures in found.items()
        if group in measures
    ]


if __name__ == "__main__":
    cli.run(main)
