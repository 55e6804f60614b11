"""How the estimators train: their split, their settings, and the models of their users."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seqae.autoencoder import Autoencoder
from seqae.datasets.loader import make_loader
from seqae.datasets.sequences import SequenceDataset
from seqae.inference import encode
from seqae.training.tasks.task import Task
from seqae.training.trainer import History, fit

_STEPS, _MAX_EPOCHS = 2000, 200  # of the optimizer, and passes over few sequences
_FEWEST = 10  # sequences of which some are held out


@dataclass(frozen=True)
class TrainingDefaults:
    """Settings that an architecture learns with.

    Attributes:
        learning_rate: The largest learning rate of Adam.
    """

    learning_rate: float


TRAINING = {
    "lstm": TrainingDefaults(3e-3),
    "gru": TrainingDefaults(3e-3),
    "conv": TrainingDefaults(3e-3),
    "attention": TrainingDefaults(1e-3),
    "own": TrainingDefaults(1e-3),
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
    task: Task,
    train: Sequence[Tensor],
    held_out: Sequence[Tensor],
    epochs: int | None,
    batch_size: int,
    seed: int,
    progress: bool,
    accelerator: str,
) -> History:
    """Train a task on sequences `(time, *step)`; its model keeps the weights of the best epoch.

    Raises:
        ValueError: `epochs` is below 0, or `batch_size` below 1.
    """
    if epochs is not None and epochs < 0:
        raise ValueError(f"epochs={epochs}. Expected a whole number of at least 0, or None")
    loader = make_loader(SequenceDataset(train), batch_size, seed)
    valid = make_loader(SequenceDataset(held_out), 256, shuffle=False) if held_out else None
    if epochs is None:
        epochs = min(-(-_STEPS // len(loader)), _MAX_EPOCHS)
    if epochs == 0:
        return History()
    return fit(task, loader, valid, epochs=epochs, patience=epochs, progress=progress, accelerator=accelerator)


def own_model(model: object, sequences: Sequence[Tensor]) -> Autoencoder:
    """Return a copy of a user's model, after a first look at whether it reads the sequences.

    Raises:
        TypeError: It is no `Autoencoder`.
        ValueError: It cannot read the sequences.
    """
    if not isinstance(model, Autoencoder):
        raise TypeError(f"architecture={model!r:.60}. Expected 'lstm', 'gru', 'conv', 'attention' or an Autoencoder")
    found = copy.deepcopy(model)
    missing = [each for each in sequences if each.is_floating_point() and each.isnan().any()]
    if missing and not np.isfinite(encode(found, missing[:8])).all():
        raise ValueError(
            "this Autoencoder makes NaN of missing values. Give its encoder embed=MissingValueEmbedding(), which "
            "doubles its input size, or fill the values first"
        )
    return found


def checked_codes(codes: object, size: int) -> Tensor:
    """Return codes `(sequences, code_size)` as float32.

    Raises:
        ValueError: They are of another size, or not finite.
    """
    rows = np.asarray(codes)
    if rows.ndim != 2 or rows.shape[1] != size or rows.dtype.kind not in "fiub":
        raise ValueError(f"codes of shape {rows.shape} ({rows.dtype}). Expected numbers (sequences, {size})")
    if not np.isfinite(rows).all():
        raise ValueError(f"code {int(np.argwhere(~np.isfinite(rows))[0][0])} holds NaN or infinity. Leave it out")
    return torch.from_numpy(rows.astype(np.float32))


def checked_lengths(lengths: object, count: int) -> Tensor:
    """Return a length for each code, `(codes,)` int64.

    Raises:
        ValueError: They are not whole numbers from 1, one for all or one for each code.
    """
    steps = np.asarray(lengths)
    if steps.dtype.kind not in "iu" or steps.shape not in ((), (count,)) or (steps < 1).any():
        raise ValueError(f"lengths of shape {steps.shape} ({steps.dtype}) for {count} codes. Give whole numbers from 1")
    return torch.from_numpy(np.broadcast_to(steps, (count,)).astype(np.int64))
