"""Sequence to sequence without attention: one pair of recurrent layers reads all frames, then writes all words."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from seqae.batch import Batch, on_host, places_of, to_device
from seqae.modules.recurrent import RecurrentLayer, State
from seqae.seq2seq.models import TextGenerator
from seqae.text.vocabulary import START


class S2VT(TextGenerator):
    """Two recurrent layers: the lower one models frames, the upper one words, given the states of the lower one.

    Venugopalan et al. 2015, https://arxiv.org/abs/1505.00487. While frames are read, zeros stand for the words, and
    while words are written, zeros stand for the frames. For given words each layer is one call over frames and words
    in a row, so that clips of any length make a batch.

    Args:
        frame_rnn: A recurrent layer of one direction; reads embedded frames.
        word_rnn: Another such layer; reads the hidden states of `frame_rnn`, followed by embedded words.
        head: Turns hidden states `(steps, hidden_size)` of `word_rnn` into logits `(steps, vocabulary)`.
        embed_words: Turns tokens `(steps,)` into vectors.
        embed_frames: Turns frames `(steps, *step)` into vectors; None for features computed before.
        pre_net: Turns a batch of these vectors into one of as many steps, before `frame_rnn` reads it: for example
            `Convolutions` over time, which see motion.

    Raises:
        ValueError: A layer is bidirectional.
    """

    def __init__(
        self,
        frame_rnn: RecurrentLayer,
        word_rnn: RecurrentLayer,
        head: nn.Module,
        embed_words: nn.Module,
        embed_frames: nn.Module | None = None,
        pre_net: nn.Module | None = None,
    ):
        super().__init__()
        if frame_rnn.bidirectional or word_rnn.bidirectional:
            raise ValueError(
                "a bidirectional layer can't go on from frames to words. Use one direction: bidirectional=False"
            )
        self.frame_rnn = frame_rnn
        self.word_rnn = word_rnn
        self.head = head
        self.embed_words = embed_words
        self.embed_frames = embed_frames
        self.pre_net = pre_net

    def forward(self, source: Batch, targets: Batch) -> Batch:
        """Return the logits of each token, `(batch, time, vocabulary)`; see `TextGenerator`."""
        device, read = source.lengths.device, on_host(source.lengths)
        ends = read + on_host(targets.lengths)
        lengths, shape = to_device(ends, device), (len(ends), int(ends.max()))
        time = torch.arange(shape[1], device=ends.device)
        is_read = time < read.unsqueeze(1)
        reading, writing = (places_of(each, device) for each in (is_read, ~is_read & (time < ends.unsqueeze(1))))
        frames = self.frame_rnn(Batch(_scatter(self._vectors(source).steps, reading, shape), lengths)).values
        first = torch.full_like(targets.values[:, :1], START)
        before = Batch(torch.cat([first, targets.values[:, :-1]], dim=1), targets.lengths)
        words = _scatter(self.embed_words(before.steps), writing, shape)
        hidden = self.word_rnn(Batch(torch.cat([frames, words], dim=-1), lengths)).values
        return targets.with_steps(self.head(hidden.flatten(0, 1).index_select(0, writing)))

    def init_state(self, source: Batch) -> tuple[State, State]:
        """Return the states of both layers after reading each clip `(batch, time, *step)` up to its own end."""
        vectors = self._vectors(source).mask_padding().values
        frames, words = (
            each.initial_state(vectors.new_zeros(len(source), each.hidden_size))
            for each in (self.frame_rnn, self.word_rnn)
        )
        state = (frames, words)
        no_word = vectors.new_zeros(len(source), self.word_rnn.input_size - self.frame_rnn.hidden_size)
        for vector, goes_on in zip(vectors.unbind(dim=1), source.mask.unbind(dim=1)):
            state = _where(goes_on.unsqueeze(1), self._step(vector, no_word, state), state)
        return state

    def decode_step(self, tokens: Tensor, state: tuple[State, State]) -> tuple[Tensor, tuple[State, State]]:
        """Return the logits of the next token, `(batch, vocabulary)`, and the state after reading `(batch,)` int64."""
        no_frame = state[0][0][0].new_zeros(len(tokens), self.frame_rnn.input_size)
        state = self._step(no_frame, self.embed_words(tokens), state)
        return self.head(state[1][-1][0]), state

    def _step(self, vector: Tensor, word: Tensor, state: tuple[State, State]) -> tuple[State, State]:
        frames = self.frame_rnn.step(vector, state[0])
        return frames, self.word_rnn.step(torch.cat([frames[-1][0], word], dim=-1), state[1])

    def _vectors(self, source: Batch) -> Batch:
        vectors = source if self.embed_frames is None else source.map(self.embed_frames)
        return vectors if self.pre_net is None else self.pre_net(vectors)


def _scatter(steps: Tensor, places: Tensor, shape: tuple[int, int]) -> Tensor:
    """Return vectors `(steps, size)` at their places among `(batch, time)`, zeros elsewhere, `(batch, time, size)`."""
    return steps.new_zeros(math.prod(shape), steps.shape[1]).index_copy_(0, places, steps).unflatten(0, shape)


def _where(chosen: Tensor, after: tuple[State, State], before: tuple[State, State]) -> tuple[State, State]:
    """Return the state after for the chosen rows `(batch, 1)`, the one before for the others."""
    frames, words = (
        [tuple(torch.where(chosen, new, old) for new, old in zip(*layers)) for layers in zip(*states)]
        for states in zip(after, before)
    )
    return frames, words
