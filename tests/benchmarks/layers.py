"""How fast LSTM and GRU layers are on one core, beside torch's and the rate of a large matrix product: a table.

    python tests/benchmarks/layers.py --quick

Forward and backward, without the gradient of the inputs, by one thread; both keep freed memory. All are timed in turns
by the processor's time, and a rate is divided by that of the product beside it, so that a busy machine matters little.
A layer's operations are those of its products over the steps that sequences have; torch runs over the padding as well.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch

import seqae

SHAPES = [  # sequences, steps, inputs, hidden units
    (256, 100, 8, 128),
    (64, 100, 8, 128),
    (16, 100, 8, 128),
    (256, 50, 64, 256),
    (64, 50, 64, 512),
    (32, 30, 256, 256),
    (4, 100, 8, 64),
    (1, 200, 8, 64),
]
RAGGED = (256, 300, 8, 128)  # of 1 to 300 steps
PRODUCT = 768  # rows and columns


class Rates(NamedTuple):
    """Of a layer: its rate as a share of that of a matrix product, and in units of torch's."""

    cell: str
    shape: tuple[int, ...]
    share: float
    ratio: float

    def __str__(self) -> str:
        sizes = " ".join(f"{size:4}" for size in self.shape)
        return f"{self.cell:5}{sizes}  {self.share:4.0%} of the product's rate, {self.ratio:5.2f} x torch"


def rates(quick: bool) -> Iterator[Rates]:
    """Measure all layers."""
    seqae.configure_runtime(threads=1)
    torch.manual_seed(0)
    for cell in ("LSTM", "GRU"):
        for shape in SHAPES:
            yield _measured(cell, shape, torch.full(shape[:1], shape[1]), quick)
    yield _measured("LSTM", RAGGED, torch.randint(1, RAGGED[1] + 1, RAGGED[:1]), quick)


def _measured(cell: str, shape: tuple[int, int, int, int], lengths: torch.Tensor, quick: bool) -> Rates:
    count, steps, inputs, units = shape
    ours = getattr(seqae, cell)(inputs, units)
    usual = getattr(torch.nn, cell)(inputs, units, batch_first=True)
    batch, slope = seqae.Batch(torch.randn(count, steps, inputs), lengths), torch.randn(count, steps, units)
    matrix = torch.randn(PRODUCT, PRODUCT)
    gates = 4 if cell == "LSTM" else 3
    operations = int(lengths.sum()) * 2 * gates * units * (2 * (units + inputs) + units)
    works = {
        "seqae": (operations, lambda: ours(batch).values.backward(slope)),
        "torch": (operations, lambda: usual(batch.values)[0].backward(slope)),
        "product": (2 * PRODUCT**3, lambda: matrix @ matrix),
    }
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(4 if quick else 12):
        for name, (number, work) in works.items():
            times = 1 + int(2e8 / number)
            found[name].append(number * times / _seconds(work, times))
    ours_of_product, ours_of_torch = (
        statistics.median(a / b for a, b in zip(found["seqae"], found[name])) for name in ("product", "torch")
    )
    return Rates(cell, shape, ours_of_product, ours_of_torch)


def _seconds(work: Callable[[], object], times: int) -> float:
    begun = time.process_time()
    for _ in range(times):
        work()
    return time.process_time() - begun


def processor() -> str:
    """Return what the processor calls itself, and the widest instructions that torch uses."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    return f"{name}, {torch.backends.cpu.get_cpu_capability()}"


def product_rate(dtype: torch.dtype) -> float:
    """Return the GFLOP/s of a matrix product by one thread, the best of some."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    matrix = torch.randn(PRODUCT, PRODUCT, dtype=dtype)
    found = min(_seconds(lambda: matrix @ matrix, 4) for _ in range(6))
    torch.set_num_threads(threads)
    return 4 * 2 * PRODUCT**3 / found / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    print(processor())
    for each in rates(parser.parse_args().quick):
        print(each, flush=True)


if __name__ == "__main__":
    main()
