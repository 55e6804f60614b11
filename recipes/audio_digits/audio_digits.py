"""Learn features of sound without labels, and let a linear classifier name spoken digits from them.

Recurrent autoencoders of log-mel frames after auDeep (Freitag et al. 2017, https://arxiv.org/abs/1712.04382): one reads
frame after frame, one band after band; they learn from damaged frames without silence. Features are the mean states in
each part of a recording. Every encoder has seen its training part only: no recording of the test, and in the columns
"new speaker" none of the speaker who is asked for. The linear classifier has also heard each recording in three noises.
With few labels, the rest of the
training recordings is named step by step; the directions in which its speakers differ are taken out before. "Own
scale": each speaker's features are brought to mean 0 and deviation 1 over all recordings of that speaker, which
takes no labels but many recordings of the new one.

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
RESULT = "FSDD, official split 99.7 %, 10 labels a digit 97.3 %, new speakers 87.4 %; log-mel means 98.3, 72.5, 64 %"
PARTS = 6  # of a recording: the mean state in each is a feature
BASELINE = "log-mel means, RBF SVM (baseline)"
FUSED = "autoencoders, frames and bands"


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    code_size: int = 128,
    hidden_size: int = 128,
    epochs: int = 5,
    labelled: int = 10,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Train on recordings without labels, then classify with all labels, with few, and for speakers never heard.

    Args:
        data_root: Folder that holds FSDD, also packed; made up if empty.
        code_size: Numbers in the code of a recording.
        hidden_size: Of the recurrences, in each direction; half of it for those that read the bands.
        epochs: Passes over the training recordings.
        labelled: Labels for each digit in the columns with few labels.
        seed: Of weights, order, damage and the choice of labels.
        smoke: Only try whether it runs.
        out: Folder for the results.
    """
    import torch
    from noise_floor import NoiseFloor

    import seqae
    from seqae.data.audio.log_mel import LogMel
    from seqae.data.audio.spectral_normalization import SpectralQuantile, SpectralTilt
    from seqae.data.audio.speech_sets import read_clips
    from seqae.data.audio.synthetic import synthetic_words
    from seqae.report import embedding_figure, loss_figure, save_figure
    from seqae.report.figures.spectrograms import spectrograms_figure
    from seqae.report.run import Run

    if smoke:
        epochs, hidden_size, code_size, labelled = 1, 16, 16, 2
    seqae.configure_runtime()
    settings = dict(data_root=data_root, code_size=code_size, hidden_size=hidden_size, epochs=epochs, seed=seed)
    run = Run("audio_digits", out, settings)
    clips = read_clips("fsdd", data_root) if data_root else synthetic_words()
    began = time.perf_counter()
    log_mel = LogMel(
        sample_rate=8000, hop=0.02, window=0.04, normalization=(SpectralQuantile(), SpectralTilt()), trim_db=25.0
    )
    decibels = [log_mel.decibels(clip.sound()) for clip in clips]
    seconds = time.perf_counter() - began
    random = torch.Generator().manual_seed(seed)
    noises = (NoiseFloor(50), NoiseFloor(40, tilt=8), NoiseFloor(40, tilt=-8))
    versions = [decibels, *([noise(each, random) for each in decibels] for noise in noises)]
    digits, speakers = np.array([int(clip.label) for clip in clips]), np.array([clip.speaker for clip in clips])
    for_test = np.array([clip.part == "test" for clip in clips])
    print(f"data   {len(clips)} recordings of {min(map(len, decibels))} to {max(map(len, decibels))} frames")
    print(f"       {len(np.unique(speakers))} speakers; read and turned into frames in {seconds:.1f} s")
    baseline = means(decibels, parts=8)[None]

    def learnt(train: np.ndarray):
        """Return the autoencoders, their losses, and all features by name, `(version, recording, feature)`."""
        log_mel.fit_decibels([decibels[number] for number in np.flatnonzero(train)])
        frames = [[log_mel.scaled(each) for each in version] for version in versions]
        models, history = train_both(log_mel, frames[0], train, code_size, hidden_size, epochs, seed)
        untrained, _ = train_both(log_mel, frames[0], train, code_size, hidden_size, 0, seed)
        return models, history, {BASELINE: baseline} | features_of(models, untrained["frames"], log_mel, frames)

    models, history, features = learnt(~for_test)
    official = {name: correct(rows, digits, ~for_test, for_test, name) for name, rows in features.items()}
    few = {
        name: few_labels(rows, digits, speakers, ~for_test, for_test, labelled, seed, name)
        for name, rows in features.items()
    }
    print("official split", "  ".join(f"{name} {value:.3f}" for name, value in official.items()))
    by_speaker: dict[str, list[float]] = {}
    own_scale: dict[str, list[float]] = {}
    for speaker in np.unique(speakers):
        others = speakers != speaker
        for name, rows in learnt(others)[2].items():
            by_speaker.setdefault(name, []).append(correct(rows, digits, others, ~others, name))
            scaled = np.stack([scaled_by_speaker(version, speakers) for version in rows])
            own_scale.setdefault(name, []).append(correct(scaled, digits, others, ~others, name))
        print(f"new speaker {speaker}", "  ".join(f"{name} {values[-1]:.3f}" for name, values in by_speaker.items()))

    log_mel.fit_decibels([decibels[number] for number in np.flatnonzero(~for_test)])  # as the saved models read it
    results = [
        {
            "features": name,
            "official split": official[name],
            f"{labelled} labels a digit": few[name][0],
            "and the rest without": few[name][1],
            "new speaker": float(np.mean(by_speaker[name])),
            "new speaker, own scale": float(np.mean(own_scale[name])),
        }
        for name in features
    ]
    metrics = {f"{line['features']}: {key}": line[key] for line in results for key in list(line)[1:]}
    metrics["seconds for features"] = seconds

    shown = [int(np.flatnonzero(for_test & (digits == digit))[0]) for digit in np.unique(digits)[:5]]
    written = seqae.reconstruct(models["frames"], [log_mel.scaled(decibels[number]) for number in shown])
    restored = [
        log_mel.inverse_transform(torch.from_numpy(each), decibels[number]) for each, number in zip(written, shown)
    ]
    pictures = {
        "original": [log_mel.trim_silence(decibels[number]).numpy() for number in shown],
        "reconstruction": [each.numpy() for each in restored],
    }
    names = [clips[number].name for number in shown]
    save_figure(spectrograms_figure(pictures, names, log_mel.hop), run.path("sounds.png"))
    codes = seqae.encode(models["frames"], [log_mel.scaled(decibels[number]) for number in np.flatnonzero(for_test)])
    save_figure(embedding_figure(codes, digits[for_test]), run.path("codes-digits.png"))
    save_figure(embedding_figure(codes, speakers[for_test]), run.path("codes-speakers.png"))
    save_figure(loss_figure(history), run.path("loss.png"))
    clips[shown[0]].sound().write(run.path("original.wav"))
    log_mel.sound(restored[0]).write(run.path("reconstruction.wav"))
    seqae.save({"log_mel": log_mel, **models}, run.path("model"), metrics=metrics)
    run.finish(results, metrics)
    return metrics


