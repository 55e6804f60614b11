"""Training by the importance-weighted bound."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

from seqae.autoencoder import Autoencoder
from seqae.batch import Batch
from seqae.evaluation.likelihood import log_weights
from seqae.training.tasks.task import LearningRate, Optimizer, Task


class IWAE(Task):
    """Maximise the importance-weighted bound of several codes for each sequence. The loader yields batches.

    Burda et al. 2015, https://arxiv.org/abs/1509.00519. With one code it is a variational autoencoder whose divergence
    is estimated from the code that was drawn; `ELBO` and `Reconstruction` with a `GaussianCode` compute it exactly.

    Args:
        model: The autoencoder to train; its code is a `GaussianCode`, whose weight and free nats do not count here.
        loss: The negative log-likelihood in nats, see `seqae.evaluation.log_weights`.
        num_samples: The number of codes that are drawn for each sequence.
        optimizer: Returns the optimizer, given the model.
        lr_scheduler: Maps the fraction of training that is done to a factor on the learning rate.
    """

    teacher_forcing = True

    def __init__(
        self,
        model: Autoencoder,
        loss: Callable[[Tensor, Tensor], Tensor],
        num_samples: int,
        optimizer: Optimizer,
        lr_scheduler: LearningRate,
    ):
        super().__init__(optimizer=optimizer, lr_scheduler=lr_scheduler)
        self.model: Autoencoder = model
        self.loss = loss
        self.num_samples = num_samples

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the mean bound of a sequence's negative log-likelihood in nats."""
        return self._bound(batch) * self.shares(batch.lengths)[0]

    def held_out_loss(self, batch: Batch) -> tuple[Tensor, int]:
        """Return the mean bound, `()`, of sequences `(batch, time, *step)`, and their number."""
        return self._bound(batch), len(batch)

    def predict_step(self, batch: Batch, batch_idx: int) -> list[Tensor]:
        """Return the reconstruction of each sequence from its mean code, `(time, *prediction)`, without padding."""
        return self.model.reconstruct(batch).unpad()

    def _bound(self, batch: Batch) -> Tensor:
        weights = log_weights(self.model, batch, self.num_samples, self.loss)
        return -(weights.logsumexp(dim=1) - math.log(self.num_samples)).mean()
