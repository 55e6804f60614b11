"""Train a task: early stopping, the best weights, resuming, progress."""

from __future__ import annotations

import copy
import logging
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import Tensor

from seqae.batch import Batch
from seqae.training.checkpoints import CheckedCheckpoints, newest_checkpoint
from seqae.training.progress import Progress
from seqae.training.runtime import usable_precision


@dataclass
class History:
    """Mean loss of each epoch.

    Attributes:
        train: While training, with damage and teacher.
        valid: On held-out sequences, without them; empty if there are none.
        best_epoch: Whose weights were kept, counted from 1.
        remarks: What a person should know, for example that a checkpoint was damaged.
    """

    train: list[float] = field(default_factory=list)
    valid: list[float] = field(default_factory=list)
    best_epoch: int = 0
    remarks: list[str] = field(default_factory=list)


def fit(
    task: lightning.LightningModule,
    train: Iterable[Batch],
    valid: Iterable[Batch] | None = None,
    *,
    epochs: int = 50,
    patience: int = 10,
    folder: str | Path | None = None,
    resume: bool = True,
    progress: bool = True,
    precision: str = "32-true",
    clip: float | None = 1.0,
) -> History:
    """Train and leave the model with the weights that did best.

    Args:
        task: For example `Reconstruction(model, squared_error)`.
        train: Batches; an iterable that can be gone through again.
        valid: Held-out batches that choose the best weights and end training; without them the
            last weights are kept.
        epochs: Passes over the batches at most.
        patience: Epochs without a better held-out loss, after which training stops.
        folder: Where checkpoints go; without it a killed run starts anew.
        resume: Whether to go on from the newest checkpoint in the folder.
        progress: Whether to show a progress bar on the error stream.
        precision: Of Lightning's Trainer; one that the CPU lacks is refused with a warning.
        clip: Largest norm of the gradient.

    Raises:
        FloatingPointError: Loss or gradient is not finite; names the step.
    """
    keeper = _Keeper(patience)
    callbacks: list[lightning.Callback] = [keeper]
    if progress:
        callbacks.append(Progress())
    if folder is not None:
        callbacks.append(ModelCheckpoint(dirpath=folder, filename="{epoch}", save_top_k=-1, every_n_epochs=1))
        callbacks.append(_KeepLastThree(Path(folder)))
    checkpoint, remarks = newest_checkpoint(Path(folder)) if folder is not None and resume else (None, [])
    with _quiet():
        trainer = lightning.Trainer(
            max_epochs=epochs,
            accelerator="auto",
            devices=1,
            precision=usable_precision(precision),
            gradient_clip_val=clip,
            callbacks=callbacks,
            plugins=[CheckedCheckpoints()],
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=folder is not None,
            num_sanity_val_steps=0,
            default_root_dir=folder,
        )
        try:
            trainer.fit(task, train, valid, ckpt_path=checkpoint)
        except SIGTERMException:
            sys.exit(143)  # Lightning would end with status 0, as if training had finished
    if trainer.interrupted:
        raise KeyboardInterrupt
    keeper.history.remarks = [*remarks, *keeper.history.remarks]
    keeper.restore_best(task)
    return keeper.history


class _Keeper(lightning.Callback):
    """Adds up the losses, keeps the best weights by copy, stops when they get no better."""

    def __init__(self, patience: int):
        self.patience = patience
        self.history = History()
        self.best: dict[str, Tensor] | None = None
        self._start_epoch()

    def restore_best(self, task: lightning.LightningModule) -> None:
        if self.best is not None:
            task.load_state_dict(self.best)

    def _start_epoch(self) -> None:
        self.train_sum, self.train_count, self.valid_sum, self.valid_count = 0.0, 0, 0.0, 0

    def on_train_epoch_start(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        self._start_epoch()

    def on_before_optimizer_step(
        self, trainer: lightning.Trainer, task: lightning.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        gradients = [parameter.grad for parameter in task.parameters() if parameter.grad is not None]
        if gradients and not torch.stack(torch._foreach_norm(gradients)).isfinite().all():
            raise FloatingPointError(
                f"the gradient is not finite at step {trainer.global_step} (epoch {trainer.current_epoch + 1}). "
                "Scale the data, lower the learning rate, or look for extreme values"
            )

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
        self.valid_sum += float(mean) * count
        self.valid_count += count

    def on_train_epoch_end(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        self.history.train.append(float(self.train_sum / max(self.train_count, 1)))
        shown = {"train": self.history.train[-1]}
        if self.valid_count:
            self.history.valid.append(self.valid_sum / self.valid_count)
            shown["valid"] = self.history.valid[-1]
            if self.history.valid[-1] <= min(self.history.valid):
                self.best = copy.deepcopy(task.state_dict())
                self.history.best_epoch = len(self.history.valid)
            if len(self.history.valid) - self.history.best_epoch >= self.patience:
                trainer.should_stop = True
        else:
            self.history.best_epoch = len(self.history.train)
        trainer.callback_metrics.update({name: torch.tensor(value) for name, value in shown.items()})

    def state_dict(self) -> dict[str, Any]:
        history = self.history
        kept = {"train": history.train, "valid": history.valid, "best_epoch": history.best_epoch, "best": self.best}
        return {**kept, "random": torch.get_rng_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.history = History(state["train"], state["valid"], state["best_epoch"])
        self.best, self.random = state["best"], state["random"]

    def on_train_start(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        if hasattr(self, "random"):  # after a resume: dropout and sampling go on as they would have
            torch.set_rng_state(self.random)


class _KeepLastThree(lightning.Callback):
    """The newest checkpoint may be damaged: keep two more."""

    def __init__(self, folder: Path):
        self.folder = folder

    def on_train_epoch_start(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        files = self.folder.glob("epoch=*.ckpt")
        for path in sorted(files, key=lambda file: int(file.stem.partition("=")[2]))[:-3]:
            path.unlink()


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
