"""From a sequence to another of different kind, length and script: chat, translation, captions.

What is known of the source is not one code but a state for each of its steps, and the decoder looks among them at each
step that it writes. So these are not autoencoders; they share the recurrences, `embed` and `head` with them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from seqae.batch import Batch
from seqae.data.texts.vocabulary import START
from seqae.modules.attention import Attention, GeneralAttention, Looked, Memory
from seqae.modules.recurrent import LSTM, Recurrence, State
from seqae.modules.tokens import TiedHead


class StatesEncoder(nn.Module, ABC):
    """Turns each sequence into a sequence of states, one for each step.

    The states of a sequence are the same alone as in any batch.

    Attributes:
        states_size: Length of a state.
    """

    states_size: int

    @abstractmethod
    def forward(self, batch: Batch) -> Batch:
        """Return the states, `(batch, time, states_size)`."""


class RecurrentStates(StatesEncoder):
    """The hidden states of a recurrence.

    Bahdanau et al. 2014, https://arxiv.org/abs/1409.0473, where it reads in both directions.

    Args:
        recurrence: For example `LSTM(input_size, hidden_size, bidirectional=True)`.
        embed: Turns steps `(steps, *step)` into vectors `(steps, input_size)`: an embedding for tokens, a CNN for
            frames, None for vectors.
        before: Turns a batch of these vectors into one of as many steps, before the recurrence reads it: for example
            convolutions over time.
    """

    def __init__(self, recurrence: Recurrence, embed: nn.Module | None = None, before: nn.Module | None = None):
        super().__init__()
        self.recurrence = recurrence
        self.embed = embed
        self.before = before
        self.states_size = recurrence.output_size

    def forward(self, batch: Batch) -> Batch:
        vectors = batch if self.embed is None else batch.map(self.embed)
        return self.recurrence(vectors if self.before is None else self.before(vectors))


class StackedStates(StatesEncoder):
    """What layers that stand on each other write: recurrences, convolutions and others, see `seqae.modules.stacked`.

    Args:
        layers: From a batch to a batch each; the last one writes vectors `(batch, time, states_size)`.
        states_size: Length of a state.
    """

    def __init__(self, layers: Sequence[nn.Module], states_size: int):
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.states_size = states_size

    def forward(self, batch: Batch) -> Batch:
        return self.layers(batch)


class Writing(NamedTuple):
    """Where a decoder is in its texts; a tuple, so that decoding can pick rows of it.

    Attributes:
        recurrent: The state of the recurrence.
        combined: `(batch, combined_size)`, what the last token was read from.
        memory: The sources.
    """

    recurrent: State
    combined: Tensor
    memory: Memory


class TextDecoder(nn.Module, ABC):
    """Writes texts in view of the states of their sources.

    Attributes:
        states_size: Length of a state.
    """

    states_size: int

    @abstractmethod
    def forward(self, states: Batch, teacher: Batch) -> Batch:
        """Return the logits of each token, `(batch, time, vocabulary)`, given the true ones before it.

        Args:
            states: Of the sources, `(batch, source, states_size)`.
            teacher: The true texts, `(batch, time)`.
        """

    @abstractmethod
    def looked_at(self, states: Batch, texts: Batch) -> Tensor:
        """Return where the decoder looks at each step of given texts, `(batch, time, source)`."""

    @abstractmethod
    def begin(self, states: Batch) -> tuple:
        """Return where it is before the first token: tensors, one row for each text, as `seqae.decoding` wants them."""

    @abstractmethod
    def write(self, tokens: Tensor, state: tuple) -> tuple[Tensor, tuple]:
        """Return the logits of the next token, `(batch, vocabulary)`, and the state after reading `(batch,)`."""


class AttentionDecoder(TextDecoder):
    """A recurrence that reads the token before, and after it attention to the source (Luong et al. 2015).

    https://arxiv.org/abs/1508.04025. Without feeding, all steps of a known text are one call of the recurrence, because
    nothing that it reads depends on the attention; with feeding it goes step by step.

    Args:
        embed: Turns tokens `(steps,)` into vectors.
        recurrence: One direction; reads those vectors, with feeding followed by `combined_size` numbers.
        attention: Its queries are the hidden states of the recurrence.
        head: Turns vectors `(steps, combined_size)` into logits `(steps, vocabulary)`.
        combined_size: Length of what is read from hidden state and context together.
        feeding: Whether a step also reads what the step before was read from ("input feeding").
    """

    def __init__(
        self,
        embed: nn.Module,
        recurrence: Recurrence,
        attention: Attention,
        head: nn.Module,
        combined_size: int,
        feeding: bool = False,
    ):
        super().__init__()
        if recurrence.bidirectional:
            raise ValueError("a decoder can't read backwards what it has not written yet. Use bidirectional=False")
        if attention.query_size != recurrence.hidden_size:
            raise ValueError(
                f"queries of {attention.query_size} numbers from a recurrence of {recurrence.hidden_size}. "
                "Give the attention a query_size that is the recurrence's hidden_size"
            )
        self.embed = embed
        self.recurrence = recurrence
        self.attention = attention
        self.states_size = attention.states_size
        self.head = head
        self.combined_size = combined_size
        self.feeding = feeding
        self.start = nn.Linear(2 * attention.states_size, recurrence.hidden_size)
        self.combine = nn.Linear(recurrence.hidden_size + attention.states_size, combined_size)

    def forward(self, states: Batch, teacher: Batch) -> Batch:
        return Batch(self._read(states, teacher).vectors, teacher.lengths).map(self.head)

    def looked_at(self, states: Batch, texts: Batch) -> Tensor:
        return self._read(states, texts).weights

    def begin(self, states: Batch) -> Writing:
        rows = torch.arange(len(states), device=states.values.device)
        # Of a recurrence in both directions these are the states that have read everything.
        ends = torch.cat([states.values[:, 0], states.values[rows, states.lengths - 1]], dim=-1)
        recurrent = self.recurrence.start(self.start(ends).tanh())
        return Writing(recurrent, ends.new_zeros(len(ends), self.combined_size), self.attention.remember(states))

    def write(self, tokens: Tensor, state: Writing) -> tuple[Tensor, Writing]:
        looked, after = self._step(self.embed(tokens), state)
        return self.head(looked.vectors[:, 0]), after

    def _read(self, states: Batch, teacher: Batch) -> Looked:
        """Return what each step of known texts is read from, `(batch, time, combined_size)`, and the weights."""
        first = torch.full_like(teacher.values[:, :1], START)
        before = Batch(torch.cat([first, teacher.values[:, :-1]], dim=1), teacher.lengths)
        embedded, state = before.map(self.embed), self.begin(states)
        if not self.feeding:
            return self._look(self.recurrence(embedded, state.recurrent).values, state.memory)
        looked = []
        for vectors in embedded.values.unbind(dim=1):
            found, state = self._step(vectors, state)
            looked.append(found)
        return Looked(*(torch.cat(parts, dim=1) for parts in zip(*looked)))

    def _step(self, vectors: Tensor, state: Writing) -> tuple[Looked, Writing]:
        if self.feeding:
            vectors = torch.cat([vectors, state.combined], dim=-1)
        recurrent = self.recurrence.step(vectors, state.recurrent)
        looked = self._look(recurrent[-1][0].unsqueeze(1), state.memory)
        return looked, Writing(recurrent, looked.vectors[:, 0], state.memory)

    def _look(self, hidden: Tensor, memory: Memory) -> Looked:
        """Return hidden states `(batch, time, hidden_size)` and what they looked up as one vector each."""
        found = self.attention(hidden, memory)
        return Looked(self.combine(torch.cat([found.vectors, hidden], dim=-1)).tanh(), found.weights)


class Seq2Seq(nn.Module):
    """An encoder of states with a decoder that looks at them; it writes by `seqae.decoding.decode`.

    Sutskever et al. 2014, https://arxiv.org/abs/1409.3215; Bahdanau et al. 2014, https://arxiv.org/abs/1409.0473.

    Args:
        encoder: Reads the source.
        decoder: Writes the target.
    """

    def __init__(self, encoder: StatesEncoder, decoder: TextDecoder):
        super().__init__()
        if encoder.states_size != decoder.states_size:
            raise ValueError(
                f"states of {encoder.states_size} numbers for an attention to {decoder.states_size}. "
                "Give the attention the encoder's states_size"
            )
        self.encoder = encoder
        self.decoder = decoder

    def forward(self, source: Batch, teacher: Batch) -> Batch:
        """Return the logits of each token of the true targets `(batch, time)`, `(batch, time, vocabulary)`."""
        return self.decoder(self.encoder(source), teacher)

    def begin(self, source: Batch) -> tuple:
        """Return the state from which targets are decoded."""
        return self.decoder.begin(self.encoder(source))

    def write(self, tokens: Tensor, state: tuple) -> tuple[Tensor, tuple]:
        """Return the logits of the next token, `(batch, vocabulary)`, and the state after reading `(batch,)`."""
        return self.decoder.write(tokens, state)

    def looked_at(self, source: Batch, target: Batch) -> Tensor:
        """Return the weights of the source's steps at each token of the target, `(batch, time, source)`."""
        return self.decoder.looked_at(self.encoder(source), target)


