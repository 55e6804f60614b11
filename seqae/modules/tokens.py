"""Layers between vectors and tokens: heads tied to the weights of an embedding, choice of a token, word dropout."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class TiedHead(nn.Module):
    """Logits of all tokens by the weights of the input embedding (weight tying).

    Press & Wolf 2017, https://arxiv.org/abs/1608.05859. It saves half of the weights, and rare tokens are learnt twice
    as often: when they are read and when they are written.

    Args:
        embedding: The same object that reads the tokens.
        input_size: Length of the vectors given, which a linear layer projects to `embedding_dim`; None if they have
            that length.
    """

    def __init__(self, embedding: nn.Embedding, input_size: int | None = None):
        super().__init__()
        self.embedding = embedding
        self.input_size = input_size
        self.project = None if input_size is None else nn.Linear(input_size, embedding.embedding_dim)
        self.bias = nn.Parameter(torch.zeros(embedding.num_embeddings))

    def forward(self, vectors: Tensor) -> Tensor:
        """Return the logits, `(steps, vocabulary)`, given `(steps, input_size)`."""
        return nn.functional.linear(self._project(vectors), self.embedding.weight, self.bias)

    def logits_for(self, vectors: Tensor, tokens: Tensor) -> Tensor:
        """Return the logits of some tokens only, `(steps, tokens)`.

        Args:
            vectors: `(steps, input_size)`.
            tokens: `(tokens,)` int64.
        """
        return nn.functional.linear(self._project(vectors), self.embedding.weight[tokens], self.bias[tokens])

    def _project(self, vectors: Tensor) -> Tensor:
        return vectors if self.project is None else self.project(vectors)


class NearestEmbeddingHead(nn.Module):
    """Logits by distance: minus half of the squared distance to each token's embedding.

    A vector near a token's embedding is written as that token, however rare it was in training.

    Args:
        embedding: The same object that reads the tokens.
    """

    def __init__(self, embedding: nn.Embedding):
        super().__init__()
        self.embedding = embedding

    def forward(self, vectors: Tensor) -> Tensor:
        """Return the logits up to a constant, `(steps, vocabulary)`, given `(steps, embedding_dim)`."""
        tokens = self.embedding.weight
        return nn.functional.linear(vectors, tokens, -0.5 * tokens.square().sum(dim=1))


class Argmax(nn.Module):
    """The token with the highest logit.

    Args:
        suppress: Tokens that are never chosen, such as the one for unknown words.
    """

    def __init__(self, suppress: Sequence[int] = ()):
        super().__init__()
        self.suppress = tuple(suppress)

    def forward(self, logits: Tensor) -> Tensor:
        """Return tokens, `(steps,)` int64, given logits `(steps, vocabulary)`."""
        if self.suppress:
            logits = logits.index_fill(-1, torch.tensor(self.suppress, device=logits.device), -torch.inf)
        return logits.argmax(dim=-1)


class WordDropout(nn.Module):
    """Replaces tokens at random while training; put it before an embedding.

    In a decoder it is the word dropout of Bowman et al. 2016, https://arxiv.org/abs/1511.06349: what is dropped must
    come from the code. For corruptions of the input of an encoder see `seqae.transforms`.

    Args:
        p: Probability with which a token is replaced.
        token: The token that replaces a word; 0 is the token of unknown words.
    """

    def __init__(self, p: float, token: int = 0):
        super().__init__()
        self.p = p
        self.token = token

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens `(steps,)`, given tokens `(steps,)`, int64."""
        if not self.training or not self.p:
            return tokens
        return tokens.masked_fill(torch.rand(tokens.shape, device=tokens.device) < self.p, self.token)
