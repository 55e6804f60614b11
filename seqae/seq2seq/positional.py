"""Texts whose words have their places: every word is looked up by its place, not by the words before it."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqae.batch import Batch
from seqae.modules.attention import Attention, AttentionOutput
from seqae.seq2seq.models import TextDecoder
from seqae.text.vocabulary import END


class PositionalState(NamedTuple):
    """Where a decoder is in its texts; a tuple, so that decoding can pick rows of it.

    Attributes:
        logits: Of all places, `(batch, place, vocabulary)`.
        place: The next one, `(batch,)`.
    """

    logits: Tensor
    place: Tensor


class PositionalQueryDecoder(TextDecoder):
    """Each place of a text has its own query, which looks among the states, and a linear layer that names the word.

    For texts of one form, such as commands, with few examples: what a word is read from tells nothing of the words
    before it, so that sentences are not learnt by heart. All words are written at once (Gu et al. 2018,
    https://arxiv.org/abs/1711.02281) by learnt queries (Carion et al. 2020, https://arxiv.org/abs/2005.12872). A place
    leans towards the time in the source, from 0 to 1, at which its word mostly is (Graves 2013,
    https://arxiv.org/abs/1308.0850): in the beginning the places are spread evenly over the source, in order, and from
    there they learn. Without that it takes long to find out where the words are. A text ends at its last place at the
    latest.

    Args:
        max_length: Tokens of the longest text, its end included.
        attention: Looks among the states; the queries are learnt.
        vocabulary: How many tokens there are.
        dropout: Share of the numbers that a word is named from which training leaves out.
    """

    def __init__(self, max_length: int, attention: Attention, vocabulary: int, dropout: float = 0.0):
        super().__init__()
        if max_length < 1:
            raise ValueError(f"texts of {max_length} places. Give at least 1, for the end")
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
        return Batch(self._logits(states, self._count(targets)), targets.lengths)

    def attention_weights(self, states: Batch, texts: Batch) -> Tensor:
        return self._look(states, self._count(texts)).weights

    def init_state(self, states: Batch) -> PositionalState:
        return PositionalState(self._logits(states, self.max_length), torch.zeros_like(states.lengths))

    def decode_step(self, tokens: Tensor, state: PositionalState) -> tuple[Tensor, PositionalState]:
        rows = torch.arange(len(tokens), device=tokens.device)
        logits = state.logits[rows, state.place.clamp(max=self.max_length - 1)]
        ended = torch.full_like(logits, -torch.inf).index_fill(1, tokens.new_tensor([END]), 0.0)
        over = (state.place >= self.max_length).unsqueeze(1)
        return torch.where(over, ended, logits), PositionalState(state.logits, state.place + 1)

    def _count(self, texts: Batch) -> int:
        longest = int(texts.lengths.max())
        if longest > self.max_length:
            raise ValueError(
                f"a text of {longest} tokens, its end included, for {self.max_length} places. "
                "Give the decoder as many places as the longest text has tokens"
            )
        return longest

    def _look(self, states: Batch, count: int) -> AttentionOutput:
        queries = self.queries[:count].expand(len(states), -1, -1)
        return self.attention(queries, self.attention.prepare_memory(states), self._leaning(states)[:, :count])

    def _leaning(self, states: Batch) -> Tensor:
        """Return the logarithm of a bell over the time of the source for each place, `(batch, place, source)`."""
        steps = torch.arange(states.values.shape[1], device=states.values.device)
        time = (steps + 0.5) / states.lengths.unsqueeze(1)
        return -0.5 * ((time.unsqueeze(1) - self.centres.unsqueeze(1)) / self.log_widths.exp().unsqueeze(1)).square()

    def _logits(self, states: Batch, count: int) -> Tensor:
        found = F.dropout(self._look(states, count).vectors, self.dropout, self.training)
        return torch.stack([head(vectors) for head, vectors in zip(self.heads, found.unbind(dim=1))], dim=1)
