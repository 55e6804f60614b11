"""Sort recordings of any lengths, like gestures, without labels; principal components are as good at these gestures.

An autoencoder learns a code for each recording, k-means groups the codes, and the nearest known recordings are found.
Beside it: principal components of recordings brought to one length, dynamic time warping, and means and deviations.
The recordings to sort are of people of whom nothing was learnt.

    python recipes/sensor_gestures/sensor_gestures.py
    python recipes/sensor_gestures/sensor_gestures.py --data-root folder/with/JapaneseVowels
    python recipes/sensor_gestures/sensor_gestures.py --folder folder/of/my/recordings
"""

import os
from pathlib import Path
from typing import Unpack

import numpy as np
from curves import draw
from gesture_baselines import baselines
from grouping import choose_clusters, k_means, scores_of_codes
from own_gestures import Gestures, read_gesture_folder
from synthetic_gestures import synthetic_gestures

import seqae
from seqae import cli
from seqae.data import ReadingKeywords, read_ts
from seqae.report import loss_figure, save_figure

DATA = "synthetic gestures, JapaneseVowels (UEA), or your recordings"
QUICK = {"data_root": "", "people": 10, "epochs": 40}


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    dataset: str = "JapaneseVowels",
    folder: str = "",
    code_size: int = 16,
    clusters: int = 0,
    people: int = 20,
    epochs: int = 30,
    seeds: int = 1,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
    **reading: Unpack[ReadingKeywords],
) -> dict[str, float]:
    """Train autoencoders with several seeds, cluster their codes, and compare with what needs no training.

    Args:
        data_root: Folder that holds the .ts files of a set, also in a zip file; synthetic gestures if empty.
        dataset: Name of a labelled set of sequences of any lengths; its classes only judge.
        folder: Folder of ten recordings or more of your own instead, in any format and of any lengths; folders in it
            are classes, which only judge. Every fifth one is new, and sorted among the others.
        code_size: Length of a code, and number of principal components.
        clusters: Clusters of the pictures and of `sorted.tsv`; 0 for as many as classes, or, where these are
            unknown, as fit the codes best.
        people: Synthetic people to learn from; half as many others are new.
        epochs: Passes over the recordings.
        seeds: Number of autoencoders to train.
        seed: Seed of the first autoencoder, and of the people.
        smoke: Only try whether it runs.
        out: Folder for the results.
        **reading: How files of your own are read, see `seqae.data.ReadingOptions`.
    """
    if smoke:
        epochs, seeds, people, code_size = 1, 1, 2, 4
    run = seqae.Run(main, locals())
    seqae.configure_runtime(threads=1)
    if folder:
        known, new = read_gesture_folder(folder, reading)
    elif data_root and not smoke:
        known, new = map(Gestures.of, read_ts(data_root, dataset))
    else:
        known, new = (
            Gestures.of(synthetic_gestures(count, 3, 2 * seed + part))
            for part, count in enumerate((people, people // 2))
        )
    lengths = [len(rows) for rows in known.sequences + new.sequences]
    has_classes = len(set(known.classes)) > 1
    print(f"data   {len(known.names)} known, {len(new.names)} new recordings of {min(lengths)} to {max(lengths)} steps")

    table: dict[str, list[dict[str, float]]] = {}
    for number in range(seed, seed + seeds):
        autoencoder = new_autoencoder(code_size, epochs, number).fit(known.sequences)
        codes, new_codes = autoencoder.encode(known.sequences), autoencoder.encode(new.sequences)
        if has_classes:
            untrained = new_autoencoder(code_size, 0, number).fit(known.sequences)
            first = untrained.encode(known.sequences), untrained.encode(new.sequences)
            table.setdefault("autoencoder", []).append(scores_of_codes(codes, new_codes, known, new, number))
            table.setdefault("the same, untrained", []).append(scores_of_codes(*first, known, new, number))
        else:
            table.setdefault("autoencoder", []).append(autoencoder.report_.metrics())
    if has_classes:
        table |= {name: [row] for name, row in baselines(known, new, code_size, seed).items()}

    count = clusters or (len(set(known.classes)) if has_classes else choose_clusters(codes, seed))
    groups = k_means(codes, count, seed)
    draw(run, known, new, codes, new_codes, groups.labels_, groups.predict(new_codes))
    save_figure(loss_figure(autoencoder.history_), run.path("loss.png"))
    autoencoder.save(run.path("model"))
    means = {name: {key: float(np.mean([row[key] for row in rows])) for key in rows[0]} for name, rows in table.items()}
    deviations = {
        name: {key: float(np.std([row[key] for row in rows])) for key in rows[0]} for name, rows in table.items()
    }
    metrics = {f"{name}: {key}": value for name, row in means.items() for key, value in row.items()}
    metrics |= {
        f"{name}: {key} sd": value for name, row in deviations.items() for key, value in row.items() if seeds > 1
    }
    run.finish([{"method": name, **row} for name, row in means.items()], metrics)
    print(f"next   seqae encode {run.path('model')} YOUR_RECORDINGS")
    return metrics


def new_autoencoder(code_size: int, epochs: int, seed: int) -> seqae.SequenceAutoencoder:
    """Return an autoencoder of convolutions around a code that is a function of the whole recording."""
    return seqae.SequenceAutoencoder("resampled", code_size, epochs=epochs, random_state=seed)


if __name__ == "__main__":
    cli.run(main)