def train_both(log_mel, frames, train: np.ndarray, code_size: int, hidden_size: int, epochs: int, seed: int):
    """Return autoencoders that read along time and along the bands, and the losses of both."""
    import torch
    from torch import nn

    import seqae
    from seqae.data.audio.log_mel import across_bands
    from seqae.datasets.loader import DataLoader
    from seqae.datasets.sampler import LengthBucketSampler
    from seqae.datasets.sequences import SequenceDataset
    from seqae.training.optimizers import cosine_with_warmup
    from seqae.transforms.augmentations import TimeWarp
    from seqae.transforms.corruptions import Compose, GaussianNoise
    from seqae.transforms.spectrograms import VTLP, FrequencyMasking, TimeMasking

    chosen = [frames[number] for number in np.flatnonzero(train)]
    views = {"frames": chosen, "bands": [across_bands(each, log_mel.bands) for each in chosen]}
    hidden_sizes = {"frames": hidden_size, "bands": hidden_size // 2}
    of_frames = (TimeWarp(2.0), VTLP(2.0, log_mel.bands), FrequencyMasking(8, log_mel.bands), TimeMasking(0.2))
    damages = {"frames": of_frames, "bands": (TimeWarp(2.0), TimeMasking(0.2))}
    models, history = {}, {}
    for name, sequences in views.items():
        torch.manual_seed(seed)
        size, hidden = sequences[0].shape[1], hidden_sizes[name]
        models[name] = seqae.Autoencoder(
            seqae.RecurrentEncoder(seqae.GRU(size, hidden, bidirectional=True), code_size),
            seqae.RepeatDecoder(seqae.GRU(code_size, hidden), nn.Linear(hidden, size)),
        )
        if epochs:
            source = SequenceDataset(sequences)
            damage = Compose((*damages[name], GaussianNoise(0.2)))
            task = seqae.Reconstruction(
                models[name], seqae.squared_error, damage, 3e-3, seed=seed, lr_scheduler=cosine_with_warmup
            )
            loader = DataLoader(source, LengthBucketSampler(source.lengths, 32, seed))
            history[name] = seqae.fit(task, loader, epochs=epochs, progress=False).train
    return models, history


def features_of(models, untrained, log_mel, versions) -> dict[str, np.ndarray]:
    """Return features of each version of each recording, `(version, recording, feature)`, by name."""
    import seqae
    from seqae.data.audio.log_mel import across_bands
    from seqae.modules.encoders import SegmentMeanEncoder

    def states(model, recordings) -> np.ndarray:
        return seqae.encode(SegmentMeanEncoder(model.encoder.rnn, PARTS), recordings)

    plain = np.stack([means(version, PARTS) for version in versions])
    frames = np.stack([states(models["frames"], version) for version in versions])
    turned = ([across_bands(each, log_mel.bands) for each in version] for version in versions)
    bands = np.stack([states(models["bands"], version) for version in turned])
    return {
        "means of the same frames": plain,
        "untrained, frames": np.stack([states(untrained, version) for version in versions]),
        "autoencoder, frames": frames,
        "autoencoder, bands": bands,
        FUSED: np.concatenate([frames, bands, plain], axis=2),
    }


def means(recordings, parts: int) -> np.ndarray:
    """Return the mean frames in each part of each recording, `(recording, part * band)`."""
    from seqae import Batch
    from seqae.modules.pooling import SegmentMeanPooling

    return SegmentMeanPooling(parts)(Batch.of(recordings)).numpy()


def linear(weight: float):
    """Return a linear least-squares support vector machine, which is ridge regression of the classes.

    Suykens & Vandewalle 1999, https://doi.org/10.1023/A:1018628609742.
    """
    from sklearn.linear_model import RidgeClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), RidgeClassifier(weight))


