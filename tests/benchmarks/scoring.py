"""How many values a second the default detector scores on one core, by the number of channels. Prints one table.

    python tests/benchmarks/scoring.py --quick

Seconds are of the processor; in turns with a matrix product in double precision, whose rate stands beside that of the
windows, had they been computed as products: Fourier transforms take fewer operations.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

import seqae

TRAINING, PRODUCT = 4000, 768  # rows; rows and columns
CHANNELS = (1, 3, 8, 20, 38)


class Rate(NamedTuple):
    """Millions of values a second, the GFLOP/s of the windows as products, and those of a matrix product beside it."""

    channels: int
    values: float
    operations: float
    product: float

    def __str__(self) -> str:
        share = f"{self.operations:5.1f} of {self.product:.0f} GFLOP/s of a product"
        return f"{self.channels:3} channels {self.values:6.2f} million values a second, {share}"


def signals(rows: int, channels: int, seed: int) -> np.ndarray:
    """Waves and noise, `(row, channel)`."""
    time_of_row = np.arange(rows)[:, None]
    noise = np.random.default_rng(seed).standard_normal((rows, channels))
    return np.sin(time_of_row / (10 + 3 * np.arange(channels))) + 0.1 * noise


def rates(quick: bool) -> Iterator[Rate]:
    """Measure all numbers of channels."""
    warnings.simplefilter("ignore")  # it is no matter what is found
    torch.set_num_threads(1)
    matrix = torch.randn(PRODUCT, PRODUCT, dtype=torch.float64)
    for channels in CHANNELS:
        detector = seqae.AnomalyDetector().fit(signals(TRAINING, channels, seed=0))
        rows = signals((400_000 if quick else 4_000_000) // max(channels, 4), channels, seed=1)
        detector.score_samples(rows[:TRAINING])
        found, product = [], []
        for _ in range(3 if quick else 7):
            found.append(rows.size / seconds(detector.score_samples, rows))
            product.append(2 * PRODUCT**3 / seconds(torch.matmul, matrix, matrix))
        own = detector.scorer_.resolutions
        operations = sum(2 * (each.window**2) * (channels + 1) for each in own)  # for a value, at each resolution
        values = statistics.median(found)
        yield Rate(channels, values / 1e6, values * operations / 1e9, statistics.median(product) / 1e9)


def seconds(work: Callable[..., object], *arguments: object) -> float:
    begun = time.process_time()
    work(*arguments)
    return time.process_time() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rows")
    for each in rates(parser.parse_args().quick):
        print(each, flush=True)


if __name__ == "__main__":
    main()
