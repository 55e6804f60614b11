"""The denoising autoencoder: dilated convolutions that tell noise and signal apart at each step, at any noise level."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor, nn

import seqae
from seqae.modules import Convolutions, TimeDistributed
from seqae.training import Task
from seqae.transforms import corruption_generator


@dataclass(frozen=True)
class NoiseOfAnyLevel:
    """Adds normal noise to readings `(batch, time, channel)`, of another deviation for each sequence.

    The logarithm of the deviation is drawn evenly, so that weak noise is learnt as well as strong noise.

    Args:
        lowest: The smallest deviation, in units of the data.
        highest: The largest deviation.
    """

    lowest: float
    highest: float

    def __call__(self, batch: seqae.Batch, generator: Generator) -> seqae.Batch:
        """Return the noisy batch."""
        evenly = torch.rand((len(batch), 1, 1), generator=generator)
        deviation = self.lowest * (self.highest / self.lowest) ** evenly
        noise = torch.randn(batch.values.shape, generator=generator)
        return seqae.Batch(batch.values + (deviation * noise).to(batch.values), batch.lengths)


class Denoising(Task):
    """Find the noise in noisy sequences, to subtract it. The loader yields clean batches.

    The loss is how much noise is left, in decibels of what there was, mean of the sequences: as for speech in Luo &
    Mesgarani 2018 (https://arxiv.org/abs/1809.07454), by which a sequence with little noise counts as one with much.

    Args:
        model: Maps noisy sequences to their noise, `(batch, time, channel)` both.
        noise: Adds noise to a batch.
        learning_rate: The largest learning rate of Adam.
        seed: Seed of the noise.
    """

    def __init__(self, model: nn.Module, noise: NoiseOfAnyLevel, learning_rate: float, seed: int):
        super().__init__(learning_rate, lr_scheduler=seqae.cosine_with_warmup)
        self.model = model
        self.noise = noise
        self.seed = seed

    def training_step(self, batch: seqae.Batch, batch_idx: int) -> Tensor:
        """Return the loss in decibels."""
        random = corruption_generator(self.seed, self.current_epoch, self.batch_number(batch_idx))
        noisy = self.noise(batch, random)
        left = squared_errors(without_noise(self.model, noisy), batch) / squared_errors(noisy, batch)
        return 10 * left.log10().mean()


def squared_errors(sequences: seqae.Batch, truth: seqae.Batch) -> Tensor:
    """Return the mean squared error of each sequence, `(batch,)`, given sequences `(batch, time, channel)`."""
    squares = (sequences.values - truth.values).square().mean(dim=2)
    return torch.where(truth.mask, squares, 0).sum(dim=1) / truth.lengths


def new_denoiser(channels: int, hidden_size: int, num_layers: int) -> nn.Sequential:
    """Return layers that map recordings to their noise, `(batch, time, channel)` both.

    They have a code for each step and none for a recording, of which no few numbers hold every beat.
    """
    return nn.Sequential(
        Convolutions(channels, (hidden_size,) * num_layers, kernel_size=5),
        TimeDistributed(nn.Linear(hidden_size, channels)),
    )


def without_noise(denoiser: nn.Module, noisy: seqae.Batch) -> seqae.Batch:
    """Return a batch `(batch, time, channel)` less the noise that is found in it.

    To find the noise is easier than to write the signal (Zhang et al. 2017, https://arxiv.org/abs/1608.03981).
    """
    return seqae.Batch(noisy.values - denoiser(noisy).values, noisy.lengths)


def denoised(denoiser: nn.Module, recordings: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return recordings `(time, channel)` without their noise."""
    with seqae.evaluating(denoiser):
        batches = (seqae.Batch.of([torch.from_numpy(rows)]) for rows in recordings)
        return [without_noise(denoiser, batch).values[0].numpy() for batch in batches]
