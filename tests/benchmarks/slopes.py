"""How the time of each step grows with its size: slopes on a scale of logarithms, 1 is proportional. Prints one table.

    python tests/benchmarks/slopes.py --quick
    python tests/benchmarks/slopes.py --only score

Sizes rise until a step takes longer than allowed; the slope is that of the larger half of the sizes, where what a step
needs at any size counts little. Seconds are of the processor, by one thread.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

import seqae
from seqae.anomaly.online.detector import OnlineDetector
from seqae.datasets.sampler import LengthBucketSampler
from seqae.datasets.sequences import SequenceDataset
from seqae.evaluation.event_ranking import events_at

STEEPEST = 1.25  # of n log n over these sizes, and of what no longer fits into a cache
CHANNELS = 4
Work = Callable[[], object]


def signals(rows: int, channels: int = CHANNELS) -> np.ndarray:
    """Waves and noise, `(row, channel)`."""
    time_of_row = np.arange(rows)[:, None]
    noise = np.random.default_rng(0).standard_normal((rows, channels))
    return np.sin(time_of_row / (10 + 3 * np.arange(channels))) + 0.1 * noise


def read_rows(rows: int) -> Work:
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name) / "table.csv"
    np.savetxt(path, signals(rows), "%.4f", delimiter=",", header="a,b,c,d", comments="")
    return lambda: (folder, seqae.as_recordings(path))


def fit_rows(rows: int) -> Work:
    values = signals(rows)
    return lambda: seqae.AnomalyDetector().fit(values)


def fit_channels(channels: int) -> Work:
    values = signals(1000, channels)
    return lambda: seqae.AnomalyDetector().fit(values)


def score_rows(rows: int) -> Work:
    detector, values = seqae.AnomalyDetector().fit(signals(4000)), signals(rows)
    return lambda: detector.score_samples(values)


def score_channels(channels: int) -> Work:
    values = signals(1000, channels)
    detector = seqae.AnomalyDetector().fit(values)
    return lambda: detector.score_samples(values)


def find_events(rows: int) -> Work:
    detector, values = seqae.AnomalyDetector().fit(signals(4000)), signals(rows)
    values[::100] += 3
    (detection,) = detector.detect(values)
    return lambda: replace(detection).events  # which an object finds once


def find_drift(rows: int) -> Work:
    detector, values = seqae.AnomalyDetector().fit(signals(4000)), signals(rows)
    return lambda: detector.drift(values)


def stream_rows(rows: int) -> Work:
    detector, values = seqae.AnomalyDetector().fit(signals(4000)), signals(rows)

    def work() -> None:
        online = OnlineDetector(detector)
        for row in values:
            online.push(row)

    return work


def count_events(rows: int) -> Work:
    random = np.random.default_rng(0)
    scores, truth = random.random(rows), np.zeros(rows, dtype=bool)
    truth[rows // 2 : rows // 2 + rows // 20] = True
    return lambda: events_at(truth, scores, 10)


def order_sequences(count: int) -> Work:
    lengths = np.random.default_rng(0).integers(10, 1000, count)
    return lambda: list(LengthBucketSampler(lengths, 256))


def batch_sequences(count: int) -> Work:
    memory = torch.randn(50, CHANNELS)
    lengths = np.random.default_rng(0).integers(10, 50, count)

    def work() -> None:
        source = SequenceDataset([memory[:length] for length in lengths])
        for indices in LengthBucketSampler(source.lengths, 256):
            source.batch(indices)

    return work


def autoencoder() -> seqae.Autoencoder:
    encoder = seqae.RecurrentEncoder(seqae.LSTM(CHANNELS, 32), 8)
    return seqae.Autoencoder(encoder, seqae.RepeatDecoder(seqae.LSTM(8, 32), torch.nn.Linear(32, CHANNELS)))


def train_length(steps: int) -> Work:
    task, batch = (
        seqae.Reconstruction(autoencoder(), seqae.squared_error),
        seqae.Batch.full(torch.randn(4, steps, CHANNELS)),
    )
    return lambda: task.training_step(batch, 0).backward()


def train_sequences(count: int) -> Work:
    sequences = list(torch.randn(count, 20, CHANNELS).numpy())
    model = seqae.SequenceAutoencoder(hidden_size=16, code_size=4, epochs=1, validation_fraction=0.0, batch_size=256)
    return lambda: model.fit(sequences)


def encode_sequences(count: int) -> Work:
    model, sequences = autoencoder(), SequenceDataset(list(torch.randn(count, 20, CHANNELS)))

    def work() -> None:
        with torch.inference_mode():
            for indices in LengthBucketSampler(sequences.lengths, 256, shuffle=False):
                model.encode(sequences.batch(indices))

    return work


def learn_vocabulary(texts: int) -> Work:
    random = np.random.default_rng(0)
    words = ["".join(random.choice(list("abcdefghij"), random.integers(2, 9))) for _ in range(2000)]
    lines = [" ".join(random.choice(words, 8)) for _ in range(texts)]
    return lambda: seqae.BytePairs(500).fit(lines)


@dataclass(frozen=True)
class Growth:
    """A step: what it does and what is counted, what prepares it for a size, and the sizes."""

    what: str
    make: Callable[[int], Work]
    fewest: float
    most: float


STEPS = [
    Growth("read a CSV, rows", read_rows, 1e4, 1e7),
    Growth("fit, rows", fit_rows, 1e4, 1e7),
    Growth("fit, channels", fit_channels, 1, 1000),
    Growth("score, rows", score_rows, 1e4, 1e7),
    Growth("score, channels", score_channels, 1, 1000),
    Growth("events, rows", find_events, 1e4, 1e7),
    Growth("drift, rows", find_drift, 1e4, 1e7),
    Growth("stream one by one, rows", stream_rows, 1e3, 1e6),
    Growth("events at false alarms, rows", count_events, 1e4, 1e7),
    Growth("order of batches, sequences", order_sequences, 1e2, 1e6),
    Growth("batches, sequences", batch_sequences, 1e2, 1e6),
    Growth("training step, length", train_length, 10, 1e5),
    Growth("train an epoch, sequences", train_sequences, 1e2, 1e6),
    Growth("encode, sequences", encode_sequences, 1e2, 1e6),
    Growth("byte pairs, texts", learn_vocabulary, 1e2, 1e6),
]


def measure(step: Growth, allowed: float) -> tuple[list[int], list[float]]:
    """Return sizes and the seconds that a step takes with them, until one takes longer than allowed."""
    sizes, seconds = [], []
    count = 1 + round(2 * np.log10(step.most / step.fewest))
    for size in np.geomspace(step.fewest, step.most, count).round().astype(int).tolist():
        work, times = step.make(size), []
        for _ in range(2):  # the first one may have to load something
            begun = time.process_time()
            work()
            times.append(time.process_time() - begun)
            if times[-1] > 1:
                break
        sizes.append(size)
        seconds.append(min(times))
        if seconds[-1] > allowed:
            break
    return sizes, seconds


def slope(sizes: list[int], seconds: list[float]) -> float:
    """Return the slope on a scale of logarithms over the larger half of the sizes."""
    first = min(len(sizes) // 2, len(sizes) - 2)
    return float(np.polyfit(np.log(sizes[first:]), np.log(np.maximum(seconds[first:], 1e-7)), 1)[0])


def slopes(quick: bool, only: str = "") -> Iterator[tuple[str, float, str]]:
    """Measure all steps, or those whose names hold `only`; yield name, slope and the largest size with its time."""
    for step in STEPS:
        if only in step.what:
            sizes, seconds = measure(step, 0.5 if quick else 5.0)
            yield step.what, slope(sizes, seconds), f"{sizes[0]:,} to {sizes[-1]:,}, which take {seconds[-1]:.2g} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="smaller sizes")
    parser.add_argument("--only", default="", help="steps whose names hold this")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    seqae.configure_runtime(threads=1)
    for what, found, about in slopes(arguments.quick, arguments.only):
        print(f"{'ok' if found <= STEEPEST else 'NO':3}{what:32}{found:6.2f}  {about}", flush=True)


if __name__ == "__main__":
    main()
