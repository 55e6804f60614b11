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


class BinaryCode(CodeLayer):
    """Bits, written as -1 and 1: the signs of what the encoder wrote.

    A sign has no gradient; that of the bit goes straight through to the number (Bengio et al. 2013,
    https://arxiv.org/abs/1308.3432).

    Args:
        pull: Price of the squared distance between numbers and their bits, without which the numbers run away from
            where a sign can change.
        balance: Price of bits that are set for many more or many fewer than half of a batch, which tell little: the
            mean over bits of the squared mean over the batch.
    """

    def __init__(self, pull: float = 0.1, balance: float = 0.1):
        super().__init__()
        self.pull = pull
        self.balance = balance

    def forward(self, code: Tensor) -> Coded:
        bits = _signs(code)
        unbalance = code.mean(dim=0).square().mean()
        return Coded(_through(code, bits), self.pull * _distance(code, bits) + self.balance * unbalance)


class HalvingCode(CodeLayer):
    """Bits, written as -1 and 1; while training each is set for that half of a batch which has the larger numbers.

    So every bit tells as much as a bit can (the bi-half layer of Li & van Gemert 2021,
    https://arxiv.org/abs/2012.12334). The gradient goes straight through. Otherwise bits are signs.

    Args:
        pull: Price of the squared distance between what the encoder wrote and the bits.
    """

    def __init__(self, pull: float = 0.1):
        super().__init__()
        self.pull = pull

    def forward(self, code: Tensor) -> Coded:
        bits = _halves(code) if self.training else _signs(code)
        return Coded(_through(code, bits), self.pull * _distance(code, bits))


class FlippingCode(CodeLayer):
    """Bits of which some flip while training, so that codes that differ in few bits come to mean like things.

    The channel of Choi et al. 2019, https://arxiv.org/abs/1811.07557.

    Args:
        bits: Makes the bits, -1 and 1, for example a `HalvingCode`.
        share: Of the bits that flip.
    """

    def __init__(self, bits: CodeLayer, share: float = 0.1):
        super().__init__()
        self.bits = bits
        self.share = share

    def forward(self, code: Tensor) -> Coded:
        coded = self.bits(code)
        if not self.training:
            return coded
        flips = torch.rand_like(coded.code) < self.share
        return Coded(torch.where(flips, -coded.code, coded.code), coded.penalty)


class AgreeingCode(CodeLayer):
    """Bits on which the two halves of a batch agree, row by row; see `seqae.data.neighbours.BesideLike`.

    What two views of a thing, or two things that are alike, do not share is no use for finding things of a kind. Bits
    that say the same as others are no use either: their correlations cost, too, after Zbontar et al. 2021,
    https://arxiv.org/abs/2103.03230. There is no such price outside of training, where rows are not paired.

    Args:
        bits: Makes the bits, for example a `HalvingCode`.
        agree: Price of the squared distance from numbers (brought between -1 and 1) to the bits of the other half.
        differ: Price of the squared correlation of bits, mean over all pairs of bits.
    """

    def __init__(self, bits: CodeLayer, agree: float = 0.5, differ: float = 1.0):
        super().__init__()
        self.bits = bits
        self.agree = agree
        self.differ = differ

    def forward(self, code: Tensor) -> Coded:
        coded = self.bits(code)
        if not self.training:
            return coded
        if len(code) % 2:
            raise ValueError(f"a batch of {len(code)} rows has no two halves. Put each sequence beside one like it")
        soft = code.tanh()
        distance = _distance(soft, coded.code.detach().roll(len(code) // 2, dims=0))
        return Coded(coded.code, coded.penalty + self.agree * distance + self.differ * _correlation(soft))


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
