"""Training by the evidence lower bound of whole sequences."""

from __future__ import annotations

from collections.abc import Callable

import lightning
import torch
from torch import Tensor

from seqae.autoencoder import Autoencoder
from seqae.batch import Batch
from seqae.evaluation.likelihood import log_weights
from seqae.modules.codes import GaussianCode
from seqae.training.optimizers import adam, with_schedule


class ELBO(lightning.LightningModule):
    """Make sequences likely: the errors of a sequence's steps, added up, and the price of its code. It reads batches.

    The evidence lower bound of Kingma & Welling 2013, https://arxiv.org/abs/1312.6114, if the code is a `GaussianCode`.
    `Reconstruction` takes means over steps; there a code costs a short sequence less than a long one. With a
    `NullEncoder`, whose code costs nothing, this trains a language model.

    Args:
        model: The autoencoder to train.
        loss: Negative log-likelihoods in nats, one for each step, for example `token_error`.
        weight: Of the price, given the share of training that is done, see `seqae.training.annealing`; None is 1.
        learning_rate: Of Adam.
        lr_scheduler: The learning rate as a share of `learning_rate`, given the share of training that is done.
    """

    def __init__(
        self,
        model: Autoencoder,
        loss: Callable[[Tensor, Tensor], Tensor],
        weight: Callable[[float], float] | None = None,
        learning_rate: float = 1e-3,
        lr_scheduler: Callable[[float], float] | None = None,
    ):
        super().__init__()
        self.model = model
        self.loss = loss
        self.weight = weight
        self.learning_rate = learning_rate
        self.lr_scheduler = lr_scheduler

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the mean of a sequence in nats, its code weighted."""
        found = self.model(batch, targets=batch)
        weight = 1.0 if self.weight is None else self.weight(self._done)
        errors = self.loss(found.prediction.steps, batch.steps)
        return (errors.sum() + weight * found.penalty.sum()) / len(batch)

    def validation_step(self, batch: Batch, batch_idx: int) -> tuple[Tensor, int]:
        """Return the mean bound of a sequence's negative log-likelihood in nats, and of how many sequences.

        Every step before is the true one; a code is drawn once; weight and free nats do not count.
        """
        if isinstance(self.model.code, GaussianCode):
            return -log_weights(self.model, batch, 1, self.loss).mean(), len(batch)
        found = self.model(batch, targets=batch)
        return self.loss(found.prediction.steps, batch.steps).sum() / len(batch), len(batch)

    @property
    def _done(self) -> float:
        return self.global_step / self.trainer.estimated_stepping_batches

    def configure_optimizers(self) -> torch.optim.Optimizer | dict[str, object]:
        return with_schedule(self, adam(self), self.lr_scheduler)

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        return batch.to(device)
