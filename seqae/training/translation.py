"""Write a sequence of tokens for another sequence: translation, replies, captions."""

from __future__ import annotations

from collections.abc import Callable

import lightning
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqae.corruptions import Corruption, damage_of
from seqae.data.texts.pairs import Paired
from seqae.training.optimizers import adam, scheduled


class Translation(lightning.LightningModule):
    """Name each token of the target, given the source and the true tokens before it. Batches are `Paired`.

    Args:
        model: From sources and true targets to logits, for example a `seqae.seq2seq.Seq2Seq`.
        smoothing: The share of probability that other tokens should keep (Szegedy et al. 2015,
            https://arxiv.org/abs/1512.00567), while training.
        learning_rate: Of Adam.
        rate: The learning rate as a share of the optimizer's own, given the share of training that is done.
        optimizer: Makes the optimizer for the model in place of Adam, see `seqae.training.optimizers`.
        corrupt: Damages the sources while the model trains, see `seqae.corruptions` and `seqae.distortions`.
        seed: Of that.
    """

    def __init__(
        self,
        model: nn.Module,
        smoothing: float = 0.0,
        learning_rate: float = 1e-3,
        rate: Callable[[float], float] | None = None,
        optimizer: Callable[[nn.Module], torch.optim.Optimizer] | None = None,
        corrupt: Corruption | None = None,
        seed: int = 0,
    ):
        super().__init__()
        self.model = model
        self.smoothing = smoothing
        self.learning_rate = learning_rate
        self.rate = rate
        self.optimizer = optimizer
        self.corrupt = corrupt
        self.seed = seed

    def training_step(self, pairs: Paired, batch_idx: int) -> Tensor:
        """Return the mean cross-entropy of all tokens in nats."""
        if self.corrupt is not None:
            damage = damage_of(self.seed, self.current_epoch, batch_idx)
            pairs = Paired(self.corrupt(pairs.source, damage), pairs.target)
        return self._loss(pairs, self.smoothing)

    def validation_step(self, pairs: Paired, batch_idx: int) -> tuple[Tensor, int]:
        """Return the mean negative log-likelihood of the tokens in nats, and how many there are."""
        return self._loss(pairs, 0.0), int(pairs.target.lengths.sum())

    def configure_optimizers(self) -> torch.optim.Optimizer | dict[str, object]:
        return scheduled(self, adam(self) if self.optimizer is None else self.optimizer(self.model), self.rate)

    def transfer_batch_to_device(self, batch: Paired, device: torch.device, dataloader_idx: int) -> Paired:
        return batch.to(device)

    def _loss(self, pairs: Paired, smoothing: float) -> Tensor:
        logits = self.model(pairs.source, pairs.target).steps
        return F.cross_entropy(logits, pairs.target.steps, label_smoothing=smoothing)
