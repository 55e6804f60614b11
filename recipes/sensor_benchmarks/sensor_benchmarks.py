"""Evaluate the default detector on public benchmarks of machine signals, beside baselines and published results.

skab: 34 runs of a pump test bed; learns from the first 400 rows of each and evaluates the alarms of the others, pooled.
smd: servers; VUS-PR, and the ranking of the channels at fault. nasa: the fraction of rows in alarm before the first
fault. tsb-ad: VUS-PR by track (U has one channel, M several), Liu and Paparrizos 2024. Thresholds are fitted to the
training rows alone, and no alarm is adjusted afterwards.

    python recipes/sensor_benchmarks/sensor_benchmarks.py --smoke
    python recipes/sensor_benchmarks/sensor_benchmarks.py --set tsb-ad --data-root folder/with/TSB-AD
"""

import os
from functools import partial
from pathlib import Path

import numpy as np
import torch
from protocols import PROTOCOLS

import seqae
from benchmarks import SOURCES, Case, read_benchmark, synthetic_cases
from seqae import cli
from seqae.anomaly import WINDOW_MODELS, Detection

DATA = "SKAB, SMD, NASA or TSB-AD, yours to download"
METHODS = {"dense": "autoencoder (default)", "pca": "principal components", "moving_average": "moving average"}
PUBLISHED = {
    "skab": {
        "Conv-AE, best of the leaderboard": {"F1": 0.7838, "false alarms %": 13.55, "missed %": 28.02, "J": 0.584},
        "windowed PCA, threshold 2 x q.999": {"F1": 0.819, "false alarms %": 16.2, "missed %": 20.9, "J": 0.629},
    },
    "smd": {"windowed PCA, machines 1-6 2-1 2-8 3-4": {"VUS-PR": 0.661}},
    "nasa": {},
    "tsb-ad": {
        "best published for 49 U, 21 M cases (POLY, KMeansAD)": {"U": 0.638, "M": 0.396},
        "autoencoder of PyOD on windows, same cases": {"U": 0.666, "M": 0.506},
        "windowed PCA, same cases": {"U": 0.602, "M": 0.475},
    },
}


def main(
    set: str = "tsb-ad",
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    seeds: int = 3,
    epochs: int = 15,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Fit a detector to each case of a benchmark and compare the scores with the labels.

    Args:
        set: The benchmark: skab, smd, nasa or tsb-ad.
        data_root: Folder that holds the set, in its official layout.
        seeds: Number of times that the autoencoders are trained.
        epochs: Passes over the training windows.
        smoke: Only try whether it runs, on a synthetic case if there is no data.
        out: Folder for the results.
    """
    if smoke:
        seeds, epochs = 1, 1
    run = seqae.Run(main, locals())
    seqae.configure_runtime()
    torch.manual_seed(0)
    if set not in SOURCES:
        raise ValueError(f"no benchmark {set!r}. Choose one of {', '.join(SOURCES)}")
    if not data_root and not smoke:
        raise FileNotFoundError(f"no data. Download {SOURCES[set]}, and give it as --data-root; or try --smoke")
    cases = read_benchmark(set, data_root) if data_root else synthetic_cases()
    if smoke:  # SKAB needs the case without faults, which comes first
        cases = cases[:1] + cases[1:][-1:] if set == "skab" else cases[-1:]
    print(f"data   {set}: {len(cases)} cases, {sum(len(case.test) for case in cases):,} rows to search")

    results: list[dict[str, object]] = []
    metrics: dict[str, float] = {}
    for kind, method in METHODS.items():
        scores = []
        for seed in range(seeds if WINDOW_MODELS[kind].is_trainable else 1):
            detect = partial(fit_and_detect, kind=kind, seed=seed, epochs=epochs)
            scores.append(PROTOCOLS[set](cases, detect, run.path(f"{kind}-{seed}")))
            print(f"{method}, seed {seed}:", "  ".join(f"{name} {value:.4g}" for name, value in scores[-1].items()))
        row, numbers = averaged(scores)
        results.append({"method": method, **row})
        metrics |= {f"{kind} {name}": value for name, value in numbers.items()}
    for method, published in PUBLISHED[set].items():
        results.append({"method": method, **published})
    run.finish(results, metrics)
    return metrics


def fit_and_detect(case: Case, false_alarm_rate: float = 0.01, *, kind: str, seed: int, epochs: int) -> Detection:
    """Return the result of a detector, fitted to the training rows of a case, for the rows to search."""
    detector = seqae.AnomalyDetector(
        WINDOW_MODELS[kind], false_alarm_rate=false_alarm_rate, random_state=seed, epochs=epochs
    )
    return detector.fit(case.train).detect(case.test)[0]


def averaged(scores: list[dict[str, float]]) -> tuple[dict[str, object], dict[str, float]]:
    """Return a row of the table, mean and standard deviation over seeds, and both as numbers."""
    means = {name: float(np.mean([each[name] for each in scores])) for name in scores[0]}
    if len(scores) == 1:
        return dict(means), means
    deviations = {name: float(np.std([each[name] for each in scores])) for name in means}
    row = {name: f"{means[name]:.4g} ± {deviations[name]:.2g}" for name in means}
    return dict(row), means | {f"{name} sd": value for name, value in deviations.items()}


if __name__ == "__main__":
    cli.run(main)
