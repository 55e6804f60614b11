"""Measure the default detector on public benchmarks of machine signals, beside baselines and published numbers.

Fits and limits see the training rows alone, and no alarm is adjusted afterwards. The design of the detector was chosen
by scores on these public sets, so expect less on new data.

    python recipes/sensor_benchmarks.py --smoke
    python recipes/sensor_benchmarks.py --set tsb-ad --data-root folder/with/TSB-AD

skab: 34 runs of a pump test bed; learns from the first 400 rows of each, judges the rest row by row, pooled; and the
share of alarms in the second half of the fault-free run. smd: servers, VUS-PR with a window of 100 rows, and how well
the blamed channels agree with those known to be at fault. nasa: the share of rows in alarm before the first fault.
tsb-ad: VUS-PR by track (U has one channel, M several), Liu and Paparrizos 2024.
"""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from seqae import cli

DATA = "SKAB, SMD, NASA or TSB-AD, yours to download"
MINUTES = 10
RESULT = "TSB-AD: VUS-PR 0.773 (U), 0.811 (M); best published 0.638, 0.396"
METHODS = {"dense": "autoencoder (default)", "pca": "principal components", "moving_average": "moving average"}
PUBLISHED = {
    "skab": {
        "Conv-AE, best of the leaderboard": {"F1": 0.7838, "false alarms %": 13.55, "missed %": 28.02, "J": 0.584},
        "windowed PCA, limit 2 x q.999": {"F1": 0.819, "false alarms %": 16.2, "missed %": 20.9, "J": 0.629},
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
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Fit a detector to each case of a benchmark and compare the scores with the labels.

    Args:
        set: One of skab, smd, nasa, tsb-ad.
        data_root: Folder that holds the set, in its official layout.
        seeds: How many times the autoencoders are trained.
        smoke: Only try whether it runs, on a made-up case if there is no data.
        out: Folder for the results.
    """
    import seqae
    from benchmarks import SOURCES, made_up, read_benchmark
    from seqae.anomaly.window_models import WINDOW_MODELS
    from seqae.report.run import Run

    if set not in SOURCES:
        raise ValueError(f"no benchmark {set!r}. Choose one of {', '.join(SOURCES)}")
    if not data_root and not smoke:
        raise FileNotFoundError(f"no data. Download {SOURCES[set]}, and give it as --data-root; or try --smoke")
    cases = read_benchmark(set, data_root) if data_root else made_up(with_normal=set == "skab")
    if smoke:
        seeds, cases = 1, cases[:1] + cases[1:][-1:]
    seqae.configure_runtime()
    run = Run("sensor_benchmarks", out, dict(set=set, data_root=data_root, seeds=seeds, smoke=smoke))
    print(f"data   {set}: {len(cases)} cases, {sum(len(case.test) for case in cases):,} rows to search")

    results, metrics = [], {}
    for kind, method in METHODS.items():
        measured = []
        for seed in range(seeds if WINDOW_MODELS[kind].is_trainable else 1):
            detect = partial(detected, kind=kind, seed=seed, epochs=1 if smoke else 15)
            measured.append(MEASURES[set](cases, detect, run.path(f"{kind}-{seed}")))
            print(f"{method}, seed {seed}:", "  ".join(f"{name} {value:.4g}" for name, value in measured[-1].items()))
        means = {name: float(np.mean([each[name] for each in measured])) for name in measured[0]}
        spreads = {name: float(np.std([each[name] for each in measured])) for name in measured[0]}
        shown = {
            name: f"{means[name]:.4g} ± {spreads[name]:.2g}" if len(measured) > 1 else means[name] for name in means
        }
        results.append({"method": method, **shown})
        metrics |= {f"{kind} {name}": value for name, value in means.items()}
        metrics |= {f"{kind} {name} sd": value for name, value in spreads.items() if len(measured) > 1}
    for method, numbers in PUBLISHED[set].items():
        results.append({"method": method} | {name: numbers.get(name) for name in means})
    run.finish(results, metrics)
    return metrics


def detected(case, rate: float = 0.01, *, kind: str, seed: int, epochs: int):
    """Return what a detector finds in a case, with the threshold for a false alarm rate."""
    import seqae
    from seqae.anomaly.window_models import WINDOW_MODELS

    detector = seqae.AnomalyDetector(WINDOW_MODELS[kind], false_alarm_rate=rate, random_state=seed, epochs=epochs)
    return detector.fit(case.train).detect(case.test)[0]


def skab(cases: list, detect: Callable, folder: Path) -> dict[str, float]:
    """Return F1, false and missed alarms, pooled over all rows; write the alarms of each run."""
    from seqae.evaluation.anomalies import row_scores

    alarms, labels = [], []
    for case in cases:
        if case.group != "anomaly-free":
            alarms.append(detect(case).alarms[case.context :])
            labels.append(case.labels[case.context :])
            (folder / case.group).mkdir(parents=True, exist_ok=True)
            lines = ["label", *map(str, alarms[-1].astype(int))]
            (folder / case.group / f"{case.name}.csv").write_text("\n".join(lines) + "\n")
    rows = row_scores(np.concatenate(labels), np.concatenate(alarms))
    false, missed = rows.false_alarm_rate, rows.missed_alarm_rate
    found = {"F1": rows.f1, "false alarms %": 100 * false, "missed %": 100 * missed, "J": 1 - false - missed}
    return found | rates([case for case in cases if case.group == "anomaly-free"], detect, folder)


def smd(cases: list, detect: Callable, folder: Path) -> dict[str, float]:
    """Return the means over machines of VUS-PR and of the agreement with the channels at fault."""
    from seqae.evaluation.anomalies import vus_pr

    folder.mkdir()
    found = []
    for case in cases:
        detection = detect(case)
        np.save(folder / f"{case.name}.npy", detection.scores)
        np.save(folder / f"{case.name}-channels.npy", detection.channel_scores)
        agreements = [agreement(detection.channel_scores[rows].mean(axis=0), blamed) for rows, blamed in case.causes]
        found.append([vus_pr(case.labels, detection.scores, window=100), *np.mean(agreements, axis=0)])
    return dict(zip(("VUS-PR", "Hit@100", "NDCG@100"), map(float, np.mean(found, axis=0))))


def agreement(scores: np.ndarray, blamed: tuple[int, ...]) -> tuple[float, float]:
    """Return Hit@100 % and NDCG@100 % of channels ranked by score (Tuli et al. 2022, TranAD)."""
    worth = 1 / np.log2(np.arange(len(blamed)) + 2)
    hits = np.isin(np.argsort(-scores, kind="stable")[: len(blamed)], blamed)
    return float(hits.mean()), float((hits * worth).sum() / worth.sum())


def rates(cases: list, detect: Callable, folder: Path) -> dict[str, float]:
    """Return the share of rows in alarm before the first fault, pooled, where 1 % and 0.1 % are asked for."""
    found = {}
    for rate in (0.01, 0.001):
        alarms = [detect(case, rate).alarms[case.rows_before_faults] for case in cases]
        found[f"alarms % at {rate:.1%}"] = 100 * float(np.concatenate(alarms).mean())
    return found


def tsb_ad(cases: list, detect: Callable, folder: Path) -> dict[str, float]:
    """Return the mean VUS-PR of each track and group; write the scores of each case."""
    from seqae.evaluation.anomalies import sliding_window_length, vus_pr

    folder.mkdir()
    found: dict[str, list[float]] = {}
    for case in cases:
        scores = detect(case).scores
        np.save(folder / f"{case.name}.npy", scores)
        if case.labels is not None:
            value = vus_pr(case.labels, scores, sliding_window_length(case.test.values[:, 0]))
            for group in (case.group[0], case.group):
                found.setdefault(group, []).append(value)
    return {group: float(np.mean(found[group])) for group in sorted(found, key=len)} | {"cases": float(len(cases))}


MEASURES = {"skab": skab, "smd": smd, "nasa": rates, "tsb-ad": tsb_ad}

if __name__ == "__main__":
    cli.run(main)
