"""Learn features of sound without labels, and let a linear classifier name spoken digits from them.

Recurrent autoencoders of log-mel frames after auDeep (Freitag et al. 2017, https://arxiv.org/abs/1712.04382): one reads
frame after frame, one band after band; what both have in their states, and the frames themselves, are put together.
They learn from damaged frames. Every encoder has seen its training part only: no recording of the test, and in the
columns "new speaker" none of the speaker who is asked for. "Own scale": each speaker's features are brought to mean 0
and deviation 1 over all recordings of that speaker, which takes no labels but many recordings of the new one.

    python recipes/audio_digits.py
    python recipes/audio_digits.py --data-root folder/with/fsdd

FSDD (3,000 recordings of 6 speakers), official split: 0 to 4 of each digit and speaker are for the test. Without data
it makes its own words.
"""

import os
import time
from pathlib import Path

import numpy as np

from seqae import cli

DATA = "Free Spoken Digit Dataset, or made-up words"
MINUTES = 15
RESULT = "FSDD, official split 98.7 %, new speakers 79 %; log-mel means, RBF SVM 98.3 %, 64 %; untrained 96.7 %, 75 %"
PARTS = 8  # of a recording: the mean state in each is a feature


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    code_size: int = 128,
    hidden_size: int = 128,
    epochs: int = 6,
    labelled: int = 10,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Train on recordings without labels, then classify with all labels, with few, and for speakers never heard.

    Args:
        data_root: Folder that holds FSDD, also packed; made up if empty.
        code_size: Numbers in the code of a recording.
        hidden_size: Of the recurrences, in each direction.
        epochs: Passes over the training recordings.
        labelled: Labels for each digit in the row "few labels".
        seed: Of weights, order, damage and the choice of labels.
        smoke: Only try whether it runs.
        out: Folder for the results.
    """
    import seqae
    from seqae.data.sounds.log_mel import LogMel
    from seqae.data.sounds.made import made_words
    from seqae.data.sounds.reference_spectra import LoudSpectrum, Slope
    from seqae.data.sounds.sets import read_clips
    from seqae.report import code_figure, loss_figure, save_figure
    from seqae.report.run import Run
    from seqae.report.sound_figures import spectrograms_figure

    if smoke:
        epochs, hidden_size, code_size, labelled = 1, 16, 16, 2
    seqae.tune()
    settings = dict(data_root=data_root, code_size=code_size, hidden_size=hidden_size, epochs=epochs, seed=seed)
    run = Run("audio_digits", out, settings)
    clips = read_clips("fsdd", data_root) if data_root else made_words()
    began = time.perf_counter()
    log_mel = LogMel(rate=8000, hop=0.02, window=0.04, references=(LoudSpectrum(), Slope()))
    decibels = [log_mel.decibels(clip.sound()) for clip in clips]
    seconds = time.perf_counter() - began
    digits, speakers = np.array([clip.label for clip in clips]), np.array([clip.speaker for clip in clips])
    for_test = np.array([clip.part == "test" for clip in clips])
    print(f"data   {len(clips)} recordings of {min(map(len, decibels))} to {max(map(len, decibels))} frames")
    print(f"       {len(np.unique(speakers))} speakers; read and turned into frames in {seconds:.1f} s")

    def learnt(train: np.ndarray, passes: int):
        log_mel.fit_decibels([decibels[number] for number in np.flatnonzero(train)])
        frames = [log_mel.scaled(each) for each in decibels]
        models, history = train_both(log_mel, frames, train, code_size, hidden_size, passes, seed)
        return models, history, features_of(models, log_mel, frames)

    models, history, features = learnt(~for_test, epochs)
    features = {"log-mel means, RBF SVM (baseline)": plain_means(decibels)} | features
    features["untrained, frames and bands"] = learnt(~for_test, 0)[2][FUSED]
    official = {name: correct(rows, digits, ~for_test, for_test, name) for name, rows in features.items()}
    few = few_labels(features, digits, ~for_test, for_test, labelled, seed)
    by_speaker: dict[str, list[float]] = {}
    own_scale: dict[str, list[float]] = {}
    for speaker in np.unique(speakers):
        others = speakers != speaker
        found = learnt(others, epochs)[2] | {"untrained, frames and bands": learnt(others, 0)[2][FUSED]}
        found["log-mel means, RBF SVM (baseline)"] = features["log-mel means, RBF SVM (baseline)"]
        for name, rows in found.items():
            by_speaker.setdefault(name, []).append(correct(rows, digits, others, ~others, name))
            scaled = scaled_by_speaker(rows, speakers)
            own_scale.setdefault(name, []).append(correct(scaled, digits, others, ~others, name))
        print(f"new speaker {speaker}", "  ".join(f"{name} {values[-1]:.3f}" for name, values in by_speaker.items()))

    log_mel.fit_decibels([decibels[number] for number in np.flatnonzero(~for_test)])  # as the saved models read it
    results = [
        {
            "features": name,
            "official split": official[name],
            f"{labelled} labels a digit": few[name],
            "new speaker": float(np.mean(by_speaker[name])),
            "new speaker, own scale": float(np.mean(own_scale[name])),
        }
        for name in features
    ]
    metrics = {f"{line['features']}: {key}": line[key] for line in results for key in list(line)[1:]}
    metrics["seconds for features"] = seconds

    shown = [int(np.flatnonzero(for_test & (digits == digit))[0]) for digit in np.unique(digits)[:5]]
    frames = [log_mel.scaled(decibels[number]) for number in shown]
    written = seqae.reconstruct(models["frames"], frames)
    restored = [_restored(log_mel, each, decibels[number]) for each, number in zip(written, shown)]
    pictures = {"original": [decibels[number].numpy() for number in shown], "reconstruction": restored}
    save_figure(
        spectrograms_figure(pictures, [clips[each].name for each in shown], log_mel.hop), run.path("sounds.png")
    )
    codes = seqae.encode(models["frames"], [log_mel.scaled(decibels[number]) for number in np.flatnonzero(for_test)])
    save_figure(code_figure(codes, digits[for_test]), run.path("codes-digits.png"))
    save_figure(code_figure(codes, speakers[for_test]), run.path("codes-speakers.png"))
    save_figure(loss_figure(history), run.path("loss.png"))
    write_sounds(run, log_mel, clips[shown[0]], restored[0])
    seqae.save({"log_mel": log_mel, **models}, run.path("model"), metrics=metrics)
    run.finish(results, metrics)
    return metrics


FUSED = "autoencoders, frames and bands"


def train_both(log_mel, frames, train: np.ndarray, code_size: int, hidden_size: int, epochs: int, seed: int):
    """Return autoencoders that read along time and along the bands, and the losses of both."""
    import torch
    from torch import nn

    import seqae
    from seqae.corruptions import GaussianNoise, InTurn
    from seqae.data.batches import BatchOrder, Loader, Sequences
    from seqae.data.sounds.frame_damage import MaskBands, MaskTime, WarpBands
    from seqae.data.sounds.log_mel import across_bands
    from seqae.distortions import WarpTime
    from seqae.training.optimizers import cosine

    chosen = [frames[number] for number in np.flatnonzero(train)]
    views = {"frames": chosen, "bands": [across_bands(each, log_mel.bands) for each in chosen]}
    of_frames = (WarpTime(2.0), WarpBands(2.0, log_mel.bands), MaskBands(8, log_mel.bands), MaskTime(0.2))
    damages = {"frames": of_frames, "bands": (WarpTime(2.0), MaskTime(0.2))}
    models, history = {}, {}
    for name, sequences in views.items():
        torch.manual_seed(seed)
        size = sequences[0].shape[1]
        models[name] = seqae.Autoencoder(
            seqae.RecurrentEncoder(seqae.GRU(size, hidden_size, bidirectional=True), code_size),
            seqae.RepeatDecoder(seqae.GRU(code_size, hidden_size), nn.Linear(hidden_size, size)),
        )
        if epochs:
            source = Sequences(sequences)
            damage = InTurn((*damages[name], GaussianNoise(0.2)))
            task = seqae.Reconstruction(models[name], seqae.squared_error, damage, 3e-3, seed=seed, rate=cosine)
            loader = Loader(source, BatchOrder(source.lengths, 32, seed))
            history[name] = seqae.fit(task, loader, epochs=epochs, progress=False).train
    return models, history


def features_of(models, log_mel, frames) -> dict[str, np.ndarray]:
    """Return the mean states in each part of each recording, (recording, feature), for both ways and together."""
    from seqae.data.sounds.log_mel import across_bands

    bands = [across_bands(each, log_mel.bands) for each in frames]
    along = {"frames": states(models["frames"], frames), "bands": states(models["bands"], bands)}
    means = np.stack([_means(each) for each in frames])
    return {
        "means of the same frames": means,
        "autoencoder, frames": along["frames"],
        "autoencoder, bands": along["bands"],
        FUSED: np.concatenate([*along.values(), means], axis=1),
    }


def states(model, sequences) -> np.ndarray:
    """Return the mean states of the encoder in each part of each sequence, (sequence, part * state)."""
    from seqae import Batch
    from seqae.inference import evaluating

    found = []
    with evaluating(model):
        for at in range(0, len(sequences), 256):
            hidden = model.encoder.recurrence(Batch.of(sequences[at : at + 256]))
            found += [_means(each) for each in hidden.unpad()]
    return np.stack(found)


def plain_means(decibels) -> np.ndarray:
    """Return the baseline's features: mean log-mel frames in each part of each recording."""
    return np.stack([_means(each) for each in decibels])


