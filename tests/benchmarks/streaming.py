"""How quick streaming is: latency and work per row, beside scoring the last window anew for each row.

    python tests/benchmarks/streaming.py [ROWS]

Times are of the processor, in turns, so that other work on the machine disturbs them little; "waited" is by the clock.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from memory import MEBIBYTE, Peak, resident

import seqae
from seqae.anomaly.online.detector import OnlineDetector
from seqae.anomaly.window_models import Recurrent

CHANNELS = 8
TRAINING = 10_000  # rows
FIRST = 2048  # rows that come before the measurement
ANEW = 60  # windows scored anew


def signals(rows: int, seed: int) -> np.ndarray:
    """Waves and noise, `(row, channel)`."""
    time_of_row = np.arange(rows)[:, None]
    noise = np.random.default_rng(seed).standard_normal((rows, CHANNELS))
    return np.sin(time_of_row / (10 + 3 * np.arange(CHANNELS))) + 0.1 * noise


def measured(act: Callable[[np.ndarray], object], rows: np.ndarray) -> tuple[float, float]:
    """Return seconds of the processor and of the clock that something takes for some rows."""
    cpu, clock = time.thread_time(), time.perf_counter()
    act(rows)
    return time.thread_time() - cpu, time.perf_counter() - clock


def latencies(
    detector: seqae.AnomalyDetector, values: np.ndarray, together: Sequence[int], blocks: Sequence[int]
) -> dict[str, tuple[int, np.ndarray]]:
    """Return for each way how many rows a call takes, and times `(call, 2)` in microseconds; the ways take turns."""
    ways = {f"1 row at a time, {count} together": (1, OnlineDetector(detector, batch_rows=count)) for count in together}
    ways |= {f"{rows} rows at a time": (rows, OnlineDetector(detector)) for rows in blocks}
    for _, online in ways.values():
        online.push(values[:FIRST])
    longest = max(*together, *blocks)
    times: dict[str, list] = {"the last window anew": [], **{name: [] for name in ways}}
    reach = detector.scorer_.resolutions[-1].length
    for start in range(FIRST, len(values) - longest, longest):
        for row in np.linspace(start, start + longest, ANEW * longest // len(values) + 1, dtype=int):
            times["the last window anew"].append(measured(detector.score_samples, values[row - reach : row]))
        for name, (rows, online) in ways.items():
            # Single rows that are computed one by one are dear: fewer of them tell as much.
            stop = start + (longest if rows > 1 or online.batch_rows > 1 else min(longest, 32))
            times[name] += [measured(online.push, values[row : row + rows]) for row in range(start, stop, rows)]
    sizes = {"the last window anew": 1} | {name: rows for name, (rows, _) in ways.items()}
    return {name: (sizes[name], 1e6 * np.array(found)) for name, found in times.items()}


def show(title: str, found: dict[str, tuple[int, np.ndarray]]) -> None:
    anew = found["the last window anew"][1][:, 0].mean()
    print(f"{title}\n{'':34}{'p50':>9}{'p99':>9}{'waited p50':>12}{'waited p99':>12}{'per row':>10}{'anew / it':>11}")
    for name, (rows, times) in found.items():
        p50, p99 = np.percentile(times, [50, 99], axis=0)
        each = times[:, 0].mean() / rows
        print(f"{name:34}{p50[0]:9.0f}{p99[0]:9.0f}{p50[1]:12.0f}{p99[1]:12.0f}{each:10.1f}{anew / each:11.1f}")
    print()


def main(rows: str = "100000") -> None:
    normal, values = signals(TRAINING, seed=0), signals(12 * 1024, seed=1)
    linear = seqae.AnomalyDetector().fit(normal)
    lstm = seqae.AnomalyDetector(Recurrent(), resolutions=(1,), epochs=0).fit(normal)
    print(f"{CHANNELS} channels; microseconds\n")
    title = "The default detector: linear, windows of 16 steps of 1 and 4 rows"
    show(title, latencies(linear, values, together=(1, 16, 64, 256), blocks=(64, 256)))
    title = "LSTM, hidden size 48, windows of 16 rows"
    show(title, latencies(lstm, values, together=(1, 16, 256), blocks=(64,)))
    online = OnlineDetector(linear, batch_rows=64)
    online.push(values[:4096])
    before = resident()
    with Peak() as peak:
        cpu = sum(measured(online.push, values[row % len(values)])[0] for row in range(int(rows)))
    grown = (peak.bytes - before) / MEBIBYTE
    print(f"{online.rows} rows: {1e6 * cpu / int(rows):.1f} us a row, {grown:.1f} MiB more memory at most")


if __name__ == "__main__":
    main(*sys.argv[1:])
