"""Training by the importance-weighted bound."""

from __future__ import annotations

import math
from collections.abc import Callable

import lightning
import torch
from torch import Tensor, nn

from seqae.autoencoder import Autoencoder
from seqae.batch import Batch
from seqae.evaluation.likelihood import log_weights
from seqae.training.optimizers import with_schedule


class IWAE(lightning.LightningModule):
    """Make sequences likely, judged by several codes for each of them. The loader yields batches.

    Burda et al. 2015, https://arxiv.org/abs/1509.00519. With one code it is a variational autoencoder, whose
    divergence is estimated from the code that was drawn; `Reconstruction` with a `GaussianCode` knows it exactly.

    Args:
        model: The autoencoder to train; its code is a `GaussianCode`, whose weight and free nats do not count here.
        loss: Negative log-likelihoods in nats, see `seqae.evaluation.likelihood.log_weights`.
        num_samples: Codes that are drawn for each sequence.
        optimizer: Makes the optimizer for the model.
        lr_scheduler: The learning rate as a share of the optimizer's own, given the share of training that is done.
    """

    def __init__(
        self,
        model: Autoencoder,
        loss: Callable[[Tensor, Tensor], Tensor],
        num_samples: int,
        optimizer: Callable[[nn.Module], torch.optim.Optimizer],
        lr_scheduler: Callable[[float], float],
    ):
        super().__init__()
        self.model = model
        self.loss = loss
        self.num_samples = num_samples
        self.optimizer = optimizer
        self.lr_scheduler = lr_scheduler

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the mean bound of the negative log-likelihood of a sequence, in nats."""
        return -self._bounds(batch).mean()

    def validation_step(self, batch: Batch, batch_idx: int) -> tuple[Tensor, int]:
        """Return the mean bound in nats, and of how many sequences."""
        return -self._bounds(batch).mean(), len(batch)

    def _bounds(self, batch: Batch) -> Tensor:
        weights = log_weights(self.model, batch, self.num_samples, self.loss)
        return weights.logsumexp(dim=1) - math.log(self.num_samples)

    def configure_optimizers(self) -> torch.optim.Optimizer | dict[str, object]:
        return with_schedule(self, self.optimizer(self.model), self.lr_scheduler)

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        return batch.to(device)
