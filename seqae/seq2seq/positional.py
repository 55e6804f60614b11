"""A non-autoregressive decoder: each token is read by its position, not by the tokens before it."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqae.batch import Batch, max_length
from seqae.modules.attention import Attention, AttentionOutput
from seqae.seq2seq.models import TextDecoder
from seqae.text.vocabulary import END


class PositionalState(NamedTuple):
    """The state of a positional decoder; a tuple, so that decoding can select rows of it.

    Attributes:
        logits: The logits of all positions, `(batch, max_length, vocabulary)`.
        position: The next position, `(batch,)` int64.
    """

    logits: Tensor
    position: Tensor


class PositionalQueryDecoder(TextDecoder):
    """A query and a linear head for each position of a text; all tokens are written at once.

    For texts of one form, such as commands, with few examples: a token does not depend on the tokens before it, so
    that whole sentences can't be memorised. Non-autoregressive decoding: Gu et al. 2018,
    https://arxiv.org/abs/1711.02281; learnt queries: Carion et al. 2020, https://arxiv.org/abs/2005.12872. An
    attention bias favours a learnt window of the source's time, from 0 to 1 (Graves 2013,
    https://arxiv.org/abs/1308.0850); the windows start in order and evenly spread, without which training takes long
    to find the words. A text ends at `max_length` at the latest.

    Args:
        max_length: Tokens of the longest text, its end included.
        attention: Attends to the states of the source.
        vocabulary: The number of tokens.
        dropout: Dropout probability of the vectors that the heads read.

    Raises:
        ValueError: `max_length` is below 1.
    """

    def __init__(self, max_length: int, attention: Attention, vocabulary: int, dropout: float = 0.0):
        super().__init__()
        if max_length < 1:
            raise ValueError(f"a max_length of {max_length}. Give at least 1, for the end")
        self.max_length = max_length
        self.attention = attention
        self.vocabulary = vocabulary
        self.dropout = dropout
        self.states_size = attention.states_size
        self.queries = nn.Parameter(torch.randn(max_length, attention.query_size) / attention.query_size**0.5)
        self.centres = nn.Parameter((torch.arange(max_length) + 0.5) / max_length)
        self.log_widths = nn.Parameter(torch.full((max_length,), 1 / max_length).log())
        self.heads = nn.ModuleList(nn.Linear(attention.states_size, vocabulary) for _ in range(max_length))

    def forward(self, states: Batch, targets: Batch) -> Batch:
        """Return the logits of each token, `(batch, time, vocabulary)`; see `TextDecoder`.

        Raises:
            ValueError: A text is longer than `max_length`.
        """
        return Batch(self._logits(states, self._length(targets)), targets.lengths)

    def attention_weights(self, states: Batch, texts: Batch) -> Tensor:
        """Return the attention weights at each position of texts `(batch, time)`, `(batch, time, source)`."""
        return self._attend(states, self._length(texts)).weights

    def init_state(self, states: Batch) -> PositionalState:
        """Return the logits of all positions, given states `(batch, source, states_size)`."""
        return PositionalState(self._logits(states, self.max_length), torch.zeros_like(states.lengths))

    def decode_step(self, tokens: Tensor, state: PositionalState) -> tuple[Tensor, PositionalState]:
        """Return the logits of the next position, `(batch, vocabulary)`, and the next state."""
        rows = torch.arange(len(tokens), device=tokens.device)
        logits = state.logits[rows, state.position.clamp(max=self.max_length - 1)]
        ended = torch.full_like(logits, -torch.inf).index_fill(1, tokens.new_tensor([END]), 0.0)
        over = (state.position >= self.max_length).unsqueeze(1)
        return torch.where(over, ended, logits), PositionalState(state.logits, state.position + 1)

    def _length(self, texts: Batch) -> int:
        longest = max_length(texts.lengths)
        if longest > self.max_length:
            raise ValueError(
                f"a text of {longest} tokens, its end included; this decoder writes at most {self.max_length}. "
                "Give it a max_length that is the length of the longest text"
            )
        return longest

    def _attend(self, states: Batch, count: int) -> AttentionOutput:
        queries = self.queries[:count].expand(len(states), -1, -1)
        return self.attention(queries, self.attention.prepare_memory(states), self._attention_bias(states)[:, :count])

    def _attention_bias(self, states: Batch) -> Tensor:
        """Return for each position the log of a Gaussian over the time of the source, `(batch, position, source)`."""
        steps = torch.arange(states.values.shape[1], device=states.values.device)
        time = (steps + 0.5) / states.lengths.unsqueeze(1)
        return -0.5 * ((time.unsqueeze(1) - self.centres.unsqueeze(1)) / self.log_widths.exp().unsqueeze(1)).square()

    def _logits(self, states: Batch, count: int) -> Tensor:
        vectors = F.dropout(self._attend(states, count).vectors, self.dropout, self.training)
        return torch.stack([head(each) for head, each in zip(self.heads, vectors.unbind(dim=1))], dim=1)
