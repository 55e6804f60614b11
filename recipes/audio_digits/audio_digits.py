"""Learn features of speech without labels, and classify spoken digits by a linear classifier on them.

A recurrent autoencoder of log-mel frames after auDeep (Freitag et al. 2017, https://arxiv.org/abs/1712.04382) restores
corrupted recordings. Features are its mean states and the mean frames in each part of a recording. The baselines are
an encoder that is not trained, and mean log-mel frames with a support vector machine. Three tests: all labels, few
labels (see `few_labels`), and speakers that are in no training set.

    python recipes/audio_digits/audio_digits.py
    python recipes/audio_digits/audio_digits.py --data-root folder/with/fsdd
"""

import copy
import os
from pathlib import Path

import numpy as np
import torch
from few_labels import BASELINE, accuracy, few_label_accuracy, normalized_by_speaker
from noise_floor import NoiseFloor
from speech_features import features, segment_means
from speech_pictures import save_pictures
from torch import Tensor, nn

import seqae
from seqae import cli
from seqae.data import SpectralQuantile, SpectralTilt, read_clips, read_word_folder, synthetic_words
from seqae.datasets import SequenceDataset
from seqae.report import embedding_figure, loss_figure, save_figure
from seqae.transforms import VTLP, Compose, FrequencyMasking, GaussianNoise, TimeMasking, TimeWarp

DATA = "Free Spoken Digit Dataset, or synthetic words"
QUICK = {"data_root": "", "code_size": 64, "hidden_size": 64, "epochs": 60, "labelled": 3}


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    folder: str = "",
    code_size: int = 128,
    hidden_size: int = 128,
    epochs: int = 12,
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
        hidden_size: Units of the recurrent layers in each direction.
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
    for split, for_training in {**splits, "official split": ~for_test}.items():
        log_mel.fit_decibels([decibels[index] for index in np.flatnonzero(for_training)])
        frames = [[log_mel.scaled(each) for each in version] for version in versions]
        known = [frames[0][index] for index in np.flatnonzero(for_training)]
        torch.manual_seed(seed)
        model = new_autoencoder(log_mel.size, code_size, hidden_size)
        untrained = copy.deepcopy(model.encoder)
        losses = train(model, known, log_mel.n_mels, epochs, seed)
        rows = {
            BASELINE: segment_means(decibels, 8)[None],
            "untrained encoder": features(untrained, frames),
            "autoencoder": features(model.encoder, frames),
        }
        for name, values in rows.items():
            row = scores.setdefault(name, {})
            row[split] = accuracy(name, values, digits, for_training, ~for_training)
            by_speaker = normalized_by_speaker(values, speakers)
            row[f"{split}, normalized"] = accuracy(name, by_speaker, digits, for_training, ~for_training)
        print(split, "  ".join(f"{name} {row[split]:.3f}" for name, row in scores.items()), flush=True)
    few = {
        name: few_label_accuracy(name, values, digits, speakers, ~for_test, labelled, seed)
        for name, values in rows.items()
    }

    table = {
        name: {
            "official split": row["official split"],
            f"{labelled} labels a digit": few[name][0],
            "and unlabelled recordings": few[name][1],
            **{
                f"new speaker{suffix}": float(np.mean([row[f"{split}{suffix}"] for split in splits]))
                for suffix in ("", ", normalized")
                if splits
            },
        }
        for name, row in scores.items()
    }
    metrics = {f"{name}: {key}": value for name, row in table.items() for key, value in row.items()}
    shown = [int(np.flatnonzero(for_test & (digits == digit))[0]) for digit in np.unique(digits)[:5]]
    save_pictures(run, log_mel, model, {clips[index].name: decibels[index] for index in shown})
    clips[shown[0]].audio().write(run.path("original.wav"))
    codes = seqae.encode(model, [frames[0][index] for index in np.flatnonzero(for_test)])
    save_figure(embedding_figure(codes, words[digits[for_test]]), run.path("codes-digits.png"))
    save_figure(embedding_figure(codes, speakers[for_test]), run.path("codes-speakers.png"))
    save_figure(loss_figure({"train": losses}), run.path("loss.png"))
    seqae.save({"log_mel": log_mel, "autoencoder": model}, run.path("model"), metrics=metrics)
    run.finish([{"features": name, **row} for name, row in table.items()], metrics)
    return metrics


def new_autoencoder(frame_size: int, code_size: int, hidden_size: int) -> seqae.Autoencoder:
    """Return a recurrent autoencoder of frames `(time, frame_size)`."""
    return seqae.Autoencoder(
        seqae.RecurrentEncoder(seqae.GRU(frame_size, hidden_size, bidirectional=True), code_size),
        seqae.RepeatDecoder(seqae.GRU(code_size, hidden_size), nn.Linear(hidden_size, frame_size)),
    )


def train(model: seqae.Autoencoder, frames: list[Tensor], n_mels: int, epochs: int, seed: int) -> list[float]:
    """Train a model to restore recordings `(time, size)` from other voices, noise and gaps; return the losses."""
    voices = (TimeWarp(2.0), VTLP(2.0, n_mels))
    corrupt = Compose((*voices, FrequencyMasking(8, n_mels), TimeMasking(0.2), GaussianNoise(0.2)))
    task = seqae.Reconstruction(
        model, seqae.squared_error, corrupt, 3e-3, seed=seed, lr_scheduler=seqae.cosine_with_warmup
    )
    return seqae.fit(task, seqae.make_loader(SequenceDataset(frames), 32, seed), epochs=epochs, progress=False).train


if __name__ == "__main__":
    cli.run(main)
