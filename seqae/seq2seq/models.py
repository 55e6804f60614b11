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
from seqae.modules.attention import Attention, AttentionOutput, GeneralAttention, Memory
from seqae.modules.recurrent import LSTM, RecurrentLayer, State
from seqae.modules.tokens import TiedHead
from seqae.text.vocabulary import START


class Seq2SeqEncoder(nn.Module, ABC):
    """Turns each sequence into a sequence of states, one for each step.

    The states of a sequence are the same alone as in any batch.

    Attributes:
        states_size: Length of a state.
    """

    states_size: int

    @abstractmethod
    def forward(self, batch: Batch) -> Batch:
        """Return the states, `(batch, time, states_size)`."""


class RecurrentSeq2SeqEncoder(Seq2SeqEncoder):
    """The hidden states of a recurrence.

    Bahdanau et al. 2014, https://arxiv.org/abs/1409.0473, where it reads in both directions.

    Args:
        rnn: For example `LSTM(input_size, hidden_size, bidirectional=True)`.
        embed: Turns steps `(steps, *step)` into vectors `(steps, input_size)`: an embedding for tokens, a CNN for
            frames, None for vectors.
        pre_net: Turns a batch of these vectors into one of as many steps, before the recurrence reads it: for example
            convolutions over time.
    """

    def __init__(self, rnn: RecurrentLayer, embed: nn.Module | None = None, pre_net: nn.Module | None = None):
        super().__init__()
        self.rnn = rnn
        self.embed = embed
        self.pre_net = pre_net
        self.states_size = rnn.output_size

    def forward(self, batch: Batch) -> Batch:
        vectors = batch if self.embed is None else batch.map(self.embed)
        return self.rnn(vectors if self.pre_net is None else self.pre_net(vectors))


class StackedSeq2SeqEncoder(Seq2SeqEncoder):
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


class DecoderState(NamedTuple):
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
    def forward(self, states: Batch, targets: Batch) -> Batch:
        """Return the logits of each token, `(batch, time, vocabulary)`, given the true ones before it.

        Args:
            states: Of the sources, `(batch, source, states_size)`.
            targets: The true texts, `(batch, time)`.
        """

    @abstractmethod
    def attention_weights(self, states: Batch, texts: Batch) -> Tensor:
        """Return where the decoder looks at each step of given texts, `(batch, time, source)`."""

    @abstractmethod
    def init_state(self, states: Batch) -> tuple:
        """Return where it is before the first token: tensors, one row for each text, as `seqae.seq2seq.decoding` wants them."""

    @abstractmethod
    def decode_step(self, tokens: Tensor, state: tuple) -> tuple[Tensor, tuple]:
        """Return the logits of the next token, `(batch, vocabulary)`, and the state after reading `(batch,)`."""


