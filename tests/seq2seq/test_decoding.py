"""Decoding, beside searches that try everything or go one by one."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqae.seq2seq.decoding import BeamSearch, GreedySearch, TokenSampling, decode

START, END = 1, 2


class Chain:
    """A language whose next token depends on the last one and on a state that turns."""

    def __init__(self, size: int, seed: int = 0):
        self.logits = 1.5 * torch.randn(size, size, generator=torch.Generator().manual_seed(seed))

    def decode_step(self, tokens, state):
        (offset, [age]) = state
        return self.logits[tokens] + 0.5 * offset, (offset.roll(1, dims=1), [age + 1])

    def init_state(self, rows: int, seed: int = 0):
        offset = torch.randn(rows, len(self.logits), generator=torch.Generator().manual_seed(seed))
        return offset, [torch.zeros(rows)]

    def log_probability(self, text: list[int], state) -> float:
        total, before = 0.0, START
        for token in text:
            logits, state = self.decode_step(torch.tensor([before]), state)
            total += float(logits.log_softmax(dim=1)[0, token])
            before = token
        return total


def row_of(state, row: int):
    offset, [age] = state
    return offset[row : row + 1], [age[row : row + 1]]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), penalty=st.sampled_from([0.0, 0.6, 1.0]))
def test_wide_beams_find_the_best_of_all_texts(seed, penalty):
    chain, max_length = Chain(5, seed), 4
    state = chain.init_state(2, seed)
    every = [[*words, END] for length in range(max_length) for words in itertools.product([0, 3, 4], repeat=length)]
    for row, found in enumerate(decode(chain, state, max_length, BeamSearch(200, penalty))):
        own = row_of(state, row)
        scores = [chain.log_probability(text, own) / ((5 + len(text)) / 6) ** penalty for text in every]
        best = max(scores)
        assert scores[every.index(found.tolist())] == pytest.approx(best, abs=1e-5)


def test_one_beam_without_penalty_is_greedy():
    chain = Chain(9)
    greedy = decode(chain, chain.init_state(20), 12, GreedySearch())
    single = decode(chain, chain.init_state(20), 12, BeamSearch(1, length_penalty=0.0))
    assert [text.tolist() for text in single] == [text.tolist() for text in greedy]


@pytest.mark.parametrize(
    "strategy",
    [GreedySearch(), GreedySearch(no_repeat_ngram_size=2), BeamSearch(3), BeamSearch(4, 1.0, no_repeat_ngram_size=2)],
    ids=str,
)
def test_texts_are_the_same_alone_as_together(strategy):
    chain = Chain(12, seed=3)
    state = chain.init_state(15)
    for row, together in enumerate(decode(chain, state, 10, strategy)):
        (alone,) = decode(chain, row_of(state, row), 10, strategy)
        assert together.tolist() == alone.tolist()


@settings(max_examples=40, deadline=None)
@given(
    strategy=st.sampled_from(
        [
            GreedySearch(),
            TokenSampling(1.5),
            TokenSampling(2.0, top_k=4, top_p=0.9, no_repeat_ngram_size=2),
            BeamSearch(3),
            BeamSearch(2, 1, 1),
        ]
    ),
    max_length=st.integers(1, 9),
    seed=st.integers(0, 99),
)
def test_texts_end_at_their_end_and_are_never_too_long(strategy, max_length, seed):
    chain = Chain(8, seed)
    for text in decode(chain, chain.init_state(6, seed), max_length, strategy):
        assert 1 <= len(text) <= max_length
        assert END not in text[:-1].tolist() and START not in text.tolist()
        assert text[-1] == END or len(text) == max_length


@pytest.mark.parametrize(
    "strategy",
    [
        GreedySearch(no_repeat_ngram_size=2),
        TokenSampling(0.5, no_repeat_ngram_size=2),
        BeamSearch(4, no_repeat_ngram_size=2),
    ],
    ids=str,
)
def test_no_blocked_ngram_comes_twice(strategy):
    chain = Chain(6, seed=1)
    chain.logits[:, END] -= 3
    for text in decode(chain, chain.init_state(10), 25, strategy):
        runs = list(itertools.pairwise(text.tolist()))
        assert len(set(runs)) == len(runs)


def test_draws_follow_the_probabilities():
    logits = torch.tensor([0.5, -torch.inf, 0.0, 1.0, -1.0, 2.0])
    drawn = TokenSampling(temperature=2.0).draw(logits.expand(40_000, -1), torch.Generator().manual_seed(0))
    frequencies = torch.bincount(drawn, minlength=6) / 40_000
    torch.testing.assert_close(frequencies, (logits / 2).softmax(dim=0), rtol=0, atol=0.01)


def test_top_k_and_top_p_cut_off_what_is_unlikely():
    logits = torch.tensor([0.4, 0.3, 0.2, 0.1]).log().expand(3000, -1)
    generator = torch.Generator().manual_seed(0)
    assert set(TokenSampling(top_k=2).draw(logits, generator).tolist()) == {0, 1}
    assert set(TokenSampling(top_p=0.65).draw(logits, generator).tolist()) == {0, 1}
    assert set(TokenSampling(top_p=0.75).draw(logits, generator).tolist()) == {0, 1, 2}
    assert set(TokenSampling(top_p=0.01).draw(logits, generator).tolist()) == {0}


def test_same_seed_gives_the_same_texts():
    chain = Chain(30)
    texts = [
        [text.tolist() for text in decode(chain, chain.init_state(9), 8, TokenSampling(seed=seed))]
        for seed in (4, 4, 5)
    ]
    assert texts[0] == texts[1] != texts[2]


def test_what_must_not_be_written_is_not():
    chain = Chain(6)
    chain.logits[:, 3] += 9
    for strategy in (GreedySearch(), TokenSampling(), BeamSearch(3)):
        assert all(
            3 not in text for text in decode(chain, chain.init_state(8), 9, strategy, suppress_tokens=(START, 3))
        )


def test_wrong_settings_and_broken_models_are_named():
    chain = Chain(6)
    with pytest.raises(ValueError, match="at most 0 tokens"):
        decode(chain, chain.init_state(1), 0)
    with pytest.raises(ValueError, match="temperature of 0"):
        TokenSampling(temperature=0)
    with pytest.raises(ValueError, match="0 beams"):
        BeamSearch(0)
    with pytest.raises(ValueError, match="holds a dict"):
        decode(chain, {"hidden": torch.zeros(1)}, 3)
    chain.logits[0, 0] = torch.nan
    with pytest.raises(ValueError, match=r"not a number \(row 0, token 0\)"):
        decode(chain, chain.init_state(2), 3, start=0)
