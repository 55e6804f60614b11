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
class BottleneckOutput:
    """Codes as the decoder gets them.

    Attributes:
        code: `(batch, code_size)`.
        penalty: `(batch,)`, what is added to each sequence's loss.
    """

    code: Tensor
    penalty: Tensor


class Bottleneck(nn.Module, ABC):
    """Stands between encoder and decoder."""

    @abstractmethod
    def forward(self, code: Tensor) -> BottleneckOutput:
        """Return what the decoder reads, given what the encoder wrote, `(batch, size)`."""


class L1Code(Bottleneck):
    """The code as it is, with a price on its size: the mean of its absolute values.

    Args:
        weight: The price.
    """

    def __init__(self, weight: float):
        super().__init__()
        self.weight = weight

    def forward(self, code: Tensor) -> BottleneckOutput:
        return BottleneckOutput(code, self.weight * code.abs().mean(dim=1))


class TopKCode(Bottleneck):
    """The largest numbers of each code, and zeros for the others.

    Makhzani & Frey 2013, k-sparse autoencoders, https://arxiv.org/abs/1312.5663.

    Args:
        k: How many numbers of a code are kept.
    """

    def __init__(self, k: int):
        super().__init__()
        self.k = k

    def forward(self, code: Tensor) -> BottleneckOutput:
        if self.k > code.shape[1]:
            raise ValueError(f"can't keep {self.k} numbers of a code of {code.shape[1]}. Ask for fewer")
        kept = code.abs().topk(self.k, dim=1).indices
        mask = torch.zeros_like(code, dtype=torch.bool).scatter(1, kept, True)
        return BottleneckOutput(code * mask, code.new_zeros(len(code)))


class GaussianCode(Bottleneck):
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

    def forward(self, code: Tensor) -> BottleneckOutput:
        if code.shape[1] % 2:
            raise ValueError(f"the encoder writes {code.shape[1]} numbers; means and log-variances need an even number")
        mean, log_variance = code.chunk(2, dim=1)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)
        penalty = self.weight * divergence.clamp(min=self.free_nats).sum(dim=1)
        if self.training:
            mean = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        return BottleneckOutput(mean, penalty)


class BinaryCode(Bottleneck):
    """Bits, written as -1 and 1: the signs of what the encoder wrote.

    A sign has no gradient; that of the bit goes straight through to the number (Bengio et al. 2013,
    https://arxiv.org/abs/1308.3432).

    Args:
        commitment_weight: Price of the squared distance between numbers and their bits, without which the numbers run away from
            where a sign can change.
        balance: Price of bits that are set for many more or many fewer than half of a batch, which tell little: the
            mean over bits of the squared mean over the batch.
    """

    def __init__(self, commitment_weight: float = 0.1, balance: float = 0.1):
        super().__init__()
        self.commitment_weight = commitment_weight
        self.balance = balance

    def forward(self, code: Tensor) -> BottleneckOutput:
        bits = _signs(code)
        unbalance = code.mean(dim=0).square().mean()
        return BottleneckOutput(
            _through(code, bits), self.commitment_weight * _distance(code, bits) + self.balance * unbalance
        )


class BiHalfCode(Bottleneck):
    """Bits, written as -1 and 1; while training each is set for that half of a batch which has the larger numbers.

    So every bit tells as much as a bit can (the bi-half layer of Li & van Gemert 2021,
    https://arxiv.org/abs/2012.12334). The gradient goes straight through. Otherwise bits are signs.

    Args:
        commitment_weight: Price of the squared distance between what the encoder wrote and the bits.
    """

    def __init__(self, commitment_weight: float = 0.1):
        super().__init__()
        self.commitment_weight = commitment_weight

    def forward(self, code: Tensor) -> BottleneckOutput:
        bits = _halves(code) if self.training else _signs(code)
        return BottleneckOutput(_through(code, bits), self.commitment_weight * _distance(code, bits))


class BitFlipCode(Bottleneck):
    """Bits of which some flip while training, so that codes that differ in few bits come to mean like things.

    The channel of Choi et al. 2019, https://arxiv.org/abs/1811.07557.

    Args:
        bits: Makes the bits, -1 and 1, for example a `BiHalfCode`.
        flip_probability: Of the bits that flip.
    """

    def __init__(self, bits: Bottleneck, flip_probability: float = 0.1):
        super().__init__()
        self.bits = bits
        self.flip_probability = flip_probability

    def forward(self, code: Tensor) -> BottleneckOutput:
        coded = self.bits(code)
        if not self.training:
            return coded
        flips = torch.rand_like(coded.code) < self.flip_probability
        return BottleneckOutput(torch.where(flips, -coded.code, coded.code), coded.penalty)


class ViewInvariantCode(Bottleneck):
    """Bits on which the two halves of a batch agree, row by row; see `seqae.datasets.positive_pairs.BesideLike`.

    What two views of a thing, or two things that are alike, do not share is no use for finding things of a kind. Bits
    that say the same as others are no use either: their correlations cost, too, after Zbontar et al. 2021,
    https://arxiv.org/abs/2103.03230. There is no such price outside of training, where rows are not paired.

    Args:
        bits: Makes the bits, for example a `BiHalfCode`.
        invariance_weight: Price of the squared distance from numbers (brought between -1 and 1) to the bits of the other half.
        redundancy_weight: Price of the squared correlation of bits, mean over all pairs of bits.
    """

    def __init__(self, bits: Bottleneck, invariance_weight: float = 0.5, redundancy_weight: float = 1.0):
        super().__init__()
        self.bits = bits
        self.invariance_weight = invariance_weight
        self.redundancy_weight = redundancy_weight

    def forward(self, code: Tensor) -> BottleneckOutput:
        coded = self.bits(code)
        if not self.training:
            return coded
        if len(code) % 2:
            raise ValueError(f"a batch of {len(code)} rows has no two halves. Put each sequence beside one like it")
        soft = code.tanh()
        distance = _distance(soft, coded.code.detach().roll(len(code) // 2, dims=0))
        return BottleneckOutput(
            coded.code, coded.penalty + self.invariance_weight * distance + self.redundancy_weight * _correlation(soft)
        )


def _through(code: Tensor, bits: Tensor) -> Tensor:
    """Return the bits, through which gradients go to the numbers as they are."""
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
    """Return the squared correlation of two columns, mean over all pairs of them; those with themselves count 0."""
    centred = code - code.mean(dim=0)
    scaled = centred / (centred.square().mean(dim=0).sqrt() + 1e-4)
    found = scaled.T @ scaled / len(code)
    return (found - found.diagonal().diag()).square().mean()
