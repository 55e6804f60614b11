"""Train a task: early stopping, the best weights, resuming, progress."""

from __future__ import annotations

import copy
import logging
import math
import signal
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightning
import torch
from torch import Tensor

from seqae._files import require_local_path
from seqae.batch import Batch
from seqae.inference import evaluating
from seqae.training.callbacks.checkpoints import (
    ChecksummedCheckpointIO,
    PeriodicCheckpoint,
    TerminateOnNaN,
    valid_checkpoints,
)
from seqae.training.callbacks.progress import Progress
from seqae.training.callbacks.signals import GracefulShutdown, Interrupted
from seqae.training.runtime import usable_precision


@dataclass
class History:
    """Mean loss of each epoch.

    Attributes:
        train: While training, with damage and targets.
        valid: On held-out sequences, without them; empty if there are none.
        best_epoch: Whose weights were kept, counted from 1.
        warnings: What a person should know, for example that a checkpoint was damaged.
    """

    train: list[float] = field(default_factory=list)
    valid: list[float] = field(default_factory=list)
    best_epoch: int = 0
    warnings: list[str] = field(default_factory=list)


def fit(
    task: lightning.LightningModule,
    train: Iterable[Batch],
    valid: Iterable[Batch] | None = None,
    *,
    epochs: int = 50,
    patience: int = 10,
    checkpoint_dir: str | Path | None = None,
    resume: bool = True,
    checkpoint_interval: float = 60.0,
    progress: bool = True,
    precision: str = "32-true",
    gradient_clip_val: float | None = 1.0,
) -> History:
    """Train and leave the model with the weights that did best.

    With a folder, a run that was killed goes on from its newest checkpoint as if nothing had happened: the weights
    are those of a run that was not, bit by bit, if the batches come from a `Loader`. SIGTERM and Ctrl-C save before
    they end training.

    Args:
        task: For example `Reconstruction(model, squared_error)`.
        train: Batches; an iterable that can be gone through again.
        valid: Held-out batches that choose the best weights and end training; without them the
            last weights are kept.
        epochs: Passes over the batches at most.
        patience: Epochs without a better held-out loss, after which training stops.
        checkpoint_dir: Where checkpoints go, on this machine; without it a killed run starts anew.
        resume: Whether to go on from the newest checkpoint in the folder; else they make room for new ones.
        checkpoint_interval: Seconds from one checkpoint to the next within an epoch; there is one after each epoch as well.
        progress: Whether to show a progress bar on the error stream.
        precision: Of Lightning's Trainer; one that the CPU lacks is refused with a warning.
        gradient_clip_val: Largest norm of the gradient.

    Raises:
        FloatingPointError: Loss, gradient or weights are not finite; names the step. Checkpoints are finite.
        OSError: A checkpoint cannot be written; those that are there stay.
        ValueError: The newest checkpoint is of another model.
        SystemExit: SIGTERM ended training; the status is 143.
    """
    stopping = GracefulShutdown()
    keeper = _Keeper(patience, valid, stopping)
    callbacks: list[lightning.Callback] = [TerminateOnNaN(), keeper]
    if progress:
        callbacks.append(Progress())
    older, remarks = [], []
    if checkpoint_dir is not None:
        checkpoint_dir = require_local_path(checkpoint_dir)
        older, remarks = valid_checkpoints(checkpoint_dir) if resume else ([], [])
        callbacks.append(PeriodicCheckpoint(checkpoint_dir, older, checkpoint_interval, stopping))
    with _quiet():
        trainer = lightning.Trainer(
            max_epochs=epochs,
            accelerator="auto",
            devices=1,
            precision=usable_precision(precision),
            gradient_clip_val=gradient_clip_val,
            callbacks=[*callbacks, stopping],
            plugins=[ChecksummedCheckpointIO()],
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
            num_sanity_val_steps=0,
            default_root_dir=checkpoint_dir,
        )
        with _ending_clearly(keeper, task, older):
            trainer.fit(task, train, valid, ckpt_path=older[-1] if older else None)
    keeper.validate_the_rest(trainer, task)
    keeper.history.warnings = remarks
    if progress:
        for remark in remarks:
            print(f"note   {remark}", file=sys.stderr)
    keeper.restore_best(task)
    return keeper.history


@contextmanager
def _ending_clearly(keeper: _Keeper, task: lightning.LightningModule, older: list[Path]) -> Iterator[None]:
    """Turn what Lightning makes of an end before the end into what a caller expects."""
    try:
        yield
    except Interrupted as stopped:
        if stopped.number == signal.SIGINT:
            raise KeyboardInterrupt from None
        sys.exit(128 + stopped.number)
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
    except FloatingPointError:
        keeper.restore_best(task)
        raise
    except RuntimeError as error:
        if older and "loading state_dict" in str(error):
            raise ValueError(
                f"checkpoint {older[-1]} is of another model. Give another folder, or start anew with resume=False"
            ) from error
        raise


