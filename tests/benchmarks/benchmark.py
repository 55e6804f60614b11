"""How fast and how small seqae is, beside other ways of doing the same. Prints one table.

    python tests/benchmarks/benchmark.py                              # about forty minutes
    python tests/benchmarks/benchmark.py --quick --only windows start

Ratios come from turns in one run, so that they mean something on a busy machine; seconds and mebibytes are as they are.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from layers import processor, product_rate
from race import race

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        what: Is compared or measured.
        found: The number.
        asked: The number that it should reach, or stay below.
        unit: "x" for a ratio.
        least: Whether more is better.
        note: The numbers behind a ratio.
    """

    what: str
    found: float
    asked: float
    unit: str
    least: bool = False
    note: str = ""

    def __str__(self) -> str:
        good = self.found >= self.asked if self.least else self.found <= self.asked
        asked = f"{'>=' if self.least else '<='} {self.asked:g} {self.unit}"
        found = f"{self.found:.2f} {self.unit}"
        return f"{'ok' if good else 'NO':3}{self.what:58}{found:>11}  {asked:12}{self.note}"


def windows(quick: bool) -> Iterator[Row]:
    """A training step over 256 windows of 100 steps and 8 channels, hidden size 128, code 32."""
    names = ["windows_by_seqae", "windows_by_torch", "windows_one_by_one"]
    ours, plain, single = race(names, 5 if quick else 15, quick).values()
    note = f"{1 / ours:.0f} against {{:.0f}} windows/s"
    yield Row("training: nn.LSTM and Adam / seqae", plain / ours, 1.5, "x", True, note.format(1 / plain))
    yield Row("training: one sequence at a time / seqae", single / ours, 20, "x", True, note.format(1 / single))


def steps(quick: bool) -> Iterator[Row]:
    """Where the time of training steps goes, by one thread."""
    from steps import shares

    found = {each.kind: each for each in shares(quick)}
    for kind, each in found.items():
        (name, share), *_ = each.largest(1)
        note = f"{name}; products {each.products:.0%} of {1e3 * each.seconds:.0f} ms"
        yield Row(f"largest share beside products: {kind}", share, 0.15, "of it", note=note)
    even, ragged = (found[kind].per_time_step for kind in ("windows (W1)", "ragged (W2)"))
    note = f"{1 / ragged:.0f} against {1 / even:.0f} steps/s"
    yield Row("ragged / even sequences, time steps a second", even / ragged, 0.85, "x", True, note)


def scoring(quick: bool) -> Iterator[Row]:
    """Values a second that the default detector scores on one core."""
    from scoring import rates

    for each in rates(quick):
        note = f"{each.operations:.0f} of {each.product:.0f} GFLOP/s"
        yield Row(f"scoring, {each.channels} channels, one core", each.values, 10, "M/s", True, note)


def growth(quick: bool) -> Iterator[Row]:
    """How the time of each step grows with its size."""
    from slopes import STEEPEST, slopes

    for what, slope, about in slopes(quick):
        yield Row(f"slope of time: {what}", slope, STEEPEST, "", note=about)


def peers(quick: bool) -> Iterator[Row | str]:
    """The same by others, as far as they are installed."""
    from peers import results

    for each in results(quick):
        if isinstance(each, str):
            yield f"-- {each}"
        else:
            what, ours, theirs = each
            yield Row(f"{what} / seqae", ours / theirs, 1, "x", True, f"{ours:.0f} against {theirs:.0f} a second")


def layers(quick: bool) -> Iterator[Row]:
    """Forward and backward of recurrent layers by one thread."""
    from layers import rates

    for each in rates(quick):
        note = f"{each.share:.0%} of the rate of a matrix product"
        yield Row(f"{each.name} {each.shape}: torch / seqae", each.ratios["torch"], 1.3, "x", True, note)
        if "two calls" in each.ratios:
            yield Row(f"{each.name} {each.shape}: two calls / one", each.ratios["two calls"], 1, "x", True)
        if "rounded" in each.ratios:
            yield Row(f"{each.name} {each.shape}: exact / rounded", 1 / each.ratios["rounded"], 1.2, "x", True)


def uneven(quick: bool) -> Iterator[Row]:
    """Training over sequences of log-uniform lengths in batches of 256; per real step."""
    lengths = f"10..{300 if quick else 1000} steps"
    names = ["uneven_by_seqae", "uneven_by_torch", "uneven_packed"]
    ours, padded, packed = race(names, 1 if quick else 2, quick).values()
    note = f"{1 / ours:.0f} against {{:.0f}} steps/s"
    yield Row(f"{lengths}: random padded batches / seqae", padded / ours, 5, "x", True, note.format(1 / padded))
    yield Row(f"{lengths}: random packed batches / seqae", packed / ours, 20, "x", True, note.format(1 / packed))


def lightning(quick: bool) -> Iterator[Row]:
    """An epoch of `seqae.fit` beside a bare loop over the same batches."""
    whole, bare = race(["epoch_by_lightning", "epoch_by_loop"], 3 if quick else 9, quick).values()
    note = f"{1000 * whole:.0f} against {1000 * bare:.0f} ms a step"
    yield Row("seqae.fit / a bare loop", whole / bare, 1.15, "x", note=note)


