"""Bottlenecks: modules that change the code between encoder and decoder, and return its penalty.

A penalty keeps a code that is larger than the input from copying it; sampling makes the space of codes one from which
new codes can be drawn.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class BottleneckOutput:
    """Codes as the decoder gets them.

    Attributes:
        code: `(batch, code_size)`.
        penalty: `(batch,)`, added to each sequence's loss.
    """

    code: Tensor
    penalty: Tensor


class Bottleneck(nn.Module, ABC):
    """Stands between encoder and decoder."""

    @abstractmethod
    def forward(self, code: Tensor) -> BottleneckOutput:
        """Return the input of the decoder, `(batch, code_size)`, given the output of the encoder, `(batch, size)`."""


class L1Code(Bottleneck):
    """The unchanged code, with the mean of its absolute values as penalty (sparse autoencoder).

    Args:
        weight: Factor of the penalty.
    """

    def __init__(self, weight: float):
        super().__init__()
        self.weight = weight

    def forward(self, code: Tensor) -> BottleneckOutput:
        """Return decoder inputs `(batch, code_size)` and `(batch,)` penalties, given `(batch, size)`."""
        return BottleneckOutput(code, self.weight * code.abs().mean(dim=1))


class TopKCode(Bottleneck):
    """The code with all but its `k` largest units, by absolute value, set to zero.

    Makhzani & Frey 2013, k-sparse autoencoders, https://arxiv.org/abs/1312.5663.

    Args:
        k: Units of a code that are kept.

    Raises:
        ValueError: `k` is below 1.
    """

    def __init__(self, k: int):
        super().__init__()
        if k < 1:
            raise ValueError(f"k is {k}. Keep at least 1 unit of a code")
        self.k = k

    def forward(self, code: Tensor) -> BottleneckOutput:
        """Return codes `(batch, code_size)` of the same size, without penalty.

        Raises:
            ValueError: `k` is above the code size.
        """
        if self.k > code.shape[1]:
            raise ValueError(f"can't keep {self.k} units of a code of {code.shape[1]}. Give a smaller k")
        kept = code.abs().topk(self.k, dim=1).indices
        mask = torch.zeros_like(code, dtype=torch.bool).scatter(1, kept, True)
        return BottleneckOutput(code * mask, code.new_zeros(len(code)))


class GaussianCode(Bottleneck):
    """A code drawn from the encoder's normal distribution while training, its mean otherwise (variational code).

    Kingma & Welling 2013, https://arxiv.org/abs/1312.6114. The encoder writes `2 * code_size` values, means and
    logarithms of variances; the penalty is the Kullback-Leibler divergence from the standard normal distribution in
    nats.

    Args:
        weight: Factor of the divergence (1 for the evidence lower bound).
        free_nats: Divergence of each code unit that has no penalty (Kingma et al. 2016,
            https://arxiv.org/abs/1606.04934), against posterior collapse.
    """

    def __init__(self, weight: float = 1.0, free_nats: float = 0.0):
        super().__init__()
        self.weight = weight
        self.free_nats = free_nats

    def forward(self, code: Tensor) -> BottleneckOutput:
        """Return codes `(batch, code_size)` and divergences in nats, given `(batch, 2 * code_size)`.

        Raises:
            ValueError: The encoder writes an odd number of values.
        """
        if code.shape[1] % 2:
            raise ValueError(f"the encoder writes {code.shape[1]} values; means and log-variances need an even number")
        mean, log_variance = code.chunk(2, dim=1)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)
        penalty = self.weight * divergence.clamp(min=self.free_nats).sum(dim=1)
        if self.training:
            mean = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        return BottleneckOutput(mean, penalty)


class BinaryCode(Bottleneck):
    """Bits, written as -1 and 1: the signs of the output of the encoder.

    A sign has no gradient; the straight-through estimator passes that of the bit on (Bengio et al. 2013,
    https://arxiv.org/abs/1308.3432).

    Args:
        commitment_weight: Factor of the mean squared distance between values and their bits, which keeps the values
            near zero, where a sign can change.
        balance: Factor of the mean over bits of their squared mean over the batch, which is high where a bit is set
            for many more or many fewer than half of the sequences.
    """

    def __init__(self, commitment_weight: float = 0.1, balance: float = 0.1):
        super().__init__()
        self.commitment_weight = commitment_weight
        self.balance = balance

    def forward(self, code: Tensor) -> BottleneckOutput:
        """Return decoder inputs `(batch, code_size)` and `(batch,)` penalties, given `(batch, size)`."""
        bits = _signs(code)
        unbalance = code.mean(dim=0).square().mean()
        return BottleneckOutput(
            _straight_through(code, bits), self.commitment_weight * _distance(code, bits) + self.balance * unbalance
        )


class BiHalfCode(Bottleneck):
    """Bits, written as -1 and 1; while training each bit is set for the half of a batch with the larger values.

    So the entropy of every bit is maximal (the bi-half layer of Li & van Gemert 2021,
    https://arxiv.org/abs/2012.12334), with a straight-through gradient. In evaluation mode bits are signs.

    Args:
        commitment_weight: Factor of the mean squared distance between the output of the encoder and the bits.
    """

    def __init__(self, commitment_weight: float = 0.1):
        super().__init__()
        self.commitment_weight = commitment_weight

    def forward(self, code: Tensor) -> BottleneckOutput:
        """Return decoder inputs `(batch, code_size)` and `(batch,)` penalties, given `(batch, size)`."""
        bits = _halves(code) if self.training else _signs(code)
        return BottleneckOutput(_straight_through(code, bits), self.commitment_weight * _distance(code, bits))


class BitFlipCode(Bottleneck):
    """Bits that flip at random while training, so that codes that differ in few bits decode to similar sequences.

    The binary symmetric channel of Choi et al. 2019, https://arxiv.org/abs/1811.07557.

    Args:
        bits: Writes the bits, -1 and 1, for example a `BiHalfCode`.
        flip_probability: Probability with which a bit flips.
    """

    def __init__(self, bits: Bottleneck, flip_probability: float = 0.1):
        super().__init__()
        self.bits = bits
        self.flip_probability = flip_probability

    def forward(self, code: Tensor) -> BottleneckOutput:
        """Return decoder inputs `(batch, code_size)` and `(batch,)` penalties, given `(batch, size)`."""
        coded = self.bits(code)
        if not self.training:
            return coded
        flips = torch.rand_like(coded.code) < self.flip_probability
        return BottleneckOutput(torch.where(flips, -coded.code, coded.code), coded.penalty)


class ViewInvariantCode(Bottleneck):
    """Bits that are alike for positive pairs, and different from each other; for retrieval.

    While training, row i of the first half of a batch and row i of the second half are a positive pair, see
    `seqae.datasets.PositivePairs`. The two penalties are those of Zbontar et al. 2021,
    https://arxiv.org/abs/2103.03230; in evaluation mode, where rows are not paired, there are none.

    Args:
        bits: Writes the bits, for example a `BiHalfCode`.
        invariance_weight: Factor of the mean squared distance from values (their tanh) to the bits of the other half.
        redundancy_weight: Factor of the squared correlation of two bits, mean over all pairs of bits.
    """

    def __init__(self, bits: Bottleneck, invariance_weight: float = 0.5, redundancy_weight: float = 1.0):
        super().__init__()
        self.bits = bits
        self.invariance_weight = invariance_weight
        self.redundancy_weight = redundancy_weight

    def forward(self, code: Tensor) -> BottleneckOutput:
        """Return bits `(batch, code_size)`, given `(batch, size)`.

        Raises:
            ValueError: The batch has an odd number of rows while training.
        """
        coded = self.bits(code)
        if not self.training:
            return coded
        if len(code) % 2:
            raise ValueError(f"a batch of {len(code)} rows has no two halves. Give positive pairs (PositivePairs)")
        soft = code.tanh()
        distance = _distance(soft, coded.code.detach().roll(len(code) // 2, dims=0))
        return BottleneckOutput(
            coded.code, coded.penalty + self.invariance_weight * distance + self.redundancy_weight * _correlation(soft)
        )


def _straight_through(code: Tensor, bits: Tensor) -> Tensor:
    """Return the bits, whose gradients go to the values unchanged."""
    return code + (bits - code).detach()


def _distance(code: Tensor, bits: Tensor) -> Tensor:
    return (code - bits).square().mean(dim=1)


def _signs(code: Tensor) -> Tensor:
    return torch.where(code > 0, 1.0, -1.0).to(code)


def _halves(code: Tensor) -> Tensor:
    """Return 1 for the larger half of each column and -1 for the others, `(batch, code_size)`."""
    rank = code.argsort(dim=0).argsort(dim=0)
    return torch.where(rank >= len(code) // 2, 1.0, -1.0).to(code)


def _correlation(code: Tensor) -> Tensor:
    """Return the squared correlation of two columns, mean over all pairs of columns; a column with itself counts 0."""
    centred = code - code.mean(dim=0)
    scaled = centred / (centred.square().mean(dim=0).sqrt() + 1e-4)
    correlations = scaled.T @ scaled / len(code)
    return (correlations - correlations.diagonal().diag()).square().mean()
