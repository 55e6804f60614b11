"""Mean losses of epochs, early stopping, and the weights of the best epoch."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from typing import Any

import lightning
import torch
from torch import Tensor

from seqae._processes import Processes
from seqae.datasets.sequences import BatchLike
from seqae.inference import evaluating
from seqae.training.callbacks.signals import GracefulShutdown, Interrupted, shutdown_of
from seqae.training.tasks.metrics import LossSum, loss_in, undivided
from seqae.training.tasks.task import Task

_LOSSES = {"train_loss", "val_loss", "train_loss_step"}


class BestWeights(lightning.Callback):
    """Keeps the weights of the best epoch, and ends training when the held-out loss gets no better.

    The held-out loss is the mean that `validation_step` returns with a count, as the tasks of seqae do, or else what
    was logged as `val_loss`. A validation that a signal has interrupted is done again when training is resumed, with
    the same random numbers. Processes that train together average over the batches of all of them, and each draws
    random numbers of its own.

    Args:
        patience: Epochs without a better held-out loss after which training ends.
        valid: The held-out batches, to do an interrupted validation again; None takes those of the Trainer.
        shutdown: Records whether a signal has interrupted a validation; None takes the one of the Trainer's callbacks.

    Attributes:
        train_losses: The mean training loss of each epoch.
        valid_losses: The mean held-out loss of each epoch; empty without held-out batches.
        metrics: What else was logged in each epoch, NaN where it was not.
        best_epoch: The epoch of the best weights, counted from 1; the last one without held-out batches.

    Raises:
        FloatingPointError: The held-out loss is not finite; names the step.
        ValueError: When loading: another number of processes saved the checkpoint in the middle of an epoch.

    Examples:
        In a Trainer of one's own, whose model has the best weights when `fit` returns:

        >>> import lightning
        >>> from seqae.training import BestWeights
        >>> trainer = lightning.Trainer(max_epochs=50, callbacks=[BestWeights(patience=5)], logger=False)
    """

    def __init__(
        self,
        patience: int = 10,
        valid: Iterable[BatchLike] | None = None,
        shutdown: GracefulShutdown | None = None,
    ):
        self.patience = patience
        self.valid = valid
        self.shutdown = shutdown
        self.train_losses: list[float] = []
        self.valid_losses: list[float] = []
        self.metrics: dict[str, list[float]] = {}
        self.best_epoch = 0
        self._best: dict[str, Tensor] | None = None
        self._validation_pending = False  # whether the latest epoch lacks its validation
        self._rng_state: Tensor | None = None  # torch's when the latest validation began
        self._resumed_rng_state: Tensor | None = None  # torch's when training is resumed
        self._processes = Processes()
        self._train = LossSum()
        self._valid_sum, self._valid_count = 0.0, 0
        self._has_validated, self._logs_itself = False, False  # of this epoch; whether the module logs its own losses

    def restore_best(self, task: lightning.LightningModule) -> None:
        """Give a task the best weights, if there are any."""
        if self._best is not None:
            task.load_state_dict(self._best)

    def run_pending_validation(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        """Do the validation that a signal has interrupted, if there is one, and end its epoch.

        Raises:
            ValueError: There is one, and no held-out batches were given.
        """
        if not self._validation_pending:
            return
        valid = self.valid if self.valid is not None else getattr(trainer, "val_dataloaders", None)
        if valid is None:
            raise ValueError(
                "training was interrupted in a validation. Give the held-out batches again, or start again with "
                "resume=False"
            )
        assert self._rng_state is not None, "saved together with an interrupted validation"
        self._valid_sum, self._valid_count = 0.0, 0
        torch.set_rng_state(self._rng_state)
        task.on_validation_epoch_start()
        with evaluating(task) as device, trainer.precision_plugin.val_step_context():
            for index, batch in enumerate(valid):
                self._end_on_signal()
                converted = trainer.precision_plugin.convert_input(batch)
                moved = task.transfer_batch_to_device(converted, device, 0)
                outputs = task.validation_step(moved, index)
                self.on_validation_batch_end(trainer, task, outputs, moved, index)
                task.on_validation_batch_end(outputs, moved, index)
        self._validation_pending, self._has_validated = False, True
        found = task.held_out_metrics() if isinstance(task, Task) else {}
        self._end_epoch(trainer, task, {f"val_{name}": value for name, value in found.items()})

    def setup(self, trainer: lightning.Trainer, task: lightning.LightningModule, stage: str) -> None:
        if self.shutdown is None:
            self.shutdown = shutdown_of(trainer)
        if self.shutdown is not None:
            self.shutdown.setup(trainer, task, stage)
        self._processes = Processes(trainer.global_rank, trainer.world_size)
        self._train = LossSum(self._processes)

    def on_train_start(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        self._valid_sum, self._valid_count, self._has_validated = 0.0, 0, False  # forget those of a sanity check
        if self.shutdown is not None:
            self.shutdown.install_handlers()
        if self._resumed_rng_state is not None:  # dropout and sampling go on as they would have
            torch.set_rng_state(self._resumed_rng_state)
            self._resumed_rng_state = None
        elif trainer.global_rank > 0:
            torch.manual_seed(int(torch.randint(2**31, ())) + trainer.global_rank)
        self.run_pending_validation(trainer, task)
        self._stop_without_patience(trainer)

    def on_train_batch_end(
        self, trainer: lightning.Trainer, task: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        loss = loss_in(outputs)
        if loss is not None:
            self._train.add(undivided(loss, trainer), len(batch))

    def on_validation_start(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        self._rng_state = torch.get_rng_state()
        self._valid_sum, self._valid_count, self._has_validated = 0.0, 0, False

    def on_validation_batch_end(
        self,
        trainer: lightning.Trainer,
        task: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self._has_validated = True
        if not isinstance(outputs, tuple):
            self._logs_itself = True
            return
        mean, count = outputs
        if count:  # else all values are missing, and their mean is NaN
            self._valid_sum += float(mean) * count
            self._valid_count += count

    def on_train_epoch_end(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        self._validation_pending = self.shutdown is not None and self.shutdown.validation_interrupted
        if not self._validation_pending:
            logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
            # An epoch without validation still has the values of the one before.
            is_new = {name: self._has_validated or not name.startswith("val_") for name in logged}
            self._end_epoch(trainer, task, {name: value for name, value in logged.items() if is_new[name]})

    def on_train_end(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        self.restore_best(task)

    def state_dict(self) -> dict[str, Any]:
        losses = {"train_losses": self.train_losses, "valid_losses": self.valid_losses, "metrics": self.metrics}
        self._train.sum_up()
        train_sums = self._processes.gather(torch.tensor(self._train.loss, dtype=torch.float64))
        sums = {"train_sum": train_sums, "train_count": self._train.items}
        # A validation that is done again draws the same random numbers.
        rng_state = self._rng_state if self._validation_pending else None
        states = self._processes.gather(torch.get_rng_state() if rng_state is None else rng_state)
        pending = {"validation_pending": self._validation_pending, "rng_state": states}  # one of each process
        return {**losses, "best_epoch": self.best_epoch, "best": self._best, **sums, **pending}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.train_losses, self.valid_losses = state_dict["train_losses"], state_dict["valid_losses"]
        self.metrics = state_dict.get("metrics", {})
        self.best_epoch, self._best = state_dict["best_epoch"], state_dict["best"]
        items, self._validation_pending = state_dict["train_count"], state_dict["validation_pending"]
        sums, states = torch.as_tensor(state_dict["train_sum"]).reshape(-1), torch.atleast_2d(state_dict["rng_state"])
        processes = self._processes
        if len(states) != processes.count and (items or self._validation_pending):
            raise ValueError(
                f"the newest checkpoint was saved within an epoch, by {len(states)} of the processes that train "
                f"together, and now there are {processes.count}. Start {len(states)} again, or delete that checkpoint "
                "to go on from the end of the epoch before"
            )
        self._train.loss, self._train.items = float(sums[processes.rank % len(sums)]), items
        self._rng_state = self._resumed_rng_state = states[processes.rank % len(states)].clone()

    def _end_on_signal(self) -> None:
        """End an interrupted validation that is done again."""
        if self.shutdown is not None:
            self.shutdown.agree()
            if self.shutdown.signal_received:
                raise Interrupted(self.shutdown.signal_received)

    def _end_epoch(
        self, trainer: lightning.Trainer, task: lightning.LightningModule, metrics: dict[str, float]
    ) -> None:
        """Take down what an epoch had as losses and metrics, keep the weights if they are the best, reset the sums."""
        train, valid = self._mean_losses(metrics)
        self.train_losses.append(train)
        self._append({name: value for name, value in metrics.items() if name not in _LOSSES})
        if valid is not None:
            self.valid_losses.append(valid)
            self._keep_if_best(trainer, task)
            self._stop_without_patience(trainer)
        elif not self.valid_losses:
            self.best_epoch = len(self.train_losses)
        self._train = LossSum(self._processes)
        self._valid_sum, self._valid_count, self._has_validated = 0.0, 0, False

    def _mean_losses(self, metrics: dict[str, float]) -> tuple[float, float | None]:
        """Return the mean losses of the epoch, of all processes: of training, and of the held-out batches if any.

        What was logged as `val_loss` may differ between processes, which have to decide alike.
        """
        logged = metrics.get("val_loss", math.nan) if self._logs_itself else math.nan
        held_out = torch.tensor([self._valid_sum, self._valid_count, logged], dtype=torch.float64)
        valid_sum, valid_count, logged_sum = self._processes.total(held_out).tolist()
        train = self._train.mean()
        train = metrics.get("train_loss", 0.0) if train is None else train
        if valid_count:
            return train, valid_sum / valid_count
        return train, logged_sum / self._processes.count if "val_loss" in metrics and self._logs_itself else None

    def _append(self, metrics: dict[str, float]) -> None:
        """Append the metrics of the latest epoch to those of the earlier ones."""
        epochs = len(self.train_losses)
        for name in metrics.keys() | self.metrics.keys():
            before = self.metrics.get(name, [math.nan] * (epochs - 1))
            self.metrics[name] = [*before, metrics.get(name, math.nan)]

    def _keep_if_best(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        """Copy the weights if the latest held-out loss is the best so far."""
        latest = self.valid_losses[-1]
        if not math.isfinite(latest):
            raise FloatingPointError(
                f"the held-out loss is {latest} after step {trainer.global_step} (epoch {trainer.current_epoch + 1}). "
                "Look for extreme values, or lower the learning rate"
            )
        if latest <= min(self.valid_losses):
            self._best = copy.deepcopy(task.state_dict())
            self.best_epoch = len(self.train_losses)

    def _stop_without_patience(self, trainer: lightning.Trainer) -> None:
        """End training if the held-out loss has got no better for `patience` epochs."""
        if self.valid_losses and len(self.train_losses) - self.best_epoch >= self.patience:
            trainer.should_stop = True  # never False: another callback may have ended it
