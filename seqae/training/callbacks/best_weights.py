"""Mean losses of epochs, early stopping, and the weights of the best epoch."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from typing import Any

import lightning
import torch
from torch import Tensor

from seqae._processes import gather, gather_tensors, rank_and_world_size
from seqae.datasets.sequences import BatchLike
from seqae.inference import evaluating
from seqae.training.callbacks.signals import GracefulShutdown, Interrupted


class BestWeights(lightning.Callback):
    """Averages the losses of each epoch, copies the best weights, stops when the held-out loss gets no better.

    A validation that a signal has interrupted is done again when training is resumed, with the same random numbers.
    Processes that train together average over the batches of all of them, and each draws random numbers of its own.

    Args:
        patience: Epochs without a better held-out loss after which training stops.
        valid: The held-out batches, or None.
        shutdown: The callback that records whether a signal has interrupted a validation.

    Attributes:
        train_losses: The mean training loss of each epoch.
        valid_losses: The mean held-out loss of each epoch; empty without held-out batches.
        best_epoch: The epoch of the best weights, counted from 1; the last one without held-out batches.

    Raises:
        FloatingPointError: The held-out loss is not finite; names the step.
        ValueError: When loading: another number of processes saved the checkpoint in the middle of an epoch.
    """

    def __init__(self, patience: int, valid: Iterable[BatchLike] | None, shutdown: GracefulShutdown):
        self.patience = patience
        self.valid = valid
        self.shutdown = shutdown
        self.train_losses: list[float] = []
        self.valid_losses: list[float] = []
        self.best_epoch = 0
        self._best: dict[str, Tensor] | None = None
        self._validation_pending = False  # whether the latest epoch lacks its validation
        self._rng_state: Tensor | None = None  # torch's when the latest validation began, or when training is resumed
        self._train_sum: Tensor | float = 0.0
        self._train_count, self._valid_sum, self._valid_count = 0.0, 0.0, 0

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
        if self.valid is None:
            raise ValueError(
                "training was interrupted in a validation. Give the held-out batches again, or start again with "
                "resume=False"
            )
        assert self._rng_state is not None, "saved together with an interrupted validation"
        self._valid_sum, self._valid_count = 0.0, 0
        torch.set_rng_state(self._rng_state)
        with evaluating(task) as device, trainer.precision_plugin.val_step_context():
            for index, batch in enumerate(self.valid):
                self.shutdown.agree()
                if self.shutdown.signal_received:
                    raise Interrupted(self.shutdown.signal_received)
                moved = task.transfer_batch_to_device(batch, device, 0)
                self.on_validation_batch_end(trainer, task, task.validation_step(moved, index), moved, index)
        self.on_train_epoch_end(trainer, task)

    def on_train_start(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        self.shutdown.install_handlers()
        if self._rng_state is not None:  # after a resume: dropout and sampling go on as they would have
            torch.set_rng_state(self._rng_state)
        elif trainer.global_rank > 0:
            torch.manual_seed(int(torch.randint(2**31, ())) + trainer.global_rank)
        self.run_pending_validation(trainer, task)
        trainer.should_stop = self._out_of_patience()

    def on_train_batch_end(
        self, trainer: lightning.Trainer, task: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        items = self.shutdown.agree(len(batch))  # the mean over processes of the losses is that of all items
        self._train_sum = self._train_sum + outputs["loss"].detach() * items
        self._train_count += items

    def on_validation_start(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        self._rng_state = torch.get_rng_state()

    def on_validation_batch_end(
        self,
        trainer: lightning.Trainer,
        task: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        mean, count = outputs
        if count:  # else all values are missing, and their mean is NaN
            self._valid_sum += float(mean) * count
            self._valid_count += count

    def on_train_epoch_end(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        self.shutdown.agree()
        self._validation_pending = self.shutdown.validation_interrupted
        if self._validation_pending:
            return
        sums = gather(float(self._train_sum), self._train_count, self._valid_sum, self._valid_count)
        train_sum, train_count, valid_sum, valid_count = sums.sum(dim=0).tolist()
        self.train_losses.append(train_sum / max(train_count, 1))
        shown = {"train": self.train_losses[-1]}
        if valid_count:
            self.valid_losses.append(valid_sum / valid_count)
            shown["valid"] = self.valid_losses[-1]
            self._keep_if_best(trainer, task)
            trainer.should_stop = self._out_of_patience()
        else:
            self.best_epoch = len(self.train_losses)
        trainer.callback_metrics.update({name: torch.tensor(value) for name, value in shown.items()})
        self._reset_sums()

    def state_dict(self) -> dict[str, Any]:
        losses = {"train_losses": self.train_losses, "valid_losses": self.valid_losses}
        sums = {"train_sum": gather(float(self._train_sum))[:, 0], "train_count": self._train_count}
        # A validation that is done again draws the same random numbers.
        rng_state = self._rng_state if self._validation_pending else None
        states = gather_tensors(torch.get_rng_state() if rng_state is None else rng_state)
        pending = {"validation_pending": self._validation_pending, "rng_state": states}  # one of each process
        return {**losses, "best_epoch": self.best_epoch, "best": self._best, **sums, **pending}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.train_losses, self.valid_losses = state_dict["train_losses"], state_dict["valid_losses"]
        self.best_epoch, self._best = state_dict["best_epoch"], state_dict["best"]
        self._train_count, self._validation_pending = state_dict["train_count"], state_dict["validation_pending"]
        rank, world_size = rank_and_world_size()
        sums, states = torch.as_tensor(state_dict["train_sum"]).reshape(-1), torch.atleast_2d(state_dict["rng_state"])
        if len(states) != world_size and (self._train_count or self._validation_pending):
            raise ValueError(
                f"the newest checkpoint was saved within an epoch, by {len(states)} of the processes that train "
                f"together, and now there are {world_size}. Start {len(states)} again, or delete that checkpoint to go "
                "on from the end of the epoch before"
            )
        self._train_sum = float(sums[rank % len(sums)])
        self._rng_state = states[rank % len(states)].clone()

    def _reset_sums(self) -> None:
        self._train_sum, self._train_count, self._valid_sum, self._valid_count = 0.0, 0.0, 0.0, 0

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
            self.best_epoch = len(self.valid_losses)

    def _out_of_patience(self) -> bool:
        """Whether the held-out loss has got no better for `patience` epochs."""
        return bool(self.valid_losses) and len(self.valid_losses) - self.best_epoch >= self.patience
