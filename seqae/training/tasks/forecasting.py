"""The objective of a composite: write the past again, foretell the future."""

from __future__ import annotations

from collections.abc import Callable

import lightning
import torch
from torch import Tensor, nn

from seqae.batch import Batch
from seqae.losses import mean_loss
from seqae.modules.composite import CompositeAutoencoder, CompositeOutput, split_at
from seqae.training.optimizers import adam, with_schedule


class ReconstructAndForecast(lightning.LightningModule):
    """Read the first steps, write them again, foretell the others. The loader yields whole sequences.

    The loss is the mean of both errors, or the one that there is.

    Args:
        model: The composite to train.
        loss: The error function, see `seqae.losses`.
        context_length: Steps of each sequence that are the past.
        learning_rate: Of Adam.
        optimizer: Makes the optimizer for the model in place of Adam, see `seqae.training.optimizers`.
        lr_scheduler: The learning rate as a share of the optimizer's own, given the share of training that is done.
    """

    def __init__(
        self,
        model: CompositeAutoencoder,
        loss: Callable[[Tensor, Tensor], Tensor],
        context_length: int,
        learning_rate: float = 1e-3,
        optimizer: Callable[[nn.Module], torch.optim.Optimizer] | None = None,
        lr_scheduler: Callable[[float], float] | None = None,
    ):
        super().__init__()
        self.model = model
        self.loss = loss
        self.context_length = context_length
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.lr_scheduler = lr_scheduler

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        past, future = split_at(batch, self.context_length)
        return self._loss(self.model(past, future.lengths, targets=future), past, future)

    def validation_step(self, batch: Batch, batch_idx: int) -> tuple[Tensor, int]:
        """Return the loss without a targets, and the number of sequences."""
        past, future = split_at(batch, self.context_length)
        return self._loss(self.model(past, future.lengths), past, future), len(batch)

    def _loss(self, found: CompositeOutput, past: Batch, future: Batch) -> Tensor:
        pairs = [(found.past, past), (found.future, future)]
        losses = [mean_loss(self.loss(said.steps, true.steps)) for said, true in pairs if said is not None]
        return torch.stack(losses).mean()

    def configure_optimizers(self) -> torch.optim.Optimizer | dict[str, object]:
        return with_schedule(
            self, adam(self) if self.optimizer is None else self.optimizer(self.model), self.lr_scheduler
        )

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        return batch.to(device)
