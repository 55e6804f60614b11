"""Decoding of texts, token after token: greedy, by sampling, or by beam search.

    decode(model, model.init_state(source), max_length=50, strategy=BeamSearch(5))

All texts of a batch are written at once; those that have ended are not computed any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from seqae.modules.attention import Memory
from seqae.text.vocabulary import END, START

# Tensors, or tuples and lists of states; each tensor has one row for each text.
State = Any


class TokenModel(Protocol):
    """Anything that writes token after token: a language model, a decoder with attention, a `TextGenerator`."""

    def decode_step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """Return the logits of the next tokens, `(rows, vocabulary)`, and the next state.

        Args:
            tokens: The last token of each text, `(rows,)` int64.
            state: The state before these tokens were read, one row for each text.
        """


@dataclass(frozen=True)
class GreedySearch:
    """The likeliest token at each step.

    Attributes:
        no_repeat_ngram_size: No n-gram of this size occurs twice in a text (Paulus et al. 2017,
            https://arxiv.org/abs/1705.04304); 0 allows all.
    """

    no_repeat_ngram_size: int = 0

    def draw(self, logits: Tensor, generator: torch.Generator | None) -> Tensor:
        """Return a token for each row, `(rows,)` int64, given logits `(rows, vocabulary)`."""
        return logits.argmax(dim=-1)


@dataclass(frozen=True)
class TokenSampling:
    """A token drawn at random by its probability.

    Attributes:
        temperature: Divides the logits: below 1 likely tokens become likelier.
        top_k: Only the k likeliest tokens are drawn (Fan et al. 2018, https://arxiv.org/abs/1805.04833); None for all.
        top_p: Only the likeliest tokens that together reach this probability are drawn (nucleus sampling, Holtzman et
            al. 2019, https://arxiv.org/abs/1904.09751).
        seed: Seed of the draws, which also depend on the number of texts.
        no_repeat_ngram_size: N-grams of this size occur once in a text at most; 0 for no such rule, see `GreedySearch`.

    Raises:
        ValueError: A setting is out of its range.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    seed: int = 0
    no_repeat_ngram_size: int = 0

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ValueError(
                f"a temperature of {self.temperature}. Expected more than 0; for the likeliest token use GreedySearch"
            )
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p of {self.top_p}. Expected a probability above 0, up to 1")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"a top_k of {self.top_k}. Ask for at least 1")

    def draw(self, logits: Tensor, generator: torch.Generator | None) -> Tensor:
        """Return a token for each row, `(rows,)` int64, given logits `(rows, vocabulary)`."""
        kept = logits.shape[-1] if self.top_k is None else min(self.top_k, logits.shape[-1])
        logits, tokens = (logits / self.temperature).topk(kept)
        probabilities = logits.softmax(dim=-1)
        before = probabilities.cumsum(dim=-1) - probabilities  # of all likelier tokens: zero for the first
        drawn = torch.multinomial(probabilities.masked_fill(before >= self.top_p, 0), 1, generator=generator)
        return tokens.gather(1, drawn).squeeze(1)


@dataclass(frozen=True)
class BeamSearch:
    """Beam search: the best of several candidate texts (Sutskever et al. 2014, https://arxiv.org/abs/1409.3215).

    Attributes:
        width: The number of texts that are kept for each source.
        length_penalty: The log-probability of a text is divided by ((5 + length) / 6) to this power, so that long texts
            can compete (Wu et al. 2016, https://arxiv.org/abs/1609.08144).
        no_repeat_ngram_size: N-grams of this size occur once in a text at most; 0 for no such rule, see `GreedySearch`.

    Raises:
        ValueError: A setting is out of its range.
    """

    width: int = 5
    length_penalty: float = 0.6
    no_repeat_ngram_size: int = 0

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"{self.width} beams. Ask for at least 1")
        if self.length_penalty < 0:
            raise ValueError(f"a length penalty of {self.length_penalty}. Expected 0 (none) or more, mostly below 1")

    def penalty(self, length: int) -> float:
        """Return the divisor of the log-probability of a text of this many tokens."""
        return ((5 + length) / 6) ** self.length_penalty


Strategy = GreedySearch | TokenSampling | BeamSearch
_LONGEST = 2**20


def check_max_length(max_length: int) -> None:
    """Raise a ValueError if texts cannot be at most so long."""
    if not 1 <= max_length <= _LONGEST:
        raise ValueError(f"texts of at most {max_length} tokens. Ask for at least 1, and at most {_LONGEST}")


@torch.no_grad()
def decode(
    model: TokenModel,
    state: State,
    max_length: int,
    strategy: Strategy = GreedySearch(),
    start: int = START,
    end: int = END,
    suppress_tokens: Sequence[int] = (START,),
) -> list[Tensor]:
    """Write a text for each row of a state.

    Args:
        model: A trained model in evaluation mode.
        state: The state before the first token, one row for each text.
        max_length: The maximum number of tokens of a text, its end included.
        strategy: The way to choose tokens: greedy, sampled, or by beam search.
        start: The token that is read before the first one.
        end: The token that ends a text.
        suppress_tokens: Tokens that are never written.

    Returns:
        The tokens of each text, `(time,)` int64; the last one is `end` unless `max_length` is reached.

    Raises:
        ValueError: `max_length` is below 1 or above 2**20, the state holds something else than tensors, or a logit is
            NaN.
    """
    check_max_length(max_length)
    rows = len(_first(state))
    tokens = torch.full((rows,), start, device=_first(state).device)
    banned = torch.tensor([token for token in suppress_tokens if token != end], dtype=torch.long, device=tokens.device)
    if isinstance(strategy, BeamSearch):
        return _beam_search(model, state, tokens, max_length, strategy, end, banned)
    return _token_by_token(model, state, tokens, max_length, strategy, end, banned)


def _token_by_token(
    model: TokenModel,
    state: State,
    tokens: Tensor,
    max_length: int,
    strategy: GreedySearch | TokenSampling,
    end: int,
    banned: Tensor,
) -> list[Tensor]:
    generator = None
    if isinstance(strategy, TokenSampling):
        generator = torch.Generator(tokens.device).manual_seed(strategy.seed)
    written = tokens.new_full((len(tokens), max_length), end)
    lengths = torch.full_like(tokens, max_length)
    rows = torch.arange(len(tokens), device=tokens.device)  # those that have not ended
    for time in range(max_length):
        logits, state = model.decode_step(tokens, state)
        allowed = _allowed(logits, written[rows, :time], strategy.no_repeat_ngram_size, banned)
        tokens = strategy.draw(allowed, generator)
        written[rows, time] = tokens
        ended = tokens == end
        if ended.any():
            lengths[rows[ended]] = time + 1
            going = (~ended).nonzero().squeeze(1)
            rows, tokens, state = rows[going], tokens[going], _select(state, going)
        if not len(rows):
            break
    return [text[:length] for text, length in zip(written, lengths.tolist())]


def _beam_search(
    model: TokenModel, state: State, tokens: Tensor, max_length: int, beam: BeamSearch, end: int, banned: Tensor
) -> list[Tensor]:
    width = beam.width
    finished = _Finished(tokens, end)
    rows = torch.arange(len(tokens), device=tokens.device)  # those that go on, with `width` texts each
    # The texts of a row are all the same at first: one of them counts.
    scores = finished.scores.unsqueeze(1).repeat(1, width).index_fill(1, rows.new_zeros(1), 0.0)
    tokens, state = tokens.repeat_interleave(width), _select(state, rows.repeat_interleave(width))
    written = tokens.new_empty(len(tokens), 0)
    for time in range(1, max_length + 1):
        logits, state = model.decode_step(tokens, state)
        allowed = _allowed(logits, written, beam.no_repeat_ngram_size, banned)
        likely, origins, tokens = _likeliest(logits, scores, allowed)
        ends = tokens == end
        # As in a greedy search, a text ends where that is among the likeliest ways to go on.
        ended = likely[:, :width].masked_fill(~ends[:, :width], -torch.inf) / beam.penalty(time)
        finished.update(rows, ended, written, origins)
        scores, ranks = likely.masked_fill(ends, -torch.inf).topk(width)
        origins, tokens = origins.gather(1, ranks), tokens.gather(1, ranks)
        # No continuation is more likely than its text, so that a row can't reach more than this.
        going = finished.scores[rows] < scores[:, 0] / beam.penalty(max_length)
        rows, scores, origins = rows[going], scores[going], origins[going].flatten()
        tokens, state = tokens[going].flatten(), _select(state, origins, same_rows=bool(going.all()))
        written = torch.cat([written[origins], tokens.unsqueeze(1)], dim=1)
        if not len(rows):
            break
    return finished.texts_or(rows, written[::width])


class _Finished:
    """The best text of each row that has ended, in a beam search.

    Args:
        tokens: A token for each row, `(rows,)`.
        end: The token that ends a text.
    """

    def __init__(self, tokens: Tensor, end: int):
        self.texts = [tokens[:0]] * len(tokens)
        self.scores = torch.full(tokens.shape, -torch.inf, device=tokens.device)
        self.end = tokens.new_tensor([end])

    def update(self, rows: Tensor, scores: Tensor, written: Tensor, origins: Tensor) -> None:
        """Keep texts that are better than those before.

        Args:
            rows: The rows that go on, `(going,)`.
            scores: The score of each text that ends now, `(going, width)`; minus infinity for the others.
            written: All texts before that, `(going * width, time)`.
            origins: The text that each candidate continues, `(going, candidates)`.
        """
        best, ranks = scores.max(dim=1)
        for at in (best > self.scores[rows]).nonzero().squeeze(1).tolist():
            self.scores[rows[at]] = best[at]
            self.texts[rows[at]] = torch.cat([written[origins[at, ranks[at]]], self.end])

    def texts_or(self, rows: Tensor, unfinished: Tensor) -> list[Tensor]:
        """Return the texts; where none has ended, the unfinished texts `(rows, time)`."""
        for row, text in zip(rows.tolist(), unfinished):
            if self.scores[row] == -torch.inf:
                self.texts[row] = text
        return self.texts


def _likeliest(logits: Tensor, scores: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the log-probabilities of each row's likeliest continuations, the texts that they continue, and the tokens.

    There are twice as many as beams, `(rows, 2 * width)`: half of them may be ends.

    Args:
        logits: Logits of the next tokens, `(rows * width, vocabulary)`.
        scores: The log-probability of each text so far, `(rows, width)`.
        allowed: The logits with minus infinity for tokens that must not be written.
    """
    width = scores.shape[1]
    values, tokens = allowed.topk(min(2 * width, allowed.shape[1]))  # few of the probabilities are needed
    totals = scores.reshape(-1, 1) + values - logits.logsumexp(dim=1, keepdim=True)
    totals, tokens = totals.reshape(len(scores), -1), tokens.reshape(len(scores), -1)
    likely, ranks = totals.topk(min(2 * width, totals.shape[1]))
    rows = torch.arange(len(scores), device=scores.device).unsqueeze(1)
    origins = rows * width + ranks // (totals.shape[1] // width)
    return likely, origins, tokens.gather(1, ranks)


def _allowed(logits: Tensor, written: Tensor, ngram: int, banned: Tensor) -> Tensor:
    """Return logits `(rows, vocabulary)` with minus infinity for tokens that texts `(rows, time)` may not have next."""
    if logits.isnan().any():
        row = int(logits.isnan().any(dim=1).nonzero()[0])
        raise ValueError(
            f"a logit is not a number (row {row}, token {written.shape[1]}). "
            "Expected finite ones. Did training diverge? Lower its learning rate"
        )
    if len(banned):
        logits = logits.index_fill(1, banned, -torch.inf)
    if ngram and written.shape[1] >= ngram:
        ngrams = written.unfold(1, ngram, 1)
        last = written[:, written.shape[1] - ngram + 1 :]
        repeats = (ngrams[..., :-1] == last.unsqueeze(1)).all(dim=-1).nonzero(as_tuple=True)
        logits = logits.index_put((repeats[0], ngrams[..., -1][repeats]), logits.new_tensor(-torch.inf))
    return logits


def _select(state: State, rows: Tensor, same_rows: bool = False) -> State:
    """Return the state of some texts.

    Args:
        state: The state of all texts.
        rows: Indices of the texts to keep, `(rows,)`.
        same_rows: Whether each text has the same source as before, so that the memory of the sources can stay.
    """
    if isinstance(state, Tensor):
        return state.index_select(0, rows)
    if same_rows and isinstance(state, Memory):
        return state
    parts = [_select(part, rows, same_rows) for part in state]
    return type(state)(*parts) if hasattr(state, "_fields") else type(state)(parts)


def _first(state: State) -> Tensor:
    while not isinstance(state, Tensor):
        if not isinstance(state, tuple | list) or not state:
            raise ValueError(
                f"a state that holds a {type(state).__name__}. "
                "Expected tensors in tuples and lists, one row for each text"
            )
        state = state[0]
    return state
