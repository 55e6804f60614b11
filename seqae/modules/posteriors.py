"""An encoder whose codes are as wide as they should be."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqae.batch import Batch
from seqae.modules.encoders import Encoder


class BatchNormPosterior(Encoder):
    """Gives the means of a `GaussianCode` mean zero and a fixed deviation over the sequences, each number on its own.

    So no number can say nothing: with n of them their divergence is at least `n * spread**2 / 2` nats on average, and
    the decoder has no way of making the code useless. Zhu et al. 2020, https://arxiv.org/abs/2004.12585.

    Args:
        encoder: Writes means and logarithms of variances.
        std: The standard deviation of each mean.
    """

    def __init__(self, encoder: Encoder, std: float):
        super().__init__()
        self.encoder = encoder
        self.std = std
        self.code_size = encoder.code_size
        # What torch adds to the variance by default is enough for means to shrink until they say nothing.
        self.norm = nn.BatchNorm1d(encoder.code_size // 2, eps=1e-12, affine=False)

    def forward(self, batch: Batch) -> Tensor:
        mean, log_variance = self.encoder(batch).chunk(2, dim=1)
        return torch.cat([self.std * self._normed(mean), log_variance], dim=1)

    def _normed(self, mean: Tensor) -> Tensor:
        if self.training and len(mean) == 1:  # one alone has no deviation: take that of those before
            return nn.functional.batch_norm(mean, self.norm.running_mean, self.norm.running_var, eps=self.norm.eps)
        # The first batches are averaged, so that what torch begins with is forgotten at once.
        self.norm.momentum = max(0.05, 1 / (int(self.norm.num_batches_tracked) + 1))
        return self.norm(mean)
