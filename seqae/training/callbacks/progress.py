"""A progress bar of training, or one line an epoch."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import lightning

if TYPE_CHECKING:
    import rich.progress


_SECONDS = 0.1  # between two changes of the bar


class Progress(lightning.Callback):
    """Shows epoch, losses, how good predictions are, and steps per second; in a terminal a bar, else one line an epoch.

    The numbers are those of the latest epoch that ended. Steps are those of the sequences, without padding.
    """

    def __init__(self) -> None:
        self.bar: rich.progress.Progress | None = None

    def on_train_start(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        self.changed_at = 0.0
        if not sys.stderr.isatty() or not trainer.is_global_zero:
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(compact=True))
        self.bar = Progress(*columns, console=Console(stderr=True), transient=False)
        self.bar.start()
        total = (trainer.max_epochs or 0) * trainer.num_training_batches
        self.bar_task = self.bar.add_task("epoch 1", total=total)

    def on_train_batch_end(
        self, trainer: lightning.Trainer, task: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if time.monotonic() - self.changed_at >= _SECONDS:
            self._change_bar(trainer, batch_idx + 1)

    def on_train_epoch_end(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        self._change_bar(trainer, int(trainer.num_training_batches))
        if self.bar is None and trainer.is_global_zero:
            print(_line(trainer), file=sys.stderr, flush=True)

    def on_train_end(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        if self.bar is not None:
            self.bar.stop()

    def on_exception(
        self, trainer: lightning.Trainer, task: lightning.LightningModule, exception: BaseException
    ) -> None:
        if self.bar is not None:
            self.bar.stop()

    def _change_bar(self, trainer: lightning.Trainer, batches: int) -> None:
        if self.bar is not None:
            done = trainer.current_epoch * trainer.num_training_batches + batches
            self.bar.update(self.bar_task, completed=done, description=_line(trainer))
            self.changed_at = time.monotonic()


def _line(trainer: lightning.Trainer) -> str:
    metrics = trainer.callback_metrics
    names = [name for name in metrics if name.startswith("val_") or name == "train_loss"]
    names.sort(key=lambda name: (name != "train_loss", name != "val_loss", name))
    shown = [f"{name} {float(metrics[name]):.4g}" for name in names]
    if "steps_per_second" in metrics:
        shown.append(f"{float(metrics['steps_per_second']):,.0f} steps/s")
    return "  ".join([f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}", *shown])
