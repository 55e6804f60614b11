"""Write a sequence of tokens for another sequence: translation, replies, captions."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from seqae.datasets.pairs import PairBatch
from seqae.evaluation.reconstruction_scores import AccuracyScore
from seqae.seq2seq.decoding import GreedySearch, decode
from seqae.training.tasks.metrics import HeldOutResult
from seqae.training.tasks.task import LearningRate, Optimizer, Task
from seqae.transforms.corruptions import Corruption, corruption_generator


class SequenceToSequence(Task):
    """Predict each token of a target, given the source and the tokens before it. The loader yields `PairBatch`.

    Args:
        model: Maps sources and targets to a batch of logits, for example a `seqae.Seq2Seq`.
        label_smoothing: The probability that is spread over all tokens while training (Szegedy et al. 2015,
            https://arxiv.org/abs/1512.00567).
        learning_rate: Learning rate of Adam.
        lr_scheduler: Maps the fraction of training that is done to a factor on the learning rate.
        optimizer: Returns the optimizer in place of Adam, given the model, see `seqae.training.optimizers`.
        corrupt: Corrupts the sources while the model trains, see `seqae.transforms`.
        seed: Seed of the corruptions.
    """

    def __init__(
        self,
        model: nn.Module,
        label_smoothing: float = 0.0,
        learning_rate: float = 1e-3,
        lr_scheduler: LearningRate | None = None,
        optimizer: Optimizer | None = None,
        corrupt: Corruption | None = None,
        seed: int = 0,
    ):
        super().__init__(learning_rate, optimizer, lr_scheduler)
        self.model: Any = model
        self.label_smoothing = label_smoothing
        self.corrupt = corrupt
        self.seed = seed

    def training_step(self, pairs: PairBatch, batch_idx: int) -> Tensor:
        """Return the mean cross-entropy of all tokens in nats."""
        if self.corrupt is not None:
            generator = corruption_generator(self.seed, self.current_epoch, self.batch_number(batch_idx))
            pairs = PairBatch(self.corrupt(pairs.source, generator), pairs.target)
        logits, tokens = self.model(pairs.source, pairs.target).steps, pairs.target.steps
        return F.cross_entropy(logits, tokens, label_smoothing=self.label_smoothing) * self.shares(tokens)[0]

    def held_out_loss(self, pairs: PairBatch) -> HeldOutResult:
        """Return the mean negative log-likelihood in nats of target tokens, `()`, and their number.

        The tokens of source and target are `(batch, time)` each. The score is the accuracy, given the true
        tokens before.
        """
        logits, tokens = self.model(pairs.source, pairs.target).steps, pairs.target.steps
        return HeldOutResult(F.cross_entropy(logits, tokens), len(tokens), AccuracyScore(logits, tokens))

    def predict_step(self, pairs: PairBatch, batch_idx: int) -> list[Tensor]:
        """Return the likeliest tokens for each source, `(time,)` int64, with their end; see `seqae.generate` for more.

        A text has at most twice as many tokens as the longest source, and 20 more. Targets are not read.
        """
        state = self.model.init_state(pairs.source)
        return decode(self.model, state, 2 * pairs.source.values.shape[1] + 20, GreedySearch())
