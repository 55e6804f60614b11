"""Learn features of speech without labels, and classify spoken digits by a linear classifier on them.

Two recurrent autoencoders of log-mel frames after auDeep (Freitag et al. 2017, https://arxiv.org/abs/1712.04382): one
reads frame after frame, one band after band; they restore corrupted recordings. Features are their mean states in each
part of a recording. The baseline is mean log-mel frames with a support vector machine. Three tests: all labels, few
labels (see `few_labels`), and speakers that are in no training set.

    python recipes/audio_digits/audio_digits.py
    python recipes/audio_digits/audio_digits.py --data-root folder/with/fsdd
"""

import os
from pathlib import Path

import numpy as np
import torch
from few_labels import BASELINE, accuracy, few_label_accuracy
from noise_floor import NoiseFloor
from speech_features import features, segment_means
from torch import Tensor, nn

import seqae
from seqae import cli
from seqae.data import SpectralQuantile, SpectralTilt, across_bands, read_clips, read_word_folder, synthetic_words
from seqae.datasets import SequenceDataset
from seqae.report import embedding_figure, loss_figure, save_figure, spectrograms_figure
from seqae.transforms import VTLP, Compose, FrequencyMasking, GaussianNoise, TimeMasking, TimeWarp

DATA = "Free Spoken Digit Dataset, or synthetic words"
QUICK = {"data_root": "", "code_size": 64, "hidden_size": 64, "epochs": 12, "labelled": 3}


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    folder: str = "",
    code_size: int = 128,
    hidden_size: int = 128,
    epochs: int = 5,
    labelled: int = 10,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Train on recordings without labels, then classify with all labels, with few, and for unseen speakers.

    Args:
        data_root: Folder that holds FSDD, also packed; synthetic words if empty.
        folder: Folder of your own instead, WORD/NAME.wav or SPEAKER/WORD/NAME.wav, five recordings or more of a word.
        code_size: Length of the code of a recording.
        hidden_size: Units of the recurrent layers in each direction; half of it for those that read the bands.
        epochs: Passes over the training recordings.
        labelled: Labels for each digit in the test with few labels.
        seed: Seed of the weights, the order, the corruption and the choice of labels.
        smoke: Only try whether it runs.
        out: Folder for the results.
    """
    if smoke:
        epochs, hidden_size, code_size, labelled = 1, 16, 16, 2
    run = seqae.Run(main, locals())
    seqae.configure_runtime()
    torch.manual_seed(seed)
    clips = read_clips("fsdd", data_root) if data_root and not folder else synthetic_words()
    clips = read_word_folder(folder) if folder else clips
    normalization = (SpectralQuantile(), SpectralTilt())
    log_mel = seqae.LogMel(sample_rate=8000, hop=0.02, window=0.04, normalization=normalization, trim_db=25.0)
    decibels = [log_mel.decibels(clip.audio()) for clip in clips]
    random = torch.Generator().manual_seed(seed)
    noises = (NoiseFloor(50), NoiseFloor(40, tilt=8), NoiseFloor(40, tilt=-8))
    versions = [decibels, *([noise(each, random) for each in decibels] for noise in noises)]
    words, digits = np.unique([clip.label for clip in clips], return_inverse=True)
    speakers, for_test = (np.array(each) for each in zip(*((clip.speaker, clip.part == "test") for clip in clips)))
    labelled = min(labelled, int(np.bincount(digits[~for_test]).min()))
    print(f"data   {len(clips)} recordings of {min(map(len, decibels))} to {max(map(len, decibels))} frames")
    names = np.unique(speakers)
    splits = {f"speaker {name}": speakers != name for name in names if len(names) > 1}
    scores: dict[str, dict[str, float]] = {}
    for split, train in {**splits, "official split": ~for_test}.items():
        log_mel.fit_decibels([decibels[index] for index in np.flatnonzero(train)])
        frames = [[log_mel.scaled(each) for each in version] for version in versions]
        known = [frames[0][index] for index in np.flatnonzero(train)]
        models, losses = train_autoencoders(known, log_mel.n_mels, code_size, hidden_size, epochs, seed)
        rows = {BASELINE: segment_means(decibels, 8)[None], **features(models, frames, log_mel.n_mels)}
        for name, values in rows.items():
            scores.setdefault(name, {})[split] = accuracy(name, values, digits, train, ~train)
        print(split, "  ".join(f"{name} {row[split]:.3f}" for name, row in scores.items()))
    few = {
        name: few_label_accuracy(name, values, digits, speakers, ~for_test, labelled, seed)
        for name, values in rows.items()
    }

    table = {
        name: {
            "official split": row["official split"],
            f"{labelled} labels a digit": few[name][0],
            "and unlabelled recordings": few[name][1],
            **({"new speaker": float(np.mean([row[split] for split in splits]))} if splits else {}),
        }
        for name, row in scores.items()
    }
    metrics = {f"{name}: {key}": value for name, row in table.items() for key, value in row.items()}
    shown = [int(np.flatnonzero(for_test & (digits == digit))[0]) for digit in np.unique(digits)[:5]]
    save_pictures(run, log_mel, models["frames"], {clips[index].name: decibels[index] for index in shown})
    clips[shown[0]].audio().write(run.path("original.wav"))
    codes = seqae.encode(models["frames"], [frames[0][index] for index in np.flatnonzero(for_test)])
    save_figure(embedding_figure(codes, words[digits[for_test]]), run.path("codes-digits.png"))
    save_figure(embedding_figure(codes, speakers[for_test]), run.path("codes-speakers.png"))
    save_figure(loss_figure(losses), run.path("loss.png"))
    seqae.save({"log_mel": log_mel, **models}, run.path("model"), metrics=metrics)
    run.finish([{"features": name, **row} for name, row in table.items()], metrics)
    return metrics


def train_autoencoders(
    frames: list[Tensor], n_mels: int, code_size: int, hidden_size: int, epochs: int, seed: int
) -> tuple[dict[str, seqae.Autoencoder], dict[str, list[float]]]:
    """Return an autoencoder that reads along time and one that reads along the bands, and their losses."""
    views = {"frames": frames, "bands": [across_bands(each, n_mels) for each in frames]}
    hidden_sizes = {"frames": hidden_size, "bands": hidden_size // 2}
    of_frames = (TimeWarp(2.0), VTLP(2.0, n_mels), FrequencyMasking(8, n_mels), TimeMasking(0.2))
    distortions = {"frames": of_frames, "bands": (TimeWarp(2.0), TimeMasking(0.2))}
    models, losses = {}, {}
    for name, sequences in views.items():
        torch.manual_seed(seed)
        size, hidden = sequences[0].shape[1], hidden_sizes[name]
        models[name] = seqae.Autoencoder(
            seqae.RecurrentEncoder(seqae.GRU(size, hidden, bidirectional=True), code_size),
            seqae.RepeatDecoder(seqae.GRU(code_size, hidden), nn.Linear(hidden, size)),
        )
        corrupt = Compose((*distortions[name], GaussianNoise(0.2)))
        task = seqae.Reconstruction(
            models[name], seqae.squared_error, corrupt, 3e-3, seed=seed, lr_scheduler=seqae.cosine_with_warmup
        )
        loader = seqae.make_loader(SequenceDataset(sequences), 32, seed)
        losses[name] = seqae.fit(task, loader, epochs=epochs, progress=False).train
    return models, losses


def save_pictures(run: seqae.Run, log_mel: seqae.LogMel, model: seqae.Autoencoder, decibels: dict[str, Tensor]) -> None:
    """Draw recordings and their reconstructions, and write the first reconstruction as audio."""
    read = seqae.reconstruct(model, [log_mel.scaled(each) for each in decibels.values()])
    restored = [log_mel.inverse_transform(torch.from_numpy(each), like) for each, like in zip(read, decibels.values())]
    originals = [log_mel.trim_silence(each) for each in decibels.values()]
    rows = {"original": originals, "reconstruction": restored}
    pictures = {name: [each.numpy() for each in row] for name, row in rows.items()}
    save_figure(spectrograms_figure(pictures, list(decibels), log_mel.hop), run.path("spectrograms.png"))
    log_mel.to_audio(restored[0]).write(run.path("reconstruction.wav"))


if __name__ == "__main__":
    cli.run(main)
