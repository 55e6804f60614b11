"""Find strange words with the detector for machine signals: each of its rows is a whole word.

Each class of sounds in turn is held out as strange. The detector learns from recordings of the other classes, from
their training part alone, and is asked whether a recording of the test is strange. A row holds the mean log-mel frames
(those of auDeep, Freitag et al. 2017, https://arxiv.org/abs/1712.04382) in each part of a recording, without silence:
pieces of a strange word are pieces of other words, too, only the whole is strange.

    python recipes/audio_anomaly.py
    python recipes/audio_anomaly.py --data-root folder/with/fsdd

Without data it makes its own words.
"""

import os
from pathlib import Path

import numpy as np

from seqae import cli

DATA = "Free Spoken Digit Dataset, or made-up words"
MINUTES = 5
RESULT = "FSDD, each digit held out in turn: mean AUROC .867, PCA of the same words .790"


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    code_size: int = 16,
    epochs: int = 15,
    parts: int = 8,
    classes: tuple[str, ...] = (),
    learnt: int = 500,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Hold out each class as strange, and compare the detector with principal components.

    Args:
        data_root: Folder that holds FSDD, also packed; made up if empty.
        code_size: Numbers in the code of a word, and principal components to compare with.
        epochs: Passes over the training words at most.
        parts: Of a word; a row holds the mean frame in each.
        classes: What is held out, one after the other; all if none is given.
        learnt: Training recordings at most, drawn at random.
        seed: Of all random numbers.
        smoke: Only try whether it runs.
        out: Folder for the results.
    """
    import torch

    import seqae
    from seqae import Batch
    from seqae.anomaly.window_models import Conv
    from seqae.data.audio.log_mel import LogMel
    from seqae.data.audio.spectral_normalization import SpectralTilt
    from seqae.data.audio.speech_sets import read_clips
    from seqae.data.audio.synthetic import synthetic_words
    from seqae.evaluation.anomalies import auc_roc
    from seqae.modules.pooling import SegmentMeanPooling
    from seqae.report import loss_figure, save_figure
    from seqae.report.figures.spectrograms import spectrograms_figure
    from seqae.report.run import Run

    if smoke:
        epochs, classes, learnt = 1, ("0",), 40
    seqae.configure_runtime(threads=1)
    settings = dict(data_root=data_root, code_size=code_size, epochs=epochs, parts=parts, learnt=learnt, seed=seed)
    run = Run("audio_anomaly", out, settings)
    clips = read_clips("fsdd", data_root) if data_root else synthetic_words(voices=3)
    log_mel = LogMel(sample_rate=8000, hop=0.02, window=0.04, normalization=(SpectralTilt(),), trim_db=25.0)
    decibels = [log_mel.decibels(clip.sound()) for clip in clips]
    labels = np.array([clip.label for clip in clips])
    for_test = np.array([clip.part == "test" for clip in clips])
    print(f"data   {len(clips)} recordings of {min(map(len, decibels))} to {max(map(len, decibels))} frames")

    found: dict[str, list[float]] = {}
    for strange in classes or np.unique(labels):
        normal = np.random.default_rng(seed).permutation(np.flatnonzero(~for_test & (labels != strange)))[:learnt]
        log_mel.fit_decibels([decibels[number] for number in normal])
        words = SegmentMeanPooling(parts)(Batch.of([log_mel.scaled(each) for each in decibels])).numpy()
        detector = seqae.AnomalyDetector(
            Conv(code_size, 64), resolutions=(1,), window=1, epochs=epochs, random_state=seed
        )
        detector.fit(words[normal])
        test, truth = words[for_test], labels[for_test] == strange
        scores = {
            f"detector, {code_size} numbers a word": detector.score_samples(test),
            f"PCA, {code_size} numbers a word": principal(words[normal], code_size)(test),
            "length of the recording": np.array(
                [len(log_mel.trim_silence(decibels[at])) for at in np.flatnonzero(for_test)]
            ),
        }
        for name, values in scores.items():
            found.setdefault(name, []).append(auc_roc(truth, np.array(values, dtype=float)))
        print(f"strange {strange}", "  ".join(f"{name} {values[-1]:.3f}" for name, values in found.items()))

    results = [
        {"method": name, "AUROC": float(np.mean(values)), "lowest": min(values), "highest": max(values)}
        for name, values in found.items()
    ]
    metrics = {f"{line['method']}: {key}": line[key] for line in results for key in ("AUROC", "lowest", "highest")}
    kinds = [np.flatnonzero(~truth), np.flatnonzero(truth)]
    chosen = np.concatenate([kind[np.linspace(0, len(kind) - 1, 3).astype(int)] for kind in kinds])
    numbers = np.flatnonzero(for_test)[chosen]
    errors = detector.score_samples(test[chosen])
    names = [f"{'strange' if truth[at] else 'normal'}, score {error:.2f}" for at, error in zip(chosen, errors)]
    shown = {"word": test[chosen], "written": detector.reconstruct(test[chosen])}
    pictures = {
        kind: [
            log_mel.inverse_transform(torch.from_numpy(np.float32(row.reshape(parts, -1))), decibels[number]).numpy()
            for row, number in zip(rows, numbers)
        ]
        for kind, rows in shown.items()
    }
    save_figure(spectrograms_figure(pictures, names, 1 / parts, "share of the word"), run.path("words.png"))
    save_figure(loss_figure(detector.history_), run.path("loss.png"))
    seqae.save({"log_mel": log_mel, "detector": detector}, run.path("model"), metrics=metrics)
    run.finish(results, metrics)
    return metrics


def principal(train: np.ndarray, components: int):
    """Return what gives the mean squared error of each row by principal components, as the best linear autoencoder."""
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    axes = np.linalg.svd((train - mean) / deviation, full_matrices=False)[2][:components]

    def score(rows: np.ndarray) -> np.ndarray:
        scaled = (rows - mean) / deviation
        return np.square(scaled - scaled @ axes.T @ axes).mean(axis=1)

    return score


if __name__ == "__main__":
    cli.run(main)