def memory(quick: bool) -> Iterator[Row]:
    """Scoring many rows of 8 channels."""
    rows = 1_000_000 if quick else 10_000_000
    command = [sys.executable, FOLDER / "memory.py", str(rows)]
    beyond, without_scores = map(float, subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.split())
    note = f"{without_scores:.0f} without the scores themselves"
    yield Row(f"memory to score {rows:,} rows, beyond the data", beyond, 64, "MiB", note=note)


def start(quick: bool) -> Iterator[Row]:
    """What a user waits for."""
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder) / "small.csv", Path(folder) / "large.csv"
        write_table(small, 2_000, 4)
        write_table(large, 26_000 if quick else 260_000, 20)
        python, seqae = [sys.executable, "-c"], [sys.executable, "-m", "seqae.cli"]
        model = Path(folder) / "model"
        fitted = "import seqae, sys; seqae.save(seqae.AnomalyDetector(epochs=1).fit(sys.argv[1]), sys.argv[2])"
        subprocess.run([*python, fitted, small, model], check=True, stdout=subprocess.DEVNULL)
        reading = (
            "import time, sys; from seqae.data.signals.loading import as_recordings as read;"
            "t = time.perf_counter(); read(sys.argv[1]); "
        )
        commands = {
            "nothing": [*python, "pass"],
            "import": [*python, "import seqae"],
            "help": [*seqae, "--help"],
            "score": [*seqae, "score", model, small, "--out", Path(folder) / "scores.csv", "--overwrite"],
            "read": [*python, reading + "print(time.perf_counter() - t)", large],
        }
        seconds = in_turns(commands, 3 if quick else 7)
    yield Row("import seqae, beyond python itself", seconds["import"] - seconds["nothing"], 0.3, "s")
    yield Row("seqae --help", seconds["help"], 1, "s")
    yield Row("seqae score, a file of 2,000 rows", seconds["score"], 3, "s")
    yield Row(f"read a CSV of {26 if quick else 260},000 rows x 20 channels", seconds["read"], 2, "s")


def images(quick: bool) -> Iterator[Row]:
    """An epoch over MNIST, or over random images of its size."""
    from images import ratios

    for network, (ours, usual) in ratios(quick).items():
        note = f"{ours:.0f} against {usual:.0f} images/s"
        yield Row(f"{network} network: DataLoader of torchvision / seqae", ours / usual, 2, "x", True, note)


def trees(quick: bool) -> Iterator[Row]:
    """Training a recursive autoencoder over given trees of 10 to 30 leaves; per merge."""
    from trees import ratios

    for (count, (ours, plain)), asked in zip(ratios(quick).items(), (60, 28)):
        note = f"{ours:.0f} against {plain:.0f} merges/s"
        yield Row(f"batches of {count} trees: plain recursion / seqae", ours / plain, asked, "x", True, note)


def text(quick: bool) -> Iterator[Row]:
    """An epoch of a model with attention over pairs of texts, and texts written by five beams."""
    from text import ratios

    (ours, plain), (batched, single) = ratios(quick).values()
    note = f"{ours:.1f} against {plain:.1f} batches/s"
    yield Row("seq2seq training: seqae.fit / a loop with nn.LSTM", plain / ours, 1.15, "x", note=note)
    note = f"{batched:.1f} against {single:.1f} texts/s"
    yield Row("beam search: texts and beams one by one / seqae", batched / single, 10, "x", True, note)


def video(quick: bool) -> Iterator[Row]:
    """Training a ConvLSTM on videos of different lengths."""
    from video import videos_per_second

    ours, loop = videos_per_second(quick)
    note = f"{ours:.0f} against {loop:.0f} videos/s"
    yield Row("ConvLSTM training: frame by frame / seqae", ours / loop, 5, "x", True, note)


def write_table(path: Path, rows: int, channels: int) -> None:
    """A CSV file with a time column."""
    random = np.random.default_rng(0)
    stamps = np.datetime64("2024-01-01T00:00:00") + np.arange(rows)
    names = ",".join(f"channel {number}" for number in range(channels))
    with path.open("w") as file:
        file.write(f"time,{names}\n")
        for stamp, values in zip(stamps, random.standard_normal((rows, channels)).round(4)):
            file.write(f"{stamp},{','.join(map(str, values))}\n")


def in_turns(commands: dict[str, list], rounds: int) -> dict[str, float]:
    """Return the median seconds of each command; the first round warms up. One that prints a number timed itself."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds + 1):
        for name, command in commands.items():
            started = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            seconds = time.perf_counter() - started
            times[name].append(float(done.stdout) if name == "read" else seconds)
    return {name: statistics.median(found[1:]) for name, found in times.items()}


ALL = (windows, peers, steps, layers, uneven, lightning, memory, start, scoring, growth, images, trees, text, video)
GROUPS: dict[str, Callable[[bool], Iterator[Row | str]]] = {group.__name__: group for group in ALL}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="less work and fewer rounds")
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=list(GROUPS), metavar="GROUP", help=str([*GROUPS]))
    arguments = parser.parse_args()
    load = f"load {os.getloadavg()[0]:.1f} at the start"
    print(f"python {platform.python_version()}, {os.cpu_count()} cores, {processor()}, {load}")
    single, double = map(product_rate, (torch.float32, torch.float64))
    print(f"a matrix product by one thread: {single:.0f} GFLOP/s, in double precision {double:.0f}")
    for name in arguments.only:
        for row in GROUPS[name](arguments.quick):
            print(row, flush=True)
    print(f"load {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
