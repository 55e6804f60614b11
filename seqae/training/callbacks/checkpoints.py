"""Checkpoints for going on after an interruption: written whole or not at all, checked when read."""

from __future__ import annotations

import hashlib
import io
import re
import time
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.plugins.io import CheckpointIO
from torch import Tensor

from seqae._files import write_atomically
from seqae.training.callbacks.signals import GracefulShutdown

KEPT = 3  # the newest one may be damaged
_MARK = b"\nseqae-sha256:"
_NAME = re.compile(r"step=(\d+)\.ckpt")


class ChecksummedCheckpointIO(CheckpointIO):
    """Stages each checkpoint beside its target, with its hash inside, and renames it when it is on the disk.

    Lightning's own plug-in stages in `TMPDIR`: on another file system a kill leaves half a file.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        data = buffer.getvalue()
        write_atomically(Path(path), data + _MARK + hashlib.sha256(data).hexdigest().encode())

    def load_checkpoint(
        self, path: str | Path, map_location: Any = "cpu", weights_only: bool | None = True
    ) -> dict[str, Any]:
        data = io.BytesIO(read_checked(Path(path)))
        try:
            return torch.load(data, map_location="cpu", weights_only=True)  # said here, no environment overrides it
        except Exception as error:  # its hash is right: someone made it so
            raise ValueError(f"{path} is no checkpoint of seqae ({type(error).__name__}). Delete it") from error

    def remove_checkpoint(self, path: str | Path) -> None:
        Path(path).unlink(missing_ok=True)


class PeriodicCheckpoint(lightning.Callback):
    """Saves after each epoch, from time to time within one, and when training is asked to stop; keeps the last three.

    Args:
        folder: Where the checkpoints go.
        older: Those to keep that are there already, the oldest first; others go when there is a new one.
        every: Seconds from one checkpoint to the next within an epoch.
        stopping: Tells whether training was asked to stop.
    """

    def __init__(self, folder: Path, older: list[Path], every: float, stopping: GracefulShutdown):
        self.folder = folder
        self.kept = list(older)
        self.every = every
        self.stopping = stopping

    def on_train_start(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        for leftover in self.folder.glob(".part-*.ckpt"):  # of a run that was killed while it saved
            leftover.unlink(missing_ok=True)
        self.saved = time.monotonic()

    def on_train_batch_end(self, trainer: lightning.Trainer, *arguments: Any) -> None:
        is_time = self.stopping.signal_received or time.monotonic() - self.saved >= self.every
        if is_time and not trainer.is_last_batch:  # after which the end of the epoch is saved
            self._save(trainer)

    def on_train_epoch_end(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        self._save(trainer)

    def _save(self, trainer: lightning.Trainer) -> None:
        path = self.folder / f"step={trainer.global_step}.ckpt"
        trainer.save_checkpoint(path)
        self.kept = [*(file for file in self.kept if file != path), path][-KEPT:]
        for file in checkpoints_in(self.folder):
            if file not in self.kept:
                file.unlink(missing_ok=True)
        self.saved = time.monotonic()


class TerminateOnNaN(lightning.Callback):
    """Ends training at the first number that is not finite, before it reaches the weights or a checkpoint.

    Raises:
        FloatingPointError: Loss, gradient or weights are not finite; names the step.
    """

    def on_before_backward(self, trainer: lightning.Trainer, task: lightning.LightningModule, loss: Tensor) -> None:
        _check("loss is", [loss.detach()], trainer)

    def on_before_optimizer_step(
        self, trainer: lightning.Trainer, task: lightning.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        _check("gradient is", [each.grad for each in task.parameters() if each.grad is not None], trainer)

    def on_train_epoch_end(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        _check("weights are", [each.detach() for each in task.parameters()], trainer)

    def on_save_checkpoint(
        self, trainer: lightning.Trainer, task: lightning.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        self.on_train_epoch_end(trainer, task)


def _check(what: str, tensors: list[Tensor], trainer: lightning.Trainer) -> None:
    if tensors and not torch.stack(torch._foreach_norm(tensors)).isfinite().all():
        raise FloatingPointError(
            f"the {what} not finite at step {trainer.global_step} (epoch {trainer.current_epoch + 1}). "
            "Scale the data, lower the learning rate, or look for extreme values"
        )


def checkpoints_in(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder, the oldest first."""
    found = {path: _NAME.fullmatch(path.name) for path in folder.glob("step=*.ckpt")}
    return sorted((path for path, name in found.items() if name), key=lambda path: int(found[path][1]))


def valid_checkpoints(folder: Path) -> tuple[list[Path], list[str]]:
    """Return checkpoints to go on from, the newest one last, and a remark for each damaged one, which is set aside.

    Only the newest one is sure to be whole.
    """
    files, remarks = checkpoints_in(folder), []
    while files:
        try:
            read_checked(files[-1])
        except ValueError as error:
            damaged = files.pop()
            damaged.rename(damaged.with_suffix(".ckpt.damaged"))
            remarks.append(f"{error}. {'Going on from the one before' if files else 'Starting anew'}")
        else:
            break
    return files, remarks


def read_checked(path: Path) -> bytes:
    """Return the checkpoint in a file.

    Raises:
        ValueError: The hash in the file is absent or another one.
    """
    data = path.read_bytes()
    content, mark, digest = data.rpartition(_MARK)
    if not mark or hashlib.sha256(content).hexdigest().encode() != digest:
        raise ValueError(f"checkpoint {path} is damaged (its SHA-256 does not match)")
    return content
