"""Take noise out of recordings of any lengths by an autoencoder; wavelets are as good where there is little noise.

A denoising autoencoder (Vincent et al. 2010, https://jmlr.org/papers/v11/vincent10a.html) of convolutions alone, as for
electrocardiograms in Chiang et al. 2019 (https://doi.org/10.1109/ACCESS.2019.2912036); one for all levels of noise,
which it is not told. Median, Savitzky-Golay and wavelet filters are tuned for each level.

    python recipes/sensor_denoise/sensor_denoise.py
    python recipes/sensor_denoise/sensor_denoise.py --data-root folder/with/ECG5000
    python recipes/sensor_denoise/sensor_denoise.py --folder folder/of/my/recordings --noise-levels 0.1 0.5
"""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

import numpy as np
import torch
from denoiser import Denoising, NoiseOfAnyLevel, denoised, new_denoiser
from ecg_recordings import read_ecg, read_own
from filters import tuned

import seqae
from seqae import cli
from seqae.data import ReadingKeywords
from seqae.report import loss_figure, save_figure, sequences_figure
from seqae.training import TrainingWarning
from seqae.transforms import Scaler

DATA = "synthetic electrocardiograms, ECG5000 (UCR), or your recordings"
QUICK = {"data_root": "", "people": 20, "epochs": 25}


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    folder: str = "",
    noise_levels: tuple[float, ...] = (0.1, 0.3, 1.0),
    people: int = 60,
    hidden_size: int = 32,
    num_layers: int = 6,
    epochs: int = 60,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
    **reading: Unpack[ReadingKeywords],
) -> dict[str, float]:
    """Train one denoiser, and compare it with filters at each level of noise.

    Args:
        data_root: Folder that holds ECG5000_TRAIN.ts and ECG5000_TEST.ts, also in a zip file; synthetic
            electrocardiograms if empty, of other people in the test.
        folder: Folder of ten recordings or more of your own instead, in any format and of any lengths, which are taken
            as clean; every fifth one is for the test, and every fifth one tunes the filters.
        noise_levels: Deviations of the noise, in deviations of a channel over the recordings to learn from.
        people: Synthetic people to learn from; a quarter and half as many others are for tuning and test.
        hidden_size: Length of the vectors within the network.
        num_layers: Layers; each further one reads twice as far.
        epochs: Passes over the recordings to learn from.
        seed: Seed of people, noise, weights and batches.
        smoke: Only try whether it runs.
        out: Folder for the results.
        **reading: How files of your own are read, see `seqae.data.ReadingOptions`.
    """
    if not noise_levels or min(noise_levels) <= 0:
        raise ValueError(f"noise levels {noise_levels}. Give one or more, each above 0")
    if smoke:
        epochs, hidden_size, num_layers, people = 1, 8, 3, 4
    run = seqae.Run(main, locals())
    seqae.configure_runtime(threads=1)
    torch.manual_seed(seed)
    recordings = read_own(folder, reading) if folder else read_ecg("" if smoke else data_root, people, seed)
    scaler = Scaler().fit(recordings[0])
    learnt, tuning, test = ([scaler.transform(rows) for rows in part] for part in recordings)
    lengths, channels = list(map(len, learnt + tuning + test)), learnt[0].shape[1]
    print(f"data   {len(learnt)} + {len(tuning)} + {len(test)} recordings of {min(lengths)} to {max(lengths)} steps")
    if folder:
        print("note   your recordings are taken as clean: noise that is in them is learnt as a part of them")

    denoiser = new_denoiser(channels, hidden_size, num_layers)
    task = Denoising(denoiser, NoiseOfAnyLevel(min(noise_levels), max(noise_levels)), 3e-3, seed)
    sequences = seqae.SequenceDataset(list(map(torch.from_numpy, learnt)))
    history = seqae.fit(task, seqae.make_loader(sequences, batch_size=8, seed=seed), epochs=epochs)

    table: dict[str, dict[str, float]] = {}
    for level in noise_levels:
        noisy = with_noise(test, level, seed + 1)
        filters = dict(tuned(tuning, with_noise(tuning, level, seed + 2), level))
        restored = {"input": noisy, **{name: [each(rows) for rows in noisy] for name, each in filters.items()}}
        restored["autoencoder"] = denoised(denoiser, noisy)
        for name, cleaned in restored.items():
            table.setdefault(name, {}).update(scores(test, noisy, cleaned, level))
        gain = table["autoencoder"][f"SNR +dB at {level:g}"]
        if gain <= 0:
            text = (
                f"the denoiser leaves {-gain:.1f} dB more noise than there is at level {level:g}. Do not use it there"
            )
            warnings.warn(f"{text}: train it longer (--epochs) or on more recordings", TrainingWarning, stacklevel=2)
        draw(test, restored, run.path(f"recordings-{level:g}.png"))

    metrics = {f"{name}: {key}": value for name, row in table.items() for key, value in row.items()}
    save_figure(loss_figure({"noise left, dB": history.train}), run.path("loss.png"))
    seqae.save({"scaler": scaler, "denoiser": denoiser}, run.path("model"), metrics=metrics)
    run.finish([{"method": name, **row} for name, row in table.items()], metrics)
    return metrics


def with_noise(recordings: Sequence[np.ndarray], level: float, seed: int) -> list[np.ndarray]:
    """Return recordings `(time, channel)` with normal noise."""
    random = np.random.default_rng(seed)
    return [rows + np.float32(level * random.normal(size=rows.shape)) for rows in recordings]


def scores(
    clean: Sequence[np.ndarray], noisy: Sequence[np.ndarray], cleaned: Sequence[np.ndarray], level: float
) -> dict[str, float]:
    """Return the error over all steps, in deviations of a channel, and how much the noise fell, mean of recordings."""
    errors, before = (
        np.array([np.square(rows - truth).mean() for rows, truth in zip(each, clean)]) for each in (cleaned, noisy)
    )
    squared = np.average(errors, weights=list(map(len, clean)))
    gain = 10 * np.log10(before / errors).mean()
    return {f"RMSE at {level:g}": float(np.sqrt(squared)), f"SNR +dB at {level:g}": float(gain)}


def draw(clean: Sequence[np.ndarray], restored: dict[str, list[np.ndarray]], path: Path, steps: int = 250) -> None:
    """Draw the beginning of four recordings, clean and, over it, as each method leaves them."""
    chosen = np.linspace(0, len(clean) - 1, 4).astype(int)
    truth = [clean[at][:steps] for at in chosen]
    written = {name: [rows[at][:steps] for at in chosen] for name, rows in restored.items()}
    save_figure(sequences_figure(dict.fromkeys(written, truth), written), path)


if __name__ == "__main__":
    cli.run(main)
