"""How fast LSTM and GRU layers are on one core, beside torch's and the rate of a large matrix product: a table.

    python tests/benchmarks/layers.py --quick

Forward and backward, without the gradient of the inputs, by one thread; both keep freed memory. All are timed in turns
by the processor's time, and a rate is divided by that of the product beside it, so that a busy machine matters little.
A layer's operations are those of its products over the steps that sequences have; torch runs over the padding as well.
Where the processor has tiles for bfloat16, also how much quicker rounded products are; and where a layer reads in both
directions, how much quicker that is than two calls with reversed copies.
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
from seqae.modules.native.build import can_round

Shape = tuple[int, int, int, int]
SHAPES: list[Shape] = [  # sequences, steps, inputs, hidden units
    (256, 100, 8, 128),
    (64, 100, 8, 128),
    (16, 100, 8, 128),
    (256, 50, 64, 256),
    (64, 50, 64, 512),
    (32, 30, 256, 256),
    (4, 100, 8, 64),
    (1, 200, 8, 64),
]
RAGGED: Shape = (256, 300, 8, 128)  # of 1 to 300 steps
BOTH_DIRECTIONS: list[Shape] = [
    (64, 100, 8, 128),
    (64, 100, 256, 128),
    (64, 50, 64, 256),
    (8, 100, 8, 64),
]
PRODUCT = 768  # rows and columns


class Rates(NamedTuple):
    """Of a layer: its rate as a share of that of a matrix product, and in units of the rates of other ways."""

    name: str
    shape: tuple[int, ...]
    share: float
    ratios: dict[str, float]

    def __str__(self) -> str:
        sizes = " ".join(f"{size:4}" for size in self.shape)
        ratios = ", ".join(f"{ratio:5.2f} x {way}" for way, ratio in self.ratios.items())
        return f"{self.name:9}{sizes}  {self.share:4.0%} of the product's rate, {ratios}"


def rates(quick: bool) -> Iterator[Rates]:
    """Measure all layers."""
    seqae.configure_runtime(threads=1)
    torch.manual_seed(0)
    for cell in ("LSTM", "GRU"):
        for shape in SHAPES:
            yield _measured(cell, shape, torch.full(shape[:1], shape[1]), False, quick)
    yield _measured("LSTM", RAGGED, _any_lengths(RAGGED), False, quick)
    for cell in ("LSTM", "GRU"):
        for shape in BOTH_DIRECTIONS:
            yield _measured(cell, shape, _any_lengths(shape), True, quick)


def _any_lengths(shape: Shape) -> torch.Tensor:
    return torch.randint(1, shape[1] + 1, shape[:1])


def _measured(cell: str, shape: Shape, lengths: torch.Tensor, both: bool, quick: bool) -> Rates:
    count, steps, inputs, units = shape
    ours = getattr(seqae, cell)(inputs, units, bidirectional=both)
    usual = getattr(torch.nn, cell)(inputs, units, batch_first=True, bidirectional=both)
    batch, slope = seqae.Batch(torch.randn(count, steps, inputs), lengths), torch.randn(count, steps, ours.output_size)
    matrix = torch.randn(PRODUCT, PRODUCT)
    works: dict[str, Callable[[], object]] = {
        "seqae": lambda: ours(batch).values.backward(slope),
        "product": lambda: matrix @ matrix,
        "torch": lambda: usual(batch.values)[0].backward(slope),
    }
    if can_round():
        works["rounded"] = lambda: ours(batch).values.backward(slope)
    if both:
        each = [getattr(seqae, cell)(inputs, units) for _ in range(2)]
        works["two calls"] = lambda: _two_calls(each[0], each[1], batch).backward(slope)
    gates = (4 if cell == "LSTM" else 3) * units * (1 + both)
    operations = int(lengths.sum()) * 2 * gates * (2 * (units + inputs) + units)
    found = _rates_of(works, {name: 2 * PRODUCT**3 if name == "product" else operations for name in works}, quick)
    share = statistics.median(a / b for a, b in zip(found["seqae"], found.pop("product")))
    exact = found.pop("seqae")
    ratios = {name: statistics.median(a / b for a, b in zip(exact, rates)) for name, rates in found.items()}
    return Rates(f"{cell} x 2" if both else cell, shape, share, ratios)


def _rates_of(
    works: dict[str, Callable[[], object]], operations: dict[str, int], quick: bool
) -> dict[str, list[float]]:
    """Return the operations a second of each work, measured in turns."""
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(4 if quick else 12):
        for name, work in works.items():
            times = 1 + int(2e8 / operations[name])
            torch.set_float32_matmul_precision("medium" if name == "rounded" else "highest")
            found[name].append(operations[name] * times / _seconds(work, times))
    torch.set_float32_matmul_precision("highest")
    return found


def _two_calls(forward: seqae.LSTM, backward: seqae.LSTM, batch: seqae.Batch) -> torch.Tensor:
    reverse = backward(batch.reversed()).reversed()
    return torch.cat([forward(batch).values, reverse.values], dim=-1)


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
