"""Sequence to sequence with attention, from one kind of sequence to another: chat, translation, captions.

The encoder returns not one code but a state for each step, and the decoder attends to them at each step that it
writes. So these are no autoencoders; they share recurrent layers, `embed` and `head` with them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from seqae.batch import Batch
from seqae.modules.attention import Attention, AttentionOutput, GeneralAttention, Memory
from seqae.modules.recurrent import LSTM, RecurrentLayer, State
from seqae.modules.soundness import Shape, probe, require_size
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
        """Return the states, `(batch, time, states_size)`, given steps `(batch, time, *step)`."""

    def check_soundness(self, shape: Sequence[int] | None = None) -> Shape | None:
        """Raise a ValueError if the states are no finite numbers, see `seqae.modules.soundness.probe`."""
        return probe(self, lambda batch: require_size(self(batch).steps, self, "states_size"), shape)


class RecurrentSeq2SeqEncoder(Seq2SeqEncoder):
    """The hidden states of a recurrent layer.

    Bahdanau et al. 2014, https://arxiv.org/abs/1409.0473, where it is bidirectional.

    Args:
        rnn: A recurrent layer, for example `LSTM(input_size, hidden_size, bidirectional=True)`.
        embed: Turns steps `(steps, *step)` into vectors `(steps, input_size)`: an embedding for tokens, a CNN for
            frames, None for vectors.
        pre_net: Turns a batch of these vectors into one of as many steps, before `rnn` reads it: for example
            `Convolutions` over time.
    """

    def __init__(self, rnn: RecurrentLayer, embed: nn.Module | None = None, pre_net: nn.Module | None = None):
        super().__init__()
        self.rnn = rnn
        self.embed = embed
        self.pre_net = pre_net
        self.states_size = rnn.output_size

    def forward(self, batch: Batch) -> Batch:
        """Return the states, `(batch, time, states_size)`, given steps `(batch, time, *step)`."""
        vectors = batch if self.embed is None else batch.map(self.embed)
        return self.rnn(vectors if self.pre_net is None else self.pre_net(vectors))


class StackedSeq2SeqEncoder(Seq2SeqEncoder):
    """The output of stacked layers: recurrent ones, convolutions and others, see `seqae.modules.stacked`.

    Args:
        layers: Modules that map a batch to a batch; the last one writes vectors `(batch, time, states_size)`.
        states_size: Length of a state.
    """

    def __init__(self, layers: Sequence[nn.Module], states_size: int):
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.states_size = states_size

    def forward(self, batch: Batch) -> Batch:
        """Return the states, `(batch, time, states_size)`, given steps `(batch, time, *step)`."""
        return self.layers(batch)


class DecoderState(NamedTuple):
    """The state of an attention decoder between two tokens; a tuple, so that decoding can select rows of it.

    Attributes:
        recurrent: The state of the recurrent layers.
        combined: `(batch, combined_size)`, the attentional hidden state behind the last token.
        memory: The states of the sources.
    """

    recurrent: State
    combined: Tensor
    memory: Memory


class TextDecoder(nn.Module, ABC):
    """Writes texts, given the states of their sources.

    Attributes:
        states_size: Length of a state.
    """

    states_size: int

    @abstractmethod
    def forward(self, states: Batch, targets: Batch) -> Batch:
        """Return the logits of each token, `(batch, time, vocabulary)`, given the true tokens before it.

        Args:
            states: States of the sources, `(batch, source, states_size)`.
            targets: The true texts, `(batch, time)` int64.
        """

    @abstractmethod
    def attention_weights(self, states: Batch, texts: Batch) -> Tensor:
        """Return the attention weights at each token of texts `(batch, time)`, `(batch, time, source)`."""

    @abstractmethod
    def init_state(self, states: Batch) -> Any:
        """Return the state before the first token, given states `(batch, source, states_size)`: a row for each text."""

    @abstractmethod
    def decode_step(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Return the logits of the next token, `(batch, vocabulary)`, and the state after reading `(batch,)` int64."""


