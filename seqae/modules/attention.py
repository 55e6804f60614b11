"""Attention of a decoder to any number of states of its source."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from seqae.batch import Batch


class Memory(NamedTuple):
    """The states of sources, ready for queries; a tuple, so that decoding can select rows of it.

    Attributes:
        states: `(batch, source, states_size)`, zero beyond a source's length.
        keys: `(batch, source, key_size)`, compared with the queries; computed once for a source.
        mask: `(batch, source)` bool, True at states, False at padding.
    """

    states: Tensor
    keys: Tensor
    mask: Tensor


class AttentionOutput(NamedTuple):
    """Context vectors and the weights behind them.

    Attributes:
        vectors: `(batch, time, size)`, for each query the weighted mean of its source's states, or a vector computed
            from it.
        weights: `(batch, time, source)`, the weight of each state; they add up to one, padding has zero.
    """

    vectors: Tensor
    weights: Tensor


class Attention(nn.Module, ABC):
    """Compares queries with the states of a source; the subclasses differ in how.

    Attributes:
        query_size: Length of a query vector.
        states_size: Length of a state of the source.
    """

    query_size: int
    states_size: int

    def prepare_memory(self, states: Batch) -> Memory:
        """Return the states of sources, `(batch, source, states_size)`, ready for any number of queries."""
        clean = states.mask_padding().values
        return Memory(clean, self.keys(clean), states.mask)

    def forward(self, queries: Tensor, memory: Memory, attention_bias: Tensor | None = None) -> AttentionOutput:
        """Return for each query the weighted mean of the states of its row's source.

        Args:
            queries: `(batch, time, query_size)`.
            memory: The result of `prepare_memory`.
            attention_bias: Added to the scores before the softmax, `(batch, time, source)`.
        """
        scores = self.scores(queries, memory.keys)
        if attention_bias is not None:
            scores = scores + attention_bias
        weights = scores.masked_fill(~memory.mask.unsqueeze(1), -torch.inf).softmax(dim=-1)
        return AttentionOutput(weights @ memory.states, weights)

    @abstractmethod
    def keys(self, states: Tensor) -> Tensor:
        """Return the keys for the queries, `(batch, source, key_size)`, given `(batch, source, states_size)`."""

    @abstractmethod
    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Return the score of each query and key, `(batch, time, source)`.

        Args:
            queries: `(batch, time, query_size)`.
            keys: `(batch, source, key_size)`.
        """


class DotAttention(Attention):
    """The dot product of query and state (Luong et al. 2015, https://arxiv.org/abs/1508.04025, "dot").

    Args:
        size: Length of a query and of a state.
    """

    def __init__(self, size: int):
        super().__init__()
        self.size = self.query_size = self.states_size = size

    def keys(self, states: Tensor) -> Tensor:
        """Return the keys, `(batch, source, key_size)`, of states `(batch, source, states_size)`."""
        return states

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Return the score of each query and key, `(batch, time, source)`."""
        return queries @ keys.transpose(1, 2)


class GeneralAttention(Attention):
    """The dot product of the query and a linear projection of the state.

    Luong et al. 2015, https://arxiv.org/abs/1508.04025, "general".

    Args:
        query_size: Length of a query vector.
        states_size: Length of a state vector.
    """

    def __init__(self, query_size: int, states_size: int):
        super().__init__()
        self.query_size = query_size
        self.states_size = states_size
        self.key_projection = nn.Linear(states_size, query_size, bias=False)

    def keys(self, states: Tensor) -> Tensor:
        """Return the keys, `(batch, source, key_size)`, of states `(batch, source, states_size)`."""
        return self.key_projection(states)

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Return the score of each query and key, `(batch, time, source)`."""
        return queries @ keys.transpose(1, 2)


class AdditiveAttention(Attention):
    """A network with one hidden layer that reads query and state (Bahdanau et al. 2014, https://arxiv.org/abs/1409.0473).

    Args:
        query_size: Length of a query vector.
        states_size: Length of a state vector.
        hidden_size: Units of the hidden layer.
    """

    def __init__(self, query_size: int, states_size: int, hidden_size: int):
        super().__init__()
        self.query_size = query_size
        self.states_size = states_size
        self.hidden_size = hidden_size
        self.query_projection = nn.Linear(query_size, hidden_size, bias=False)
        self.key_projection = nn.Linear(states_size, hidden_size)
        self.score_projection = nn.Linear(hidden_size, 1, bias=False)

    def keys(self, states: Tensor) -> Tensor:
        """Return the keys, `(batch, source, key_size)`, of states `(batch, source, states_size)`."""
        return self.key_projection(states)

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Return the score of each query and key, `(batch, time, source)`."""
        hidden = self.query_projection(queries).unsqueeze(2) + keys.unsqueeze(1)
        return self.score_projection(hidden.tanh()).squeeze(-1)
