"""Train recursive autoencoders: keep what is merged, and name the classes of nodes."""

from __future__ import annotations

from collections.abc import Callable

import lightning
import torch
import torch.nn.functional as F
from torch import Tensor

from seqae.datasets.trees import TreeBatch
from seqae.modules.recursive import RecursiveAutoencoder, RecursiveOutput
from seqae.training.optimizers import with_schedule
from seqae.transforms.corruptions import Corruption, corruption_generator


class TreeReconstruction(lightning.LightningModule):
    """Reconstruct each merge and, where labels are known, name the class of each node and of the mean of its tree.

    Socher et al. 2011, https://aclanthology.org/D11-1014. Batches are `TreeBatch`.

    Args:
        model: The autoencoder to train; without a head it learns without labels.
        reconstruction: Weight of the error of a merge, beside that of naming the class of the whole, which is 1.
        nodes: Weight of naming the class of a node.
        corrupt: Damages what the model reads while it trains, see `seqae.transforms.corruptions`; it may not change lengths.
        learning_rate: Of AdamW.
        decay: Of the weights.
        lr_scheduler: The learning rate as a share of `learning_rate`, given the share of training that is done.
        seed: Of the corruptions.
    """

    def __init__(
        self,
        model: RecursiveAutoencoder,
        reconstruction: float = 0.1,
        nodes: float = 0.5,
        corrupt: Corruption | None = None,
        learning_rate: float = 1e-3,
        decay: float = 0.01,
        lr_scheduler: Callable[[float], float] | None = None,
        seed: int = 0,
    ):
        super().__init__()
        self.model = model
        self.reconstruction = reconstruction
        self.nodes = nodes
        self.corrupt = corrupt
        self.learning_rate = learning_rate
        self.decay = decay
        self.lr_scheduler = lr_scheduler
        self.seed = seed

    def training_step(self, batch: TreeBatch, batch_idx: int) -> Tensor:
        """Return the weighted sum of the mean errors."""
        read = batch.batch
        if self.corrupt is not None:
            read = self.corrupt(read, corruption_generator(self.seed, self.current_epoch, batch_idx))
        return self._loss(self.model(read, batch.trees), batch.labels)

    def validation_step(self, batch: TreeBatch, batch_idx: int) -> tuple[Tensor, int]:
        """Return the same without damage, and how many sequences it is the mean of."""
        return self._loss(self.model(batch.batch, batch.trees), batch.labels), len(batch)

    def configure_optimizers(self) -> torch.optim.Optimizer | dict[str, object]:
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.learning_rate, weight_decay=self.decay, fused=True)
        return with_schedule(self, optimizer, self.lr_scheduler)

    def transfer_batch_to_device(self, batch: TreeBatch, device: torch.device, dataloader_idx: int) -> TreeBatch:
        return batch.to(device)

    def _loss(self, grown: RecursiveOutput, labels: Tensor) -> Tensor:
        loss = self.reconstruction * grown.errors.sum() / max(len(grown.errors), 1)
        if grown.logits is None:
            return loss
        plan = grown.nodes.plan
        in_plan = torch.empty_like(labels)
        in_plan[plan.indices] = labels
        whole = _named(grown.sentence_logits, in_plan[plan.roots])
        return loss + whole + self.nodes * _named(grown.logits, in_plan)


def _named(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy in nats where the class is known, zero if it is nowhere."""
    known = labels >= 0
    return F.cross_entropy(logits[known], labels[known], reduction="sum") / known.sum().clamp(min=1)
