"""Ends training on a signal after the current batch."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

import lightning
import torch

from seqae._processes import Processes


class Interrupted(BaseException):
    """A signal ended training.

    Attributes:
        signal_number: The number of the signal.
    """

    def __init__(self, signal_number: int):
        self.signal_number = signal_number


class GracefulShutdown(lightning.Callback):
    """Ends training after the current batch when SIGTERM or SIGINT (Ctrl-C) comes; a second SIGINT ends it at once.

    A batch of a validation counts, too. Add it after the callback that saves checkpoints. Lightning would end with
    status 0 after SIGTERM, as if training had finished; it restores the former handlers at the end. Processes that
    train together end after the same batch.

    Attributes:
        signal_received: The number of the signal that came, to any of the processes; 0 before, and until `agree`.
        validation_interrupted: Whether it ended a validation before its last batch.
        checkpoint_wanted: Whether this process wants a checkpoint.
        checkpoint_due: Whether any process wanted one when `agree` was called last.

    Raises:
        Interrupted: A signal came.

    Examples:
        In a Trainer of one's own:

        >>> import lightning
        >>> from seqae.training import GracefulShutdown
        >>> trainer = lightning.Trainer(callbacks=[GracefulShutdown()], logger=False)
    """

    signal_received = 0
    validation_interrupted = False
    checkpoint_wanted = False
    checkpoint_due = False
    processes = Processes()
    _received = 0  # by this process
    _agreed_after: tuple[int, int] | None = None  # epoch and batch

    def agree(self) -> None:
        """Let all processes that train together know of a signal, and of a checkpoint that one wants.

        All have to call it.
        """
        if self.processes.count == 1:
            self.signal_received, self.checkpoint_due = self._received, self.checkpoint_wanted
            return
        told = self.processes.gather(torch.tensor([self._received, int(self.checkpoint_wanted)]))
        self.signal_received, self.checkpoint_due = int(told[:, 0].max()), bool(told[:, 1].any())

    def agree_after(self, trainer: lightning.Trainer, batch_idx: int) -> None:
        """Agree after a batch of training, once, whichever callback asks first."""
        if self._agreed_after != (trainer.current_epoch, batch_idx):
            self._agreed_after = trainer.current_epoch, batch_idx
            self.agree()

    def setup(self, trainer: lightning.Trainer, task: lightning.LightningModule, stage: str) -> None:
        self.processes, self._agreed_after = Processes(trainer.global_rank, trainer.world_size), None

    def install_handlers(self) -> None:
        """Install the handlers; call it after Lightning has set its own, which restores the former ones."""
        if threading.current_thread() is threading.main_thread():  # other threads may not handle signals
            signal.signal(signal.SIGTERM, self._on_signal)
            signal.signal(signal.SIGINT, self._on_signal)

    def on_train_start(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        self.install_handlers()

    def on_train_batch_end(
        self, trainer: lightning.Trainer, task: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.agree_after(trainer, batch_idx)
        if self.signal_received and not trainer.is_last_batch:
            raise Interrupted(self.signal_received)

    def on_validation_batch_start(self, trainer: lightning.Trainer, *arguments: Any) -> None:
        self.agree()
        if self.signal_received:
            self.validation_interrupted = True
            raise StopIteration  # Lightning ends the validation, and then the epoch

    def on_train_epoch_end(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        self.agree()
        if self.signal_received:
            raise Interrupted(self.signal_received)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._received = number
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def shutdown_of(trainer: lightning.Trainer) -> GracefulShutdown | None:
    """Return the callback of a Trainer that ends it on a signal, or None if there is none."""
    callbacks: list[lightning.Callback] = trainer.callbacks  # type: ignore[attr-defined]
    return next((callback for callback in callbacks if isinstance(callback, GracefulShutdown)), None)