class AttentionDecoder(TextDecoder):
    """A recurrence that reads the token before, and after it attention to the source (Luong et al. 2015).

    https://arxiv.org/abs/1508.04025. Without feeding, all steps of a known text are one call of the recurrence, because
    nothing that it reads depends on the attention; with feeding it goes step by step.

    Args:
        embed: Turns tokens `(steps,)` into vectors.
        rnn: One direction; reads those vectors, with feeding followed by `combined_size` numbers.
        attention: Its queries are the hidden states of the recurrence.
        head: Turns vectors `(steps, combined_size)` into logits `(steps, vocabulary)`.
        combined_size: Length of what is read from hidden state and context together.
        input_feeding: Whether a step also reads what the step before was read from ("input feeding").
    """

    def __init__(
        self,
        embed: nn.Module,
        rnn: RecurrentLayer,
        attention: Attention,
        head: nn.Module,
        combined_size: int,
        input_feeding: bool = False,
    ):
        super().__init__()
        if rnn.bidirectional:
            raise ValueError("a decoder can't read backwards what it has not written yet. Use bidirectional=False")
        if attention.query_size != rnn.hidden_size:
            raise ValueError(
                f"queries of {attention.query_size} numbers from a recurrence of {rnn.hidden_size}. "
                "Give the attention a query_size that is the recurrence's hidden_size"
            )
        self.embed = embed
        self.rnn = rnn
        self.attention = attention
        self.states_size = attention.states_size
        self.head = head
        self.combined_size = combined_size
        self.input_feeding = input_feeding
        self.start = nn.Linear(2 * attention.states_size, rnn.hidden_size)
        self.combine = nn.Linear(rnn.hidden_size + attention.states_size, combined_size)

    def forward(self, states: Batch, targets: Batch) -> Batch:
        return Batch(self._read(states, targets).vectors, targets.lengths).map(self.head)

    def attention_weights(self, states: Batch, texts: Batch) -> Tensor:
        return self._read(states, texts).weights

    def init_state(self, states: Batch) -> DecoderState:
        rows = torch.arange(len(states), device=states.values.device)
        # Of a recurrence in both directions these are the states that have read everything.
        ends = torch.cat([states.values[:, 0], states.values[rows, states.lengths - 1]], dim=-1)
        recurrent = self.rnn.start(self.start(ends).tanh())
        return DecoderState(
            recurrent, ends.new_zeros(len(ends), self.combined_size), self.attention.prepare_memory(states)
        )

    def decode_step(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        looked, after = self._step(self.embed(tokens), state)
        return self.head(looked.vectors[:, 0]), after

    def _read(self, states: Batch, targets: Batch) -> AttentionOutput:
        """Return what each step of known texts is read from, `(batch, time, combined_size)`, and the weights."""
        first = torch.full_like(targets.values[:, :1], START)
        before = Batch(torch.cat([first, targets.values[:, :-1]], dim=1), targets.lengths)
        embedded, state = before.map(self.embed), self.init_state(states)
        if not self.input_feeding:
            return self._look(self.rnn(embedded, state.recurrent).values, state.memory)
        looked = []
        for vectors in embedded.values.unbind(dim=1):
            found, state = self._step(vectors, state)
            looked.append(found)
        return AttentionOutput(*(torch.cat(parts, dim=1) for parts in zip(*looked)))

    def _step(self, vectors: Tensor, state: DecoderState) -> tuple[AttentionOutput, DecoderState]:
        if self.input_feeding:
            vectors = torch.cat([vectors, state.combined], dim=-1)
        recurrent = self.rnn.step(vectors, state.recurrent)
        looked = self._look(recurrent[-1][0].unsqueeze(1), state.memory)
        return looked, DecoderState(recurrent, looked.vectors[:, 0], state.memory)

    def _look(self, hidden: Tensor, memory: Memory) -> AttentionOutput:
        """Return hidden states `(batch, time, hidden_size)` and what they looked up as one vector each."""
        found = self.attention(hidden, memory)
        return AttentionOutput(self.combine(torch.cat([found.vectors, hidden], dim=-1)).tanh(), found.weights)


class Seq2Seq(nn.Module):
    """An encoder of states with a decoder that looks at them; it writes by `seqae.seq2seq.decoding.decode`.

    Sutskever et al. 2014, https://arxiv.org/abs/1409.3215; Bahdanau et al. 2014, https://arxiv.org/abs/1409.0473.

    Args:
        encoder: Reads the source.
        decoder: Writes the target.
    """

    def __init__(self, encoder: Seq2SeqEncoder, decoder: TextDecoder):
        super().__init__()
        if encoder.states_size != decoder.states_size:
            raise ValueError(
                f"states of {encoder.states_size} numbers for an attention to {decoder.states_size}. "
                "Give the attention the encoder's states_size"
            )
        self.encoder = encoder
        self.decoder = decoder

    def forward(self, source: Batch, targets: Batch) -> Batch:
        """Return the logits of each token of the true targets `(batch, time)`, `(batch, time, vocabulary)`."""
        return self.decoder(self.encoder(source), targets)

    def init_state(self, source: Batch) -> tuple:
        """Return the state from which targets are decoded."""
        return self.decoder.init_state(self.encoder(source))

    def decode_step(self, tokens: Tensor, state: tuple) -> tuple[Tensor, tuple]:
        """Return the logits of the next token, `(batch, vocabulary)`, and the state after reading `(batch,)`."""
        return self.decoder.decode_step(tokens, state)

    def attention_weights(self, source: Batch, target: Batch) -> Tensor:
        """Return the weights of the source's steps at each token of the target, `(batch, time, source)`."""
        return self.decoder.attention_weights(self.encoder(source), target)


def attention_seq2seq(
    source_vocab_size: int,
    target_vocab_size: int,
    embedding_size: int = 256,
    hidden_size: int = 256,
    dropout: float = 0.3,
) -> Seq2Seq:
    """Return a model from tokens to tokens: an LSTM in both directions, an LSTM with general attention, a tied head.

    Args:
        source_vocab_size: Tokens in the vocabulary of the source.
        target_vocab_size: Tokens in that of the target.
        embedding_size: Length of a token's vector.
        hidden_size: Of the encoder in each direction; the decoder has twice as many units.
        dropout: Share of the numbers in tokens' vectors, and in what tokens are read from, that training leaves out.
    """
    embeddings = [nn.Embedding(size, embedding_size) for size in (source_vocab_size, target_vocab_size)]
    for embedding in embeddings:
        nn.init.normal_(embedding.weight, std=0.1)  # torch's 1 would make the first logits of a tied head huge
    read, write = (nn.Sequential(embedding, nn.Dropout(dropout)) for embedding in embeddings)
    attention = GeneralAttention(2 * hidden_size, 2 * hidden_size)
    head = nn.Sequential(nn.Dropout(dropout), TiedHead(embeddings[1]))
    return Seq2Seq(
        RecurrentSeq2SeqEncoder(LSTM(embedding_size, hidden_size, bidirectional=True), read),
        AttentionDecoder(write, LSTM(embedding_size, 2 * hidden_size), attention, head, embedding_size),
    )
