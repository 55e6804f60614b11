"""Training objectives, as Lightning modules around models that are usable without them."""

from __future__ import annotations

from collections.abc import Callable

import lightning
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqae.autoencoder import Autoencoder
from seqae.batch import Batch
from seqae.datasets.sequences import LabelledBatch
from seqae.losses import mean_loss
from seqae.modules.encoders import Encoder
from seqae.training.optimizers import adam, with_schedule
from seqae.transforms.corruptions import Corruption, corruption_generator


class Reconstruction(lightning.LightningModule):
    """Write back what was read. The loader yields batches.

    Args:
        model: The autoencoder to train.
        loss: The error function, see `seqae.losses`.
        corrupt: Damages what the model reads while it trains, see `seqae.transforms.corruptions`.
        learning_rate: Of Adam.
        sampling_probability: For a decoder that reads its own output: the share of steps at which it does not
            believe its targets, given the epoch (scheduled sampling).
        seed: Of the corruptions.
        optimizer: Makes the optimizer for the model in place of Adam, see `seqae.training.optimizers`.
        lr_scheduler: The learning rate as a share of the optimizer's own, given the share of training that is done.
    """

    def __init__(
        self,
        model: Autoencoder,
        loss: Callable[[Tensor, Tensor], Tensor],
        corrupt: Corruption | None = None,
        learning_rate: float = 1e-3,
        sampling_probability: Callable[[int], float] | None = None,
        seed: int = 0,
        optimizer: Callable[[nn.Module], torch.optim.Optimizer] | None = None,
        lr_scheduler: Callable[[float], float] | None = None,
    ):
        super().__init__()
        self.model = model
        self.loss = loss
        self.corrupt = corrupt
        self.learning_rate = learning_rate
        self.sampling_probability = sampling_probability
        self.seed = seed
        self.optimizer = optimizer
        self.lr_scheduler = lr_scheduler

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        if (
            self.sampling_probability is not None
        ):  # not at the start of the epoch, which a resumed run may have behind it
            self.model.decoder.sampling_probability = self.sampling_probability(self.current_epoch)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the mean error of all values that are there, plus the mean penalty of the codes."""
        damaged = batch
        if self.corrupt is not None:
            damaged = self.corrupt(batch, corruption_generator(self.seed, self.current_epoch, batch_idx))
        found = self.model(damaged, targets=batch)
        return mean_loss(self.loss(found.prediction.steps, batch.steps)) + found.penalty.mean()

    def validation_step(self, batch: Batch, batch_idx: int) -> tuple[Tensor, int]:
        """Return the mean error without a targets, and how many values it is the mean of."""
        errors = self.loss(self.model.reconstruct(batch).steps, batch.steps)
        return mean_loss(errors), int((~errors.isnan()).sum())

    def configure_optimizers(self) -> torch.optim.Optimizer | dict[str, object]:
        return with_schedule(
            self, adam(self) if self.optimizer is None else self.optimizer(self.model), self.lr_scheduler
        )

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        return batch.to(device)


class Classification(lightning.LightningModule):
    """Name the class of each sequence: a linear layer on the code, and the encoder under it. Batches are `LabelledBatch`.

    Args:
        encoder: Trained before or not; it learns, too, unless its parameters are frozen.
        head: From codes to one logit per class, `(batch, class)`.
        learning_rate: Of Adam.
        lr_scheduler: The learning rate as a share of `learning_rate`, given the share of training that is done.
    """

    def __init__(
        self,
        encoder: Encoder,
        head: nn.Linear,
        learning_rate: float = 1e-3,
        lr_scheduler: Callable[[float], float] | None = None,
    ):
        super().__init__()
        self.encoder = encoder
        self.head = head
        self.learning_rate = learning_rate
        self.lr_scheduler = lr_scheduler

    def training_step(self, labelled: LabelledBatch, batch_idx: int) -> Tensor:
        """Return the mean cross-entropy in nats."""
        return F.cross_entropy(self.head(self.encoder(labelled.batch)), labelled.labels)

    def configure_optimizers(self) -> torch.optim.Optimizer | dict[str, object]:
        return with_schedule(self, adam(self), self.lr_scheduler)

    def transfer_batch_to_device(
        self, batch: LabelledBatch, device: torch.device, dataloader_idx: int
    ) -> LabelledBatch:
        return batch.to(device)
