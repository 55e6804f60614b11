"""How the estimators train: their split, and their settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from seqae.autoencoder import Autoencoder
from seqae.datasets.loader import make_loader
from seqae.datasets.sequences import LabelledDataset, SequenceDataset
from seqae.estimators.code_metric import scale_codes
from seqae.estimators.steps import Loss
from seqae.modules.encoders import Encoder
from seqae.training.optimizers import cosine_with_warmup
from seqae.training.tasks.reconstruction import Classification, Reconstruction
from seqae.training.trainer import History, fit
from seqae.transforms.corruptions import Corruption, GaussianNoise

_MAX_EPOCHS = 150  # passes over few sequences, which would be learnt by heart
_MAX_EPOCHS_OF_ONE_BATCH = 100  # an epoch costs more than its step
_BETAS = (0.9, 0.98)  # of Adam: a shorter memory of squared gradients, as usual with attention
_FEWEST = 10  # sequences of which some are held out


@dataclass(frozen=True)
class TrainingDefaults:
    """Settings that an architecture learns with; the same for all data.

    Attributes:
        steps: The number of steps of the optimizer.
        learning_rate: The largest learning rate of Adam.
        noise: The deviation of the normal noise that is added to the input while training, where values have
            deviation 1: sequences are learnt by heart less easily (Bishop 1995,
            https://doi.org/10.1162/neco.1995.7.1.108).
    """

    steps: int = 1500
    learning_rate: float = 3e-3
    noise: float = 0.1


TRAINING = {
    "lstm": TrainingDefaults(learning_rate=6e-3),
    "gru": TrainingDefaults(learning_rate=6e-3),
    "resampled": TrainingDefaults(steps=800),
    "conv": TrainingDefaults(steps=800),
    "attention": TrainingDefaults(steps=1000),
    "max_pooled_autoencoder": TrainingDefaults(noise=0.0),
    "own": TrainingDefaults(learning_rate=1e-3, noise=0.0),
}


@dataclass(frozen=True)
class Split:
    """Indices of sequences.

    Attributes:
        train: Those to train on.
        held_out: Those that choose the best epoch and show what was learnt; may be empty.
    """

    train: np.ndarray
    held_out: np.ndarray


def split(count: int, fraction: float, seed: int) -> Split:
    """Return a random split of sequences; none is held out of less than ten.

    Raises:
        ValueError: The fraction is below 0, or 1 or above.
    """
    if not 0 <= fraction < 1:
        raise ValueError(f"validation_fraction={fraction}. Expected a number from 0 up to, but not, 1")
    order = np.random.default_rng(seed).permutation(count)
    held_out = round(count * fraction) if count >= _FEWEST else 0
    return Split(np.sort(order[held_out:]), np.sort(order[:held_out]))


def train_autoencoder(
    model: Autoencoder,
    loss: Loss,
    train: Sequence[Tensor],
    held_out: Sequence[Tensor],
    *,
    architecture: object,
    corrupt: Corruption | None,
    epochs: int | None,
    batch_size: int,
    learning_rate: float | None,
    seed: int,
    progress: bool,
    accelerator: str,
) -> History:
    """Train a model on sequences `(time, *step)`; it keeps the weights of the best epoch, on the CPU.

    Of readings, its codes are scaled, see `scale_codes`. `architecture` tells its default learning rate; the other
    arguments are those of `SequenceAutoencoder`.
    """
    loader = make_loader(SequenceDataset(train), batch_size, seed)
    valid = make_loader(SequenceDataset(held_out), 256, shuffle=False) if held_out else None
    defaults = _defaults(architecture)
    if epochs is None:
        epochs = min(-(-defaults.steps // len(loader)), _MAX_EPOCHS if len(loader) > 1 else _MAX_EPOCHS_OF_ONE_BATCH)
    if epochs == 0:
        return History()
    if corrupt is None and defaults.noise and train[0].is_floating_point():
        corrupt = GaussianNoise(defaults.noise)
    rate = defaults.learning_rate if learning_rate is None else learning_rate
    task = Reconstruction(
        model,
        loss,
        corrupt=corrupt,
        learning_rate=rate,
        seed=seed,
        optimizer=lambda trained: torch.optim.Adam(trained.parameters(), rate, betas=_BETAS, fused=True),
        lr_scheduler=cosine_with_warmup,
    )
    history = fit(task, loader, valid, epochs=epochs, patience=epochs, progress=progress, accelerator=accelerator)
    model.cpu()
    if train[0].is_floating_point():
        scale_codes(model, train)
    return history


def fine_tune(
    encoder: Encoder,
    head: nn.Module,
    sequences: Sequence[Tensor],
    classes: np.ndarray,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    progress: bool,
) -> History:
    """Train an encoder and a head on sequences `(time, *step)` and the index of the class of each, `(sequences,)`."""
    if epochs == 0:
        return History()
    loader = make_loader(LabelledDataset(SequenceDataset(sequences), classes), batch_size, seed)
    return fit(Classification(encoder, head, learning_rate), loader, epochs=epochs, progress=progress)


def _defaults(architecture: object) -> TrainingDefaults:
    name = architecture if isinstance(architecture, str) else getattr(architecture, "__name__", "own")
    return TRAINING.get(name, TRAINING["own"])
