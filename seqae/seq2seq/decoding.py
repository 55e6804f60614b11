"""Writing token after token: the likeliest, by chance, or the best of several beams.

    decode(model, model.begin(source), most=50, choose=Beam(5))

All texts are written at once. One that has ended is not computed any more; none is longer than the stated maximum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from seqae.text.vocabulary import END, START

# Tensors, or tuples and lists of states; each tensor has one row for each text. A tuple with a true `is_of_source`
# tells of the source alone, so that it is the same for all texts of a source.
State = Any


class TokenModel(Protocol):
    """Anything that writes token after token: a language model, a decoder with attention."""

    def decode_step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """Return the logits of the next tokens and the state after reading the last ones.

        Args:
            tokens: Just written, `(rows,)`.
            state: From which the row's next token follows.

        Returns:
            Logits `(rows, vocabulary)` and the next state.
        """


@dataclass(frozen=True)
class GreedySearch:
    """The likeliest token at each step.

    Attributes:
        no_repeat_ngram_size: No run of so many tokens comes twice in a text (Paulus et al. 2017, https://arxiv.org/abs/1705.04304);
            0 blocks nothing.
    """

    no_repeat_ngram_size: int = 0

    def draw(self, logits: Tensor, generator: torch.Generator | None) -> Tensor:
        """Return a token for each row, `(rows,)`."""
        return logits.argmax(dim=-1)


@dataclass(frozen=True)
class TokenSampling:
    """A token drawn by its probability.

    Attributes:
        temperature: Divides the logits: below 1 likely tokens become likelier.
        top_k: Only the so many likeliest are drawn from (Fan et al. 2018, https://arxiv.org/abs/1805.04833).
        top_p: Only the likeliest that together reach this probability are (Holtzman et al. 2019,
            https://arxiv.org/abs/1904.09751).
        seed: Of the draws, which also depend on the number of texts.
        no_repeat_ngram_size: As of `GreedySearch`.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    seed: int = 0
    no_repeat_ngram_size: int = 0

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ValueError(f"a temperature of {self.temperature}. Expected more than 0; for the likeliest use Greedy")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p of {self.top_p}. Expected a probability above 0, up to 1")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"the {self.top_k} likeliest tokens. Ask for at least 1")

    def draw(self, logits: Tensor, generator: torch.Generator | None) -> Tensor:
        """Return a token for each row, `(rows,)`."""
        kept = logits.shape[-1] if self.top_k is None else min(self.top_k, logits.shape[-1])
        logits, tokens = (logits / self.temperature).topk(kept)
        shares = logits.softmax(dim=-1)
        before = shares.cumsum(dim=-1) - shares  # the probability of likelier ones: zero for the first
        drawn = torch.multinomial(shares.masked_fill(before >= self.top_p, 0), 1, generator=generator)
        return tokens.gather(1, drawn).squeeze(1)


@dataclass(frozen=True)
class BeamSearch:
    """The best text of several that are written side by side (Sutskever et al. 2014, https://arxiv.org/abs/1409.3215).

    Attributes:
        width: How many.
        length_penalty: The log-probability of a text is divided by ((5 + length) / 6) to this power, so that long ones
            have a chance (Wu et al. 2016, https://arxiv.org/abs/1609.08144).
        no_repeat_ngram_size: As of `GreedySearch`.
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
        """Return what the log-probability of a text of so many tokens is divided by."""
        return ((5 + length) / 6) ** self.length_penalty


@torch.no_grad()
def decode(
    writer: TokenModel,
    state: State,
    max_length: int,
    strategy: GreedySearch | TokenSampling | BeamSearch = GreedySearch(),
    start: int = START,
    end: int = END,
    suppress_tokens: Sequence[int] = (START,),
) -> list[Tensor]:
    """Write a text for each row of a state.

    Args:
        writer: A trained model in evaluation mode.
        state: From which the texts follow.
        max_length: Tokens of a text at most, its end included.
        strategy: Which of the possible texts.
        start: What is read before the first token.
        end: The token that ends a text.
        suppress_tokens: Tokens that are not written.

    Returns:
        Tokens `(time,)` of each text; the last one is `end` unless the text is as long as it may be.
    """
    if max_length < 1:
        raise ValueError(f"texts of at most {max_length} tokens. Ask for at least 1")
    rows = len(_first(state))
    tokens = torch.full((rows,), start, device=_first(state).device)
    banned = torch.tensor([token for token in suppress_tokens if token != end], dtype=torch.long, device=tokens.device)
    if isinstance(strategy, BeamSearch):
        return _by_beams(writer, state, tokens, max_length, strategy, end, banned)
    return _one_at_a_time(writer, state, tokens, max_length, strategy, end, banned)


def _one_at_a_time(
    writer: TokenModel,
    state: State,
    tokens: Tensor,
    most: int,
    choose: GreedySearch | TokenSampling,
    end: int,
    banned: Tensor,
) -> list[Tensor]:
    generator = None
    if isinstance(choose, TokenSampling):
        generator = torch.Generator(tokens.device).manual_seed(choose.seed)
    written = tokens.new_full((len(tokens), most), end)
    lengths = torch.full_like(tokens, most)
    rows = torch.arange(len(tokens), device=tokens.device)  # those that go on
    for time in range(most):
        logits, state = writer.decode_step(tokens, state)
        tokens = choose.draw(_allowed(logits, written[rows, :time], choose.no_repeat_ngram_size, banned), generator)
        written[rows, time] = tokens
        ended = tokens == end
        if ended.any():
            lengths[rows[ended]] = time + 1
            going = (~ended).nonzero().squeeze(1)
            rows, tokens, state = rows[going], tokens[going], _pick(state, going)
        if not len(rows):
            break
    return [text[:length] for text, length in zip(written, lengths.tolist())]


def _by_beams(
    writer: TokenModel, state: State, tokens: Tensor, most: int, beam: BeamSearch, end: int, banned: Tensor
) -> list[Tensor]:
    width = beam.width
    texts = [tokens[:0]] * len(tokens)
    best = torch.full(tokens.shape, -torch.inf, device=tokens.device)  # the score of each row's best text that ended
    rows = torch.arange(len(tokens), device=tokens.device)  # those that go on, with `width` texts each
    tokens, state = tokens.repeat_interleave(width), _pick(state, rows.repeat_interleave(width))
    written = tokens.new_empty(len(tokens), 0)
    # The texts of a row are all the same at first: one of them counts.
    scores = best.unsqueeze(1).repeat(1, width).index_fill(1, rows.new_zeros(1), 0.0)
    for time in range(1, most + 1):
        logits, state = writer.decode_step(tokens, state)
        likely, origins, tokens = _likeliest(logits, scores, _allowed(logits, written, beam.no_repeat_ngram_size, banned))
        ends = tokens == end
        # As in a greedy search, a text ends where that is among the likeliest ways to go on.
        ended = likely[:, :width].masked_fill(~ends[:, :width], -torch.inf) / beam.penalty(time)
        ended, place = ended.max(dim=1)
        for at in (ended > best[rows]).nonzero().squeeze(1).tolist():
            best[rows[at]] = ended[at]
            texts[rows[at]] = torch.cat([written[origins[at, place[at]]], tokens.new_tensor([end])])
        scores, places = likely.masked_fill(ends, -torch.inf).topk(width)
        origins, tokens = origins.gather(1, places), tokens.gather(1, places)
        # Going on makes no text likelier, so that more cannot be reached than this.
        going = best[rows] < scores[:, 0] / beam.penalty(most)
        rows, scores, origins = rows[going], scores[going], origins[going].flatten()
        tokens, state = tokens[going].flatten(), _pick(state, origins, same_rows=bool(going.all()))
        written = torch.cat([written[origins], tokens.unsqueeze(1)], dim=1)
        if not len(rows):
            break
    for at, row in enumerate(rows.tolist()):
        if best[row] == -torch.inf:  # none has ended in time
            texts[row] = written[at * width]
    return texts


def _likeliest(logits: Tensor, scores: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the log-probabilities of each row's likeliest continuations, the texts that they continue, and the tokens.

    There are twice as many as beams, `(rows, 2 * width)`: half of them may be ends.

    Args:
        logits: Of the next tokens, `(rows * width, vocabulary)`.
        scores: The log-probability of each text so far, `(rows, width)`.
        allowed: The logits, minus infinity for what must not be written.
    """
    width = scores.shape[1]
    values, tokens = allowed.topk(min(2 * width, allowed.shape[1]))  # so that few probabilities are needed
    totals = scores.reshape(-1, 1) + values - logits.logsumexp(dim=1, keepdim=True)
    totals, tokens = totals.reshape(len(scores), -1), tokens.reshape(len(scores), -1)
    likely, places = totals.topk(min(2 * width, totals.shape[1]))
    rows = torch.arange(len(scores), device=scores.device).unsqueeze(1)
    origins = rows * width + places // (totals.shape[1] // width)
    return likely, origins, tokens.gather(1, places)


def _allowed(logits: Tensor, written: Tensor, block: int, banned: Tensor) -> Tensor:
    """Return logits `(rows, vocabulary)` with minus infinity for what must not follow the written texts."""
    if logits.isnan().any():
        row = int(logits.isnan().any(dim=1).nonzero()[0])
        raise ValueError(
            f"a logit is not a number (row {row}, token {written.shape[1]}). "
            "Expected finite ones. Did training diverge? Lower its learning rate"
        )
    if len(banned):
        logits = logits.index_fill(1, banned, -torch.inf)
    if block and written.shape[1] >= block:
        runs = written.unfold(1, block, 1)
        last = written[:, written.shape[1] - block + 1 :]
        again = (runs[..., :-1] == last.unsqueeze(1)).all(dim=-1).nonzero(as_tuple=True)
        logits = logits.index_put((again[0], runs[..., -1][again]), logits.new_tensor(-torch.inf))
    return logits


def _pick(state: State, rows: Tensor, same_rows: bool = False) -> State:
    """Return the state of some texts.

    Args:
        state: Of all texts.
        rows: Which texts.
        same_rows: Whether each follows from the same source as before, so that what is known of sources stays.
    """
    if isinstance(state, Tensor):
        return state.index_select(0, rows)
    if same_rows and getattr(state, "is_of_source", False):
        return state
    parts = [_pick(part, rows, same_rows) for part in state]
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
