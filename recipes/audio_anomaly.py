"""Find anomalous words by the error of an autoencoder that reads a whole word as one step.

Each class of words in turn is held out as the anomaly: the autoencoder learns from training recordings of the other
classes, and scores the test recordings. A word is the mean log-mel frames (Freitag et al. 2017, auDeep,
https://arxiv.org/abs/1712.04382) in each part of a recording, without silence.

    python recipes/audio_anomaly.py
    python recipes/audio_anomaly.py --data-root folder/with/fsdd
    python recipes/audio_anomaly.py --folder folder/with/normal/and/new
"""

import os
from pathlib import Path

import numpy as np
import torch
from torch import nn

import seqae
from seqae import cli
from seqae.data import SpectralTilt, read_clips, read_normal_and_new, synthetic_words
from seqae.evaluation import auc_roc, pca_reconstruction
from seqae.modules import ConvDecoder, SegmentMeanPooling
from seqae.report import loss_figure, save_figure, spectrograms_figure

DATA = "Free Spoken Digit Dataset, or synthetic words"
QUICK = {"data_root": "", "epochs": 10, "classes": ("0", "1")}


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    folder: str = "",
    code_size: int = 16,
    epochs: int = 40,
    parts: int = 8,
    classes: tuple[str, ...] = (),
    max_words: int = 500,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Hold out each class as the anomaly, and compare the autoencoder with principal components.

    Args:
        data_root: Folder that holds FSDD, also packed; synthetic words if empty.
        folder: Folder of your own instead, in it `normal` with five recordings or more, and `new` with those to rank.
        code_size: Length of the code of a word, and number of principal components to compare with.
        epochs: Passes over the training words at most.
        parts: Parts of a word; it is read as the mean frame of each.
        classes: Classes to hold out, one after the other; all if none is given.
        max_words: Training words at most, drawn at random.
        seed: Seed of all random numbers.
        smoke: Only try whether it runs.
        out: Folder for the results.
    """
    if smoke:
        epochs, classes, max_words = 1, ("0",), 40
    run = seqae.Run(main, locals())
    seqae.configure_runtime(threads=1)
    torch.manual_seed(seed)
    clips = read_clips("fsdd", data_root) if data_root and not folder else synthetic_words(voices=3)
    if folder:
        clips, classes = read_normal_and_new(folder), ("new",)
    log_mel = seqae.LogMel(sample_rate=8000, hop=0.02, window=0.04, normalization=(SpectralTilt(),), trim_db=25.0)
    decibels = [log_mel.decibels(clip.audio()) for clip in clips]
    labels = np.array([clip.label for clip in clips])
    for_test = np.array([clip.part == "test" for clip in clips])
    durations = np.array([len(log_mel.trim_silence(each)) for each in decibels], dtype=float)
    print(f"data   {len(clips)} recordings of {min(map(len, decibels))} to {max(map(len, decibels))} frames")

    found: dict[str, list[float]] = {}
    for held_out in classes or np.unique(labels):
        learnt = np.flatnonzero(~for_test & (labels != held_out))
        learnt = np.random.default_rng(seed).permutation(learnt)[:max_words]
        log_mel.fit_decibels([decibels[index] for index in learnt])
        words = SegmentMeanPooling(parts)(seqae.Batch.of([log_mel.scaled(each) for each in decibels])).numpy()
        autoencoder = train(words[learnt], code_size, epochs, seed)
        test, truth = words[for_test], labels[for_test] == held_out
        scores = {
            f"autoencoder, code of {code_size}": errors(autoencoder, test),
            f"PCA, {code_size} components": pca_errors(words[learnt], test, code_size),
            "length of the recording": durations[for_test],
        }
        for name, values in scores.items():
            found.setdefault(name, []).append(auc_roc(truth, np.array(values, dtype=float)))
        print(f"anomaly {held_out}", "  ".join(f"{name} {values[-1]:.3f}" for name, values in found.items()))

    table = {
        name: {"AUROC": float(np.mean(values)), "lowest": min(values), "highest": max(values)}
        for name, values in found.items()
    }
    metrics = {f"{name}: {key}": value for name, row in table.items() for key, value in row.items()}
    spread = [kind[np.linspace(0, len(kind) - 1, 3).astype(int)] for kind in (np.where(~truth)[0], np.where(truth)[0])]
    chosen = np.concatenate(spread)
    scores = errors(autoencoder, test[chosen])
    names = [f"{'anomaly' if truth[at] else 'normal'}, score {score:.2f}" for at, score in zip(chosen, scores)]
    like = [decibels[index] for index in np.flatnonzero(for_test)[chosen]]
    rows = {"word": test[chosen], "reconstruction": np.concatenate(autoencoder.reconstruct(as_steps(test[chosen])))}
    pictures = {name: spectrograms(log_mel, words, like, parts) for name, words in rows.items()}
    save_figure(spectrograms_figure(pictures, names, 1 / parts, "fraction of the word"), run.path("words.png"))
    ranked = sorted(zip(errors(autoencoder, test), np.array([clip.name for clip in clips])[for_test]), reverse=True)
    run.write_text("ranked.tsv", "".join(f"{score:.4f}\t{name}\n" for score, name in ranked))
    save_figure(loss_figure(autoencoder.history_), run.path("loss.png"))
    seqae.save({"log_mel": log_mel, "autoencoder": autoencoder}, run.path("model"), metrics=metrics)
    run.finish([{"method": name, **row} for name, row in table.items()], metrics)
    return metrics


def train(words: np.ndarray, code_size: int, epochs: int, seed: int) -> seqae.SequenceAutoencoder:
    """Return a residual network that was trained on words `(word, part * band)`, each of which is one step."""
    torch.manual_seed(seed)
    size, sizes = words.shape[1], (64, 64, 64)
    model = seqae.Autoencoder(
        seqae.ConvEncoder(size, code_size, sizes), ConvDecoder(code_size, nn.Linear(sizes[-1], size), sizes)
    )
    estimator = seqae.SequenceAutoencoder(model, channels=size, epochs=epochs, learning_rate=3e-3, random_state=seed)
    return estimator.fit(as_steps(words))


def errors(autoencoder: seqae.SequenceAutoencoder, words: np.ndarray) -> np.ndarray:
    """Return the mean squared error of each word, `(word,)`, in deviations of the training words."""
    return -autoencoder.score_samples(as_steps(words))


def as_steps(words: np.ndarray) -> list[np.ndarray]:
    """Return words `(word, part * band)` as sequences of one step, `(1, part * band)` each."""
    return list(words[:, None])


def pca_errors(train: np.ndarray, test: np.ndarray, n_components: int) -> np.ndarray:
    """Return the mean squared error of each test row, `(row,)`, by principal components of standardized rows."""
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    scaled = (test - mean) / deviation
    return np.square(
        pca_reconstruction((train - mean) / deviation, scaled, min(n_components, len(train))) - scaled
    ).mean(axis=1)


def spectrograms(log_mel: seqae.LogMel, words: np.ndarray, like: list[torch.Tensor], parts: int) -> list[np.ndarray]:
    """Return decibels `(part, band)` of words `(word, part * band)`, as loud as the recordings they are like."""
    frames = torch.from_numpy(np.float32(words)).unflatten(1, (parts, -1))
    return [log_mel.inverse_transform(word, decibels).numpy() for word, decibels in zip(frames, like)]


if __name__ == "__main__":
    cli.run(main)
