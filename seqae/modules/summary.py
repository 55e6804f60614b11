"""Codes that sum up what is read and what a recurrence makes of it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqae.batch import Batch
from seqae.modules.encoders import Encoder, _embedded
from seqae.modules.pooling import max_over_time, mean_over_time
from seqae.modules.recurrent import Recurrence


class SummaryEncoder(Encoder):
    """The mean of the vectors that are read, beside the mean and the largest of a recurrence's states.

    With few labels a classifier finds most in the means (see the recipe text_pretraining); order is in the states.

    Args:
        recurrence: Reads the vectors.
        embed: Turns steps `(steps, *step)` into vectors `(steps, input_size)`; None if they are such vectors.
    """

    def __init__(self, recurrence: Recurrence, embed: nn.Module | None = None):
        super().__init__()
        self.recurrence = recurrence
        self.embed = embed
        self.code_size = recurrence.input_size + 2 * recurrence.output_size

    def forward(self, batch: Batch) -> Tensor:
        read = _embedded(batch, self.embed).zero_padded()
        states = self.recurrence(read)
        return torch.cat([mean_over_time(read), mean_over_time(states), max_over_time(states)], dim=1)
