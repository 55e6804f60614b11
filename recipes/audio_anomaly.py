"""Find strange sounds with the detector for machine signals: log-mel frames are its channels.

Each class of sounds in turn is held out as strange. The detector learns from recordings of the other classes, from
their training part alone, and is asked whether a recording of the test is strange. Frames are those of auDeep (Freitag
et al. 2017, https://arxiv.org/abs/1712.04382); the score of a recording is the mean of the scores of its frames.

    python recipes/audio_anomaly.py
    python recipes/audio_anomaly.py --data-root folder/with/fsdd --model conv

Without data it makes its own words.
"""

import os
from pathlib import Path

import numpy as np

from seqae import cli

DATA = "Free Spoken Digit Dataset, or made-up words"
MINUTES = 5
RESULT = "FSDD, each digit held out: AUROC .581, PCA of windows .582: a digit is no strange sound to either"


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    model: str = "conv",
    code_size: int = 16,
    epochs: int = 15,
    window: int = 16,
    classes: int = 10,
    learnt: int = 500,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Hold out each class as strange, and compare the detector with principal components of windows.

    Args:
        data_root: Folder that holds FSDD, also packed; made up if empty.
        model: One of conv, gru, lstm; it reads all bands of a window together.
        code_size: Numbers in the code of a window, and principal components to compare with.
        epochs: Passes over the training windows at most.
        window: Frames in a window.
        classes: How many are held out, one after the other.
        learnt: Training recordings at most, drawn at random.
        seed: Of all random numbers.
        smoke: Only try whether it runs.
        out: Folder for the results.
    """
    import seqae
    from seqae.anomaly.metrics import auc_roc
    from seqae.data.sounds.log_mel import LogMel
    from seqae.data.sounds.made import made_words
    from seqae.data.sounds.reference_spectra import LoudSpectrum
    from seqae.data.sounds.sets import read_clips
    from seqae.report import loss_figure, save_figure
    from seqae.report.run import Run
    from seqae.report.sequence_figures import sequences_figure

    if smoke:
        epochs, classes, learnt = 1, 1, 40
    seqae.tune(threads=1)
    settings = dict(data_root=data_root, model=model, code_size=code_size, epochs=epochs, window=window, seed=seed)
    run = Run("audio_anomaly", out, settings)
    clips = read_clips("fsdd", data_root) if data_root else made_words(voices=3)
    log_mel = LogMel(rate=8000, references=(LoudSpectrum(),))
    decibels = [log_mel.decibels(clip.sound()) for clip in clips]
    labels = np.array([clip.label for clip in clips])
    for_test = np.array([clip.part == "test" for clip in clips])
    print(f"data   {len(clips)} recordings of {min(map(len, decibels))} to {max(map(len, decibels))} frames")

    found: dict[str, list[float]] = {}
    for strange in np.unique(labels)[:classes]:
        normal = np.random.default_rng(seed).permutation(np.flatnonzero(~for_test & (labels != strange)))[:learnt]
        log_mel.fit_decibels([decibels[number] for number in normal])
        train = [log_mel.scaled(decibels[number]).numpy() for number in normal]
        test = [log_mel.scaled(decibels[number]).numpy() for number in np.flatnonzero(for_test)]
        truth = labels[for_test] == strange
        detector = detector_of(model, code_size, epochs, window, seed).fit(train)
        linear = detector_of("pca", code_size, epochs, window, seed).fit(train)
        scores = {
            f"detector ({model}), {code_size} numbers a window": [detector.scores(frames).mean() for frames in test],
            f"PCA, {code_size} numbers a window": principal(train, window, code_size)(test),
            "detector (pca), 1 to 8 numbers a band and window": [linear.scores(frames).mean() for frames in test],
            "length of the recording": [float(len(frames)) for frames in test],
        }
        for name, values in scores.items():
            found.setdefault(name, []).append(auc_roc(truth, np.array(values)))
        print(f"strange {strange}", "  ".join(f"{name} {values[-1]:.3f}" for name, values in found.items()))

    results = [
        {"method": name, "AUROC": float(np.mean(values)), "lowest": min(values), "highest": max(values)}
        for name, values in found.items()
    ]
    metrics = {f"{line['method']}: {key}": line[key] for line in results for key in ("AUROC", "lowest", "highest")}
    shown = {
        kind: [test[number] for number in np.flatnonzero(truth == is_strange)[:3]]
        for kind, is_strange in (("normal", False), (f"strange: {strange}", True))
    }
    written = {kind: [detector.reconstruct(frames) for frames in rows] for kind, rows in shown.items()}
    save_figure(sequences_figure(shown, written, channel=log_mel.bands // 3), run.path("frames.png"))
    save_figure(loss_figure(detector.history_), run.path("loss.png"))
    seqae.save({"log_mel": log_mel, "detector": detector}, run.path("model"), metrics=metrics)
    run.finish(results, metrics)
    return metrics


def detector_of(model: str, code_size: int, epochs: int, window: int, seed: int):
    """Return a detector that looks at single frames: recordings are too short for coarser resolutions."""
    from seqae import AnomalyDetector
    from seqae.anomaly.models import Conv, Principal, Recurrent

    makers = {
        "conv": Conv(code_size),
        "gru": Recurrent(gated=True, code_size=code_size),
        "lstm": Recurrent(code_size=code_size),
        "pca": Principal(),
    }
    if model not in makers:
        raise ValueError(f"no model {model!r}. Choose one of {', '.join(makers)}")
    return AnomalyDetector(makers[model], resolutions=(1,), window=window, epochs=epochs, seed=seed)


def principal(train: list[np.ndarray], window: int, components: int):
    """Return what gives the mean squared error of each recording by principal components of windows."""
    windows = np.concatenate([windows_of(frames, window) for frames in train])
    chosen = windows[np.linspace(0, len(windows) - 1, min(len(windows), 20000)).astype(int)]
    mean = chosen.mean(axis=0)
    axes = np.linalg.eigh(np.cov((chosen - mean).T))[1][:, -components:]

    def score(recordings: list[np.ndarray]) -> list[float]:
        centred = [windows_of(frames, window) - mean for frames in recordings]
        return [float(np.square(rows - rows @ axes @ axes.T).mean()) for rows in centred]

    return score


def windows_of(frames: np.ndarray, window: int) -> np.ndarray:
    """Return all windows of a recording, (window, frame * band); the last frame is repeated if it is too short."""
    missing = max(0, window - len(frames))
    padded = np.pad(frames, ((0, missing), (0, 0)), mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, window, axis=0).reshape(len(padded) - window + 1, -1)


if __name__ == "__main__":
    cli.run(main)
