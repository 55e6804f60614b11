"""The objective of a composite: write the past again, foretell the future."""

from __future__ import annotations

from collections.abc import Callable

import lightning
import torch
from torch import Tensor, nn

from seqae.batch import Batch
from seqae.errors import mean_error
from seqae.modules.composite import Composed, Composite, cut
from seqae.training.optimizers import adam, scheduled


class Continuation(lightning.LightningModule):
    """Read the first steps, write them again, foretell the others. The loader yields whole sequences.

    The loss is the mean of both errors, or the one that there is.

    Args:
        model: The composite to train.
        error: The error function, see `seqae.errors`.
        read: Steps of each sequence that are the past.
        learning_rate: Of Adam.
        optimizer: Makes the optimizer for the model in place of Adam, see `seqae.training.optimizers`.
        rate: The learning rate as a share of the optimizer's own, given the share of training that is done.
    """

    def __init__(
        self,
        model: Composite,
        error: Callable[[Tensor, Tensor], Tensor],
        read: int,
        learning_rate: float = 1e-3,
        optimizer: Callable[[nn.Module], torch.optim.Optimizer] | None = None,
        rate: Callable[[float], float] | None = None,
    ):
        super().__init__()
        self.model = model
        self.error = error
        self.read = read
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.rate = rate

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        past, future = cut(batch, self.read)
        return self._loss(self.model(past, future.lengths, teacher=future), past, future)

    def validation_step(self, batch: Batch, batch_idx: int) -> tuple[Tensor, int]:
        """Return the loss without a teacher, and the number of sequences."""
        past, future = cut(batch, self.read)
        return self._loss(self.model(past, future.lengths), past, future), len(batch)

    def _loss(self, found: Composed, past: Batch, future: Batch) -> Tensor:
        pairs = [(found.past, past), (found.future, future)]
        losses = [mean_error(self.error(said.steps, true.steps)) for said, true in pairs if said is not None]
        return torch.stack(losses).mean()

    def configure_optimizers(self) -> torch.optim.Optimizer | dict[str, object]:
        return scheduled(self, adam(self) if self.optimizer is None else self.optimizer(self.model), self.rate)

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        return batch.to(device)
