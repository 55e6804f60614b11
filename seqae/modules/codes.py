"""What happens to the code between encoder and decoder, and what it costs.

A penalty keeps a code that is larger than the input from copying it; sampling makes the space of
codes one that can be drawn from.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Coded:
    """Codes as the decoder gets them.

    Attributes:
        code: `(batch, code_size)`.
        penalty: `(batch,)`, what is added to each sequence's loss.
    """

    code: Tensor
    penalty: Tensor


class CodeLayer(nn.Module, ABC):
    """Stands between encoder and decoder."""

    @abstractmethod
    def forward(self, code: Tensor) -> Coded:
        """Return what the decoder reads, given what the encoder wrote, `(batch, size)`."""


class SparseCode(CodeLayer):
    """The code as it is, with a price on its size: the mean of its absolute values.

    Args:
        weight: The price.
    """

    def __init__(self, weight: float):
        super().__init__()
        self.weight = weight

    def forward(self, code: Tensor) -> Coded:
        return Coded(code, self.weight * code.abs().mean(dim=1))


class TopCode(CodeLayer):
    """The largest numbers of each code, and zeros for the others.

    Makhzani & Frey 2013, k-sparse autoencoders, https://arxiv.org/abs/1312.5663.

    Args:
        keep: How many numbers of a code are kept.
    """

    def __init__(self, keep: int):
        super().__init__()
        self.keep = keep

    def forward(self, code: Tensor) -> Coded:
        if self.keep > code.shape[1]:
            raise ValueError(f"can't keep {self.keep} numbers of a code of {code.shape[1]}. Ask for fewer")
        kept = code.abs().topk(self.keep, dim=1).indices
        mask = torch.zeros_like(code, dtype=torch.bool).scatter(1, kept, True)
        return Coded(code * mask, code.new_zeros(len(code)))


class GaussianCode(CodeLayer):
    """A code drawn from the normal distribution that the encoder describes, while training; its mean otherwise.

    Kingma & Welling 2013, https://arxiv.org/abs/1312.6114. The encoder writes `2 * code_size` numbers,
    means and logarithms of variances; the penalty is the divergence from the standard normal
    distribution in nats.

    Args:
        weight: Of the divergence (1 for the evidence lower bound).
        free_nats: Divergence of each code number that costs nothing (Kingma et al. 2016,
            https://arxiv.org/abs/1606.04934), against codes that are ignored.
    """

    def __init__(self, weight: float = 1.0, free_nats: float = 0.0):
        super().__init__()
        self.weight = weight
        self.free_nats = free_nats

    def forward(self, code: Tensor) -> Coded:
        if code.shape[1] % 2:
            raise ValueError(f"the encoder writes {code.shape[1]} numbers; means and log-variances need an even number")
        mean, log_variance = code.chunk(2, dim=1)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)
        penalty = self.weight * divergence.clamp(min=self.free_nats).sum(dim=1)
        if self.training:
            mean = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        return Coded(mean, penalty)
