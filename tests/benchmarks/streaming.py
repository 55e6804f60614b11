"""How quick streaming is: latency and work per row, beside scoring the last window anew for each row.

    python tests/benchmarks/streaming.py [ROWS]

Times are of the processor, in turns, so that other work on the machine disturbs them little; "waited" is by the clock.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from memory import MEBIBYTE, Peak, resident

import seqae
from seqae.anomaly.streaming import OnlineDetector

CHANNELS = 8
BLOCKS = (1, 16, 64, 256)  # rows pushed at once; so many are in a pipe when they come faster than they are scored
ROUNDS = 60


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


def latencies(detector: seqae.AnomalyDetector, values: np.ndarray) -> dict[str, np.ndarray]:
    """Return times of each contestant, `(call, 2)` in microseconds, taken in turns."""
    online = {block: OnlineDetector(detector) for block in BLOCKS}
    together = OnlineDetector(detector, together=16)
    for each in (*online.values(), together):
        each.push(values[:1024])
    reach = detector.scales_[-1].reach
    times: dict[str, list] = {"anew": [], "together": [], **{str(block): [] for block in BLOCKS}}
    for turn in range(ROUNDS):
        row = 1024 + 16 * turn
        times["anew"].append(measured(detector.scores, values[row + 1 - reach : row + 1]))
        times["together"] += [measured(together.push, values[row + more]) for more in range(16)]
        for block, each in online.items():
            start = 1024 + turn * block
            times[str(block)].append(measured(each.push, values[start : start + block]))
    return {name: 1e6 * np.array(found) for name, found in times.items()}


def show(found: dict[str, np.ndarray]) -> None:
    anew = found["anew"][:, 0].mean()
    print(f"{'':34}{'p50':>9}{'p99':>9}{'waited p50':>12}{'per row':>10}{'anew / it':>11}")
    names = {"anew": "the last window anew", "together": "1 row at a time, 16 together"}
    for name, times in found.items():
        rows = int(name) if name.isdigit() else 1
        p50, p99 = np.percentile(times[:, 0], [50, 99])
        each = times[:, 0].mean() / rows
        label = names.get(name, f"{name} rows at a time")
        print(f"{label:34}{p50:9.0f}{p99:9.0f}{np.median(times[:, 1]):12.0f}{each:10.1f}{anew / each:11.1f}")


def main(rows: str = "100000") -> None:
    detector = seqae.AnomalyDetector(epochs=2).fit(signals(20_000, seed=0))
    values = signals(max(BLOCKS) * ROUNDS + 2048, seed=1)
    print(f"{CHANNELS} channels, windows of 16 steps of 1, 4 and 16 rows; microseconds\n")
    show(latencies(detector, values))
    online = OnlineDetector(detector)
    online.push(values[:4096])
    before = resident()
    with Peak() as peak:
        cpu = sum(measured(online.push, values[:64])[0] for _ in range(int(rows) // 64))
    grown = (peak.bytes - before) / MEBIBYTE
    print(f"\n{online.rows} rows: {1e6 * cpu / int(rows):.1f} us a row, {grown:.1f} MiB more memory at most")


if __name__ == "__main__":
    main(*sys.argv[1:])
