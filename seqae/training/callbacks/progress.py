"""A progress bar of training, or one line an epoch."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import lightning

if TYPE_CHECKING:
    import rich.progress


class Progress(lightning.Callback):
    """Shows epoch, losses and steps per second; in a terminal as a bar, else one line an epoch.

    Steps are those of the sequences, without padding.
    """

    def __init__(self) -> None:
        self.bar: rich.progress.Progress | None = None

    def on_train_start(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        self.started, self.steps = time.monotonic(), 0
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
        self.steps += int(batch.lengths.sum())
        if self.bar is not None:
            self.bar.update(self.bar_task, completed=trainer.global_step, description=self._line(trainer))

    def on_train_epoch_end(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        if self.bar is None and trainer.is_global_zero:
            print(self._line(trainer), file=sys.stderr, flush=True)

    def on_train_end(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        if self.bar is not None:
            self.bar.stop()

    def on_exception(
        self, trainer: lightning.Trainer, task: lightning.LightningModule, exception: BaseException
    ) -> None:
        if self.bar is not None:
            self.bar.stop()

    def _line(self, trainer: lightning.Trainer) -> str:
        losses = {name: float(value) for name, value in trainer.callback_metrics.items()}
        shown = "  ".join(f"{name} {value:.4g}" for name, value in sorted(losses.items()))
        rate = self.steps / max(time.monotonic() - self.started, 1e-9)
        return f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}  {shown}  {rate:,.0f} steps/s"