def _means(rows) -> np.ndarray:
    from torch.nn.functional import adaptive_avg_pool1d

    return adaptive_avg_pool1d(rows.T.unsqueeze(0), PARTS).flatten().numpy()


def classifier(name: str, size: int):
    """Return what names digits from features."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    return make_pipeline(StandardScaler(), SVC(C=10) if "RBF" in name else SVC(kernel="linear", C=3 / size))


def correct(features: np.ndarray, digits: np.ndarray, train: np.ndarray, test: np.ndarray, name: str) -> float:
    """Return the share of test recordings that are named rightly."""
    return float(
        classifier(name, features.shape[1]).fit(features[train], digits[train]).score(features[test], digits[test])
    )


def scaled_by_speaker(features: np.ndarray, speakers: np.ndarray) -> np.ndarray:
    """Return features with mean 0 and deviation 1 over the recordings of each speaker."""
    scaled = np.empty_like(features)
    for speaker in np.unique(speakers):
        own = features[speakers == speaker]
        scaled[speakers == speaker] = (own - own.mean(axis=0)) / np.maximum(own.std(axis=0), 1e-6)
    return scaled


def few_labels(features, digits: np.ndarray, train: np.ndarray, test: np.ndarray, labelled: int, seed: int):
    """Return the same for some labels of each digit, drawn at random: the mean of ten draws."""
    found: dict[str, list[float]] = {name: [] for name in features}
    for draw in range(10):
        random = np.random.default_rng((seed, draw))
        chosen = [
            random.choice(np.flatnonzero(train & (digits == digit)), labelled, replace=False)
            for digit in np.unique(digits)
        ]
        few = np.isin(np.arange(len(digits)), np.concatenate(chosen))
        for name, rows in features.items():
            found[name].append(correct(rows, digits, few, test, name))
    return {name: float(np.mean(values)) for name, values in found.items()}


def _restored(log_mel, frames: np.ndarray, like) -> np.ndarray:
    import torch

    return log_mel.restored(torch.from_numpy(frames), like).numpy()


def write_sounds(run, log_mel, clip, restored: np.ndarray) -> None:
    """Write a recording, and what the autoencoder made of it, to listen to."""
    import torch

    clip.sound().write(run.path("original.wav"))
    log_mel.sound(torch.from_numpy(restored)).write(run.path("reconstruction.wav"))


if __name__ == "__main__":
    cli.run(main)
