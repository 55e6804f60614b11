"""Find abnormal heartbeats with autoencoders that were trained to restore damaged normal ones.

A denoising autoencoder (Vincent et al. 2010, https://jmlr.org/papers/v11/vincent10a.html) whose damage is bent time,
other sizes, bumps and borrowed pieces instead of noise, so that it cannot copy what is abnormal. Five are trained, each
without a fifth of the normal beats; their mean error is the score, and the beats left out set the limit.

    python recipes/sensor_heartbeats.py
    python recipes/sensor_heartbeats.py --data-root folder/with/ECG5000

ECG5000, official split: 292 normal beats to learn from, 4500 to judge. Published numbers follow other rules: an LSTM
autoencoder .979 accuracy (Valkov, github.com/curiousily/Getting-Things-Done-with-Pytorch: training and test beats
merged, limit read off a plot of them, 145 of the 2081 anomalies scored), sparse autoencoder .987 (SRL-AE: limit chosen
on the test labels).

Without data it makes its own beats.
"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from seqae import cli

DATA = "ECG5000 (UCR), or generated beats"
MINUTES = 3
RESULT = "ECG5000: AUROC 0.9945, balanced accuracy 0.968; nearest beat 0.9932, 0.955; PCA-4 0.986, 0.879"
FOLDS = 5
Score = Callable[[np.ndarray], np.ndarray]  # beats (beat, time, 1) in, (beat,) out


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    code_size: int = 16,
    epochs: int = 100,
    false_alarm_rate: float = 0.02,
    seeds: int = 10,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Train on normal beats alone, judge all others, and compare with principal components and nearest neighbours.

    Args:
        data_root: Folder that holds ECG5000_TRAIN.ts and ECG5000_TEST.ts, also in a zip, or ecg5000.npz; made up if
            empty.
        code_size: Numbers in the code of a beat.
        epochs: Passes over the normal beats.
        false_alarm_rate: Share of normal beats that may raise an alarm.
        seeds: How many times everything is repeated.
        smoke: Only try whether it runs.
        out: Folder for the results.
    """
    import seqae
    from seqae.report import embedding_figure, loss_figure, save_figure
    from seqae.report.figures.sequences import sequences_figure
    from seqae.report.run import Run

    if smoke:
        epochs, seeds = 2, 1
    seqae.configure_runtime(threads=1)  # the nets are small: a second thread costs more than it gives
    settings = dict(data_root=data_root, code_size=code_size, epochs=epochs, rate=false_alarm_rate, seeds=seeds)
    run = Run("sensor_heartbeats", out, settings)
    normal, beats, kinds = read_beats(data_root) if data_root else made_up()
    truth, source = kinds != "normal", "ECG5000" if data_root else "made-up beats (no data given)"
    print(f"data   {source}: {len(normal)} normal beats to learn from, {len(beats)} to judge, {truth.sum()} abnormal")

    def restoring(train: np.ndarray, seed: int) -> Score:
        return error_of(trained(train, code_size, epochs, seed)[0])

    methods = {
        "autoencoder": restoring,
        f"PCA, {code_size} components": lambda train, seed: principal(train, code_size),
        "PCA, 4 components": lambda train, seed: principal(train, 4),
        "nearest normal beat": lambda train, seed: nearest(train),
    }
    results, metrics = [], {}
    for name, make in methods.items():
        found = [judged(*cross_fitted(make, normal, beats, seed), truth, false_alarm_rate) for seed in range(seeds)]
        line = {"method": name}
        for measure in found[0]:
            values = [each[measure] for each in found]
            metrics |= {f"{name}: {measure}": float(np.mean(values)), f"{name}: {measure} sd": float(np.std(values))}
            line[measure] = f"{np.mean(values):.4f} ± {np.std(values):.4f}"
        results.append(line)
        print("  ".join(f"{key} {value}" for key, value in line.items()))

    model, history = trained(normal, code_size, epochs, seed=0)
    shown = ["normal", *np.unique(kinds[truth])]
    chosen = {kind: [beats[at] for at in np.flatnonzero(kinds == kind)[:5]] for kind in shown}
    restored = {kind: seqae.reconstruct(model, rows) for kind, rows in chosen.items()}
    save_figure(sequences_figure(chosen, restored), run.path("beats.png"))
    save_figure(loss_figure({"train, damaged beats": history}), run.path("loss.png"))
    save_figure(embedding_figure(seqae.encode(model, beats), kinds), run.path("codes.png"))
    seqae.save(model, run.path("model"))
    run.finish(results, metrics)
    return metrics


