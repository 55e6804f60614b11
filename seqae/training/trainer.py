"""Train a task: early stopping, the best weights, checkpoints, progress."""

from __future__ import annotations

import signal
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.loggers import Logger
from lightning.pytorch.strategies import Strategy

from seqae._files import require_local_path
from seqae.datasets.batches import as_batches, deal_out
from seqae.datasets.sequences import Dataset
from seqae.training.callbacks.best_weights import BestWeights
from seqae.training.callbacks.checkpoints import (
    ChecksummedCheckpointIO,
    PeriodicCheckpoint,
    TerminateOnNaN,
    valid_checkpoints,
)
from seqae.training.callbacks.collapse import CollapseCheck, TrainingWarning
from seqae.training.callbacks.progress import Progress
from seqae.training.callbacks.signals import GracefulShutdown, Interrupted
from seqae.training.compilation import compiled
from seqae.training.launch import process_options
from seqae.training.quiet import quiet_lightning
from seqae.training.runtime import usable_precision
from seqae.training.trainer_options import check_options, trainer_settings


@dataclass
class History:
    """The mean loss of each epoch.

    Attributes:
        train: While training, with corrupted inputs and with targets for the decoder.
        valid: On held-out sequences, without either; empty if there are none.
        best_epoch: The epoch whose weights were kept, counted from 1.
        warnings: Messages for the user, for example that a checkpoint was damaged, or that the model predicts little
            more than the mean.
        metrics: What else the task logged, a value for each epoch (NaN where there was none): `val_r2` (1 - squared
            error / squared deviation from the mean of each channel) or `val_accuracy`, and `steps_per_second`.
    """

    train: list[float] = field(default_factory=list)
    valid: list[float] = field(default_factory=list)
    best_epoch: int = 0
    warnings: list[str] = field(default_factory=list)
    metrics: dict[str, list[float]] = field(default_factory=dict)


