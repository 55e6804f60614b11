"""Write a sequence of tokens for another sequence: translation, replies, captions."""

from __future__ import annotations

from collections.abc import Callable

import lightning
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqae.datasets.pairs import PairBatch
from seqae.training.optimizers import adam, with_schedule
from seqae.transforms.corruptions import Corruption, corruption_generator


class SequenceToSequence(lightning.LightningModule):
    """Name each token of the target, given the source and the true tokens before it. Batches are `Paired`.

    Args:
        model: From sources and true targets to logits, for example a `seqae.seq2seq.models.Seq2Seq`.
        label_smoothing: The share of probability that other tokens should keep (Szegedy et al. 2015,
            https://arxiv.org/abs/1512.00567), while training.
        learning_rate: Of Adam.
        lr_scheduler: The learning rate as a share of the optimizer's own, given the share of training that is done.
        optimizer: Makes the optimizer for the model in place of Adam, see `seqae.training.optimizers`.
        corrupt: Damages the sources while the model trains, see `seqae.transforms.corruptions` and `seqae.transforms.augmentations`.
        seed: Of that.
    """

    def __init__(
        self,
        model: nn.Module,
        label_smoothing: float = 0.0,
        learning_rate: float = 1e-3,
        lr_scheduler: Callable[[float], float] | None = None,
        optimizer: Callable[[nn.Module], torch.optim.Optimizer] | None = None,
        corrupt: Corruption | None = None,
        seed: int = 0,
    ):
        super().__init__()
        self.model = model
        self.label_smoothing = label_smoothing
        self.learning_rate = learning_rate
        self.lr_scheduler = lr_scheduler
        self.optimizer = optimizer
        self.corrupt = corrupt
        self.seed = seed

    def training_step(self, pairs: PairBatch, batch_idx: int) -> Tensor:
        """Return the mean cross-entropy of all tokens in nats."""
        if self.corrupt is not None:
            damage = corruption_generator(self.seed, self.current_epoch, batch_idx)
            pairs = PairBatch(self.corrupt(pairs.source, damage), pairs.target)
        return self._loss(pairs, self.label_smoothing)

    def validation_step(self, pairs: PairBatch, batch_idx: int) -> tuple[Tensor, int]:
        """Return the mean negative log-likelihood of the tokens in nats, and how many there are."""
        return self._loss(pairs, 0.0), int(pairs.target.lengths.sum())

    def configure_optimizers(self) -> torch.optim.Optimizer | dict[str, object]:
        return with_schedule(
            self, adam(self) if self.optimizer is None else self.optimizer(self.model), self.lr_scheduler
        )

    def transfer_batch_to_device(self, batch: PairBatch, device: torch.device, dataloader_idx: int) -> PairBatch:
        return batch.to(device)

    def _loss(self, pairs: PairBatch, smoothing: float) -> Tensor:
        logits = self.model(pairs.source, pairs.target).steps
        return F.cross_entropy(logits, pairs.target.steps, label_smoothing=smoothing)