def trained(beats: np.ndarray, code_size: int, epochs: int, seed: int):
    """Return an autoencoder that has learnt to restore damaged beats, and its losses."""
    import torch

    from seqae import Autoencoder, DenseDecoder, DenseEncoder, Reconstruction, fit, squared_error
    from seqae.datasets.loader import DataLoader
    from seqae.datasets.sampler import LengthBucketSampler
    from seqae.datasets.sequences import SequenceDataset, as_tensors
    from seqae.transforms.augmentations import AddBumps, CutMix, RandomScale, TimeWarp
    from seqae.transforms.corruptions import Compose, GaussianNoise, RandomApply

    torch.manual_seed(seed)
    time = beats.shape[1]
    distortions = (TimeWarp(0.1 * time), RandomScale(0.5), AddBumps(1.5), CutMix())
    damage = Compose((*(RandomApply(each, 0.5) for each in distortions), GaussianNoise(0.1)))
    model = Autoencoder(DenseEncoder(time, 1, code_size), DenseDecoder(time, 1, code_size))
    source = SequenceDataset(as_tensors(beats))
    loader = DataLoader(source, LengthBucketSampler(source.lengths, 128, seed))
    task = Reconstruction(model, squared_error, damage, learning_rate=3e-3, seed=seed)
    return model, fit(task, loader, epochs=epochs, progress=False).train


def error_of(model) -> Score:
    """Return what gives the mean squared error of each beat."""
    from seqae import reconstruct

    return lambda beats: np.square(np.stack(reconstruct(model, beats)) - beats).mean(axis=(1, 2))


def principal(train: np.ndarray, components: int) -> Score:
    """Return the same for principal components."""
    mean = train[..., 0].mean(axis=0)
    axes = np.linalg.svd(train[..., 0] - mean, full_matrices=False)[2][:components]

    def score(beats: np.ndarray) -> np.ndarray:
        centred = beats[..., 0] - mean
        return np.square(centred - centred @ axes.T @ axes).mean(axis=1)

    return score


def nearest(train: np.ndarray) -> Score:
    """Return what gives the distance of each beat to the nearest one of the training."""
    from sklearn.neighbors import NearestNeighbors

    neighbours = NearestNeighbors(n_neighbors=1).fit(train[..., 0])
    return lambda beats: neighbours.kneighbors(beats[..., 0])[0][:, 0]


def cross_fitted(make, normal: np.ndarray, beats: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return scores of normal beats by models that had not seen them, and the models' mean scores of other beats."""
    part = np.random.default_rng(seed).permutation(len(normal)) % FOLDS
    unseen, found = np.empty(len(normal)), []
    for fold in range(FOLDS):
        score = make(normal[part != fold], FOLDS * seed + fold)
        unseen[part == fold] = score(normal[part == fold])
        found.append(score(beats))
    return unseen, np.mean(found, axis=0)


def judged(unseen: np.ndarray, scores: np.ndarray, truth: np.ndarray, rate: float) -> dict[str, float]:
    """Return how well scores and alarms agree with the truth; the limit comes from unseen normal beats."""
    from seqae.anomaly.thresholds import Quantile
    from seqae.evaluation.anomalies import auc_pr, auc_roc, row_scores

    rows = row_scores(truth, scores > Quantile().fit(unseen, rate).value)
    balanced = 1 - (rows.false_alarm_rate + rows.missed_alarm_rate) / 2
    return {
        "AUROC": auc_roc(truth, scores),
        "AP": auc_pr(truth, scores),
        "balanced": balanced,
        "false alarms": rows.false_alarm_rate,
    }


def read_beats(folder: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return normal training beats and all test beats, (beat, time, 1), and the kind of each test beat."""
    from seqae.data._files.array_files import read_npz
    from seqae.data.signals.ts_files import read_ts

    names = {1: "normal", 2: "R-on-T", 3: "premature ventricular", 4: "supraventricular", 5: "unclassifiable"}
    arrays = next(Path(folder).rglob("ecg5000.npz"), None)
    if arrays is None:
        train, test = read_ts(folder, "ECG5000")
        learnt = np.stack(train.sequences)[train.labels.astype(float) == 1]
        return learnt, np.stack(test.sequences), np.array([names[int(float(label))] for label in test.labels])
    file = read_npz(arrays)
    kinds = np.array([names.get(int(label), "kind not known") for label in file["y_test_class"]])
    return file["x_train"][file["y_train"] == 1, :, None], file["x_test"][..., None], kinds


def made_up(count: int = 800, learnt: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the same of made-up beats: three waves each, in abnormal ones the second late or the third turned over."""
    random = np.random.default_rng(0)
    time = np.linspace(0, 1, 100)
    kinds = random.choice(["normal", "late", "turned over"], count, p=[0.6, 0.2, 0.2])
    kinds[:learnt] = "normal"
    beats = np.zeros((count, len(time)))
    for place, width, height in ((0.2, 0.04, 0.3), (0.4, 0.02, 2.0), (0.7, 0.06, 0.6)):
        late = 0.12 * (kinds == "late") * (place == 0.4)
        turned = np.where((kinds == "turned over") & (place == 0.7), -1, 1)
        places = place + late + random.normal(0, 0.01, count)
        heights = height * turned * random.normal(1, 0.1, count)
        beats += heights[:, None] * np.exp(-(((time - places[:, None]) / width) ** 2))
    beats = (beats + random.normal(0, 0.05, beats.shape))[..., None].astype(np.float32)
    return beats[:learnt], beats[learnt:], kinds[learnt:]


if __name__ == "__main__":
    cli.run(main)
