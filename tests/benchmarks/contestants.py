"""What is timed: ways of training an autoencoder. Run by race.py: one piece of work for each line on standard input.

A contestant is a function that prepares, and returns a function that does one piece of work and returns how many
units (windows, steps) it has done. It takes whether the pieces are small.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import seqae
from seqae import Batch
from seqae.datasets.loader import DataLoader
from seqae.datasets.sampler import LengthBucketSampler
from seqae.datasets.sequences import SequenceDataset

Work = Callable[[], int]
THREADS = min(2, len(os.sched_getaffinity(0)))
STEPS, CHANNELS, HIDDEN, CODE, ROWS = 100, 8, 128, 32, 256


class PlainAutoencoder(nn.Module):
    """What one writes with torch alone: one LSTM reads, another one reads the code at every step."""

    def __init__(self) -> None:
        super().__init__()
        self.reader = nn.LSTM(CHANNELS, HIDDEN, batch_first=True)
        self.code = nn.Linear(HIDDEN, CODE)
        self.writer = nn.LSTM(CODE, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, CHANNELS)

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        hidden, _ = self.reader(values)
        code = self.code(hidden[torch.arange(len(values)), lengths - 1])
        return self.head(self.writer(code.unsqueeze(1).expand(-1, values.shape[1], -1))[0])


class PackedAutoencoder(PlainAutoencoder):
    """The same with packed sequences."""

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        _, (last, _) = self.reader(pack_padded_sequence(values, lengths, batch_first=True, enforce_sorted=False))
        repeated = self.code(last[0]).unsqueeze(1).expand(-1, values.shape[1], -1)
        packed = pack_padded_sequence(repeated, lengths, batch_first=True, enforce_sorted=False)
        return self.head(pad_packed_sequence(self.writer(packed)[0], batch_first=True)[0])


class OneByOne(nn.Module):
    """An autoencoder of the size of sequitur 1.2.4's `LSTM_AE(8, 32, h_dims=[128])`, for one sequence at a time.

    Two LSTM read, the smaller one writes the code; two read the code at every step.
    https://github.com/shobrook/sequitur
    """

    def __init__(self) -> None:
        super().__init__()
        self.readers = nn.ModuleList([nn.LSTM(CHANNELS, HIDDEN), nn.LSTM(HIDDEN, CODE)])
        self.writers = nn.ModuleList([nn.LSTM(CODE, HIDDEN), nn.LSTM(HIDDEN, HIDDEN)])
        self.head = nn.Linear(HIDDEN, CHANNELS, bias=False)

    def forward(self, sequence: Tensor) -> Tensor:
        hidden = self.readers[0](sequence)[0].sigmoid()
        _, (code, _) = self.readers[1](hidden)
        hidden = self.writers[0](code.tanh().expand(len(sequence), -1))[0].sigmoid()
        return self.head(self.writers[1](hidden)[0])


def task() -> seqae.Reconstruction:
    encoder = seqae.RecurrentEncoder(seqae.LSTM(CHANNELS, HIDDEN), CODE)
    decoder = seqae.RepeatDecoder(seqae.LSTM(CODE, HIDDEN), nn.Linear(HIDDEN, CHANNELS))
    return seqae.Reconstruction(seqae.Autoencoder(encoder, decoder), seqae.squared_error)


def train_task(training: seqae.Reconstruction, optimizer: torch.optim.Optimizer, batch: Batch) -> float:
    optimizer.zero_grad()
    loss = training.training_step(batch, 0)
    loss.backward()
    optimizer.step()
    return loss.item()


def train_plain(model: PlainAutoencoder, optimizer: torch.optim.Optimizer, batch: Batch) -> float:
    optimizer.zero_grad()
    squares = (model(batch.values, batch.lengths) - batch.values).square().mean(dim=-1)
    loss = (squares * batch.mask).sum() / batch.lengths.sum()
    loss.backward()
    optimizer.step()
    return loss.item()


def windows() -> Batch:
    return Batch.full(torch.randn(ROWS, STEPS, CHANNELS))


def windows_by_seqae(quick: bool) -> Work:
    seqae.configure_runtime(THREADS)
    training, batch = task(), windows()
    optimizer = training.configure_optimizers()
    return lambda: train_task(training, optimizer, batch) and ROWS


def windows_by_torch(quick: bool) -> Work:
    model, batch = PlainAutoencoder(), windows()
    optimizer = torch.optim.Adam(model.parameters())
    return lambda: train_plain(model, optimizer, batch) and ROWS


def windows_one_by_one(quick: bool) -> Work:
    model, batch = OneByOne(), windows()
    optimizer, error = torch.optim.Adam(model.parameters()), nn.MSELoss(reduction="sum")

    def work() -> int:
        for sequence in batch.values[:8]:
            optimizer.zero_grad()
            loss = error(model(sequence), sequence)
            loss.backward()
            optimizer.step()
            loss.item()
        return 8

    return work


def uneven(quick: bool) -> SequenceDataset:
    """Sequences with log-uniform lengths."""
    count, longest = (2_000, 300) if quick else (20_000, 1_000)
    random = np.random.default_rng(0)
    lengths = np.exp(random.uniform(np.log(10), np.log(longest), count)).astype(int)
    memory = torch.randn(int(lengths.max()), CHANNELS)
    return SequenceDataset([memory[:length] for length in lengths])


def some_batches(source: SequenceDataset, order: LengthBucketSampler, count: int) -> list[Batch]:
    """Batches spread evenly over all, from those with the fewest steps to those with the most."""
    batches = sorted(order, key=lambda numbers: int(order.lengths[numbers].sum()))
    places = (np.arange(count) + 0.5) / count * len(batches)
    return [source.batch(batches[int(place)]) for place in places]


def uneven_by_seqae(quick: bool) -> Work:
    seqae.configure_runtime(THREADS)
    source, training = uneven(quick), task()
    optimizer, order = training.configure_optimizers(), LengthBucketSampler(source.lengths, ROWS)

    def work() -> int:
        batches = some_batches(source, order, 4 if quick else 8)
        return sum(train_task(training, optimizer, batch) and int(batch.lengths.sum()) for batch in batches)

    return work


def uneven_by_torch(quick: bool, make: type[PlainAutoencoder] = PlainAutoencoder) -> Work:
    source, model = uneven(quick), make()
    optimizer, order = torch.optim.Adam(model.parameters()), LengthBucketSampler(source.lengths, ROWS, bucket_size=1)

    def work() -> int:
        (batch,) = some_batches(source, order, 1)
        return train_plain(model, optimizer, batch) and int(batch.lengths.sum())

    return work


def uneven_packed(quick: bool) -> Work:
    return uneven_by_torch(quick, PackedAutoencoder)


def epoch(quick: bool) -> DataLoader:
    source = SequenceDataset(list(torch.randn((4 if quick else 12) * ROWS, STEPS, CHANNELS)))
    return DataLoader(source, LengthBucketSampler(source.lengths, ROWS))


def epoch_by_lightning(quick: bool) -> Work:
    seqae.configure_runtime(THREADS)
    training, loader = task(), epoch(quick)

    def work() -> int:
        seqae.fit(training, loader, epochs=1, progress=False)
        return len(loader)

    return work


def epoch_by_loop(quick: bool) -> Work:
    seqae.configure_runtime(THREADS)
    training, loader = task(), epoch(quick)

    def work() -> int:
        optimizer = training.configure_optimizers()
        for batch in loader:
            train_task(training, optimizer, batch)
        return len(loader)

    return work


def main(name: str, *size: str, contestants: dict[str, object] | None = None) -> None:
    torch.manual_seed(0)
    torch.set_num_threads(THREADS)
    work = (contestants or globals())[name]("quick" in size)
    for _ in sys.stdin:
        started = time.perf_counter()
        units = work()
        print((time.perf_counter() - started) / units, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
