"""Import an encoder trained without labels into a scikit-learn classifier, frozen and fine-tuned.

The encoder is that of Franceschi et al. 2019, https://arxiv.org/abs/1901.10738, trained as an autoencoder. The
sequences have different lengths. Published for JapaneseVowels, official split (270 / 370): the same encoder with a
triplet loss .989 (Franceschi et al. 2019, table S3), a supervised FCN .993 (Fawaz et al. 2019).

    python recipes/sensor_features.py
    python recipes/sensor_features.py --data-root folder/with/JapaneseVowels

Without data it makes its own: three kinds of gestures, 10 to 40 steps of two channels.
"""

import os
from pathlib import Path

import numpy as np

from seqae import cli

DATA = "JapaneseVowels (UEA), or generated gestures"
MINUTES = 5
RESULT = "JapaneseVowels: accuracy 0.991 (optimistic, see README), untrained 0.993, published 0.989"


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    dataset: str = "JapaneseVowels",
    code_size: int = 256,
    epochs: int = 40,
    seeds: int = 5,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Train encoders with several seeds and compare classifiers on their codes with those on raw statistics.

    Args:
        data_root: Folder that holds the .ts files of the set, also in a zip; made up if empty.
        dataset: Name of a labelled set of sequences of any lengths.
        code_size: Numbers in the code of a sequence.
        epochs: Passes over the training sequences.
        seeds: How many encoders to train.
        smoke: Only try whether it runs.
        out: Folder for the results.
    """
    from sklearn.linear_model import RidgeClassifierCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from seqae import SequenceClassifier, SequenceEncoder, configure_runtime
    from seqae.data.signals.ts_files import read_ts
    from seqae.report import embedding_figure, loss_figure, save_figure
    from seqae.report.run import Run

    if smoke:
        epochs, seeds, code_size = 2, 1, 32
    configure_runtime()
    run = Run("sensor_features", out, dict(data_root=data_root, dataset=dataset, epochs=epochs, seeds=seeds))
    train, test = read_ts(data_root, dataset) if data_root else (gestures(180, seed=0), gestures(360, seed=1))
    lengths = [len(rows) for rows in train.sequences + test.sequences]
    print(f"data   {len(train.labels)} + {len(test.labels)} sequences of {min(lengths)} to {max(lengths)} steps")

    def accuracy(encoder) -> float:
        classifier = make_pipeline(StandardScaler(), RidgeClassifierCV(np.logspace(-3, 3, 13)))
        classifier.fit(encoder(train.sequences), train.labels)
        return classifier.score(encoder(test.sequences), test.labels)

    found: dict[str, list[float]] = {"untrained": [], "frozen": [], "fine-tuned": [], "same net from labels alone": []}
    for seed in range(seeds):
        trained = SequenceEncoder(code_size, epochs=epochs, random_state=seed, verbose=True).fit(train.sequences)
        blank = SequenceEncoder(code_size, epochs=0, random_state=seed).fit(train.sequences)
        found["untrained"].append(accuracy(blank.transform))
        found["frozen"].append(accuracy(trained.transform))
        for name, encoder in (("fine-tuned", trained), ("same net from labels alone", blank)):
            classifier = SequenceClassifier(encoder, epochs, random_state=seed).fit(train.sequences, train.labels)
            found[name].append(classifier.score(test.sequences, test.labels))
        print(f"seed {seed}", "  ".join(f"{name} {values[-1]:.4f}" for name, values in found.items()))

    results = [{"features": "mean and deviation of each channel", "accuracy": accuracy(statistics), "sd": 0.0}]
    results += [
        {"features": f"encoder, {name}", "accuracy": float(np.mean(values)), "sd": float(np.std(values))}
        for name, values in found.items()
    ]
    save_figure(embedding_figure(trained.transform(test.sequences), test.labels), run.path("codes.png"))
    save_figure(loss_figure(trained.history_), run.path("loss.png"))
    metrics = {line["features"]: line["accuracy"] for line in results}
    run.finish(results, metrics)
    return metrics


def statistics(sequences: list[np.ndarray]) -> np.ndarray:
    """Return the baseline: mean and deviation of each channel, (sequences, 2 * channel)."""
    return np.stack([np.concatenate([rows.mean(axis=0), rows.std(axis=0)]) for rows in sequences])


def gestures(count: int, seed: int):
    """Return labelled sequences that differ in the order of what happens, not in what happens."""
    from seqae.data.signals.ts_files import LabelledSequences

    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, count)
    sequences = []
    for label in labels:
        way = np.linspace(0, 1, random.integers(10, 41))[:, None]
        bend = {0: way, 1: way**2, 2: way**0.5}[int(label)]
        waves = np.concatenate([np.sin(6.3 * bend), np.cos(6.3 * bend * random.uniform(0.9, 1.1))], axis=1)
        sequences.append((waves + 0.25 * random.normal(size=waves.shape)).astype(np.float32))
    return LabelledSequences(sequences, labels.astype(str))


if __name__ == "__main__":
    cli.run(main)
