"""A bottleneck of discrete codes, whose parts are entries of codebooks."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from seqae.modules.codes import Bottleneck, BottleneckOutput


class VectorQuantizedCode(Bottleneck):
    """A code cut into groups, each replaced by the nearest entry of a codebook of its own.

    van den Oord et al. 2017, https://arxiv.org/abs/1711.00937: gradients pass straight through, and a penalty keeps
    the output of the encoder near its entries. While training, each entry follows the exponential moving mean of the
    parts that it stands for; one that stands for almost none is moved to a part of the batch (Dhariwal et al. 2020,
    https://arxiv.org/abs/2005.00341), as nearly all are by the first batch. In evaluation mode nothing moves.

    Args:
        code_size: Length of a code.
        num_entries: The number of entries of a codebook; a code is told by `num_groups * log2(num_entries)` bits.
        num_groups: The number of groups of a code.
        commitment_weight: Factor of the mean squared distance between the output of the encoder and the entries.
        decay: Decay of the moving means, per batch.

    Attributes:
        codebook: Buffer of the entries, `(num_groups, num_entries, code_size / num_groups)`.
        counts: Buffer of the moving mean of how many parts of a batch an entry stands for, `(num_groups, num_entries)`.

    Raises:
        ValueError: `num_groups` does not divide `code_size`, or a codebook has fewer than two entries.
    """

    codebook: Tensor
    counts: Tensor

    def __init__(
        self,
        code_size: int,
        num_entries: int = 64,
        num_groups: int = 4,
        commitment_weight: float = 0.25,
        decay: float = 0.97,
    ):
        super().__init__()
        if num_groups < 1 or code_size % num_groups:
            raise ValueError(f"{num_groups} groups of a code of {code_size}. Give a number of groups that divides it")
        if num_entries < 2:
            raise ValueError(f"a codebook of {num_entries} entries says nothing. Give 2 entries or more")
        self.code_size = code_size
        self.num_entries = num_entries
        self.num_groups = num_groups
        self.commitment_weight = commitment_weight
        self.decay = decay
        self.register_buffer("codebook", torch.randn(num_groups, num_entries, code_size // num_groups))
        self.register_buffer("counts", torch.zeros(num_groups, num_entries))

    def forward(self, code: Tensor) -> BottleneckOutput:
        """Return codes made of entries, `(batch, code_size)`, and `(batch,)` penalties, given `(batch, code_size)`."""
        entries = self.entries(code)
        found = self.from_entries(entries).to(code.dtype)
        if self.training:
            self._follow(self._parts(code.detach()), entries)
        # Straight through: the entry is passed on, the gradient goes to the output of the encoder.
        distance = (code - found).square().mean(dim=1)
        return BottleneckOutput(code + (found - code).detach(), self.commitment_weight * distance)

    def entries(self, code: Tensor) -> Tensor:
        """Return the indices of the nearest entries, `(batch, num_groups)` int64, given `(batch, code_size)`."""
        parts = self._parts(code.detach()).transpose(0, 1)
        # The squared distance without the square of the part, which all entries share.
        distances = self.codebook.square().sum(dim=-1).unsqueeze(1) - 2 * parts @ self.codebook.transpose(1, 2)
        return distances.argmin(dim=-1).T

    def from_entries(self, entries: Tensor) -> Tensor:
        """Return the codes `(batch, code_size)` that are made of entries, `(batch, num_groups)` int64."""
        groups = torch.arange(self.num_groups, device=entries.device)
        return self.codebook[groups, entries].flatten(1)

    def _parts(self, code: Tensor) -> Tensor:
        """Return `(batch, num_groups, size)` in the precision of the codebook."""
        return code.unflatten(1, (self.num_groups, -1)).to(self.codebook.dtype)

    def _follow(self, parts: Tensor, entries: Tensor) -> None:
        """Move the entries towards the means of their parts, `(batch, num_groups, size)`, and restart dead ones."""
        taken = F.one_hot(entries, self.num_entries).to(parts.dtype)
        count = taken.sum(dim=0)
        mean = torch.einsum("bge,bgs->ges", taken, parts) / count.clamp(min=1).unsqueeze(-1)
        counts = torch.lerp(count, self.counts, self.decay)
        # The share of this batch in the mean of all parts that the entry stood for.
        share = ((1 - self.decay) * count / counts.clamp(min=1e-8)).unsqueeze(-1)
        codebook = torch.lerp(self.codebook, mean, share)
        usual = len(parts) / self.num_entries
        is_dead = counts < 0.2 * usual
        rows = torch.randint(len(parts), (self.num_groups, self.num_entries), device=parts.device)
        restarted = parts[rows, torch.arange(self.num_groups, device=parts.device).unsqueeze(1)]
        self.codebook.copy_(torch.where(is_dead.unsqueeze(-1), restarted, codebook))
        self.counts.copy_(torch.where(is_dead, torch.full_like(counts, usual), counts))