def fit(
    task: lightning.LightningModule,
    train: Iterable[Any] | Dataset[Any],
    valid: Iterable[Any] | Dataset[Any] | None = None,
    *,
    epochs: int = 50,
    patience: int = 10,
    checkpoint_dir: str | Path | None = None,
    resume: bool = True,
    checkpoint_interval: float = 60.0,
    progress: bool = True,
    precision: str = "32-true",
    gradient_clip_val: float | None = 1.0,
    callbacks: lightning.Callback | Sequence[lightning.Callback] = (),
    logger: Logger | Iterable[Logger] | bool = False,
    accelerator: str = "auto",
    devices: int | str | list[int] | None = None,
    strategy: str | Strategy | None = None,
    compile_mode: str | None = None,
    **trainer_options: Any,
) -> History:
    """Train a task, and leave its model with the weights of the best epoch.

    A trained autoencoder is looked at: if it predicts little more than the mean or does not use its code, a
    `seqae.training.TrainingWarning` says so, and what to do.

    With a `checkpoint_dir`, a run that was killed goes on from its newest checkpoint and ends with the weights of a run
    that was not, bit by bit, if the batches come from a `DataLoader` of seqae. SIGTERM and Ctrl-C save a checkpoint
    before they end training.

    Started by torchrun, or with several `devices`, each process reads a part of its own of every batch, and all of them
    end with the same weights: those of one process whose batches are larger by the number of processes. A
    `checkpoint_dir` has to be on a file system that all machines share.

    Args:
        task: The model with its loss, for example `Reconstruction(model, squared_error)`.
        train: Sequences `(time, *step)` in a list, a `Dataset`, both read in batches of 32 in random order; a data
            loader of seqae or of torch; or any iterable of batches that can be gone through again. See `as_batches`.
        valid: Held-out sequences, the same, in the order in which they are; they choose the best epoch and end training
            early; without them the last weights are kept.
        epochs: The largest number of passes over the training batches.
        patience: Epochs without a better held-out loss after which training stops.
        checkpoint_dir: A folder on this machine for checkpoints; without it a run that was killed starts again.
        resume: Whether to go on from the newest checkpoint in the folder; otherwise new ones replace those in it.
        checkpoint_interval: Seconds between two checkpoints within an epoch; there is one after each epoch, too.
        progress: Whether to show a progress bar on the error stream.
        precision: The `precision` of Lightning's Trainer; 32-true, with a warning, if the CPU lacks it. The weights get
            back the type that they had.
        gradient_clip_val: The largest norm of the gradient; None does not clip it.
        callbacks: Callbacks of Lightning, beside those of this function.
        logger: A logger of Lightning, or several, which get the metrics of each epoch; True is its default.
        accelerator: The `accelerator` of Lightning's Trainer.
        devices: The `devices` of Lightning's Trainer; None is one process, or all that torchrun has started.
        strategy: The `strategy` of Lightning's Trainer; None is "ddp" under torchrun.
        compile_mode: The `mode` with which `torch.compile` makes one graph of model and loss, for Reconstruction, ELBO
            and Classification: "default", or "reduce-overhead", which records CUDA graphs for small models whose
            sequences are all of one length, without `accumulate_grad_batches`; None compiles nothing. It takes up to
            minutes. On a CPU only attention and convolutions over time gain, a tenth to a quarter of a step; recurrent
            layers become a loop over the steps, which takes long to compile.
        **trainer_options: Other arguments of Lightning's Trainer, for example `accumulate_grad_batches=4`.

    Raises:
        TypeError: One of the `trainer_options` is none, or is set by this function; or the task can't be compiled.
        FloatingPointError: Loss, gradient or weights are not finite; names the step. Checkpoints are finite.
        OSError: A checkpoint cannot be written; those that are there stay.
        ValueError: The newest checkpoint is of another model, or `train` or `valid` yields something else than batches.
        SystemExit: SIGTERM ended training; the status is 143.

    Examples:
        >>> import torch
        >>> import seqae
        >>> _ = torch.manual_seed(0)
        >>> levels = [torch.full((3 + n % 4, 1), n / 16 - 1) for n in range(32)]  # constant sequences
        >>> loader = seqae.make_loader(seqae.SequenceDataset(levels), batch_size=8)
        >>> decoder = seqae.ConstantDecoder(torch.nn.Linear(2, 1))
        >>> model = seqae.Autoencoder(seqae.MeanEncoder(1, code_size=2), decoder)
        >>> task = seqae.Reconstruction(model, seqae.squared_error, learning_rate=0.05)
        >>> history = seqae.fit(task, loader, epochs=20, progress=False)
        >>> history.train[-1] < 0.1 * history.train[0]
        True
    """
    check_options(trainer_options)
    own = [callbacks] if isinstance(callbacks, lightning.Callback) else list(callbacks)
    shutdown = GracefulShutdown()
    batches = as_batches(train, shuffle=True)
    held_out = None if valid is None else as_batches(valid)
    best = BestWeights(patience, held_out, shutdown)
    check = CollapseCheck(batches if held_out is None else held_out, held_out is not None)
    used = [TerminateOnNaN(), best, check, *own, *([Progress()] if progress else [])]
    existing: list[Path] = []
    notes: list[str] = []
    if checkpoint_dir is not None:
        checkpoint_dir = require_local_path(checkpoint_dir)
        if resume:
            existing, notes = valid_checkpoints(checkpoint_dir)
        used.append(PeriodicCheckpoint(checkpoint_dir, existing, checkpoint_interval, shutdown))
    usable = usable_precision(precision, accelerator)
    settings = trainer_settings([*used, shutdown], [ChecksummedCheckpointIO()], usable, trainer_options)
    with quiet_lightning(), _same_types(task), compiled(task, compile_mode):
        trainer = lightning.Trainer(
            max_epochs=epochs,
            gradient_clip_val=gradient_clip_val,
            logger=logger,
            accelerator=accelerator,
            **{"default_root_dir": checkpoint_dir, **process_options(devices, strategy), **settings},
        )
        if trainer.world_size > 1:
            batches, held_out = deal_out(batches), None if held_out is None else deal_out(held_out)
            best.valid, check.batches = held_out, batches if held_out is None else held_out
        with _translate_exceptions(best, task, existing):
            trainer.fit(task, batches, held_out, ckpt_path=existing[-1] if existing else None)
        best.run_pending_validation(trainer, task)
        best.restore_best(task)
        found = check.sentences(trainer, task)  # in all processes, which may have to read batches together
    found = found if trainer.is_global_zero else []
    for sentence in found:
        warnings.warn(sentence, TrainingWarning, stacklevel=_level_of_caller())
    if progress and trainer.is_global_zero:
        for note in notes:
            print(f"note   {note}", file=sys.stderr)
    return History(best.train_losses, best.valid_losses, best.best_epoch, [*notes, *found], best.metrics)


def _level_of_caller() -> int:
    """Return the `stacklevel` of the line outside of this package that called `fit`, perhaps through an estimator."""
    package, frame, level = str(Path(__file__).parents[1]), sys._getframe(1), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(package):
        frame, level = frame.f_back, level + 1
    return level


@contextmanager
def _translate_exceptions(best: BestWeights, task: lightning.LightningModule, existing: list[Path]) -> Iterator[None]:
    """Raise the original error in place of the one that Lightning raises when training ends early."""
    try:
        yield
    except Interrupted as interrupted:
        if interrupted.signal_number == signal.SIGINT:
            raise KeyboardInterrupt from None
        sys.exit(128 + interrupted.signal_number)
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
    except FloatingPointError:
        best.restore_best(task)
        raise
    except RuntimeError as error:
        if existing and "loading state_dict" in str(error):
            raise ValueError(
                f"checkpoint {existing[-1]} is of another model. Give another checkpoint_dir, or start again with "
                "resume=False"
            ) from error
        raise


@contextmanager
def _same_types(task: lightning.LightningModule) -> Iterator[None]:
    """Give the weights back the types that they had, from which precisions like bf16-true convert them."""
    types = {name: tensor.dtype for name, tensor in task.state_dict().items()}
    try:
        yield
    finally:
        for name, tensor in task.state_dict(keep_vars=True).items():
            if name in types and tensor.dtype != types[name]:
                tensor.data = tensor.data.to(types[name])