class AttentionDecoder(TextDecoder):
    """A recurrent layer that reads the token before, followed by attention to the source.

    Luong et al. 2015, https://arxiv.org/abs/1508.04025. Without input feeding, all steps of given texts are one call
    of `rnn`, because nothing that it reads depends on the attention; with input feeding they are a loop.

    Args:
        embed: Turns tokens `(steps,)` into vectors `(steps, vector)`.
        rnn: A recurrent layer of one direction; reads those vectors, with input feeding followed by `combined`.
        attention: The attention layer whose queries are the hidden states of `rnn`.
        head: Turns attentional hidden states `(steps, combined_size)` into logits `(steps, vocabulary)`.
        combined_size: Length of the attentional hidden state, computed from hidden state and context.
        input_feeding: Whether a step also reads the attentional hidden state of the step before.

    Raises:
        ValueError: `rnn` is bidirectional, or the attention's queries have another size than its hidden states.
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
                f"queries of size {attention.query_size} from an rnn with a hidden_size of {rnn.hidden_size}. "
                "Give the attention a query_size that is the hidden_size"
            )
        self.embed = embed
        self.rnn = rnn
        self.attention = attention
        self.states_size = attention.states_size
        self.head = head
        self.combined_size = combined_size
        self.input_feeding = input_feeding
        self.bridge = nn.Linear(2 * attention.states_size, rnn.hidden_size)
        self.combine = nn.Linear(rnn.hidden_size + attention.states_size, combined_size)

    def forward(self, states: Batch, targets: Batch) -> Batch:
        """Return the logits of each token, `(batch, time, vocabulary)`; see `TextDecoder`."""
        return Batch(self._run(states, targets).vectors, targets.lengths).map(self.head)

    def attention_weights(self, states: Batch, texts: Batch) -> Tensor:
        """Return the attention weights at each token of texts `(batch, time)`, `(batch, time, source)`."""
        return self._run(states, texts).weights

    def init_state(self, states: Batch) -> DecoderState:
        """Return the state before the first token, given states `(batch, source, states_size)`."""
        rows = torch.arange(len(states), device=states.values.device)
        # The states of a bidirectional layer that have read the whole source are at its two ends.
        ends = torch.cat([states.values[:, 0], states.values[rows, states.lengths - 1]], dim=-1)
        recurrent = self.rnn.initial_state(self.bridge(ends).tanh())
        return DecoderState(
            recurrent, ends.new_zeros(len(ends), self.combined_size), self.attention.prepare_memory(states)
        )

    def decode_step(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Return the logits of the next token, `(batch, vocabulary)`, and the state after reading `(batch,)` int64."""
        output, after = self._step(self.embed(tokens), state)
        return self.head(output.vectors[:, 0]), after

    def _run(self, states: Batch, targets: Batch) -> AttentionOutput:
        """Return the attentional hidden state of each token, `(batch, time, combined_size)`, and the weights."""
        first = torch.full_like(targets.values[:, :1], START)
        before = Batch(torch.cat([first, targets.values[:, :-1]], dim=1), targets.lengths)
        embedded, state = before.map(self.embed), self.init_state(states)
        if not self.input_feeding:
            return self._attend(self.rnn(embedded, state.recurrent).values, state.memory)
        outputs = []
        for vectors in embedded.values.unbind(dim=1):
            output, state = self._step(vectors, state)
            outputs.append(output)
        return AttentionOutput(*(torch.cat(parts, dim=1) for parts in zip(*outputs)))

    def _step(self, vectors: Tensor, state: DecoderState) -> tuple[AttentionOutput, DecoderState]:
        if self.input_feeding:
            vectors = torch.cat([vectors, state.combined], dim=-1)
        recurrent = self.rnn.step(vectors, state.recurrent)
        output = self._attend(recurrent[-1][0].unsqueeze(1), state.memory)
        return output, DecoderState(recurrent, output.vectors[:, 0], state.memory)

    def _attend(self, hidden: Tensor, memory: Memory) -> AttentionOutput:
        """Return attentional hidden states, `(batch, time, combined_size)`, given `(batch, time, hidden_size)`."""
        context = self.attention(hidden, memory)
        return AttentionOutput(self.combine(torch.cat([context.vectors, hidden], dim=-1)).tanh(), context.weights)