def text_to_text(
    reads: int, writes: int, embedding_size: int = 256, hidden_size: int = 256, dropout: float = 0.3
) -> Seq2Seq:
    """Return a model from tokens to tokens: an LSTM in both directions, an LSTM with general attention, a tied head.

    Args:
        reads: Tokens in the vocabulary of the source.
        writes: Tokens in that of the target.
        embedding_size: Length of a token's vector.
        hidden_size: Of the encoder in each direction; the decoder has twice as many units.
        dropout: Share of the numbers in tokens' vectors, and in what tokens are read from, that training leaves out.
    """
    embeddings = [nn.Embedding(size, embedding_size) for size in (reads, writes)]
    for embedding in embeddings:
        nn.init.normal_(embedding.weight, std=0.1)  # torch's 1 would make the first logits of a tied head huge
    read, write = (nn.Sequential(embedding, nn.Dropout(dropout)) for embedding in embeddings)
    attention = GeneralAttention(2 * hidden_size, 2 * hidden_size)
    head = nn.Sequential(nn.Dropout(dropout), TiedHead(embeddings[1]))
    return Seq2Seq(
        RecurrentStates(LSTM(embedding_size, hidden_size, bidirectional=True), read),
        AttentionDecoder(write, LSTM(embedding_size, 2 * hidden_size), attention, head, embedding_size),
    )
