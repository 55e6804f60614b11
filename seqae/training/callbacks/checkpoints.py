"""Checkpoints to resume from after an interruption: written whole or not at all, checked when read."""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.plugins.io import CheckpointIO
from torch import Tensor

from seqae._files import read_file, remove_leftovers, write_atomically
from seqae._processes import Processes
from seqae.training.callbacks.signals import GracefulShutdown, shutdown_of

MAX_CHECKPOINTS = 3  # the newest one may be damaged
_MARK = b"\nseqae-sha256:"
_NAME = re.compile(r"step=(\d+)\.ckpt")


class ChecksummedCheckpointIO(CheckpointIO):
    """Writes each checkpoint with its SHA-256 to a file beside its target, and renames that when it is on the disk.

    Lightning's own plug-in writes to `TMPDIR` first: on another file system a kill leaves half a file.

    Raises:
        ValueError: When loading: the file is damaged, or no checkpoint of seqae.

    Examples:
        In a Trainer of one's own, for all checkpoints that are written:

        >>> import lightning
        >>> from seqae.training import ChecksummedCheckpointIO
        >>> trainer = lightning.Trainer(plugins=[ChecksummedCheckpointIO()], logger=False)
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        data = buffer.getvalue()
        write_atomically(Path(path), data + _MARK + hashlib.sha256(data).hexdigest().encode())

    def load_checkpoint(
        self, path: str | Path, map_location: Any = "cpu", weights_only: bool | None = True
    ) -> dict[str, Any]:
        data = read_checked(Path(path))
        try:
            _refuse_packed(data)
            # Given here, so that no environment variable overrides it.
            return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        except Exception as error:  # its hash is right: the file was written on purpose
            raise ValueError(f"{path} is no checkpoint of seqae ({type(error).__name__}). Delete it") from error

    def remove_checkpoint(self, path: str | Path) -> None:
        Path(path).unlink(missing_ok=True)


class PeriodicCheckpoint(lightning.Callback):
    """Saves after each epoch, at intervals within one, and when a signal comes; the newest three checkpoints are kept.

    Of several processes the first one writes; all of them read.

    Args:
        directory: The folder of the checkpoints.
        existing: Checkpoints in it to be kept, the oldest first; others are deleted when there is a new one.
        interval: Seconds between two checkpoints within an epoch.
        shutdown: Records whether a signal was received; None takes the one of the Trainer's callbacks, if any.

    Raises:
        ValueError: Processes that train together see other checkpoints than the first one.

    Examples:
        In a Trainer of one's own, which goes on from the newest whole checkpoint if there is one:

        >>> import lightning
        >>> from seqae.training import ChecksummedCheckpointIO, GracefulShutdown, PeriodicCheckpoint, valid_checkpoints
        >>> existing, notes = valid_checkpoints("checkpoints")
        >>> trainer = lightning.Trainer(
        ...     callbacks=[PeriodicCheckpoint("checkpoints", existing), GracefulShutdown()],
        ...     plugins=[ChecksummedCheckpointIO()],
        ...     logger=False,
        ...     enable_checkpointing=False,
        ... )
        >>> newest = existing[-1] if existing else None  # for trainer.fit(task, loader, ckpt_path=newest)
    """

    def __init__(
        self,
        directory: str | Path,
        existing: Sequence[Path] = (),
        interval: float = 60.0,
        shutdown: GracefulShutdown | None = None,
    ):
        self.directory = Path(directory)
        self.kept = list(existing)
        self.interval = interval
        self.shutdown = shutdown

    def setup(self, trainer: lightning.Trainer, task: lightning.LightningModule, stage: str) -> None:
        if self.shutdown is None:
            self.shutdown = shutdown_of(trainer)
        # Without a callback that hears signals, one that hears none asks the other processes.
        self._agreement = GracefulShutdown() if self.shutdown is None else self.shutdown
        self._agreement.setup(trainer, task, stage)
        name = _NAME.fullmatch(self.kept[-1].name) if self.kept else None
        newest = -1 if name is None else int(name[1])
        processes = Processes(trainer.global_rank, trainer.world_size)
        steps = processes.gather(torch.tensor(newest)).tolist()
        if len(set(steps)) > 1:
            found = ["none" if step < 0 else f"one of step {step}" for step in steps]
            raise ValueError(
                f"the newest checkpoint in {self.directory} is not the same for all processes: {', '.join(found)}. "
                "Give a checkpoint_dir that all machines share"
            )

    def on_train_start(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        if trainer.is_global_zero:
            remove_leftovers(self.directory)  # of a run that was killed while it saved
        self.saved_at = time.monotonic()

    def on_train_batch_start(self, trainer: lightning.Trainer, *arguments: Any) -> None:
        self._agreement.checkpoint_wanted = time.monotonic() - self.saved_at >= self.interval

    def on_train_batch_end(
        self, trainer: lightning.Trainer, task: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._agreement.agree_after(trainer, batch_idx)
        is_due = self._agreement.signal_received or self._agreement.checkpoint_due
        if is_due and not trainer.is_last_batch:  # after which the end of the epoch is saved
            self._save(trainer)

    def on_train_epoch_end(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        self._save(trainer)

    def _save(self, trainer: lightning.Trainer) -> None:
        path = self.directory / f"step={trainer.global_step}.ckpt"
        trainer.save_checkpoint(path)
        self.kept = [*(file for file in self.kept if file != path), path][-MAX_CHECKPOINTS:]
        for file in checkpoints_in(self.directory) if trainer.is_global_zero else []:
            if file not in self.kept:
                file.unlink(missing_ok=True)
        self.saved_at = time.monotonic()


class TerminateOnNaN(lightning.Callback):
    """Ends training at the first value that is not finite, before it reaches the weights or a checkpoint.

    Gradients scaled for float16 (precision 16-mixed) may overflow; the Trainer leaves out such steps.

    Raises:
        FloatingPointError: Loss, gradient or weights are not finite; names the step.

    Examples:
        In a Trainer of one's own:

        >>> import lightning
        >>> from seqae.training import TerminateOnNaN
        >>> trainer = lightning.Trainer(callbacks=[TerminateOnNaN()], logger=False)
    """

    def on_before_backward(self, trainer: lightning.Trainer, task: lightning.LightningModule, loss: Tensor) -> None:
        # One process would end while others wait for its gradient, which ends all alike. On another device than the CPU
        # the gradient tells it, too: to wait once in a step for an answer is enough.
        if trainer.world_size > 1 or not (loss.is_cpu or trainer.scaler):
            return
        _require_finite("loss is", [loss.detach()], trainer)

    def on_before_optimizer_step(
        self, trainer: lightning.Trainer, task: lightning.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        if trainer.scaler is None:
            learnt = (each for group in optimizer.param_groups for each in group["params"])
            _require_finite("gradient is", [each.grad for each in learnt if each.grad is not None], trainer)

    def on_train_epoch_end(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        _require_finite("weights are", [each.detach() for each in task.parameters()], trainer)

    def on_save_checkpoint(
        self, trainer: lightning.Trainer, task: lightning.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        self.on_train_epoch_end(trainer, task)


def _require_finite(what: str, tensors: list[Tensor], trainer: lightning.Trainer) -> None:
    if tensors and not torch.stack(torch._foreach_norm(tensors)).isfinite().all():
        raise FloatingPointError(
            f"the {what} not finite at step {trainer.global_step} (epoch {trainer.current_epoch + 1}). "
            "Scale the data, lower the learning rate, or look for extreme values"
        )


def checkpoints_in(directory: Path) -> list[Path]:
    """Return the checkpoints in a folder, the oldest first; what is no file is none, whatever its name."""
    names = ((_NAME.fullmatch(path.name), path) for path in directory.glob("step=*.ckpt") if path.is_file())
    return [path for _, path in sorted((int(name[1]), path) for name, path in names if name)]


def valid_checkpoints(directory: str | Path) -> tuple[list[Path], list[str]]:
    """Return checkpoints to resume from, the newest last, and a warning for each damaged one, which is renamed.

    Only the newest one that is returned has been checked. Other processes may do the same at the same time.
    """
    files, notes = checkpoints_in(Path(directory)), []
    while files:
        try:
            read_checked(files[-1])
        except FileNotFoundError:  # another process has renamed it
            files.pop()
        except ValueError as error:
            damaged = files.pop()
            with contextlib.suppress(FileNotFoundError):
                damaged.rename(damaged.with_suffix(".ckpt.damaged"))
            notes.append(f"{error}. {'Going on from the one before' if files else 'Starting again'}")
        else:
            break
    return files, notes


def _refuse_packed(data: bytes) -> None:
    """Raise a ValueError if the parts of a checkpoint are larger than it is: torch packs none of them."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = archive.infolist()
    if any(part.compress_type != zipfile.ZIP_STORED for part in parts) or sum(p.file_size for p in parts) > len(data):
        raise ValueError("a part of it is packed")


def read_checked(path: Path) -> bytes:
    """Return the bytes of a checkpoint without its hash.

    Raises:
        ValueError: The hash in the file is absent or does not match.
    """
    data = read_file(path)
    content, mark, digest = data.rpartition(_MARK)
    if not mark or hashlib.sha256(content).hexdigest().encode() != digest:
        raise ValueError(f"checkpoint {path} is damaged (its SHA-256 does not match)")
    return content