class _Keeper(lightning.Callback):
    """Adds up the losses, keeps the best weights by copy, stops when they get no better.

    Args:
        patience: Epochs without a better held-out loss, after which training stops.
        valid: The held-out batches: a validation that a signal has cut short is done anew after a resume.
        stopping: Tells whether one did.
    """

    def __init__(self, patience: int, valid: Iterable[Batch] | None, stopping: GracefulShutdown):
        self.patience = patience
        self.valid = valid
        self.stopping = stopping
        self.history = History()
        self.best: dict[str, Tensor] | None = None
        self.is_cut = False  # whether the latest epoch lacks its validation
        self.random: Tensor | None = None  # torch's state when the latest validation began, or when the run goes on
        self._start_epoch()

    def restore_best(self, task: lightning.LightningModule) -> None:
        if self.best is not None:
            task.load_state_dict(self.best)

    def _start_epoch(self) -> None:
        self.train_sum, self.train_count, self.valid_sum, self.valid_count = 0.0, 0, 0.0, 0

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        task: lightning.LightningModule,
        outputs: dict[str, Tensor],
        batch: Batch,
        batch_idx: int,
    ) -> None:
        self.train_sum += outputs["loss"].detach() * len(batch)
        self.train_count += len(batch)

    def on_validation_start(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        self.random = torch.get_rng_state()

    def on_validation_batch_end(
        self,
        trainer: lightning.Trainer,
        task: lightning.LightningModule,
        outputs: tuple[Tensor, int],
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        mean, count = outputs
        if count:  # else all values are missing, and their mean is NaN
            self.valid_sum += float(mean) * count
            self.valid_count += count

    def on_train_epoch_end(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        self.is_cut = self.stopping.validation_interrupted
        if self.is_cut:
            return
        self.history.train.append(float(self.train_sum / max(self.train_count, 1)))
        shown = {"train": self.history.train[-1]}
        if self.valid_count:
            self.history.valid.append(self.valid_sum / self.valid_count)
            shown["valid"] = self.history.valid[-1]
            if not math.isfinite(shown["valid"]):
                raise FloatingPointError(
                    f"the held-out loss is {shown['valid']} after step {trainer.global_step} (epoch "
                    f"{trainer.current_epoch + 1}). Look for extreme values, or lower the learning rate"
                )
            if self.history.valid[-1] <= min(self.history.valid):
                self.best = copy.deepcopy(task.state_dict())
                self.history.best_epoch = len(self.history.valid)
            trainer.should_stop = self._has_waited()
        else:
            self.history.best_epoch = len(self.history.train)
        trainer.callback_metrics.update({name: torch.tensor(value) for name, value in shown.items()})
        self._start_epoch()

    def validate_the_rest(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        """Do the validation that the run before was asked to leave, if there is one, and end its epoch."""
        if not self.is_cut:
            return
        self.valid_sum, self.valid_count = 0.0, 0
        torch.set_rng_state(self.random)
        with evaluating(task) as device, trainer.precision_plugin.val_step_context():
            for number, batch in enumerate(self.valid):
                if self.stopping.signal_received:
                    raise Interrupted(self.stopping.signal_received)
                batch = task.transfer_batch_to_device(batch, device, 0)
                self.on_validation_batch_end(trainer, task, task.validation_step(batch, number), batch, number)
        self.on_train_epoch_end(trainer, task)

    def _has_waited(self) -> bool:
        """Whether the held-out loss has not got better for as long as patience lasts."""
        return bool(self.history.valid) and len(self.history.valid) - self.history.best_epoch >= self.patience

    def state_dict(self) -> dict[str, Any]:
        history = self.history
        kept = {"train": history.train, "valid": history.valid, "best_epoch": history.best_epoch, "best": self.best}
        epoch = {"train_sum": self.train_sum, "train_count": self.train_count}
        # A validation that is done anew draws the same numbers.
        random = self.random if self.is_cut else torch.get_rng_state()
        return {**kept, **epoch, "is_cut": self.is_cut, "random": random}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.history = History(state["train"], state["valid"], state["best_epoch"])
        self.train_sum, self.train_count = state["train_sum"], state["train_count"]
        self.best, self.is_cut, self.random = state["best"], state["is_cut"], state["random"]

    def on_train_start(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        self.stopping.listen()
        if self.random is not None:  # after a resume: dropout and sampling go on as they would have
            torch.set_rng_state(self.random)
        self.validate_the_rest(trainer, task)
        trainer.should_stop = self._has_waited()


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what Lightning says about itself."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore",
                message=".*(num_workers|LeafSpec|IterableDataset|number of training batches|"
                "Checkpoint directory|does not have many workers|no `val_dataloader`).*",
            )
            yield
    finally:
        logger.setLevel(level)
