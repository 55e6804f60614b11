"""The base class of all tasks: the optimizer, its learning rate schedule, and moving batches to the device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightning
import torch
import torch.distributed
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn

Optimizer = Callable[[nn.Module], torch.optim.Optimizer]
LearningRate = Callable[[float], float]


class Task(lightning.LightningModule):
    """A training objective; the base class of all tasks.

    A subclass defines `training_step`, which returns the loss to minimise, and may define `held_out_loss`.

    Args:
        learning_rate: Learning rate of Adam.
        optimizer: Returns the optimizer of `self.model`, given that model, see `seqae.training.optimizers`; None is
            Adam (Kingma & Ba 2014, https://arxiv.org/abs/1412.6980) for all parameters of the task.
        lr_scheduler: Maps the fraction of training that is done to a factor on the learning rate; None is 1.
    """

    model: nn.Module

    def __init__(
        self, learning_rate: float = 1e-3, optimizer: Optimizer | None = None, lr_scheduler: LearningRate | None = None
    ):
        super().__init__()
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.lr_scheduler = lr_scheduler

    @property
    def fraction_done(self) -> float:
        """The fraction of training that is done, from 0 to 1."""
        return self.global_step / self.trainer.estimated_stepping_batches

    def shares(self, *values: Tensor) -> list[Tensor | float]:
        """Return a factor for the mean over each of several tensors, 1 unless several processes train together.

        Their gradients are averaged. A mean with this factor in each process becomes, on average, the mean over the
        values of all processes, of which each may have another number. NaN does not count. All have to call it.
        """
        if self._num_processes == 1:
            return [1.0] * len(values)
        own = torch.stack([(~each.isnan()).sum() for each in values]).double()
        everywhere = own.clone()
        torch.distributed.all_reduce(everywhere)
        return list((own * self._num_processes / everywhere.clamp(min=1)).float())

    def batch_number(self, batch_idx: int) -> int:
        """Return the number of a batch among those of all processes in this epoch, for random numbers of its own."""
        return batch_idx if self._num_processes == 1 else batch_idx * self._num_processes + self.global_rank

    @property
    def _num_processes(self) -> int:
        return 1 if self._trainer is None else self._trainer.world_size

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return the optimizer, with a schedule if there is an `lr_scheduler`."""
        if self.optimizer is None:
            optimizer: torch.optim.Optimizer = torch.optim.Adam(self.parameters(), lr=self.learning_rate, fused=True)
        else:
            optimizer = self.optimizer(self.model)
        if self.lr_scheduler is None:
            return optimizer
        factor, steps = self.lr_scheduler, self.trainer.estimated_stepping_batches
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: factor(min(step / steps, 1.0)))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Return the batch on a device, by its own `to(device)`."""
        return batch.to(device)

    def validation_step(self, batch: Any, batch_idx: int) -> Any:
        """Return `held_out_loss(batch)`; `seqae.fit` weights the mean by the count."""
        return self.held_out_loss(batch)

    def held_out_loss(self, batch: Any) -> tuple[Tensor, int]:
        """Return the mean loss of a held-out batch, `()`, and how many items, `(batch, *item)`, it is the mean of."""
        raise NotImplementedError(f"{type(self).__name__} has no held-out loss. Train without held-out batches")
