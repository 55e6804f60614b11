"""How much memory scoring many rows takes: prints mebibytes beyond the data, and beyond data and scores.

Run by benchmark.py in a process of its own, with the number of rows.
"""

from __future__ import annotations

import re
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np

import seqae

CHANNELS = 8
MEBIBYTE = 2**20


def resident() -> int:
    """Bytes of memory of this process. Pages of mapped files, which the kernel may drop, do not count."""
    return 1024 * int(re.search(r"RssAnon:\s+(\d+)", Path("/proc/self/status").read_text())[1])


class Peak:
    """Measures the most memory in use while it is open, from another thread."""

    def __enter__(self) -> Peak:
        self.bytes, self.over = resident(), threading.Event()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def _watch(self) -> None:
        while not self.over.wait(0.005):
            self.bytes = max(self.bytes, resident())

    def __exit__(self, *error: object) -> None:
        self.over.set()
        self.thread.join()


def signals(rows: int, folder: str) -> np.ndarray:
    """Waves and noise in a file, `(row, channel)`."""
    random = np.random.default_rng(0)
    data = np.memmap(Path(folder) / "signals.f32", dtype=np.float32, mode="w+", shape=(rows, CHANNELS))
    for start in range(0, rows, 2**18):
        time = np.arange(start, min(start + 2**18, rows))[:, None]
        data[time[:, 0]] = np.sin(time / (10 + 3 * np.arange(CHANNELS))) + 0.1 * random.standard_normal(
            (len(time), CHANNELS)
        )
    return data


def main(rows: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = signals(int(rows), folder)
        detector = seqae.AnomalyDetector(epochs=2).fit(np.array(data[:20_000]))
        detector.score_samples(data[:100_000])  # what torch and numpy allocate once is no matter of the data
        before = resident()
        with Peak() as peak:
            scores = detector.score_samples(data)
        beyond = (peak.bytes - before) / MEBIBYTE
        print(beyond, beyond - scores.nbytes / MEBIBYTE)


if __name__ == "__main__":
    main(*sys.argv[1:])
