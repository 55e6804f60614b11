"""Training by the evidence lower bound of whole sequences."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from seqae.autoencoder import Autoencoder
from seqae.batch import Batch
from seqae.evaluation.likelihood import log_weights
from seqae.modules.codes import GaussianCode
from seqae.training.tasks.task import LearningRate, Task


class ELBO(Task):
    """Maximise the evidence lower bound: the summed losses of a sequence's steps, plus the penalty of its code.

    Kingma & Welling 2013, https://arxiv.org/abs/1312.6114, if the code is a `GaussianCode`. `Reconstruction` takes
    means over steps; there a code costs a short sequence less than a long one. With a `NullEncoder`, whose code costs
    nothing, this trains a language model. The loader yields batches. `seqae.fit` warns of a
    trained model that ignores its code.

    Args:
        model: The autoencoder to train.
        loss: The negative log-likelihood in nats, one for each step, for example `token_cross_entropy`.
        weight: Maps the fraction of training that is done to the weight of the penalty; None is 1. For example
            `LinearAnnealing(until=0.5)` or `CyclicalAnnealing()` of `seqae.training`, against posterior collapse.
        learning_rate: Learning rate of Adam.
        lr_scheduler: Maps the fraction of training that is done to a factor on the learning rate.
    """

    teacher_forcing = True

    def __init__(
        self,
        model: Autoencoder,
        loss: Callable[[Tensor, Tensor], Tensor],
        weight: Callable[[float], float] | None = None,
        learning_rate: float = 1e-3,
        lr_scheduler: LearningRate | None = None,
    ):
        super().__init__(learning_rate, lr_scheduler=lr_scheduler)
        self.model: Autoencoder = model
        self.loss = loss
        self.weight = weight

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the mean negative bound of a sequence in nats, with the weighted penalty."""
        weight = 1.0 if self.weight is None else self.weight(self.fraction_done)
        return self.training_loss(batch, weight)

    def training_loss(self, batch: Batch, weight: float) -> Tensor:
        """Return the loss of a step of training, `()`, given the weight of the penalty."""
        output = self.model(batch, targets=batch)
        losses = self.loss(output.prediction.steps, batch.steps)
        return (losses.sum() + weight * output.penalty.sum()) / len(batch) * self.shares(batch.lengths)[0]

    def held_out_loss(self, batch: Batch) -> tuple[Tensor, int]:
        """Return the mean negative bound of sequences `(batch, time, *step)` in nats, `()`, and their number.

        The decoder reads the true steps; one code is drawn for each sequence; weight and free nats do not count.
        """
        if isinstance(self.model.code, GaussianCode):
            return -log_weights(self.model, batch, 1, self.loss).mean(), len(batch)
        output = self.model(batch, targets=batch)
        return self.loss(output.prediction.steps, batch.steps).sum() / len(batch), len(batch)

    def predict_step(self, batch: Batch, batch_idx: int) -> list[Tensor]:
        """Return the reconstruction of each sequence from its mean code, `(time, *prediction)`, without padding."""
        return self.model.reconstruct(batch).unpad()
