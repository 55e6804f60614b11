"""Attention: what a decoder looks up in the states of its source, whatever their number."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from seqae.batch import Batch


class Memory(NamedTuple):
    """The states of sources, ready to be looked up; a tuple, so that decoding can pick rows of it.

    Attributes:
        states: `(batch, source, states_size)`, zero beyond a source's length.
        keys: `(batch, source, key)`, what queries are compared with; computed once for a source.
        mask: `(batch, source)`, True at states, False at padding.
    """

    states: Tensor
    keys: Tensor
    mask: Tensor
    is_of_source = True


class AttentionOutput(NamedTuple):
    """What was looked up.

    Attributes:
        vectors: `(batch, time, size)`, one for each query: a mean of its source's states, or what was made of it.
        weights: `(batch, time, source)`, of the states in that mean; they add up to one, padding has none.
    """

    vectors: Tensor
    weights: Tensor


class Attention(nn.Module, ABC):
    """Compares queries with the states of a source; the forms differ in how.

    Attributes:
        query_size: Length of a query.
        states_size: Length of a state of the source.
    """

    query_size: int
    states_size: int

    def prepare_memory(self, states: Batch) -> Memory:
        """Prepare the states `(batch, source, states_size)` of sources for any number of queries."""
        clean = states.mask_padding().values
        return Memory(clean, self.keys(clean), states.mask)

    def forward(self, queries: Tensor, memory: Memory, leaning: Tensor | None = None) -> AttentionOutput:
        """Look up queries `(batch, time, query_size)`, each in the source of its row.

        Args:
            queries: What is looked for.
            memory: Where it is looked for.
            leaning: Added to how well a query fits a state, `(batch, time, source)`.
        """
        scores = self.scores(queries, memory.keys)
        if leaning is not None:
            scores = scores + leaning
        weights = scores.masked_fill(~memory.mask.unsqueeze(1), -torch.inf).softmax(dim=-1)
        return AttentionOutput(weights @ memory.states, weights)

    @abstractmethod
    def keys(self, states: Tensor) -> Tensor:
        """Return what queries are compared with, `(batch, source, key)`."""

    @abstractmethod
    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Return how well each query fits each key, `(batch, time, source)`."""


class DotAttention(Attention):
    """The scalar product of query and state (Luong et al. 2015, https://arxiv.org/abs/1508.04025, "dot").

    Args:
        size: Length of a query and of a state.
    """

    def __init__(self, size: int):
        super().__init__()
        self.size = self.query_size = self.states_size = size

    def keys(self, states: Tensor) -> Tensor:
        return states

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        return queries @ keys.transpose(1, 2)


class GeneralAttention(Attention):
    """The scalar product of the query and the state times a matrix (Luong et al. 2015, "general").

    Args:
        query_size: Length of a query.
        states_size: Length of a state.
    """

    def __init__(self, query_size: int, states_size: int):
        super().__init__()
        self.query_size = query_size
        self.states_size = states_size
        self.turn = nn.Linear(states_size, query_size, bias=False)

    def keys(self, states: Tensor) -> Tensor:
        return self.turn(states)

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        return queries @ keys.transpose(1, 2)


class AdditiveAttention(Attention):
    """A small network that reads query and state (Bahdanau et al. 2014, https://arxiv.org/abs/1409.0473).

    Args:
        query_size: Length of a query.
        states_size: Length of a state.
        hidden_size: Units of the network.
    """

    def __init__(self, query_size: int, states_size: int, hidden_size: int):
        super().__init__()
        self.query_size = query_size
        self.states_size = states_size
        self.hidden_size = hidden_size
        self.of_query = nn.Linear(query_size, hidden_size, bias=False)
        self.of_state = nn.Linear(states_size, hidden_size)
        self.readout = nn.Linear(hidden_size, 1, bias=False)

    def keys(self, states: Tensor) -> Tensor:
        return self.of_state(states)

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        both = self.of_query(queries).unsqueeze(2) + keys.unsqueeze(1)
        return self.readout(both.tanh()).squeeze(-1)
