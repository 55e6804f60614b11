"""What makes a language model of an autoencoder: nothing to read but the words before, and not even all of these."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqae.batch import Batch
from seqae.modules.encoders import Encoder


class SilentEncoder(Encoder):
    """Says nothing: its codes are zeros. A decoder that learns with it is a language model (Mikolov et al. 2010).

    https://www.isca-archive.org/interspeech_2010/mikolov10_interspeech.html

    Args:
        code_size: Length of a code.
    """

    def __init__(self, code_size: int = 1):
        super().__init__()
        self.code_size = code_size

    def forward(self, batch: Batch) -> Tensor:
        return torch.zeros(len(batch), self.code_size, device=batch.values.device)


class HideTokens(nn.Module):
    """Hides a share of the tokens from what reads them, while training; stands before an embedding.

    In a decoder it is the word dropout of Bowman et al. 2016, https://arxiv.org/abs/1511.06349: what is hidden must be
    learnt from the code. See `seqae.corruptions` for damage to what an encoder reads.

    Args:
        share: Of the tokens.
        token: What is read in their place; that of unknown words unless another is given.
    """

    def __init__(self, share: float, token: int = 0):
        super().__init__()
        self.share = share
        self.token = token

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens, `(steps,)`."""
        if not self.training or not self.share:
            return tokens
        return tokens.masked_fill(torch.rand(tokens.shape, device=tokens.device) < self.share, self.token)
