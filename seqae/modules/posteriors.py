"""Encoders of posterior distributions for variational autoencoders."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqae.batch import Batch
from seqae.modules.encoders import Encoder

_MOMENTUM = 0.05  # when the number of batches, which is on the device, need not be asked for any more


class BatchNormPosterior(Encoder):
    """Batch normalisation of the means for a `GaussianCode`: each code unit has mean zero and a fixed deviation.

    It rules out posterior collapse: the divergence of n code units is at least `n * std**2 / 2` nats on average
    (Zhu et al. 2020, https://arxiv.org/abs/2004.12585).

    Args:
        encoder: Writes means and logarithms of variances, `(batch, 2 * size)`.
        std: Standard deviation of each mean over the sequences.
    """

    def __init__(self, encoder: Encoder, std: float):
        super().__init__()
        self.encoder = encoder
        self.std = std
        self.code_size = encoder.code_size
        # The default eps is large enough for the means to shrink until they hold no information.
        self.norm = nn.BatchNorm1d(encoder.code_size // 2, eps=1e-12, affine=False)

    def forward(self, batch: Batch) -> Tensor:
        """Return means and logarithms of variances, `(batch, 2 * size)`, given steps `(batch, time, *step)`."""
        mean, log_variance = self.encoder(batch).chunk(2, dim=1)
        return torch.cat([self.std * self._normalized(mean), log_variance], dim=1)

    def _normalized(self, mean: Tensor) -> Tensor:
        if self.training and len(mean) == 1:  # a batch of one has no deviation: use the running statistics
            return nn.functional.batch_norm(mean, self.norm.running_mean, self.norm.running_var, eps=self.norm.eps)
        if self.training and self.norm.momentum != _MOMENTUM:
            # The first batches are averaged, so that the initial statistics have no weight.
            assert self.norm.num_batches_tracked is not None
            self.norm.momentum = max(_MOMENTUM, 1 / (int(self.norm.num_batches_tracked) + 1))
        return self.norm(mean)
