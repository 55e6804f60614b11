"""Ends training on a signal after the current batch."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

import lightning


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
    status 0 after SIGTERM, as if training had finished; it restores the former handlers at the end.

    Attributes:
        signal_received: The number of the signal that came; 0 before.
        validation_interrupted: Whether it ended a validation before its last batch.

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

    def install_handlers(self) -> None:
        """Install the handlers; call it after Lightning has set its own, which restores the former ones."""
        if threading.current_thread() is threading.main_thread():  # other threads may not handle signals
            signal.signal(signal.SIGTERM, self._on_signal)
            signal.signal(signal.SIGINT, self._on_signal)

    def on_train_start(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        self.install_handlers()

    def on_train_batch_end(self, trainer: lightning.Trainer, *arguments: Any) -> None:
        if self.signal_received and not trainer.is_last_batch:
            raise Interrupted(self.signal_received)

    def on_validation_batch_start(self, trainer: lightning.Trainer, *arguments: Any) -> None:
        if self.signal_received:
            self.validation_interrupted = True
            raise StopIteration  # Lightning ends the validation, and then the epoch

    def on_train_epoch_end(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        if self.signal_received:
            raise Interrupted(self.signal_received)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.signal_received = number
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def shutdown_of(trainer: lightning.Trainer) -> GracefulShutdown | None:
    """Return the callback of a Trainer that ends it on a signal, or None if there is none."""
    callbacks: list[lightning.Callback] = trainer.callbacks  # type: ignore[attr-defined]
    return next((callback for callback in callbacks if isinstance(callback, GracefulShutdown)), None)