def correct(versions: np.ndarray, digits: np.ndarray, train: np.ndarray, test: np.ndarray, name: str) -> float:
    """Return the share of test recordings that are named rightly; only those of training are heard in all versions."""
    rows, known = np.concatenate(versions[:, train]), np.tile(digits[train], len(versions))
    machine = radial() if name == BASELINE else linear(0.5 * len(rows))
    return float(machine.fit(rows, known).score(versions[0, test], digits[test]))


def radial():
    """Return the baseline's classifier."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    return make_pipeline(StandardScaler(), SVC(C=10))


def scaled_by_speaker(features: np.ndarray, speakers: np.ndarray) -> np.ndarray:
    """Return features with mean 0 and deviation 1 over the recordings of each speaker."""
    scaled = np.empty_like(features)
    for speaker in np.unique(speakers):
        own = features[speakers == speaker]
        scaled[speakers == speaker] = (own - own.mean(axis=0)) / np.maximum(own.std(axis=0), 1e-6)
    return scaled


def few_labels(features, digits, speakers, train, test, labelled: int, seed: int, name: str) -> tuple[float, float]:
    """Return the share named rightly by some labels of each digit, drawn at random: the mean of ten draws.

    The first number is of the labels alone; the second uses all training recordings, and the names of their speakers.
    """
    from few_labels import NuisanceProjection, SelfTraining
    from sklearn.decomposition import PCA
    from sklearn.linear_model import RidgeClassifier
    from sklearn.preprocessing import StandardScaler

    alone, with_rest = [], []
    rows = StandardScaler().fit(features[0, train]).transform(features[0])
    rows = NuisanceProjection().fit(rows[train], speakers[train]).transform(rows)
    rows = PCA(0.98, svd_solver="covariance_eigh").fit(rows[train]).transform(rows)
    machine = radial() if name == BASELINE else RidgeClassifier(0.1 * train.sum())
    for draw in range(10):
        random = np.random.default_rng((seed, draw))
        of_digit = [np.flatnonzero(train & (digits == digit)) for digit in np.unique(digits)]
        chosen = np.concatenate([random.choice(numbers, labelled, replace=False) for numbers in of_digit])
        has_label = np.isin(np.arange(len(digits)), chosen)
        alone.append(correct(features, digits, has_label, test, name))
        known = np.where(has_label, digits, -1)
        with_rest.append(SelfTraining(machine).fit(rows[train], known[train]).score(rows[test], digits[test]))
    return float(np.mean(alone)), float(np.mean(with_rest))


if __name__ == "__main__":
    cli.run(main)
