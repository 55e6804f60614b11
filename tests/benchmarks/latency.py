"""How long one row by itself takes, with all that is said of it: percentiles over many rows that come one by one.

    python tests/benchmarks/latency.py [ROWS] [--cpu]

Times are of the clock; of the processor with `--cpu`, for a machine that others use. Where others share its caches,
both are longer than on a machine of one's own.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from memory import MEBIBYTE, resident

import seqae
from seqae.anomaly.online.detector import OnlineDetector
from seqae.anomaly.window_models import Recurrent
from seqae.modules.encoders import RecurrentEncoder
from seqae.modules.native import native_status
from seqae.modules.streams import EncoderStream, RecurrentStream

TRAINING = 4000  # rows
FIRST = 500  # rows that come before the measurement
SLOW = 50  # so many times fewer rows of what takes milliseconds
PERIOD = 10.0  # seconds from row to row
HIDDEN, WINDOW, CODE = 128, 100, 16


def signals(rows: int, channels: int, seed: int) -> np.ndarray:
    """Waves and noise, `(row, channel)`."""
    time_of_row = np.arange(rows)[:, None]
    noise = np.random.default_rng(seed).standard_normal((rows, channels))
    return np.sin(time_of_row / (10 + 3 * np.arange(channels))) + 0.1 * noise


def latencies(act: Callable[[int], object], rows: int, clock: Callable[[], int]) -> np.ndarray:
    """Return how long something takes for each row but the first ones, in microseconds, `(row,)`."""
    for row in range(FIRST):
        act(row)
    found = np.empty(rows)
    for row in range(rows):
        start = clock()
        act(FIRST + row)
        found[row] = clock() - start
    return found / 1000


def show(name: str, found: np.ndarray) -> None:
    p50, p99 = np.percentile(found, [50, 99])
    print(f"{name:58}{len(found):8}{p50:10.1f}{p99:10.1f}{found.max():10.1f}", flush=True)


def detector_row(detector: seqae.AnomalyDetector, values: np.ndarray) -> Callable[[int], object]:
    """Return what pushes a row by its number, with its time, through an online detector."""
    online, times = OnlineDetector(detector, period=PERIOD), PERIOD * np.arange(len(values))
    return lambda row: online.push(values[row], times[row])


def main(*arguments: str) -> None:
    warnings.simplefilter("ignore")
    rows = int(next((each for each in arguments if each.isdigit()), 20_000))
    clock = time.thread_time_ns if "--cpu" in arguments else time.perf_counter_ns
    print(
        f"the kernel is {native_status()}\n{'microseconds for one row':58}{'rows':>8}{'p50':>10}{'p99':>10}{'max':>10}"
    )
    for channels in (8, 20):
        values = signals(rows + FIRST, channels, seed=1)
        detector = seqae.AnomalyDetector().fit(signals(TRAINING, channels, seed=0))
        before = resident()
        show(f"default detector, {channels} channels", latencies(detector_row(detector, values), rows, clock))
        print(f"{'':4}{(resident() - before) / MEBIBYTE:.1f} MiB more memory after these rows")
    values = signals(rows + FIRST, 8, seed=1)
    rnn = seqae.LSTM(8, HIDDEN)
    stream, encoder = RecurrentStream(rnn), EncoderStream(RecurrentEncoder(rnn, CODE))
    show(
        f"LSTM that carries its state, hidden size {HIDDEN}",
        latencies(lambda row: stream.push(values[row]), rows, clock),
    )
    show("the same, and the code so far", latencies(lambda row: encoder.push(values[row]), rows, clock))
    recurrent = seqae.AnomalyDetector(Recurrent(hidden_size=HIDDEN), window=WINDOW, resolutions=(1,), epochs=0)
    act = detector_row(recurrent.fit(values[:TRAINING]), values)
    show(f"Recurrent detector, a window of {WINDOW} anew for each row", latencies(act, rows // SLOW, clock))


if __name__ == "__main__":
    main(*sys.argv[1:])
