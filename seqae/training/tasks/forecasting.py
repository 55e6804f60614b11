"""The objective of a composite autoencoder: reconstruct the past, forecast the future."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from seqae.batch import Batch
from seqae.evaluation.reconstruction_scores import score_of
from seqae.losses import mean_loss
from seqae.modules.composite import CompositeAutoencoder, CompositeOutput, split_at
from seqae.training.tasks.metrics import HeldOutResult
from seqae.training.tasks.task import LearningRate, Optimizer, Task


class ReconstructAndForecast(Task):
    """Read the first steps, reconstruct them, and forecast the others. The loader yields whole sequences.

    Srivastava et al. 2015, https://arxiv.org/abs/1502.04681. The loss is the mean of both losses, or the only one that
    the model has a decoder for.

    Args:
        model: The composite autoencoder to train.
        loss: The loss of each value, see `seqae.losses`.
        context_length: The number of steps of each sequence that are read, its past.
        learning_rate: Learning rate of Adam.
        optimizer: Returns the optimizer in place of Adam, given the model, see `seqae.training.optimizers`.
        lr_scheduler: Maps the fraction of training that is done to a factor on the learning rate.
    """

    def __init__(
        self,
        model: CompositeAutoencoder,
        loss: Callable[[Tensor, Tensor], Tensor],
        context_length: int,
        learning_rate: float = 1e-3,
        optimizer: Optimizer | None = None,
        lr_scheduler: LearningRate | None = None,
    ):
        super().__init__(learning_rate, optimizer, lr_scheduler)
        self.model: CompositeAutoencoder = model
        self.loss = loss
        self.context_length = context_length

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the mean of both mean losses."""
        past, future = split_at(batch, self.context_length)
        losses = self._losses(self._pairs(self.model(past, future.lengths, targets=future), past, future))
        means = [share * mean_loss(each) for share, each in zip(self.shares(*losses), losses)]
        return torch.stack(means).mean()

    def held_out_loss(self, batch: Batch) -> HeldOutResult:
        """Return the loss without targets for the decoders, `()`, of `(batch, time, *step)`, and how many they are.

        The score, R2 or of tokens the accuracy, is that of past and future together.
        """
        past, future = split_at(batch, self.context_length)
        pairs = self._pairs(self.model(past, future.lengths), past, future)
        loss = torch.stack([mean_loss(each) for each in self._losses(pairs)]).mean()
        found, targets = (torch.cat(steps) for steps in zip(*pairs))
        return HeldOutResult(loss, len(batch), score_of(self.loss, found, targets))

    def predict_step(self, batch: Batch, batch_idx: int) -> list[Tensor]:
        """Return the forecast of each sequence beyond its first steps, `(horizon, *prediction)`, without padding.

        Of a model that has no decoder for the future, return the reconstruction of the first steps.
        """
        past, future = split_at(batch, self.context_length)
        output = self.model(past, future.lengths)
        return (output.past if output.future is None else output.future).unpad()

    def _losses(self, pairs: list[tuple[Tensor, Tensor]]) -> list[Tensor]:
        return [self.loss(found, target) for found, target in pairs]

    def _pairs(self, output: CompositeOutput, past: Batch, future: Batch) -> list[tuple[Tensor, Tensor]]:
        """Return predicted and true steps of what the model has a decoder for."""
        pairs = [(output.past, past), (output.future, future)]
        return [(found.steps, target.steps) for found, target in pairs if found is not None]
