"""Training by the importance-weighted bound."""

from __future__ import annotations

import math
from collections.abc import Callable

import lightning
import torch
from torch import Tensor, nn

from seqae.autoencoder import Autoencoder
from seqae.batch import Batch
from seqae.likelihood import log_weights
from seqae.training.optimizers import scheduled


class ImportanceWeighted(lightning.LightningModule):
    """Make sequences likely, judged by several codes for each of them. The loader yields batches.

    Burda et al. 2015, https://arxiv.org/abs/1509.00519. With one code it is a variational autoencoder, whose
    divergence is estimated from the code that was drawn; `Reconstruction` with a `GaussianCode` knows it exactly.

    Args:
        model: The autoencoder to train; its code is a `GaussianCode`, whose weight and free nats do not count here.
        error: Negative log-likelihoods in nats, see `seqae.likelihood.log_weights`.
        samples: Codes that are drawn for each sequence.
        optimizer: Makes the optimizer for the model.
        rate: The learning rate as a share of the optimizer's own, given the share of training that is done.
    """

    def __init__(
        self,
        model: Autoencoder,
        error: Callable[[Tensor, Tensor], Tensor],
        samples: int,
        optimizer: Callable[[nn.Module], torch.optim.Optimizer],
        rate: Callable[[float], float],
    ):
        super().__init__()
        self.model = model
        self.error = error
        self.samples = samples
        self.optimizer = optimizer
        self.rate = rate

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the mean bound of the negative log-likelihood of a sequence, in nats."""
        return -self._bounds(batch).mean()

    def validation_step(self, batch: Batch, batch_idx: int) -> tuple[Tensor, int]:
        """Return the mean bound in nats, and of how many sequences."""
        return -self._bounds(batch).mean(), len(batch)

    def _bounds(self, batch: Batch) -> Tensor:
        weights = log_weights(self.model, batch, self.samples, self.error)
        return weights.logsumexp(dim=1) - math.log(self.samples)

    def configure_optimizers(self) -> torch.optim.Optimizer | dict[str, object]:
        return scheduled(self, self.optimizer(self.model), self.rate)

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        return batch.to(device)
