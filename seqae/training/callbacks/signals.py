"""Ending training when a signal asks for it: after a batch, not in the middle of one."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

import lightning


class Interrupted(BaseException):
    """A signal ended training.

    Attributes:
        number: Of the signal.
    """

    def __init__(self, number: int):
        self.number = number


class GracefulShutdown(lightning.Callback):
    """Lets SIGTERM and Ctrl-C end training after the batch, of a validation too; a second Ctrl-C ends it at once.

    It stands after the callback that saves. Lightning would end with status 0 after SIGTERM, as if training had
    finished, and puts the former handlers back at the end.

    Attributes:
        asked: The number of the signal that came; 0 before.
        validation_interrupted: Whether it cut a validation short.
    """

    asked = 0
    validation_interrupted = False

    def listen(self) -> None:
        """Take the signals; to be called once Lightning has taken them, which puts the former handlers back."""
        if threading.current_thread() is threading.main_thread():  # others cannot take signals
            signal.signal(signal.SIGTERM, self._take)
            signal.signal(signal.SIGINT, self._take)

    def on_train_batch_end(self, trainer: lightning.Trainer, *arguments: Any) -> None:
        if self.asked and not trainer.is_last_batch:
            raise Interrupted(self.asked)

    def on_validation_batch_start(self, trainer: lightning.Trainer, *arguments: Any) -> None:
        if self.asked:
            self.validation_interrupted = True
            raise StopIteration  # Lightning ends the validation, and then the epoch

    def on_train_epoch_end(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        if self.asked:
            raise Interrupted(self.asked)

    def _take(self, number: int, frame: FrameType | None) -> None:
        self.asked = number
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)
