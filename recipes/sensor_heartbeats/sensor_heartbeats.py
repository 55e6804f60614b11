"""Find abnormal heartbeats with autoencoders that were trained to restore corrupted normal ones.

Denoising autoencoders (Vincent et al. 2010, https://jmlr.org/papers/v11/vincent10a.html) whose corruptions are noise,
warped time, other scales, bumps and pieces of other beats. Five are trained, each without a fifth of the normal
beats; their mean error is the score, and the held-out beats set the threshold.

    python recipes/sensor_heartbeats/sensor_heartbeats.py
    python recipes/sensor_heartbeats/sensor_heartbeats.py --data-root folder/with/ECG5000
"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from heartbeats import read_beats, synthetic_beats
from sklearn.neighbors import NearestNeighbors

import seqae
from seqae import cli
from seqae.anomaly import Quantile
from seqae.evaluation import auc_pr, auc_roc, pca_reconstruction, row_scores
from seqae.report import embedding_figure, loss_figure, save_figure, sequences_figure
from seqae.transforms import AddBumps, Compose, CutMix, GaussianNoise, RandomApply, RandomScale, TimeWarp

DATA = "ECG5000 (UCR), or synthetic beats"
QUICK = {"data_root": "", "epochs": 30, "seeds": 1}
FOLDS = 5
Scorer = Callable[[np.ndarray], np.ndarray]  # from beats (beat, time, 1) to scores (beat,)
Method = Callable[[np.ndarray, int], Scorer]  # from normal beats and a seed


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    code_size: int = 6,
    epochs: int = 100,
    false_alarm_rate: float = 0.02,
    seeds: int = 10,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Train on normal beats alone, score all others, and compare with principal components and nearest neighbours.

    Args:
        data_root: Folder that holds ECG5000_TRAIN.ts and ECG5000_TEST.ts, also in a zip file; synthetic beats if empty.
        code_size: Length of the code of a beat.
        epochs: Passes over the normal beats.
        false_alarm_rate: Fraction of normal beats that may raise an alarm.
        seeds: Repetitions, each with other folds and weights.
        smoke: Only try whether it runs.
        out: Folder for the results.
    """
    if smoke:
        epochs, seeds = 2, 1
    run = seqae.Run(main, locals())
    seqae.configure_runtime(threads=1)  # the nets are small: a second thread costs more than it gives
    normal, beats, kinds = read_beats(data_root) if data_root else synthetic_beats()
    truth = kinds != "normal"
    print(f"data   {len(normal)} normal beats to learn from, {len(beats)} to score, {truth.sum()} of them abnormal")

    methods: dict[str, Method] = {
        "autoencoder": lambda train, seed: denoising_errors(train_denoiser(train, code_size, epochs, seed)),
        f"PCA, {code_size} components": lambda train, seed: pca_errors(train, code_size),
        "PCA, 4 components": lambda train, seed: pca_errors(train, 4),
        "nearest normal beat": lambda train, seed: nearest_distances(train),
    }
    results: list[dict[str, str]] = []
    metrics: dict[str, float] = {}
    for name, method in methods.items():
        scores = [evaluate(*cross_fit(method, normal, beats, seed), truth, false_alarm_rate) for seed in range(seeds)]
        means = {measure: float(np.mean([each[measure] for each in scores])) for measure in scores[0]}
        deviations = {measure: float(np.std([each[measure] for each in scores])) for measure in scores[0]}
        results.append({"method": name} | {key: f"{means[key]:.4f} ± {deviations[key]:.4f}" for key in means})
        metrics |= {f"{name}: {key}": value for key, value in means.items()}
        metrics |= {f"{name}: {key} sd": value for key, value in deviations.items()}
        print("  ".join(f"{key} {value}" for key, value in results[-1].items()))

    autoencoder = train_denoiser(normal, code_size, epochs, seed=0)
    chosen = {kind: list(beats[kinds == kind][:5]) for kind in ["normal", *np.unique(kinds[truth])]}
    restored = {kind: autoencoder.reconstruct(rows) for kind, rows in chosen.items()}
    save_figure(sequences_figure(chosen, restored), run.path("beats.png"))
    save_figure(loss_figure({"train, corrupted beats": autoencoder.history_["train"]}), run.path("loss.png"))
    save_figure(embedding_figure(autoencoder.encode(list(beats)), kinds), run.path("codes.png"))
    autoencoder.save(run.path("model"))
    run.finish(results, metrics)
    return metrics


def train_denoiser(beats: np.ndarray, code_size: int, epochs: int, seed: int) -> seqae.SequenceAutoencoder:
    """Return an autoencoder that has learnt to restore corrupted beats `(beat, time, 1)`."""
    torch.manual_seed(seed)
    time = beats.shape[1]
    model = seqae.Autoencoder(seqae.DenseEncoder(time, 1, code_size), seqae.DenseDecoder(time, 1, code_size))
    distortions = (TimeWarp(0.1 * time), RandomScale(0.5), AddBumps(1.5), CutMix())
    corrupt = Compose((*(RandomApply(each, 0.8) for each in distortions), GaussianNoise(0.1)))
    settings = {"corrupt": corrupt, "epochs": epochs, "batch_size": 64, "learning_rate": 6e-3}
    return seqae.SequenceAutoencoder(model, **settings, validation_fraction=0.0, random_state=seed).fit(list(beats))


def denoising_errors(autoencoder: seqae.SequenceAutoencoder) -> Scorer:
    """Score beats by the mean squared error of their reconstruction, in squared deviations of the normal beats."""
    return lambda beats: -autoencoder.score_samples(list(beats))


def pca_errors(train: np.ndarray, n_components: int) -> Scorer:
    """Score beats by the mean squared error of their reconstruction from principal components."""
    return lambda beats: np.square(pca_reconstruction(train, beats, n_components) - beats).mean(axis=(1, 2))


def nearest_distances(train: np.ndarray) -> Scorer:
    """Score beats by the distance to the nearest training beat."""
    neighbours = NearestNeighbors(n_neighbors=1).fit(train[..., 0])
    return lambda beats: neighbours.kneighbors(beats[..., 0])[0][:, 0]


def cross_fit(method: Method, normal: np.ndarray, beats: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return scores of normal beats by models that had not seen them, and the models' mean scores of other beats."""
    part = np.random.default_rng(seed).permutation(len(normal)) % FOLDS
    held_out, scores = np.empty(len(normal)), []
    for fold in range(FOLDS):
        score = method(normal[part != fold], FOLDS * seed + fold)
        held_out[part == fold] = score(normal[part == fold])
        scores.append(score(beats))
    return held_out, np.mean(scores, axis=0)


def evaluate(held_out: np.ndarray, scores: np.ndarray, truth: np.ndarray, false_alarm_rate: float) -> dict[str, float]:
    """Return how well scores and alarms agree with the truth; held-out normal beats set the threshold."""
    rows = row_scores(truth, scores > Quantile().fit(held_out, false_alarm_rate).value)
    return {
        "AUROC": auc_roc(truth, scores),
        "AP": auc_pr(truth, scores),
        "balanced": 1 - (rows.false_alarm_rate + rows.missed_alarm_rate) / 2,
        "false alarms": rows.false_alarm_rate,
    }


if __name__ == "__main__":
    cli.run(main)
