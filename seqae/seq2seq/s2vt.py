"""Sequence to sequence without attention: one pair of recurrences reads all frames, then writes all words."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqae.batch import Batch
from seqae.modules.recurrent import RecurrentLayer, State
from seqae.text.vocabulary import START


class S2VT(nn.Module):
    """The upper recurrence models words in view of the lower one, which models frames.

    Venugopalan et al. 2015, https://arxiv.org/abs/1505.00487. While frames are read, there is nothing in place of the
    words, and while words are written, nothing in place of the frames. For known words each recurrence is one call over
    frames and words in a row, so that clips of any length go together. It writes by `seqae.seq2seq.decoding.decode`.

    Args:
        frames: One direction; reads embedded frames.
        words: One direction; reads the hidden states of `frames`, followed by embedded words.
        head: Turns hidden states `(steps, hidden_size)` of `words` into logits `(steps, vocabulary)`.
        embed_words: Turns tokens `(steps,)` into vectors.
        embed_frames: Turns frames `(steps, *step)` into vectors; None for features computed before.
    """

    def __init__(
        self,
        frames: RecurrentLayer,
        words: RecurrentLayer,
        head: nn.Module,
        embed_words: nn.Module,
        embed_frames: nn.Module | None = None,
    ):
        super().__init__()
        if frames.bidirectional or words.bidirectional:
            raise ValueError(
                "a recurrence that also reads backwards can't go on from frames to words. Use one direction"
            )
        self.frames = frames
        self.words = words
        self.head = head
        self.embed_words = embed_words
        self.embed_frames = embed_frames

    def forward(self, source: Batch, targets: Batch) -> Batch:
        """Return the logits of tokens, `(batch, time, vocabulary)`, given the true ones before them `(batch, time)`."""
        lengths = source.lengths + targets.lengths
        time = torch.arange(int(lengths.max()), device=lengths.device)
        reading = time < source.lengths.unsqueeze(1)
        writing = ~reading & (time < lengths.unsqueeze(1))
        seen = self.frames(Batch(_placed(self._vectors(source).steps, reading), lengths)).values
        first = torch.full_like(targets.values[:, :1], START)
        before = Batch(torch.cat([first, targets.values[:, :-1]], dim=1), targets.lengths)
        said = _placed(self.embed_words(before.steps), writing)
        hidden = self.words(Batch(torch.cat([seen, said], dim=-1), lengths)).values
        return targets.with_steps(self.head(hidden[writing]))

    def init_state(self, source: Batch) -> tuple[State, State]:
        """Return the states of both recurrences after reading each clip up to its own end."""
        vectors = self._vectors(source).mask_padding().values
        zeros = [vectors.new_zeros(len(source), each.hidden_size) for each in (self.frames, self.words)]
        state = (self.frames.start(zeros[0]), self.words.start(zeros[1]))
        nothing = vectors.new_zeros(len(source), self.words.input_size - self.frames.hidden_size)
        for vector, goes_on in zip(vectors.unbind(dim=1), source.mask.unbind(dim=1)):
            state = _where(goes_on.unsqueeze(1), self._after(vector, nothing, state), state)
        return state

    def decode_step(self, tokens: Tensor, state: tuple[State, State]) -> tuple[Tensor, tuple[State, State]]:
        """Return the logits of the next token, `(batch, vocabulary)`, and the state after reading `(batch,)`."""
        nothing = state[0][0][0].new_zeros(len(tokens), self.frames.input_size)
        state = self._after(nothing, self.embed_words(tokens), state)
        return self.head(state[1][-1][0]), state

    def _after(self, vector: Tensor, word: Tensor, state: tuple[State, State]) -> tuple[State, State]:
        frames = self.frames.step(vector, state[0])
        return frames, self.words.step(torch.cat([frames[-1][0], word], dim=-1), state[1])

    def _vectors(self, source: Batch) -> Batch:
        return source if self.embed_frames is None else source.map(self.embed_frames)


def _placed(steps: Tensor, where: Tensor) -> Tensor:
    """Return vectors `(steps, size)` at the places of a mask `(batch, time)`, zeros elsewhere."""
    values = steps.new_zeros(*where.shape, steps.shape[1])
    values[where] = steps
    return values


def _where(chosen: Tensor, after: tuple[State, State], before: tuple[State, State]) -> tuple[State, State]:
    """Return the state after for the chosen rows `(batch, 1)`, the one before for the others."""
    return tuple(
        [tuple(torch.where(chosen, new, old) for new, old in zip(*layers)) for layers in zip(*states)]
        for states in zip(after, before)
    )
