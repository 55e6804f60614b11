"""Learn from few labels and many sequences without, by pseudo-labels."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqae.batch import Batch
from seqae.datasets.sequences import LabelledBatch, LabelledDataset
from seqae.modules.encoders import Encoder
from seqae.training.tasks.task import LearningRate, Task
from seqae.transforms.corruptions import Corruption


class FixMatch(Task):
    """Train a classifier with pseudo-labels: its confident predictions for clean sequences label the corrupted ones.

    FixMatch of Sohn et al. 2020, https://arxiv.org/abs/2001.07685, without its weak augmentation of the clean
    sequences; pseudo-labels are by Lee 2013. It is a ladder network (Rasmus et al. 2015,
    https://arxiv.org/abs/1507.02672) with the consistency loss at the output only. The loader yields batches without
    labels.

    Args:
        encoder: The encoder under the classifier.
        head: Maps codes `(batch, code_size)` to one logit for each class, `(batch, classes)`.
        labelled: The sequences whose classes are known; some of them are added to each batch.
        corrupt: The corruption, see `seqae.transforms`.
        labelled_batch_size: The number of labelled sequences that are added, at most all of them.
        confidence_threshold: The probability above which a prediction becomes a pseudo-label.
        ramp_up: The fraction of training during which the weight of the pseudo-labels grows from 0 to 1.
        learning_rate: Learning rate of Adam.
        lr_scheduler: Maps the fraction of training that is done to a factor on the learning rate.
        seed: Seed of the corruption and of the choice of labelled sequences.
    """

    def __init__(
        self,
        encoder: Encoder,
        head: nn.Module,
        labelled: LabelledDataset,
        corrupt: Corruption,
        labelled_batch_size: int = 50,
        confidence_threshold: float = 0.9,
        ramp_up: float = 0.2,
        learning_rate: float = 3e-3,
        lr_scheduler: LearningRate | None = None,
        seed: int = 0,
    ):
        super().__init__(learning_rate, lr_scheduler=lr_scheduler)
        self.encoder = encoder
        self.head = head
        self.labelled = labelled
        self.corrupt = corrupt
        self.labelled_batch_size = min(labelled_batch_size, len(labelled.lengths))
        self.confidence_threshold = confidence_threshold
        self.ramp_up = ramp_up
        self.seed = seed

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the mean cross-entropy in nats of the labels, plus that of the pseudo-labels."""
        random = np.random.default_rng((self.seed, self.current_epoch, self.batch_number(batch_idx)))
        chosen = random.choice(len(self.labelled.lengths), self.labelled_batch_size, replace=False)
        generator = torch.Generator().manual_seed(int(random.integers(2**63)))
        supervised, unsupervised = self.losses(self.labelled.batch(chosen).to(self.device), batch, generator)
        weight = min(1.0, self.fraction_done / self.ramp_up) * self.shares(batch.lengths)[0]
        return supervised + weight * unsupervised

    def losses(self, labelled: LabelledBatch, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the mean cross-entropies in nats of labels and of pseudo-labels above the threshold, each `()`.

        Labels are `(labelled,)`, the batch without labels is `(batch, time, *step)`.
        """
        with torch.no_grad():
            confidence, pseudo_labels = self._logits(batch).softmax(dim=1).max(dim=1)
        logits = self._logits(self.corrupt(_joined(labelled.batch, batch), generator))
        supervised = F.cross_entropy(logits[: len(labelled)], labelled.labels)
        unsupervised = F.cross_entropy(logits[len(labelled) :], pseudo_labels, reduction="none")
        return supervised, (unsupervised * (confidence > self.confidence_threshold)).mean()

    def _logits(self, batch: Batch) -> Tensor:
        return self.head(self.encoder(batch))


def _joined(one: Batch, other: Batch) -> Batch:
    """Return the sequences of both batches, padded to the longest."""
    return Batch.of([*one.unpad(), *other.unpad()])
