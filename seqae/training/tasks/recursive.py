"""Training of recursive autoencoders: reconstruct merged nodes, and classify nodes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from seqae.datasets.trees import TreeBatch
from seqae.modules.recursive import RecursiveAutoencoder, RecursiveOutput
from seqae.training.tasks.task import LearningRate, Task
from seqae.transforms.corruptions import Corruption, corruption_generator


class TreeReconstruction(Task):
    """Reconstruct each merge and, where labels are known, name the class of each node and of the mean of its tree.

    Socher et al. 2011, https://aclanthology.org/D11-1014. The loader yields `TreeBatch`.

    Args:
        model: The autoencoder to train; without a head it needs no labels.
        reconstruction: Weight of the mean loss of a merge; that of the class of the whole is 1.
        nodes: Weight of the mean loss of the class of a node.
        corrupt: Corrupts the input of the model while it trains, see `seqae.transforms`; lengths may not change.
        learning_rate: Learning rate of AdamW.
        weight_decay: Weight decay of AdamW.
        lr_scheduler: Maps the fraction of training that is done to a factor on the learning rate.
        seed: Seed of the corruptions.
    """

    def __init__(
        self,
        model: RecursiveAutoencoder,
        reconstruction: float = 0.1,
        nodes: float = 0.5,
        corrupt: Corruption | None = None,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.01,
        lr_scheduler: LearningRate | None = None,
        seed: int = 0,
    ):
        super().__init__(
            learning_rate,
            lambda model: torch.optim.AdamW(
                model.parameters(), lr=self.learning_rate, weight_decay=weight_decay, fused=True
            ),
            lr_scheduler,
        )
        self.model: RecursiveAutoencoder = model
        self.reconstruction = reconstruction
        self.nodes = nodes
        self.corrupt = corrupt
        self.seed = seed

    def training_step(self, batch: TreeBatch, batch_idx: int) -> Tensor:
        """Return the weighted sum of the mean losses."""
        inputs = batch.batch
        if self.corrupt is not None:
            inputs = self.corrupt(
                inputs, corruption_generator(self.seed, self.current_epoch, self.batch_number(batch_idx))
            )
        return self._loss(self.model(inputs, batch.trees), batch.labels)

    def held_out_loss(self, batch: TreeBatch) -> tuple[Tensor, int]:
        """Return the loss without corruption, `()`, of sequences `(batch, time, *step)`, and their number."""
        return self._loss(self.model(batch.batch, batch.trees), batch.labels), len(batch)

    def predict_step(self, batch: TreeBatch, batch_idx: int) -> Tensor:
        """Return the class of each sequence, `(batch,)` int64, or its code, `(batch, size)`, if there is no head."""
        if self.model.head is None:
            return self.model.encoder.pool(self.model.encoder.fold(batch.batch, batch.trees))
        return self.model(batch.batch, batch.trees).sentence_logits.argmax(dim=1)

    def _loss(self, output: RecursiveOutput, labels: Tensor) -> Tensor:
        loss = self.reconstruction * output.errors.sum() / max(len(output.errors), 1)
        if output.logits is None:
            return loss
        plan = output.nodes.plan
        in_plan_order = torch.empty_like(labels)
        in_plan_order[plan.indices] = labels
        whole = _cross_entropy(output.sentence_logits, in_plan_order[plan.roots])
        return loss + whole + self.nodes * _cross_entropy(output.logits, in_plan_order)


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy in nats of the known classes, 0 if there are none.

    Args:
        logits: `(nodes, classes)`.
        labels: `(nodes,)`, -1 where unknown.
    """
    return F.cross_entropy(logits, labels, ignore_index=-1, reduction="sum") / (labels >= 0).sum().clamp(min=1)
