"""What several tests read: computed signals, and batches with spoiled padding."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from scipy.signal import lfilter
from torch import Tensor

from seqae.batch import Batch
from seqae.datasets.sequences import SequenceDataset


def noisy_waves(
    rows: int,
    seed: int,
    periods: Sequence[float],
    sizes: Sequence[float] | float = 1.0,
    levels: Sequence[float] | float = 0.0,
    noise: Sequence[float] | float = 0.1,
    phases: Sequence[float] | float = 0.0,
) -> np.ndarray:
    """Return a sine and normal noise in each channel, `(row, channel)`; periods are in rows, divided by two pi."""
    random = np.random.default_rng(seed)
    phase = np.arange(rows)[:, None] / periods + phases
    return np.sin(phase) * sizes + levels + random.normal(scale=noise, size=(rows, len(periods)))


def readings(rows: int, seed: int) -> np.ndarray:
    """Return two noisy waves of different size and level, and a channel that stands still, `(row, 3)`."""
    waves = noisy_waves(rows, seed, [4, 7], [1.3, 30], [0, 100], [0.1, 3])
    return np.hstack([waves, np.full((rows, 1), 12.5)])


def wide_readings(rows: int, seed: int) -> np.ndarray:
    """Return three noisy waves of very different size and level, and a channel that stands still, `(row, 4)`."""
    waves = noisy_waves(rows, seed, [4, 5, 7], [1.3, 30, 0.02], [0, 100, 5], [0.1, 3, 0.002], [0, 1, 2])
    return np.hstack([waves, np.full((rows, 1), 12.5)])


def autoregressive(rows: int, seed: int, alike: float = 0.5, channels: int = 3) -> np.ndarray:
    """Return first-order autoregressive noise of deviation 1, about 10, `(row, channel)`."""
    noise = np.random.default_rng(seed).normal(size=(rows + 500, channels))
    return 10 + lfilter([1], [1, -alike], noise, axis=0)[500:] * np.sqrt(1 - alike**2)


def machine(rows: int, seed: int, flow: str = "flow", pressure: str = "pressure [bar]") -> pd.DataFrame:
    """Return two channels of a machine that runs in a cycle, a row each second.

    Args:
        rows: How many rows.
        seed: For the noise.
        flow: The name of the first channel.
        pressure: The name of the second channel.
    """
    noise = np.random.default_rng(seed).normal(scale=0.05, size=(2, rows))
    phase = np.arange(rows) / 8
    times = pd.date_range("2024-01-01", periods=rows, freq="s")
    return pd.DataFrame({"time": times, flow: np.sin(phase) + noise[0], pressure: 20 + 3 * np.cos(phase) + noise[1]})


def waves(count: int = 40, shortest: int = 6, longest: int = 13) -> SequenceDataset:
    """Return sines of one period that begin anywhere, `(time, 1)`."""
    random = torch.Generator().manual_seed(0)
    lengths = torch.randint(shortest, longest + 1, (count,), generator=random)
    phases = torch.rand(count, generator=random) * 6
    return SequenceDataset([torch.sin(torch.arange(int(n)) * 0.5 + p).unsqueeze(1) for n, p in zip(lengths, phases)])


def normal(*lengths: int, step: tuple[int, ...], seed: int = 0) -> list[Tensor]:
    """Return normal noise, `(length, *step)` for each length."""
    random = torch.Generator().manual_seed(seed)
    return [torch.randn(length, *step, generator=random) for length in lengths]


def uniform(*lengths: int, step: tuple[int, ...], seed: int = 0) -> list[Tensor]:
    """Return noise from 0 to 1, `(length, *step)` for each length."""
    random = torch.Generator().manual_seed(seed)
    return [torch.rand(length, *step, generator=random) for length in lengths]


def spoiled(batch: Batch, reading: float = torch.nan, token: int = -1, more: int = 0) -> Batch:
    """Return the same sequences with other padding.

    Args:
        batch: Sequences of readings or of tokens.
        reading: Stands in the padding of readings.
        token: Stands in the padding of tokens.
        more: Steps by which the padding gets longer.
    """
    fill = reading if batch.values.is_floating_point() else token
    longer = torch.cat([batch.values, batch.values.new_zeros(len(batch), more, *batch.values.shape[2:])], dim=1)
    mask = Batch(longer, batch.lengths).mask.reshape(*longer.shape[:2], *[1] * (longer.ndim - 2))
    return Batch(longer.masked_fill(~mask, fill), batch.lengths)


def ragged_readings(count: int = 12, channels: int = 2, seed: int = 0) -> list[np.ndarray]:
    """Return noise of 3 to 14 steps, `(time, channel)` each."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(int(length), channels)) for length in rng.integers(3, 15, count)]


def chirps(count: int = 60) -> tuple[list[np.ndarray], np.ndarray]:
    """Return waves of two classes, slow (0) and quick (1), of 8 to 30 steps and two channels, and their classes."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, count)
    sequences = []
    for label in labels:
        time = np.arange(random.integers(8, 31))[:, None]
        waves = np.sin((0.4 + 0.8 * label) * time + random.uniform(0, 6, 2))
        sequences.append(waves + 0.1 * random.normal(size=waves.shape))
    return sequences, labels
