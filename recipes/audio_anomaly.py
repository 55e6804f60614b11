"""Find anomalous words with the detector for machine signals: each of its rows is a whole word.

Each class of words in turn is held out as the anomaly: the detector learns from training recordings of the other
classes, and scores the test recordings. A row holds the mean log-mel frames (Freitag et al. 2017, auDeep,
https://arxiv.org/abs/1712.04382) in each part of a recording, without silence.

    python recipes/audio_anomaly.py
    python recipes/audio_anomaly.py --data-root folder/with/fsdd
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

import seqae
from seqae import cli
from seqae.anomaly import WindowModelFactory
from seqae.data import SpectralTilt, read_clips, synthetic_words
from seqae.evaluation import auc_roc, pca_reconstruction
from seqae.modules import ConvDecoder, MissingValueEmbedding, SegmentMeanPooling
from seqae.report import loss_figure, save_figure, spectrograms_figure

DATA = "Free Spoken Digit Dataset, or synthetic words"


@dataclass(frozen=True)
class WordModel(WindowModelFactory):
    """A residual network that reads a whole word as one step; there, it ranks better than the models of many steps.

    Args:
        code_size: Units of the code of a word.
        hidden_size: Units of the hidden layers.
    """

    code_size: int = 16
    hidden_size: int = 64

    def __call__(self, windows: torch.Tensor) -> seqae.Autoencoder:
        size, sizes = windows.shape[2], (self.hidden_size,) * 3
        encoder = seqae.ConvEncoder(2 * size, self.code_size, sizes, embed=MissingValueEmbedding())
        return seqae.Autoencoder(encoder, ConvDecoder(self.code_size, nn.Linear(self.hidden_size, size), sizes))


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    code_size: int = 16,
    epochs: int = 15,
    parts: int = 8,
    classes: tuple[str, ...] = (),
    max_words: int = 500,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Hold out each class as the anomaly, and compare the detector with principal components.

    Args:
        data_root: Folder that holds FSDD, also packed; synthetic words if empty.
        code_size: Length of the code of a word, and number of principal components to compare with.
        epochs: Passes over the training words at most.
        parts: Parts of a word; a row holds the mean frame of each.
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
    clips = read_clips("fsdd", data_root) if data_root else synthetic_words(voices=3)
    log_mel = seqae.LogMel(sample_rate=8000, hop=0.02, window=0.04, normalization=(SpectralTilt(),), trim_db=25.0)
    decibels = [log_mel.decibels(clip.audio()) for clip in clips]
    labels = np.array([clip.label for clip in clips])
    for_test = np.array([clip.part == "test" for clip in clips])
    durations = np.array([len(log_mel.trim_silence(each)) for each in decibels], dtype=float)
    print(f"data   {len(clips)} recordings of {min(map(len, decibels))} to {max(map(len, decibels))} frames")

    found: dict[str, list[float]] = {}
    for held_out in classes or np.unique(labels):
        normal = np.flatnonzero(~for_test & (labels != held_out))
        normal = np.random.default_rng(seed).permutation(normal)[:max_words]
        log_mel.fit_decibels([decibels[index] for index in normal])
        words = SegmentMeanPooling(parts)(seqae.Batch.of([log_mel.scaled(each) for each in decibels])).numpy()
        detector = seqae.AnomalyDetector(
            WordModel(code_size), resolutions=(1,), window=1, epochs=epochs, random_state=seed
        ).fit(words[normal])
        test, truth = words[for_test], labels[for_test] == held_out
        scores = {
            f"detector, code of {code_size}": detector.score_samples(test),
            f"PCA, {code_size} components": pca_errors(words[normal], test, code_size),
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
    errors = detector.score_samples(test[chosen])
    names = [f"{'anomaly' if truth[at] else 'normal'}, score {error:.2f}" for at, error in zip(chosen, errors)]
    like = [decibels[index] for index in np.flatnonzero(for_test)[chosen]]
    rows = {"word": test[chosen], "reconstruction": detector.reconstruct(test[chosen])}
    pictures = {name: spectrograms(log_mel, words, like, parts) for name, words in rows.items()}
    save_figure(spectrograms_figure(pictures, names, 1 / parts, "fraction of the word"), run.path("words.png"))
    save_figure(loss_figure(detector.history_), run.path("loss.png"))
    seqae.save({"log_mel": log_mel, "detector": detector}, run.path("model"), metrics=metrics)
    run.finish([{"method": name, **row} for name, row in table.items()], metrics)
    return metrics


def pca_errors(train: np.ndarray, test: np.ndarray, n_components: int) -> np.ndarray:
    """Return the mean squared error of each test row, `(row,)`, by principal components of standardized rows."""
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    scaled = (test - mean) / deviation
    return np.square(pca_reconstruction((train - mean) / deviation, scaled, n_components) - scaled).mean(axis=1)


def spectrograms(log_mel: seqae.LogMel, words: np.ndarray, like: list[torch.Tensor], parts: int) -> list[np.ndarray]:
    """Return decibels `(part, band)` of words `(word, part * band)`, as loud as the recordings they are like."""
    frames = torch.from_numpy(np.float32(words)).unflatten(1, (parts, -1))
    return [log_mel.inverse_transform(word, decibels).numpy() for word, decibels in zip(frames, like)]


if __name__ == "__main__":
    cli.run(main)
