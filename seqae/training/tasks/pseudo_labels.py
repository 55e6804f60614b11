"""Learn from few labels and many sequences without: what is said of a sequence must be said of it damaged, too."""

from __future__ import annotations

from collections.abc import Callable

import lightning
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqae.batch import Batch
from seqae.datasets.sequences import LabelledBatch, LabelledDataset
from seqae.modules.encoders import Encoder
from seqae.training.optimizers import adam, with_schedule
from seqae.transforms.corruptions import Corruption


class FixMatch(lightning.LightningModule):
    """A classifier that reads damaged sequences and must say what it says of the whole ones, where it is sure of that.

    FixMatch of Sohn et al. 2020, https://arxiv.org/abs/2001.07685, whose whole images are not damaged at all here; the
    idea of taking own answers for labels is that of Lee 2013. It is the top of a ladder (Rasmus et al. 2015,
    https://arxiv.org/abs/1507.02672): the answer is cleaned of the damage, in place of every layer. Batches of the
    loader have no labels.

    Args:
        encoder: Under the classifier.
        head: From codes to one logit per class, `(batch, class)`.
        labelled: The sequences whose classes are known; some of them are damaged and added to each batch.
        corrupt: The damage, see `seqae.transforms.corruptions`.
        labelled_batch_size: How many labelled sequences are added, at most all of them.
        confidence_threshold: The least probability of an answer that counts.
        ramp_up: The share of training over which the weight of own answers grows from 0 to 1.
        learning_rate: Of Adam.
        lr_scheduler: The learning rate as a share of `learning_rate`, given the share of training that is done.
        seed: Of the damage and the choice of labelled sequences.
    """

    def __init__(
        self,
        encoder: Encoder,
        head: nn.Linear,
        labelled: LabelledDataset,
        corrupt: Corruption,
        labelled_batch_size: int = 50,
        confidence_threshold: float = 0.9,
        ramp_up: float = 0.2,
        learning_rate: float = 3e-3,
        lr_scheduler: Callable[[float], float] | None = None,
        seed: int = 0,
    ):
        super().__init__()
        self.encoder = encoder
        self.head = head
        self.labelled = labelled
        self.corrupt = corrupt
        self.labelled_batch_size = min(labelled_batch_size, len(labelled.lengths))
        self.confidence_threshold = confidence_threshold
        self.ramp_up = ramp_up
        self.learning_rate = learning_rate
        self.lr_scheduler = lr_scheduler
        self.seed = seed

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the mean cross-entropy in nats of the known answers, plus that of its own ones."""
        random = np.random.default_rng((self.seed, self.current_epoch, batch_idx))
        chosen = random.choice(len(self.labelled.lengths), self.labelled_batch_size, replace=False)
        generator = torch.Generator().manual_seed(int(random.integers(2**63)))
        named, own = self.losses(self.labelled.batch(chosen).to(self.device), batch, generator)
        done = self.global_step / self.trainer.estimated_stepping_batches
        return named + min(1.0, done / self.ramp_up) * own

    def losses(self, known: LabelledBatch, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the mean cross-entropy of the known answers, and of the own ones that are sure."""
        with torch.no_grad():
            certainty, answers = self._logits(batch).softmax(dim=1).max(dim=1)
        logits = self._logits(self.corrupt(_together(known.batch, batch), generator))
        named = F.cross_entropy(logits[: len(known)], known.labels)
        own = F.cross_entropy(logits[len(known) :], answers, reduction="none")
        return named, (own * (certainty > self.confidence_threshold)).mean()

    def configure_optimizers(self) -> torch.optim.Optimizer | dict[str, object]:
        return with_schedule(self, adam(self), self.lr_scheduler)

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        return batch.to(device)

    def _logits(self, batch: Batch) -> Tensor:
        return self.head(self.encoder(batch))


def _together(one: Batch, other: Batch) -> Batch:
    """Return the sequences of both batches, padded to the longest."""
    return Batch.of([*one.unpad(), *other.unpad()])
