"""Ends training on a signal after the current batch."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

import lightning

from seqae._processes import gather, rank_and_world_size


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
    """

    signal_received = 0
    validation_interrupted = False
    checkpoint_wanted = False
    checkpoint_due = False
    _received = 0  # by this process

    def agree(self, items: float = 0.0) -> float:
        """Let all processes that train together know of a signal, and of a checkpoint that one wants.

        All have to call it. Returns the mean of their `items`, which saves another message.
        """
        if rank_and_world_size()[1] == 1:
            self.signal_received, self.checkpoint_due = self._received, self.checkpoint_wanted
            return items
        told = gather(self._received, self.checkpoint_wanted, items)
        self.signal_received, self.checkpoint_due = int(told[:, 0].max()), bool(told[:, 1].any())
        return float(told[:, 2].mean())

    def install_handlers(self) -> None:
        """Install the handlers; call it after Lightning has set its own, which restores the former ones."""
        if threading.current_thread() is threading.main_thread():  # other threads may not handle signals
            signal.signal(signal.SIGTERM, self._on_signal)
            signal.signal(signal.SIGINT, self._on_signal)

    def on_train_batch_end(self, trainer: lightning.Trainer, *arguments: Any) -> None:
        if self.signal_received and not trainer.is_last_batch:
            raise Interrupted(self.signal_received)

    def on_validation_batch_start(self, trainer: lightning.Trainer, *arguments: Any) -> None:
        self.agree()
        if self.signal_received:
            self.validation_interrupted = True
            raise StopIteration  # Lightning ends the validation, and then the epoch

    def on_train_epoch_end(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        if self.signal_received:
            raise Interrupted(self.signal_received)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._received = number
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)
