"""Reconstruct sequences, or name their classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from seqae.batch import Batch
from seqae.datasets.sequences import LabelledBatch
from seqae.evaluation.reconstruction_scores import AccuracyScore, score_of
from seqae.losses import mean_loss
from seqae.modules.encoders import Encoder
from seqae.training.tasks.metrics import HeldOutResult
from seqae.training.tasks.task import LearningRate, Optimizer, Task
from seqae.transforms.corruptions import Corruption, corruption_generator


class Reconstruction(Task):
    """Reconstruct sequences from their codes. The loader yields batches.

    With `corrupt` it is a denoising autoencoder (Vincent et al. 2010, https://jmlr.org/papers/v11/vincent10a.html).

    Args:
        model: The autoencoder to train: returns an `AutoencoderOutput`, given a batch and `targets`.
        loss: The loss of each value, see `seqae.losses`.
        corrupt: Corrupts the input of the model while it trains, see `seqae.transforms`; the targets stay clean.
        learning_rate: Learning rate of Adam.
        sampling_probability: For an `AutoregressiveDecoder`: from the epoch, counted from 0, to the probability that a
            step reads the decoder's own output in place of the target (scheduled sampling, Bengio et al. 2015,
            https://arxiv.org/abs/1506.03099).
        seed: Seed of the corruptions.
        optimizer: Returns the optimizer in place of Adam, given the model, see `seqae.training.optimizers`.
        lr_scheduler: Maps the fraction of training that is done to a factor on the learning rate.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[[Tensor, Tensor], Tensor],
        corrupt: Corruption | None = None,
        learning_rate: float = 1e-3,
        sampling_probability: Callable[[int], float] | None = None,
        seed: int = 0,
        optimizer: Optimizer | None = None,
        lr_scheduler: LearningRate | None = None,
    ):
        super().__init__(learning_rate, optimizer, lr_scheduler)
        self.model: Any = model
        self.loss = loss
        self.corrupt = corrupt
        self.sampling_probability = sampling_probability
        self.seed = seed

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        # Not at the start of an epoch, which a resumed run may have behind it.
        if self.sampling_probability is not None:
            self.model.decoder.sampling_probability = self.sampling_probability(self.current_epoch)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the mean loss of all values that are not missing, plus the mean penalty of the codes."""
        inputs = batch
        if self.corrupt is not None:
            inputs = self.corrupt(
                batch, corruption_generator(self.seed, self.current_epoch, self.batch_number(batch_idx))
            )
        return self.training_loss(inputs, batch)

    def training_loss(self, inputs: Batch, batch: Batch) -> Tensor:
        """Return the loss of a step of training, `()`, given the perhaps corrupted sequences and the clean ones."""
        output = self.model(inputs, targets=batch)
        losses = self.loss(output.prediction.steps, batch.steps)
        of_values, of_codes = self.shares(losses, output.penalty)
        return of_values * mean_loss(losses) + of_codes * output.penalty.mean()

    def held_out_loss(self, batch: Batch) -> HeldOutResult:
        """Return the mean loss without targets for the decoder, `()`, and how many values it is the mean of.

        The batch is `(batch, time, *step)`; missing values, NaN, do not count. The score is R2, of tokens the accuracy.
        """
        predictions, steps = self.model.reconstruct(batch).steps, batch.steps
        losses = self.loss(predictions, steps)
        score = score_of(self.loss, predictions, steps)
        return HeldOutResult(mean_loss(losses), int((~losses.isnan()).sum()), score)

    def predict_step(self, batch: Batch, batch_idx: int) -> list[Tensor]:
        """Return the reconstruction of each sequence, `(time, *prediction)` each, without padding."""
        return self.model.reconstruct(batch).unpad()


class Classification(Task):
    """Name the class of each sequence: a head on the code, and the encoder under it. The loader yields `LabelledBatch`.

    Args:
        encoder: Pretrained or not; it is trained, too, unless its parameters are frozen.
        head: Maps codes `(batch, code_size)` to one logit for each class, `(batch, classes)`.
        learning_rate: Learning rate of Adam.
        lr_scheduler: Maps the fraction of training that is done to a factor on the learning rate.
    """

    def __init__(
        self,
        encoder: Encoder,
        head: nn.Module,
        learning_rate: float = 1e-3,
        lr_scheduler: LearningRate | None = None,
    ):
        super().__init__(learning_rate, lr_scheduler=lr_scheduler)
        self.encoder = encoder
        self.head = head

    def training_step(self, labelled: LabelledBatch, batch_idx: int) -> Tensor:
        """Return the mean cross-entropy in nats."""
        return self.training_loss(labelled)

    def training_loss(self, labelled: LabelledBatch) -> Tensor:
        """Return the loss of a step of training, `()`."""
        loss = F.cross_entropy(self._logits(labelled.batch), labelled.labels)
        return loss * self.shares(labelled.labels)[0]

    def held_out_loss(self, labelled: LabelledBatch) -> HeldOutResult:
        """Return the mean cross-entropy in nats, `()`, of sequences `(batch, time, *step)`, and their number.

        The score is the accuracy.
        """
        logits, labels = self._logits(labelled.batch), labelled.labels
        return HeldOutResult(F.cross_entropy(logits, labels), len(labels), AccuracyScore(logits, labels))

    def predict_step(self, batch: LabelledBatch | Batch, batch_idx: int) -> Tensor:
        """Return the index of the likeliest class of each sequence, `(batch,)` int64; labels are not read."""
        return self._logits(batch.batch if isinstance(batch, LabelledBatch) else batch).argmax(dim=1)

    def _logits(self, batch: Batch) -> Tensor:
        return self.head(self.encoder(batch))
