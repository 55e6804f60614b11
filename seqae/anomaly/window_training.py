"""Training of window models: sampled windows of normal rows, and a training run on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor

from seqae._warnings import warnings_here
from seqae.anomaly.window_models import WindowModel
from seqae.anomaly.windows import windows_of
from seqae.autoencoder import Autoencoder
from seqae.batch import Batch
from seqae.datasets.loader import DataLoader
from seqae.datasets.sampler import LengthBucketSampler
from seqae.losses import squared_error

FITTED_WINDOWS = 8192  # that what is usual is fitted to
TRAINED_WINDOWS = 1000  # that a model is trained with
HELD_OUT_FRACTION = 0.2  # the last windows, held out for early stopping
PATIENCE = 5  # epochs without a better held-out loss, after which training stops
TRAIN_BATCH, VALID_BATCH = 64, 256  # windows


def sample_windows(parts: Sequence[Tensor], window: int, rows_per_step: int, count: int = FITTED_WINDOWS) -> Tensor:
    """Return windows in the order of time, `(window, time, channel)` float64: all, or evenly spaced ones.

    Args:
        parts: Filled rows without gaps in time, `(row, channel)` float64 each; at least one as long as a window.
        window: The number of steps in a window.
        rows_per_step: Rows that are averaged to one step.
        count: The largest number of windows.
    """
    parts = [part for part in parts if len(part) >= window * rows_per_step]
    total = sum(len(part) - window * rows_per_step + 1 for part in parts)
    every = -(-total // count)
    return torch.cat([windows_of(part, window, rows_per_step)[::every] for part in parts])


def train(
    model: WindowModel, windows: Tensor, epochs: int, learning_rate: float, random_state: int, progress: bool
) -> dict[str, Sequence[float]]:
    """Train a model in place to reconstruct windows, and return its losses in each epoch, "train" and "valid".

    The error of each channel is divided by its error before training: the channels have nothing in common, and so all
    of them learn at the same pace.

    Args:
        model: An autoencoder on the CPU.
        windows: `(window, time, channel)`, in the order of time.
        epochs: Passes over the windows at most.
        learning_rate: The learning rate, constant: along a cosine, as sequences are trained, few epochs learn less.
        random_state: Seed of the order of the batches.
        progress: Whether to show a progress bar.
    """
    from seqae.training.callbacks.collapse import TrainingWarning
    from seqae.training.tasks.reconstruction import Reconstruction
    from seqae.training.trainer import fit  # Lightning takes seconds to import, and scoring does not need it

    autoencoder = cast(Autoencoder, model)
    windows = windows[:: -(-len(windows) // TRAINED_WINDOWS)].float()
    count = len(windows) - int(HELD_OUT_FRACTION * len(windows))
    train_set, valid_set = _WindowDataset(windows[:count]), _WindowDataset(windows[count:])
    with torch.no_grad():
        residuals = autoencoder.reconstruct(Batch.full(windows)).values - windows
    initial = residuals.square().nanmean(dim=(0, 1)) + 1e-6
    task = Reconstruction(
        autoencoder,
        lambda predictions, steps: squared_error(predictions, steps) / initial.to(steps.device),
        learning_rate=learning_rate,
    )
    # Such a model begins with what is usual for the window, and noise alone leaves it nothing to add.
    with warnings_here("ignore", TrainingWarning):
        history = fit(
            task,
            _loader(train_set, LengthBucketSampler(train_set.lengths, TRAIN_BATCH, random_state)),
            _loader(valid_set, LengthBucketSampler(valid_set.lengths, VALID_BATCH, shuffle=False))
            if count < len(windows)
            else None,
            epochs=epochs,
            patience=PATIENCE,
            progress=progress,
            gradient_clip_val=None,
        )
    autoencoder.cpu()
    return {"train": history.train, "valid": history.valid}


def _loader(dataset: _WindowDataset, order: LengthBucketSampler) -> Iterable[Batch]:
    return cast(Iterable[Batch], DataLoader(dataset, order))  # a loader may also yield labelled batches


class _WindowDataset:
    """Windows of one length as a data set.

    Args:
        windows: `(window, time, channel)`.
    """

    def __init__(self, windows: Tensor):
        self.windows = windows
        self.lengths = np.full(len(windows), windows.shape[1])

    def batch(self, indices: np.ndarray) -> Batch:
        """Return the windows with these indices, `(batch, time, channel)`."""
        return Batch.full(self.windows[torch.from_numpy(indices)])