class TextGenerator(nn.Module, ABC):
    """Writes a text for each sequence, token after token; `generate` and `Captioner` take any of them."""

    @abstractmethod
    def forward(self, source: Batch, targets: Batch) -> Batch:
        """Return the logits of each token, `(batch, time, vocabulary)`, given the true tokens before it.

        Args:
            source: The sequences that are read, `(batch, time, *step)`.
            targets: The true texts, `(batch, time)` int64.
        """

    @abstractmethod
    def init_state(self, source: Batch) -> Any:
        """Return the state before the first token, given `(batch, time, *step)`: tensors with a row for each text."""

    @abstractmethod
    def decode_step(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Return the logits of the next token, `(batch, vocabulary)`, and the state after reading `(batch,)` int64."""


class Seq2Seq(TextGenerator):
    """An encoder of states with a decoder that attends to them.

    Sutskever et al. 2014, https://arxiv.org/abs/1409.3215; Bahdanau et al. 2014, https://arxiv.org/abs/1409.0473.

    Args:
        encoder: The encoder, which reads the source.
        decoder: The decoder, which writes the target.

    Raises:
        ValueError: Their states have different sizes.
    """

    def __init__(self, encoder: Seq2SeqEncoder, decoder: TextDecoder):
        super().__init__()
        if encoder.states_size != decoder.states_size:
            raise ValueError(
                f"states of size {encoder.states_size} for an attention to states of {decoder.states_size}. "
                "Give the attention the encoder's states_size"
            )
        self.encoder = encoder
        self.decoder = decoder

    def forward(self, source: Batch, targets: Batch) -> Batch:
        """Return the logits of each token, `(batch, time, vocabulary)`; see `TextGenerator`."""
        return self.decoder(self.encoder(source), targets)

    def init_state(self, source: Batch) -> Any:
        """Return the state before the first token, given sources `(batch, time, *step)`."""
        return self.decoder.init_state(self.encoder(source))

    def decode_step(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Return the logits of the next token, `(batch, vocabulary)`, and the state after reading `(batch,)` int64."""
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
    """Return a model from tokens to tokens: a bidirectional LSTM, an LSTM with general attention, a tied head.

    Luong et al. 2015, https://arxiv.org/abs/1508.04025.

    Args:
        source_vocab_size: Tokens in the source vocabulary.
        target_vocab_size: Tokens in the target vocabulary.
        embedding_size: Length of a token's embedding.
        hidden_size: Hidden units of the encoder in each direction; the decoder has twice as many.
        dropout: Dropout probability of embeddings and attentional hidden states.
    """
    embeddings = [nn.Embedding(size, embedding_size) for size in (source_vocab_size, target_vocab_size)]
    for embedding in embeddings:
        nn.init.normal_(embedding.weight, std=0.1)  # torch's 1 would make the first logits of a tied head huge
    embed_source, embed_target = (nn.Sequential(embedding, nn.Dropout(dropout)) for embedding in embeddings)
    attention = GeneralAttention(2 * hidden_size, 2 * hidden_size)
    head = nn.Sequential(nn.Dropout(dropout), TiedHead(embeddings[1]))
    return Seq2Seq(
        RecurrentSeq2SeqEncoder(LSTM(embedding_size, hidden_size, bidirectional=True), embed_source),
        AttentionDecoder(embed_target, LSTM(embedding_size, 2 * hidden_size), attention, head, embedding_size),
    )
