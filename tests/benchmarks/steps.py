"""Where the time of whole training steps goes: products, the recurrence, and all that surrounds them. Prints a table.

    python tests/benchmarks/steps.py --quick

A step assembles its batch, computes the loss, goes back and updates the weights, by one thread. Shares are of the time
in the operations themselves, as torch's profiler measures it, which makes small ones a little larger.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from contestants import CHANNELS, ROWS, STEPS, task, uneven
from torch import nn
from torch.profiler import ProfilerActivity, profile, record_function

import seqae
from seqae.anomaly.window_models import Recurrent
from seqae.datasets.sampler import LengthBucketSampler
from seqae.datasets.sequences import SequenceDataset
from seqae.losses import token_cross_entropy
from seqae.modules import Argmax, Convolutions, ResampledCode, ResampledDecoder, ResampledEncoder, TiedHead
from seqae.modules.native import layer

PRODUCTS = ("recurrence", "mm", "bmm", "addmm", "baddbmm", "mkldnn_convolution", "convolution_backward")
TOKENS, VECTOR, POSITIONS, NUMBERS = 4000, 128, 32, 15  # of the text autoencoder
TELEMETRY = 23  # channels


class Shares(NamedTuple):
    """Of a kind of step: seconds of the processor for a step and for each time step in it, and where they go."""

    kind: str
    seconds: float
    per_time_step: float
    products: float
    others: dict[str, float]

    def largest(self, count: int) -> list[tuple[str, float]]:
        """Return what takes longest beside the products, with its share."""
        return sorted(self.others.items(), key=lambda each: -each[1])[:count]

    def __str__(self) -> str:
        others = ", ".join(f"{name} {share:.0%}" for name, share in self.largest(5))
        times = f"{1e3 * self.seconds:8.1f} ms {1e6 * self.per_time_step:8.2f} us a time step"
        return f"{self.kind:26}{times}  products {self.products:4.0%}; {others}"


def shares(quick: bool) -> Iterator[Shares]:
    """Measure all kinds of steps."""
    seqae.configure_runtime(threads=1)
    torch.manual_seed(0)
    windows = SequenceDataset(list(torch.randn(8 * ROWS, STEPS, CHANNELS)))
    ragged = uneven(quick)
    texts = _texts()
    telemetry = SequenceDataset(list(torch.randn(1000, 16, TELEMETRY)))
    model = Recurrent()(torch.zeros(1, 16, TELEMETRY), torch.ones(TELEMETRY))
    kinds = {
        "windows (W1)": (task(), windows, ROWS),
        "ragged (W2)": (task(), ragged, ROWS),
        "text, convolutions": (_text_task(_convolutions()), texts, 64),
        "text, LSTM": (_text_task(_lstm()), texts, 64),
        "telemetry, LSTM": (seqae.Reconstruction(model, seqae.squared_error), telemetry, 64),
    }
    for kind, (training, source, rows) in kinds.items():
        yield _measured(kind, training, source, rows, 6 if quick else 24)


def _measured(kind: str, training: seqae.Reconstruction, source: SequenceDataset, rows: int, count: int) -> Shares:
    optimizer = training.configure_optimizers()
    order = list(LengthBucketSampler(source.lengths, rows))

    def step(indices: np.ndarray) -> int:
        with record_function("batch"):
            batch = source.batch(indices)
        optimizer.zero_grad()
        training.training_step(batch, 0).backward()
        optimizer.step()
        return int(batch.lengths.sum())

    chosen = [order[number % len(order)] for number in range(count)]
    for indices in chosen[:2]:
        step(indices)
    begun = time.process_time()
    steps = sum(step(indices) for indices in chosen)
    seconds = time.process_time() - begun
    with _recurrence_recorded(), profile(activities=[ProfilerActivity.CPU], acc_events=True) as profiled:
        for indices in chosen:
            with record_function("Python"):
                step(indices)
    found = {each.key.removeprefix("aten::"): each.self_cpu_time_total for each in profiled.key_averages()}
    total = sum(found.values())
    products = sum(found.pop(name, 0.0) for name in PRODUCTS)
    others = {name: time_of / total for name, time_of in found.items()}
    return Shares(kind, seconds / count, seconds / steps, products / total, others)


@contextmanager
def _recurrence_recorded() -> Iterator[None]:
    """Let the profiler see the calls of the kernel, which are none of torch's operations."""
    call = layer._call

    def recorded(function: str, *tensors: torch.Tensor) -> None:
        with record_function("recurrence"):
            call(function, *tensors)

    layer._call = recorded
    try:
        yield
    finally:
        layer._call = call


def _texts() -> SequenceDataset:
    """Random texts, as long as sentences are."""
    random = np.random.default_rng(0)
    lengths = np.clip(random.lognormal(2.6, 0.5, 2048), 3, 40).astype(int)
    return SequenceDataset([torch.from_numpy(random.integers(3, TOKENS, length)) for length in lengths])


def _text_task(model: seqae.Autoencoder) -> seqae.Reconstruction:
    return seqae.Reconstruction(model, token_cross_entropy)


def _embedding() -> nn.Embedding:
    return nn.Embedding(TOKENS, VECTOR)


def _convolutions() -> seqae.Autoencoder:
    """As recipes/text_autoencode has it."""
    embedding, hidden = _embedding(), 2 * VECTOR
    reader, writer = (Convolutions(hidden, [hidden] * 2) for _ in range(2))
    encoder = ResampledEncoder(VECTOR, reader, POSITIONS, NUMBERS, embedding, keeps_length=True)
    return seqae.Autoencoder(
        encoder, ResampledDecoder(POSITIONS, NUMBERS, writer, TiedHead(embedding, hidden), keeps_length=True)
    )


def _lstm() -> seqae.Autoencoder:
    """As recipes/text_autoencode has it."""
    embedding, hidden = _embedding(), 2 * VECTOR
    condition = ResampledCode(POSITIONS, NUMBERS, VECTOR, keeps_length=True)
    reader, writer = seqae.LSTM(hidden, VECTOR, bidirectional=True), seqae.LSTM(hidden, hidden)
    encoder = ResampledEncoder(VECTOR, reader, POSITIONS, NUMBERS, embedding, keeps_length=True)
    head = TiedHead(embedding, hidden + VECTOR)
    decoder = seqae.AutoregressiveDecoder(
        encoder.code_size, writer, head, embedding, Argmax(), condition_every_step=condition
    )
    return seqae.Autoencoder(encoder, decoder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer steps")
    for each in shares(parser.parse_args().quick):
        print(each, flush=True)


if __name__ == "__main__":
    main()
