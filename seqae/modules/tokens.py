"""What stands between tokens and vectors: output layers that share the weights of an embedding, and the choice."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class TiedHead(nn.Module):
    """Logits of all tokens, by the vectors with which they are read.

    Press & Wolf 2017, https://arxiv.org/abs/1608.05859. It saves half of the weights, and what is learnt of a seldom
    token when reading it is known when writing it.

    Args:
        embedding: The same object that reads the tokens.
        input_size: Length of the vectors given; a linear layer brings them to the embedding's. None if they have it.
    """

    def __init__(self, embedding: nn.Embedding, input_size: int | None = None):
        super().__init__()
        self.embedding = embedding
        self.input_size = input_size
        self.project = None if input_size is None else nn.Linear(input_size, embedding.embedding_dim)
        self.bias = nn.Parameter(torch.zeros(embedding.num_embeddings))

    def forward(self, vectors: Tensor) -> Tensor:
        """Return the logits, `(steps, vocabulary)`, given `(steps, input_size)`."""
        return nn.functional.linear(self._projected(vectors), self.embedding.weight, self.bias)

    def logits_for(self, vectors: Tensor, tokens: Tensor) -> Tensor:
        """Return the logits of some tokens only, `(steps, tokens)`."""
        return nn.functional.linear(self._projected(vectors), self.embedding.weight[tokens], self.bias[tokens])

    def _projected(self, vectors: Tensor) -> Tensor:
        return vectors if self.project is None else self.project(vectors)


class NearestEmbeddingHead(nn.Module):
    """Logits that are higher, the nearer a token's own vector is: minus half of the squared distance.

    What was read as a token's vector is written as that token, however seldom it was seen in training.

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
    """Chooses the token with the highest logit.

    Args:
        suppress: Tokens that are not written, such as the one for unknown words.
    """

    def __init__(self, suppress: Sequence[int] = ()):
        super().__init__()
        self.suppress = tuple(suppress)

    def forward(self, logits: Tensor) -> Tensor:
        """Return tokens, `(steps,)`, given `(steps, vocabulary)`."""
        if self.suppress:
            logits = logits.index_fill(-1, torch.tensor(self.suppress, device=logits.device), -torch.inf)
        return logits.argmax(dim=-1)


class WordDropout(nn.Module):
    """Hides a share of the tokens from what reads them, while training; stands before an embedding.

    In a decoder it is the word dropout of Bowman et al. 2016, https://arxiv.org/abs/1511.06349: what is hidden must be
    learnt from the code. See `seqae.transforms.corruptions` for damage to what an encoder reads.

    Args:
        p: Of the tokens.
        token: What is read in their place; that of unknown words unless another is given.
    """

    def __init__(self, p: float, token: int = 0):
        super().__init__()
        self.p = p
        self.token = token

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens, `(steps,)`."""
        if not self.training or not self.p:
            return tokens
        return tokens.masked_fill(torch.rand(tokens.shape, device=tokens.device) < self.p, self.token)
